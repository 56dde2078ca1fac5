"""`python -m export`, and installed `python -m atsc_export`."""

from atsc_keras.endings import ended_in_one_message
from atsc_keras.signals import end_with_parent


def main() -> None:
    """Export; status 0 if every file passed, 1 if not, 2 for wrong input."""
    end_with_parent()
    with ended_in_one_message():
        from .cli import app  # what it imports may be missing

        app(prog_name=f"python -m {__package__}")


if __name__ == "__main__":
    main()
