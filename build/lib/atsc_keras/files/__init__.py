"""Files and folders written whole, and pictures read in one way."""
