"""``fastfit presets``, ``check`` and ``compare``: single pictures that a service has to accept."""

import argparse
import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from fastfit.codec import EXTENSIONS, encode
from fastfit.comparison import compare as compared
from fastfit.disk import write_atomically
from fastfit.errors import CodecError, OptionError, describe, printable
from fastfit.inspection import Check
from fastfit.inspection import check as checked
from fastfit.presets import Preset, read_presets

__all__ = ["check", "compare", "presets"]


def presets(options: argparse.Namespace) -> int:
    """List the presets."""
    table = read_presets(options.presets)
    if options.json:
        print(json.dumps([_plain(preset) for preset in table.values()], indent=2))
        return 0
    rows = [("preset", "status", "checked", "formats", "bytes", "sizes", "source"), *map(_row, table.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(printable("  ".join(map(str.ljust, row, widths)).rstrip()))
    return 0


def _plain(preset: Preset) -> dict[str, object]:
    return {**asdict(preset), "sizes": [str(size) for size in preset.sizes]}


def _row(preset: Preset) -> tuple[str, ...]:
    most = f"{preset.max_bytes / 1e6:g} MB" if preset.max_bytes else ""
    facts = preset.name, preset.status, preset.checked, " ".join(preset.formats), most
    return *facts, ", ".join(_sizes(preset)), preset.source


def _sizes(preset: Preset) -> Iterable[str]:
    yield from map(str, preset.sizes)
    if preset.area:
        yield f"{preset.area} pixels"
    if preset.multiple_of:
        yield f"multiples of {preset.multiple_of}"
    if preset.min_side or preset.max_side:
        yield f"{preset.min_side or 1} to {preset.max_side or '...'} a side"
    if preset.max_aspect:
        yield f"up to {preset.max_aspect:g}:1"


def check(options: argparse.Namespace) -> int:
    """Tell whether a service takes files as they are."""
    table = read_presets(options.presets)
    found = []
    for name in options.files:
        found.append(_with_presets(checked(name, options.size, presets=table), options.presets))
        if not options.json:
            print("\n".join(map(printable, str(found[-1]).splitlines())), flush=True)
    if options.json:
        print(json.dumps([each.to_dict() for each in found], indent=2))
    return 0 if all(each.passed for each in found) else 1


def _with_presets(found: Check, path: str | None) -> Check:
    """Let the commands that mend know the presets that were given."""
    if path is None:
        return found
    more = f" --presets {shlex.quote(path)}"
    return replace(
        found,
        findings=tuple(
            each._replace(mend=each.mend + more) if each.mend and each.mend.startswith("fastfit ") else each
            for each in found.findings
        ),
    )


def compare(options: argparse.Namespace) -> int:
    """Write a photo in every mode onto one sheet."""
    target = Path(options.out)
    format_ = EXTENSIONS.get(target.suffix.lower())
    if format_ is None:
        raise CodecError("-o", f"an extension among {', '.join(EXTENSIONS)}", describe(target.suffix))
    if target.exists() and target.samefile(options.photo):
        raise OptionError("-o", "a name apart from the photo's", options.out)
    found = compared(
        options.photo,
        options.size,
        presets=read_presets(options.presets),
        crop_bounds=options.crop_bounds,
        listen=True,
    )
    write_atomically(target, encode(found.image, format_))
    for variant in found.variants:
        print(printable(f"{variant.label}: {variant.cost}"))
    print(printable(options.out))
    return 0
