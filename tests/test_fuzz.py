"""Any config and any npz file: taken, or refused with one message.

`FUZZ=20000 pytest tests/test_fuzz.py` draws that many of each.
"""

import io
import os
import resource
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atsc_keras.config import DataConfig, ExperimentConfig, load_config
from atsc_keras.data import load_dataset
from atsc_keras.data.looking import look_at_data
from atsc_keras.errors import InputError

COUNT = int(os.environ.get("FUZZ", "60"))
MOST_SECONDS = 10.0
MOST_BYTES = 2 * 2**30

fuzz = settings(
    max_examples=COUNT,
    deadline=None,
    derandomize="FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def hold(call: Any) -> None:
    """Nothing but success or one bounded message, in bounded time and room."""
    before, began = _peak(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            call()
        except InputError as error:
            message = str(error)
            assert "Received: " in message
            assert len(message) < 20_000
            assert len(message.splitlines()) < 60
    assert time.process_time() - began < MOST_SECONDS
    assert _peak() - before < MOST_BYTES


# === Configs ===

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 300),
    st.floats(),
    st.floats(0, 2),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(["auto", "all", "digits", "npz", "sgd", "cosine", "0..1"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_SCALARS, inner, max_size=4),
    ),
    max_leaves=8,
)


def _keys(form: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of every setting."""
    found = []
    for key, part in form.get("properties", {}).items():
        found.append(prefix + key)
        text = str(part)
        for name, section in SCHEMA["$defs"].items():
            if f"#/$defs/{name}'" in text and prefix.count(".") < 3:
                found += _keys(section, f"{prefix}{key}.")
    return found


SCHEMA = ExperimentConfig.model_json_schema()
KEYS = sorted({*_keys(SCHEMA), "extends", "zzz", "teacher.0.network", "a.b"})
BASE = {
    "data": {"source": "digits"},
    "teacher": {"network": "resnet8", "weights": "t.keras"},
    "student": {"network": "resnet8", "training": {"epochs": 2}},
    "distillation": {"training": {"epochs": 2}},
}
_OVERRIDES = st.lists(
    st.one_of(
        st.builds(
            lambda key, value: f"{key}={yaml.safe_dump(value).strip()}",
            st.sampled_from(KEYS),
            _VALUES,
        ),
        st.builds(
            lambda key, text: f"{key}={text}", st.sampled_from(KEYS), st.text()
        ),
        st.text(),
    ),
    max_size=4,
)


@fuzz
@given(overrides=_OVERRIDES)
def test_any_override_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, overrides: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "base.yaml"
    path.write_text(yaml.safe_dump(BASE))
    hold(lambda: load_config(path, overrides))


_TAGS = (
    *("int", "float", "bool", "timestamp", "binary", "set", "omap", "pairs"),
    *("null", "str"),
)
_ALIASES = st.lists(st.sampled_from(["*a0", "*a1", "*a5"]), max_size=12)
_LINES = st.lists(
    st.one_of(
        st.builds(
            lambda n, to: f"a{n}: &a{n} [{', '.join(to)}]",
            st.integers(0, 5),
            _ALIASES,
        ),
        st.builds(
            lambda n, to: f"b{n}: &a{n} {{<<: [{', '.join(to)}]}}",
            st.integers(0, 5),
            _ALIASES,
        ),
        st.builds(
            lambda mark, count: f"k: {mark * count}",
            st.sampled_from("[{&*!|>-? x'\"9:"),
            st.integers(0, 5000),
        ),
        st.builds("t: !!{} {}".format, st.sampled_from(_TAGS), st.text()),
        st.builds(
            lambda key, x: yaml.safe_dump({key: x}).strip(), _SCALARS, _VALUES
        ),
        st.text(),
    ),
    max_size=9,
)


@fuzz
@given(lines=_LINES)
def test_any_file_is_a_config_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    text = "\n".join([*lines, yaml.safe_dump(BASE)])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    hold(lambda: load_config(path))


# === npz files ===

_SHAPES = st.one_of(
    st.lists(st.integers(0, 6), max_size=5).map(tuple),
    st.sampled_from([(6, 8, 8, 3), (6, 3, 8, 8), (6, 8, 8), (6,), (6, 1)]),
)
_TYPES = st.sampled_from(
    ["u1", "i1", "i8", "u8", "f2", "f4", "f8", "?", "c8", "U3", "S2", "M8[s]"]
)
_PROMISED = st.lists(
    st.one_of(st.integers(-2, 9), st.integers(0, 2**63)), max_size=5
).map(tuple)


@st.composite
def _arrays(draw: Any) -> bytes:
    """A member of an npz file, maybe with a header that lies, or damaged."""
    shape, kind = draw(_SHAPES), draw(_TYPES)
    random = np.random.default_rng(draw(st.integers(0, 9)))
    most = draw(st.sampled_from([1, 2, 3, 10, 256]))
    array = random.integers(0, most, shape) + draw(st.integers(-1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = array.astype(kind)
    file = io.BytesIO()
    np.save(file, array)
    held = file.getvalue()
    form = draw(st.sampled_from(["whole"] * 4 + ["lies", "damaged"]))
    if form == "lies":
        header = io.BytesIO()
        np.lib.format.write_array_header_2_0(
            header,
            {
                "descr": array.dtype.str,
                "fortran_order": draw(st.booleans()),
                "shape": draw(_PROMISED),
            },
        )
        return header.getvalue() + held[-40:]
    if form == "damaged":
        place = draw(st.integers(0, len(held) - 1))
        return held[:place] + draw(st.binary(max_size=8)) + held[place + 4 :]
    return held


_NAMES = st.sampled_from(
    ["x_train", "y_train", "x_test", "y_test", "class_names", "other"]
)
_GOOD = {
    "x_train": np.arange(6 * 8 * 8 * 3).reshape(6, 8, 8, 3).astype("u1"),
    "y_train": np.array([0, 1, 2, 0, 1, 2]),
    "x_test": np.arange(3 * 8 * 8 * 3).reshape(3, 8, 8, 3).astype("u1"),
    "y_test": np.array([0, 1, 2]),
}


@fuzz
@given(
    changed=st.dictionaries(_NAMES, st.none() | _arrays(), max_size=4),
    packed=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    cut=st.one_of(st.none(), st.integers(0, 3000)),
    data=st.fixed_dictionaries(
        {},
        optional={
            "classes": st.integers(2, 5),
            "hold_out": st.floats(0.01, 0.99),
            "image_size": st.integers(1, 20),
            "layout": st.sampled_from(["channels_first", "channels_last"]),
            "batch_size": st.integers(1, 9),
        },
    ),
)
def test_any_npz_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    changed: dict[str, bytes | None],
    packed: int,
    cut: int | None,
    data: dict[str, Any],
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "any.npz"
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, array in _GOOD.items():
            if name not in changed:
                file = io.BytesIO()
                np.save(file, array)
                archive.writestr(f"{name}.npy", file.getvalue())
        for name, held in changed.items():
            if held is not None:
                archive.writestr(f"{name}.npy", held)
    if cut is not None:
        path.write_bytes(path.read_bytes()[:cut])
    config = DataConfig(
        source="npz", path=str(path), **{"batch_size": 2, **data}
    )
    hold(lambda: look_at_data(config))
    hold(lambda: load_dataset(config))
