"""``python -m benchmarks publish``: tables and plots of a results file, written between markers in README files."""
