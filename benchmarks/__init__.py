"""Measurements of correctness and speed: ``python -m benchmarks --help``."""
