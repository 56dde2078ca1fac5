"""`python -m atsc_keras` is the command `atsc`."""

from atsc_keras.cli.app import main

if __name__ == "__main__":
    main()
