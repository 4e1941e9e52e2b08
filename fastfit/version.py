"""Which version this is: its own module, so that any part can tell."""

__version__ = "0.1.0"
