"""What became of every source of a run, as a list."""

from fastfit import run


def outcomes(sources, out, spec, output=None, *, jobs=1, **options):
    """Run over sources, in this process if `jobs` is 1, and return their outcomes."""
    found = []
    if jobs == 1:
        options = {"backend": "threading", "listen": True, **options}
    run(sources, out, spec, output, jobs=jobs, progress=found.append, **options)
    return found
