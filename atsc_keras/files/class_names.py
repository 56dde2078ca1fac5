"""Names of classes that every file can say: one line each, all different."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from atsc_keras.errors import InputError

# Of Unicode: control characters such as tabs and line breaks, separators of
# lines and paragraphs, halves of characters. A labels.txt would tell other
# classes with them, or cannot be written.
_UNSAYABLE = ("Cc", "Zl", "Zp", "Cs")


def check_class_names(names: Sequence[Any], source: str, way_out: str) -> None:
    """See that names can be written down, and read again as they were.

    Args:
        names: in the order of the labels.
        source: what they are of, in the message.
        way_out: where to change them, in the message.

    Raises:
        InputError: if one is no text, empty, of more than a line, holds a tab
            or another control character, or is there twice.
    """
    counts = Counter(
        name.strip() if isinstance(name, str) else None for name in names
    )
    for number, name in enumerate(names):
        if not isinstance(name, str):
            wrong = f", a {type(name).__name__}"
        elif any(unicodedata.category(c) in _UNSAYABLE for c in name):
            wrong = ", with a line break, tab or control character"
        elif not name.strip():
            wrong = ", which is empty"
        elif counts[name.strip()] > 1:
            wrong = f", {counts[name.strip()]} times"
        else:
            continue
        raise InputError(
            "Class names must be texts of one line, not empty, each another. "
            f"Received: {name!r}{wrong}, for class {number} of {source}. "
            f"{way_out}"
        )
