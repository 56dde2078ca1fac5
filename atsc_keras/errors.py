"""What was wrong: the one exception for the user's input, and reasons."""


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message is complete: the rule, `Received:` with what was given, and
    the way out. The command line prints it as it is and exits with 2.
    """


def first_line(error: Exception) -> str:
    """What an exception says, short."""
    return (str(error).strip() or repr(error)).splitlines()[0]
