"""YAML as people write it: `5e-4` is a number, a key given twice an error."""

import re
from pathlib import Path
from typing import Any

import yaml

from atsc_keras.errors import InputError, first_line, shortened

# YAML 1.1, which PyYAML reads, wants a dot in every float: `5e-4` would be
# text.
_FLOAT_WITHOUT_DOT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+\Z")
_FIRST_CHARACTERS = list("-+0123456789")
# What a config may hold: far above the largest, which weighs 1,000 classes.
_MOST_BYTES = 2**20
_MOST_VALUES = 20_000
_DEEPEST = 50
_LONGEST = 4096  # characters, as of a path
_LONGEST_NUMBER = 100  # characters
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class TooMuchError(yaml.YAMLError):
    """It may be YAML, but of more than a config can hold."""


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0  # read; what an alias repeats counts again
        self._depth = 0
        self._counts: dict[yaml.Node, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        is_alias = self.check_event(yaml.AliasEvent)
        before = self._values
        self._count(1)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooMuchError(f"is nested deeper than {_DEEPEST} levels")
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias:
            self._counts[node] = self._values - before
        elif node in self._counts:
            self._count(self._counts[node])
        else:  # of what is still being read
            raise yaml.YAMLError("an anchor contains itself")
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        longest = _LONGEST_NUMBER if node.tag in _NUMBERS else _LONGEST
        if len(node.value) > longest:
            raise TooMuchError(
                f"has a value of {len(node.value)} characters, more than "
                f"{longest}, which begins with {node.value[:20]!r}"
            )
        node.value.encode()  # half a character is none
        return node

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise TooMuchError(
                f"has more than {_MOST_VALUES} values, where what an anchor "
                "names counts for each of its aliases"
            )

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
        yaml.YAMLError: if it is not YAML, repeats a key, or contains itself;
            `TooMuchError` if it holds more than any config.
    """
    # A subclass of SafeLoader: it makes plain data only.
    try:
        return _copied(yaml.load(text, Loader=_Loader))
    except yaml.YAMLError:
        raise
    except Exception as error:  # a date that is none, a `!!int` of letters
        reason = f"a value is not what its tag says: {first_line(error)}"
        raise yaml.YAMLError(reason) from error


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
    try:
        _check_file(path)
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise TooMuchError(f"is larger than {_MOST_BYTES} bytes")
        values = parse_yaml(text.decode())
    except OSError as error:
        raise InputError(
            "The config file must be readable. "
            f"Received: {shortened(str(path))} ({error.strerror}). Check its "
            "name and permissions."
        ) from error
    except TooMuchError as error:
        raise InputError(
            "The config file must hold no more than settings. "
            f"Received: {path}, which {error}. Leave out what is none, or "
            "name the file of the experiment."
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


def _check_file(path: Path) -> None:
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


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_copied(value) for value in data]
    return data
