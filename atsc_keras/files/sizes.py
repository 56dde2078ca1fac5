"""How much unchecked input may ask for: no more than there is."""

from contextlib import suppress
from pathlib import Path

import psutil

# What a file unpacks to is at most so many times its size: all but what was
# made to fill a memory.
_MOST_TIMES = 1000
# Limits of a container, and what is used of them: cgroups 2 and 1.
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Count the bytes that a process may still take."""
    free = int(psutil.virtual_memory().available)
    for most, used in _LIMITS:
        with suppress(OSError, ValueError):  # no container, or no limit
            limit = int((_GROUPS / most).read_text())
            free = min(free, limit - int((_GROUPS / used).read_text()))
    return max(free, 0)


def check_declared(declared: int, held: int) -> None:
    """See that what a file says it unpacks to can be so, and has room.

    Args:
        declared: bytes that it says it unpacks to.
        held: bytes of the file.

    Raises:
        ValueError: if not, with the reason.
    """
    if declared > _MOST_TIMES * held:
        raise ValueError(
            f"would unpack to {in_words(declared)}, more than {_MOST_TIMES} "
            f"times its {in_words(held)}"
        )
    free = free_memory()
    if declared > free:
        raise ValueError(
            f"would unpack to {in_words(declared)} where {in_words(free)} of "
            "memory are free"
        )


def in_words(size: int) -> str:
    """Write a number of bytes for people."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size} bytes"
