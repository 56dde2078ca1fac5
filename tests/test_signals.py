"""Signals end a job once, wherever they come."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atsc_keras import signals
from atsc_keras.errors import TerminatedError
from atsc_keras.signals import (
    ended_by_signals,
    run_process,
    signals_held_back,
)

pytestmark = pytest.mark.usefixtures("signals_are_heard")
NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_signal_outside_training_ends_the_job_at_once(number: int) -> None:
    before = [signal.getsignal(n) for n in NUMBERS]
    with pytest.raises(TerminatedError) as end, ended_by_signals():
        send(number)
        time.sleep(5)
    assert end.value.code == 128 + number
    assert [signal.getsignal(n) for n in NUMBERS] == before


def in_destructor(number: int) -> None:
    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(number)

    Closing()


def in_garbage_collector(number: int) -> None:
    def callback(phase: str, info: dict) -> None:
        gc.callbacks.remove(callback)
        signal.raise_signal(number)

    gc.callbacks.append(callback)
    gc.collect()


def in_callback_of_c(number: int) -> None:
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(number))()


@pytest.mark.parametrize(
    "lose", [in_destructor, in_garbage_collector, in_callback_of_c]
)
@pytest.mark.parametrize("number", NUMBERS)
def test_what_python_drops_is_raised_again(
    lose: Callable[[int], None], number: int
) -> None:
    hook = sys.unraisablehook
    began = time.monotonic()
    with pytest.raises(TerminatedError) as end, ended_by_signals():
        lose(number)
        time.sleep(5)
    assert end.value.number == number
    assert time.monotonic() - began < 4
    assert sys.unraisablehook is hook


def test_what_others_drop_is_told_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Closing:
        def __del__(self) -> None:
            raise ValueError

    with ended_by_signals():
        Closing()
    assert len(told) == 1


def test_cleaning_up_is_not_disturbed() -> None:
    cleaned = []
    with pytest.raises(TerminatedError), ended_by_signals():
        try:
            send()
            time.sleep(5)
        finally:
            send()
            send(signal.SIGINT)
            time.sleep(0.01)
            cleaned.append(True)
    assert cleaned


def test_what_a_shell_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_by_signals():
            send(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", NUMBERS)
def test_signal_held_back_ends_the_job_behind_the_loop(number: int) -> None:
    steps = 0
    with pytest.raises(TerminatedError) as end, ended_by_signals():
        with signals_held_back(processes=1) as come:
            assert not come()
            for _ in range(3):
                in_garbage_collector(number)
                steps += 1
            assert come() == number
        pytest.fail("went on")
    assert (steps, end.value.number) == (3, number)


def test_second_ctrl_c_ends_the_loop_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "_IMPATIENT", 0.2)
    with pytest.raises(TerminatedError), ended_by_signals():
        with signals_held_back(processes=1):
            send(signal.SIGINT)
            send(signal.SIGINT)  # as some shells do
            time.sleep(0.3)
            send(signal.SIGINT)
            pytest.fail("went on")


def test_one_of_several_processes_ends_at_once() -> None:
    with pytest.raises(TerminatedError), ended_by_signals():
        with signals_held_back(processes=2):
            send()
            time.sleep(5)


def test_program_that_answers_sigterm_itself_is_left_alone() -> None:
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    try:
        with signals_held_back(processes=1) as come:
            send()
            assert came == [True]
            assert not come()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_change_nothing() -> None:
    before, found = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with ended_by_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


SLOW = """
import signal, sys, time
def end(*_):
    print("cleaned", file=open(sys.argv[1], "w"))
    sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + ".ready", "w")
time.sleep(60)
"""


def test_process_of_ours_cleans_up_before_we_end(tmp_path: Path) -> None:
    mark = f"{tmp_path}/mark"

    def end_soon() -> None:
        while not os.path.exists(f"{mark}.ready"):
            time.sleep(0.01)
        send()

    threading.Thread(target=end_soon, daemon=True).start()
    with pytest.raises(TerminatedError), ended_by_signals():
        run_process([sys.executable, "-c", SLOW, mark])
    assert Path(mark).read_text() == "cleaned\n"


PARENT = """
import sys
from atsc_keras.signals import run_process
child = "import time, atsc_keras.signals as s; s.end_with_parent(); "
child += "print('ready', flush=True); time.sleep(60)"
run_process([sys.executable, "-c", child])
"""


def test_process_of_a_killed_one_ends_too() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        # The end of both closes the pipe.
        assert parent.stdout.read() == ""
