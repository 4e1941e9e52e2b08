"""The errors that fastfit raises; every one is also a `ValueError`. And its warning."""

from typing import Any, Self

__all__ = ["CodecError", "FastfitError", "ImageError", "KernelWarning", "OptionError", "SizeError"]


class FastfitError(ValueError):
    """Base of every error that fastfit raises on purpose.

    The message always reads ``name: expected X, got Y``; the three facts stay available as attributes. A message
    alone makes one, too: that is all torch hands over from a worker process.

    Parameters
    ----------
    name : str
        What was wrong: a parameter, or the file that could not be used.
    expected : str
        What would have been right.
    got : str
        What was there instead.
    """

    def __init__(self, name: str, expected: str = "", got: str = "") -> None:
        super().__init__(name, expected, got)
        self.name = name
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, got {self.got}" if self.expected else self.name

    def renamed(self, name: str) -> Self:
        """Return the same error about `name`: what ``data`` is called where the caller knows the file."""
        return type(self)(name, self.expected, self.got)


class SizeError(FastfitError):
    """A size that is no pair of positive integers."""


class ImageError(FastfitError):
    """An array that is no image: wrong type, shape or dtype."""


class OptionError(FastfitError):
    """An option outside its range, or one that does not go with the image."""


class CodecError(FastfitError):
    """Bytes that are no whole image, or an image that cannot be written as asked."""


class KernelWarning(RuntimeWarning):
    """There is no compiled kernel: fits run in NumPy, with the same pixels, many times slower."""


def printable(text: str) -> str:
    """Return text as one line that any terminal takes, whatever bytes a file's name is made of."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def describe(value: Any) -> str:
    """Return a short, single-line description of a rejected value for an error's ``got``."""
    text = repr(value)
    if len(text) <= 80 and "\n" not in text:
        return text
    return f"{text[:60].splitlines()[0]}… ({type(value).__name__})"
