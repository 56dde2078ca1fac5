"""What others have damaged is named, whatever it makes foreign code raise."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.comparing.candidates import trial_of
from atsc_keras.comparing.summary import _read_trial, _trials
from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError, WriteError
from atsc_keras.records.run import Run
from atsc_keras.training.checkpoints import EpochCheckpoint
from atsc_keras.training.jobs import evaluate, evaluate_run, train
from tests.tiny_experiment import write_config

ROLE = {"role": "student"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExperimentConfig:
    return load_config(write_config(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="module")
def finished(
    config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    train(config, run, **ROLE)
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A finished run of its own."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def spoil(path: Path) -> str:
    """Make one weight of a saved model NaN; its path."""
    model = keras.models.load_model(path, compile=False)
    weight = model.trainable_variables[0]
    values = np.array(weight)
    values.flat[0] = np.nan
    weight.assign(values)
    model.save(path)
    return weight.path


def test_model_with_nan_weights_is_named(
    config: ExperimentConfig, run: Path
) -> None:
    name = spoil(run / "model.keras")
    message = rf"model.keras, where 1 of \d+ hold NaN, such as {name}"
    before = (run / "metrics.json").read_bytes()
    with pytest.raises(InputError, match=message):
        evaluate(config, run / "model.keras")
    with pytest.raises(InputError, match=message):
        evaluate_run(run)
    assert (run / "metrics.json").read_bytes() == before
    teacher = config.teachers[0].model_copy(
        update={"weights": str(run / "model.keras"), "network": "mine"}
    )
    other = config.model_copy(update={"teacher": (teacher,)})
    with pytest.raises(InputError, match=message):
        train(other, run.parent / "other")
    assert not (run.parent / "other").exists()


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path) as saved:
        return dict(saved)


FIRST = "arr_0"
DAMAGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "text": lambda a: {**a, FIRST: np.full(a[FIRST].shape, "x")},
    "dates": lambda a: {**a, FIRST: np.full(a[FIRST].shape, "2020", "M8[D]")},
    "objects": lambda a: {**a, FIRST: np.full(a[FIRST].shape, None)},
    "shape": lambda a: {**a, FIRST: a[FIRST][..., :1]},
    "fewer": lambda a: {k: v for k, v in a.items() if k != FIRST},
    "no seconds": lambda a: {k: v for k, v in a.items() if k != "seconds"},
    "seconds": lambda a: {**a, "seconds": np.array(["x", "y"])},
    "foreign": lambda a: {"x_train": np.zeros(3)},
    "empty": lambda a: {},
}
CONTENTS = (b"", b"PK\x05\x06" + 18 * b"\0", b"\x93NUMPY\x01\0", 99 * b"\0\xff")


def test_checkpoints_of_any_content_are_named_or_passed_over(
    config: ExperimentConfig,
    run: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    (run / "model.keras").unlink()
    older, newest = sorted((run / "checkpoints" / "student_alone").iterdir())
    whole = arrays_of(newest)
    older.unlink()
    for damage in (*DAMAGES.values(), *CONTENTS):
        if callable(damage):
            np.savez(newest, **damage(whole))
        else:
            newest.write_bytes(damage)
        with pytest.raises(InputError, match="be whole and fit.*epoch-00002"):
            train(config, run, resume=True, **ROLE)
        assert "Not loaded: " in capsys.readouterr().err


def folder_goes(run: Path) -> None:
    shutil.rmtree(run)


def folder_becomes_a_file(run: Path) -> None:
    shutil.rmtree(run)
    run.write_text("something else")


@pytest.mark.parametrize("go", [folder_goes, folder_becomes_a_file])
@pytest.mark.parametrize(
    "place",
    [
        "checkpoints.EpochCheckpoint.on_epoch_end",
        "results.evaluate_file",
        "results.write_report",
    ],
)
def test_folder_that_goes_meanwhile_is_one_message(
    go: Callable[[Path], None],
    place: str,
    config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "run"
    room, _, name = f"atsc_keras.training.{place}".rpartition(".")
    owner: Any = EpochCheckpoint if "checkpoints" in place else None
    if owner is None:
        from atsc_keras.training import results as owner
    then = getattr(owner, name)

    def gone(*words: Any, **more: Any) -> Any:
        if path.is_dir():
            go(path)
        return then(*words, **more)

    monkeypatch.setattr(owner, name, gone)
    with pytest.raises((InputError, WriteError), match=str(path)):
        train(config, path, **ROLE)
    assert go is folder_becomes_a_file or not list(tmp_path.iterdir())


def test_trials_of_a_comparison_are_those_that_it_made(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("at_seed1", "notes_seedling", "at_seed", "at_seed²"):
        (runs / name).mkdir(parents=True)
    assert trial_of(runs / "at_seed1") == ("at", 1)
    assert {k: [*v] for k, v in _trials(Run(tmp_path)).items()} == {"at": [1]}


@pytest.mark.parametrize("history", ["", "phase,epoch,seconds\nteacher,1,2\n"])
def test_trial_without_its_epochs_is_named(history: str, run: Path) -> None:
    (run / "history.csv").write_text(history)
    with pytest.raises(InputError, match=f"as the run wrote.*{run}"):
        _read_trial(Run(run))


@pytest.mark.parametrize("kind", ["U3", "S3", "M8[D]", "m8[D]", "c8", "O"])
@pytest.mark.parametrize("part", ["x_train", "y_train", "x_test", "y_test"])
def test_arrays_of_other_things_than_numbers_are_named(
    part: str, kind: str, config: ExperimentConfig, tmp_path: Path
) -> None:
    arrays = arrays_of(Path(str(config.data.path)))
    arrays[part] = np.zeros(arrays[part].shape, "int64").astype(kind)
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    data = config.data.model_copy(update={"path": str(path)})
    with pytest.raises(InputError, match="data.npz"):
        load_dataset(data)
