"""Names with arguments, such as `MobileNet(alpha=0.75)`."""

import ast
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

from atsc_keras.errors import InputError

_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)


def split_call(text: str) -> tuple[str, str | None] | None:
    """Split the name from what stands in brackets; None if it is not so."""
    match = _CALL.fullmatch(text)
    return (match[1], match[2]) if match else None


def read_arguments(
    network: str,
    text: str | None,
    build: Callable[..., Any],
    ours: Collection[str],
) -> dict[str, Any]:
    """Read the arguments that a name brings.

    Args:
        network: the whole name, for messages.
        text: what stands in its brackets.
        build: the constructor that takes them.
        ours: its parameters that are not the user's to give.

    Raises:
        InputError: if they are not key=value with keys of that constructor.
    """
    known = set(inspect.signature(build).parameters)
    known -= {*ours, "name", "self", "kwargs"}
    try:
        call = ast.parse(f"f({text or ''})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("not key=value")
        given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        unknown = sorted(given.keys() - known)
        if unknown:
            raise ValueError(f"no argument {unknown[0]}")
    except (SyntaxError, ValueError) as error:
        raise InputError(
            "The arguments of a `network` must be key=value, as its "
            f"constructor takes them. Received: network={network!r} ({error}). "
            f"Known: {', '.join(sorted(known))}."
        ) from error
    return given


def model_name(network: str) -> str:
    """Make a name that Keras and file systems take."""
    words: str = network.partition("/")[2]
    return re.sub(r"\W+", "_", words).strip("_")
