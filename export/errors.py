"""The one exception that means: the user's input is wrong, here is why."""


class ExportError(ValueError):
    """Something that the user gave cannot be exported.

    The message is complete: the rule, `Received:` with what was given, and
    the way out. The command line prints it as it is and exits with 2.
    """
