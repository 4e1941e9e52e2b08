"""The wheels of a release: built on one Linux machine for all platforms, and inspected."""
