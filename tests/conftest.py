"""Fixtures that every room's tests share.

The process that hands out tests runs none: no framework is imported here
before it is used.
"""

import contextlib
import ctypes
import gc
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Compiling is most of JAX's time here: it keeps what it has compiled, for the
# processes that tests start too, and spends no time on faster code. This comes
# before Keras.
_CACHE = Path(__file__).parent.parent / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
if os.environ.get("KERAS_BACKEND") == "jax":
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

# Most of what the collector would look at, over and over, is here to stay.
gc.set_threshold(50_000, 20, 50)

_HERE = Path(__file__).parent
# What is tested there computes nothing by the backend.
_ONCE = (
    *("cli", "config", "records", "reports", "files"),
    *("data/tensorflow", "data/test_array_sources.py", "data/test_choosing.py"),
    *("data/test_folder_source.py", "data/test_randomness.py"),
    *("test_architecture.py", "test_fuzz.py", "test_pixels.py"),
    *("test_readme.py", "test_signals.py", "test_endings.py"),
    *("test_registration.py", "test_results.py", "test_packages.py"),
    "training/test_experiment.py",
    # Networks learn there to be looked at, by numpy.
    *("training/test_given_data.py", "training/test_pixels.py"),
    *("models/test_input_checks.py", "training/test_damaged_files.py"),
)
# By TensorFlow's converters.
_ON_TENSORFLOW = ("clients", "export", "test_quickstart.py")
# What `make check` leaves out: minutes, or processes that load a framework.
_SLOW = (
    *("benchmarking", "cli", "clients", "comparing", "export"),
    *("test_configs.py", "test_processes.py", "test_quickstart.py"),
    *("test_readme.py", "test_registration.py", "test_wheel.py"),
    *("training/test_augment_on.py", "training/test_given_data.py"),
    "training/test_interruptions.py",
)
# What takes longest begins first, so that no worker waits for it at the end.
_FIRST = (
    *("training", "comparing", "distillation", "test_mirrored_strategy.py"),
    *("test_architecture.py", "test_backend_parity.py"),
    *("test_command_line.py", "test_first_checks.py"),
)


def pytest_collection_finish() -> None:
    """Let the collector pass over what tests have imported."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder what runs on one backend, and what is slow."""
    from tests.markers import ON_TENSORFLOW, ONCE

    marks = (
        (_ONCE, ONCE),
        (_ON_TENSORFLOW, ON_TENSORFLOW),
        (_SLOW, pytest.mark.slow),
    )
    for places, mark in marks:
        for item in items:
            if _lies_in(item, places):
                item.add_marker(mark)
    slowly = (*_FIRST, *_SLOW)
    items.sort(key=lambda item: not _lies_in(item, slowly))


def _lies_in(item: pytest.Item, places: tuple[str, ...]) -> bool:
    return any(item.path.is_relative_to(_HERE / place) for place in places)


@pytest.fixture(autouse=True, scope="session")
def _tiny_networks() -> Iterator[None]:
    """Runs of this process know the networks of `tests.tiny_experiment`."""
    from tests.tiny_experiment import build_tiny_too, check_name

    room = "atsc_keras.training"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{room}.networks.build_classifier", build_tiny_too)
        patch.setattr(f"{room}.first_checks.check_network_name", check_name)
        yield


@pytest.fixture(scope="module")
def unrendered() -> Iterator[None]:
    """Figures of reports in name only: to render them takes longest.

    They are rendered in `reports`, `training/test_jobs.py`,
    `training/test_adaptation.py` and `comparing/test_own_method.py`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "atsc_keras.reports.drawing._to_svg",
            lambda figure, name, title: f'<svg id="{name}"></svg>\n',
        )
        yield


@pytest.fixture(scope="module")
def eager_steps() -> Iterator[None]:
    """TensorFlow does not trace the few steps of a test, which takes longest.

    That a traced step is the eager one is held by
    `distillation/test_traced_steps.py`; whole trainings are traced in
    `distillation/test_workflow.py` and `training/test_jobs.py`.
    """
    import keras

    compiled = keras.Model.compile

    def eagerly(model: Any, *arguments: Any, **settings: Any) -> None:
        compiled(model, *arguments, **{"run_eagerly": True, **settings})

    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow":
            patch.setattr(keras.Model, "compile", eagerly)
        yield


@pytest.fixture(autouse=True, scope="module")
def _nothing_kept() -> Iterator[None]:
    """What a file's tests have traced and compiled ends with them."""
    import keras

    yield
    keras.utils.clear_session()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
    gc.freeze()  # frameworks that tests have loaded, caches
    with contextlib.suppress(OSError, AttributeError):  # of the GNU libc
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def optimized() -> Iterator[None]:
    """JAX compiles as it does for users, at the price of time.

    Unless it optimises, XLA computes a normalised map twice and not quite
    alike: no place equals its maximum, whose gradient then is 0 / 0.
    """
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    yield
    jax.config.update(name, before)


@pytest.fixture
def signals_are_heard() -> Iterator[None]:
    """As in a terminal: `nohup` and a shell's background ignore some."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {n: signal.signal(n, handler) for n, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _fixed_seed() -> Iterator[None]:
    """Every test starts from the same random state, and leaves no networks."""
    import keras

    keras.utils.set_random_seed(0)
    began = time.perf_counter()
    yield
    # Networks are cycles, and what took long has made some.
    if time.perf_counter() - began > 1:
        gc.collect()
