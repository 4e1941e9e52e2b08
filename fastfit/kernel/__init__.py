"""The compiled kernel: its C sources, and how it is loaded."""
