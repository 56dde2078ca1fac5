"""`python -m export`, and installed `python -m atsc_export`."""

from .cli import main

if __name__ == "__main__":
    main()
