"""The command ``fastfit``: the only part that prints or exits."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from fastfit.cli.arguments import parser
from fastfit.errors import FastfitError, printable
from fastfit.kernel.library import KernelError

# All else is imported where it is used: NumPy and OpenCV take ten times as long as --help or a wrong argument.

_HOMES = {
    **dict.fromkeys(("fit", "retry", "report"), "runs"),
    **dict.fromkeys(("presets", "check", "compare"), "frames"),
    "formats": "formats",
    "selftest": "selftest",
}
"""The module of each command, which has a function of the command's name."""

# After an interrupt joblib's resource tracker, a process of its own, may warn of semaphores that are already gone.
_TRACKER_WARNINGS = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"


class _Terminated(KeyboardInterrupt):
    """The system asks this process to end: a batch queue whose time is up, say."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 all fitted, 1 with failures, 2 could not start."""
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _TRACKER_WARNINGS)))
    before = _on_termination(_terminate)
    own, command = sys.stderr, ""
    try:
        _open_streams()
        sys.stderr = _apart(sys.stderr)
        options = parser().parse_args(arguments)
        command = options.command
        return _run(options)
    except BrokenPipeError:  # whoever read our output, `head` say, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (FastfitError, KernelError, OSError) as error:
        print(f"fastfit: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        goes_on = "; without --overwrite the same command goes on from here"
        print(
            f"fastfit: interrupted{'' if _HOMES.get(command) in ('frames', 'selftest') else goes_on}",
            file=sys.stderr,
        )
        return 143 if isinstance(error, _Terminated) else 130
    finally:
        apart, sys.stderr = sys.stderr, own
        if apart is not own:
            apart.close()
        _on_termination(before)


def _run(options: argparse.Namespace) -> int:
    """Run the function that is called as the command."""
    home = importlib.import_module(f"fastfit.cli.{_HOMES[options.command]}")
    status: int = getattr(home, options.command)(options)
    return status


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def _on_termination(handler: Any) -> Any:
    try:
        return signal.signal(signal.SIGTERM, handler)
    except ValueError:  # not in the main thread, where nobody can be told
        return None


def _open_streams() -> None:
    """Open what the shell has closed, as in ``2>&-``: the next file opened would take its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # by the workers
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def _apart(stream: TextIO) -> TextIO:
    """Return a way to stderr of our own: threads that listen to decoders take file descriptor 2 away meanwhile."""
    try:
        if stream.fileno() != 2:
            return stream
    except (AttributeError, OSError, ValueError):  # it is no file
        return stream
    return os.fdopen(os.dup(2), "w", 1, stream.encoding, stream.errors)
