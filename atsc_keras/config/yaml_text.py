"""YAML as people write it: `5e-4` is a number, a key given twice an error."""

import re
from pathlib import Path
from typing import Any

import yaml

from atsc_keras.errors import InputError

# YAML 1.1, which PyYAML reads, wants a dot in every float: `5e-4` would be
# text.
_FLOAT_WITHOUT_DOT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+\Z")
_FIRST_CHARACTERS = list("-+0123456789")


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Before merge keys (`<<`) are resolved: those may repeat a key.
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.composer.ComposerError(
                    "while reading a mapping",
                    node.start_mark,
                    f"found the key {key.value!r} twice",
                    key.start_mark,
                )
            seen.add(key.value)
        return node


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        # Anchors with numbers for names help no reader.
        return True


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float", _FLOAT_WITHOUT_DOT, _FIRST_CHARACTERS
    )


def parse_yaml(text: str) -> Any:
    """Read one YAML document.

    Args:
        text: the document.

    Returns:
        Plain lists, dictionaries and scalars, none of them shared: what an
        anchor names is copied for each alias.

    Raises:
        yaml.YAMLError: if it is not YAML, repeats a key, or contains itself.
    """
    # A subclass of SafeLoader: it makes plain data only.
    try:
        return _copied(yaml.load(text, Loader=_Loader))
    except ValueError as error:  # a date that is none, a `!!int` of letters
        raise yaml.YAMLError(str(error)) from error
    except RecursionError:
        raise yaml.YAMLError("an anchor contains itself") from None


def write_yaml(data: Any) -> str:
    """Write plain data so that `parse_yaml` reads it back.

    Args:
        data: lists, dictionaries and scalars.

    Returns:
        The document, in the order of `data`.
    """
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True
    )
    return text


def read_mapping(path: Path, example: str) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Args:
        path: the file.
        example: what it may start with, for the message.

    Raises:
        InputError: if there is none, or it holds something else.
    """
    if not path.exists():
        raise InputError(
            f"The config file must exist. Received: {path}. Check the path."
        )
    if path.is_dir():
        raise InputError(
            "The config must be a YAML file, not a directory. "
            f"Received: {path}. Name a file in it."
        )
    if not path.is_file():  # it could keep us waiting for ever
        raise InputError(
            "The config must be a file, not a pipe or device. "
            f"Received: {path}. Write it to a file first."
        )
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "The config file must be readable. "
            f"Received: {path} ({error.strerror}). Check its permissions."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            "The config file must be YAML. "
            f"Received: {path}, which is not: {error}. Correct that place."
        ) from error
    if not isinstance(values, dict):
        kind = "an empty file" if values is None else type(values).__name__
        raise InputError(
            "The config file must be a mapping of keys to values. "
            f"Received: {path}, which holds {kind}. Start with {example}."
        )
    return values


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_copied(value) for value in data]
    return data
