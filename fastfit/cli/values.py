"""How the values of options are written on the command line."""

import argparse
import re

__all__ = ["amount", "area", "colour", "jobs", "limit", "numbers", "place", "seconds"]


def numbers(text: str) -> tuple[float, ...]:
    """Return numbers with commas between them."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from None


def area(text: str) -> int:
    """Return a number of pixels, or that of ``WxH``."""
    sides = re.fullmatch(r"([0-9]{1,15})(?:[xX×]([0-9]{1,15}))?", text)
    if sides is None:
        raise argparse.ArgumentTypeError(f"expected a number of pixels, or WxH, got {text!r}")
    return int(sides.group(1)) * int(sides.group(2) or 1)


def place(text: str) -> tuple[float, ...] | str:
    """Return numbers with commas between them, or a word as it is."""
    return numbers(text) if "," in text or re.match(r"[-+.0-9]", text) else text


def colour(text: str) -> str:
    """Return a colour with its #, which shells may take for a comment; a word as it is."""
    return f"#{text}" if re.fullmatch(r"([0-9a-fA-F]{3}){1,2}|[0-9a-fA-F]{8}", text) else text


def jobs(text: str) -> int:
    """Return a number of workers."""
    if not re.fullmatch(r"-1|[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"expected a number of processes, or -1 for all cores, got {text!r}")
    return int(text)


def limit(text: str) -> int:
    """Return a limit, 0 for none."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a number, or 0 for no limit, got {text!r}")
    return int(text)


def seconds(text: str) -> float | None:
    """Return seconds, or None for no limit."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds, or 0 for no limit, got {text!r}")
    return seconds or None


def amount(text: str) -> int:
    """Return a number of bytes."""
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
    found = re.fullmatch(r"([0-9]{1,15})\s*([kmg]?i?)b?", text.lower())
    if found is None or found.group(2) not in units or not int(found.group(1)):
        raise argparse.ArgumentTypeError(f"expected a number of bytes, as in 500MB or 2GiB, got {text!r}")
    return int(found.group(1)) * units[found.group(2)]
