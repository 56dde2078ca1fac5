"""What a training says while it lasts."""

import re
import sys

import pytest
from keras import callbacks

from atsc_keras.training.progress import Progress
from tests.tiny import batch, tiny_atsc

pytestmark = pytest.mark.usefixtures("unrendered")

LEFT = r" - \d:\d\d:\d\d left"


def fit(progress: callbacks.Callback, **arguments: int) -> None:
    atsc = tiny_atsc()
    atsc.compile("sgd", metrics=["accuracy"])
    atsc.fit(
        *batch(16), batch_size=4, callbacks=[progress], verbose=0, **arguments
    )


def test_every_epoch_is_a_line_with_scores_and_the_time_left(
    capsys: pytest.CaptureFixture,
) -> None:
    fit(Progress(3, 4), epochs=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines, start=1):
        scores = r"( - \w+: [-\d.e+]+)+"
        left = LEFT if number < 3 else ""
        assert re.fullmatch(
            rf"Epoch {number}/3 - \d:\d\d:\d\d{scores}{left}", line
        )
        assert "accuracy: " in line and " loss: " in line


def test_on_a_terminal_a_bar_grows_in_the_line(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("atsc_keras.training.progress._BETWEEN_DRAWINGS", -1)
    monkeypatch.setenv("COLUMNS", "80")
    fit(Progress(2, 4), epochs=2)
    first, second, rest = capsys.readouterr().out.split("\n")
    assert rest == ""
    *bars, line = first.split("\r")
    assert bars[0] == f"Epoch 1/2 [{'=' * 7}{'.' * 23}] 1/4"
    assert re.fullmatch(rf"Epoch 1/2 \[={{30}}\] 4/4{LEFT}", bars[3])
    assert len(line) >= len(bars[3])  # nothing of the bar is left
    assert second.startswith("Epoch 2/2 [")


def test_bar_stays_on_one_row_of_a_narrow_terminal(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    progress = Progress(10, 4)
    progress.set_params({"steps": 4})
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(3)
    said = capsys.readouterr().out
    assert said == f"Epoch 1/10 [{'=' * 27}\r"


def test_time_left_counts_the_whole_training(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    progress = Progress(10, 4)
    progress.set_params({"steps": 2})  # the rest of an epoch that was begun
    progress.on_epoch_begin(3)  # at 0
    progress.on_train_batch_end(0)  # at 1
    progress.on_train_batch_end(1)  # at 2
    progress.on_epoch_end(3, {"loss": 1.5})  # at 3 and 4: 3 a step
    said = capsys.readouterr().out
    assert said == "Epoch 4/10 - 0:00:03 - loss: 1.5 - 0:01:12 left\n"
