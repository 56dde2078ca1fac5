"""Changes to a saved model's config, before Keras makes its layers."""

import importlib
import inspect
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import keras

Config = dict[str, Any]

_FLOATS = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
# Names that begin a scope of TensorFlow; Keras 3 allows no slash at all.
_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")
# What an argument that this Keras lacks says where it asks for nothing.
_NEUTRAL = {"groups": 1, "time_major": False, "value_range": [0, 255]}


def objects_in(config: Any) -> Iterator[Config]:
    """Go through all serialised objects of a config, the inner ones first."""
    if isinstance(config, dict):
        for value in config.values():
            yield from objects_in(value)
        if isinstance(config.get("config"), dict) and "class_name" in config:
            yield config
    elif isinstance(config, list):
        for value in config:
            yield from objects_in(value)


def prepare(config: Config) -> None:
    """Make a saved config one that loads here and computes the same, in place.

    Names are changed where this Keras or its backend refuses them, compiled
    parts lose their losses, and layers with LoRA become plain ones: their
    saved kernels hold it.
    """
    _clean_names(config)
    for found in objects_in(config):
        if found is not config:
            found.pop("compile_config", None)
        if "module" in found:
            found["config"].pop("lora_rank", None)
            found["config"].pop("lora_alpha", None)


def _clean_names(config: Config) -> None:
    """Rename layers and models whose name cannot be used here.

    Calls refer to the names beside the layers' configs, which stay, and
    weights to the layers' classes or order.
    """
    named = [x["config"] for x in objects_in(config) if _is_named(x)]
    taken = {x["name"] for x in named if not _is_refused(x["name"])}
    clean: dict[str, str] = {}
    for own in named:
        name = own["name"]
        if not _is_refused(name):
            continue
        if name not in clean:
            clean[name] = _free(_cleaned(name), taken)
            taken.add(clean[name])
        own["name"] = clean[name]


def _is_named(found: Config) -> bool:
    return isinstance(found["config"].get("name"), str)


def _is_refused(name: str) -> bool:
    if "/" in name:
        return True
    of_tensorflow = keras.backend.backend() == "tensorflow"
    return of_tensorflow and not _SCOPE.fullmatch(name)


def _cleaned(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore")
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", letters.decode())
    return clean.strip("_-") or "layer"


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def set_float32(config: Any) -> None:
    """Have all layers compute in float32, in place.

    Saved values of fewer bits are read as they are.
    """
    if isinstance(config, list):
        for value in config:
            set_float32(value)
    elif isinstance(config, dict):
        for key, value in config.items():
            if key == "dtype" and value in _FLOATS:
                config[key] = "float32"
            set_float32(value)
        policy = config.get("config")
        if (
            str(config.get("class_name")).endswith("Policy")
            and isinstance(policy, dict)
            and "name" in policy
        ):
            policy["name"] = "float32"


# === What this Keras cannot make ===


def first_unloadable(config: Config) -> tuple[Config, Exception] | None:
    """Find the innermost object that Keras cannot make by itself.

    Returns:
        The object, and what Keras says of it; None where each can be made.
    """
    for found in objects_in(config):
        if "layers" in found["config"] or not _can_stand_alone(found):
            continue
        error = _failure(found)
        if error is not None:
            return found, error
    return None


def _can_stand_alone(found: Config) -> bool:
    if "module" in found:
        return not str(found["class_name"]).startswith("__")
    return "inbound_nodes" in found  # a layer of an HDF5 file


def _failure(found: Config) -> Exception | None:
    """Say why an object cannot be made."""
    alone = {
        "module": "keras.layers",
        "registered_name": None,
        **found,
        "config": dict(found["config"]),
    }
    for key in ("build_config", "compile_config"):
        alone.pop(key, None)
    try:
        keras.saving.deserialize_keras_object(alone)
    except Exception as error:  # layers raise anything
        return error
    return None


def unknown_arguments(found: Config) -> Config:
    """Find the arguments of an object that its class lacks in this Keras.

    Returns:
        Their names and values; empty where the object fails for other
        reasons.
    """
    own = found["config"]
    kind = stock_class(found)
    known = set() if kind is None else _arguments(kind)
    extra = {key: value for key, value in own.items() if key not in known}

    def fails(rest: Config) -> bool:
        return _failure({**found, "config": rest}) is not None

    plain = {key: value for key, value in own.items() if key in known}
    if not known or not extra or fails(plain):
        return {}
    return {k: v for k, v in extra.items() if fails({**plain, k: v})}


def holds_code(found: Config) -> bool:
    """Tell whether an object is made of Python code, which is never run."""
    if found["class_name"] == "Lambda":
        return True
    return any(x["class_name"] == "__lambda__" for x in objects_in(found))


def stock_class(found: Config) -> Any:
    """Find the class of Keras's own that an object is of; None without."""
    module = str(found.get("module", "keras.layers"))
    if not module.startswith("keras."):
        return None
    try:
        return getattr(importlib.import_module(module), found["class_name"])
    except (ImportError, AttributeError):
        return None


def _arguments(kind: Any) -> set[str]:
    """Name the arguments of a class, those of its bases too."""
    return {
        name
        for base in inspect.getmro(kind)
        if "__init__" in vars(base) and base is not object
        for name in inspect.signature(vars(base)["__init__"]).parameters
    }


def without_neutral(config: Config) -> bool:
    """Take off arguments that this Keras lacks and that ask for nothing.

    Args:
        config: changed in place.

    Returns:
        Whether there were some.
    """
    changed = False
    while (broken := first_unloadable(config)) is not None:
        own = broken[0]["config"]
        unknown = unknown_arguments(broken[0])
        neutral = [
            key
            for key, value in unknown.items()
            if value is None
            or key.endswith("initializer")  # weights have their values
            or (key in _NEUTRAL and value == _NEUTRAL[key])
        ]
        if not neutral:
            break
        for key in neutral:
            del own[key]
        changed = True
    return changed
