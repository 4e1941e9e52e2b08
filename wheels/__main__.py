"""The command ``python -m wheels``: builds the files of a release, and inspects them."""

import argparse
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import hatch_build
from wheels.building import build_sdist, build_wheel, compiled, unpacked
from wheels.inspection import TAGS, in_library, in_objects, in_wheel


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 1 if a wheel is not as promised."""
    options = _parser().parse_args(arguments)
    options.dist.mkdir(parents=True, exist_ok=True)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        # What the inspection compiles once more, zig then has.
        for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
            os.environ.setdefault(name, str(Path(folder, "zig")))
        begun = time.perf_counter()
        sdist = build_sdist(options.dist)
        _report(sdist, begun)
        source = unpacked(sdist, Path(folder))
        for platform in options.only or TAGS:
            begun = time.perf_counter()
            wheel = build_wheel(source, options.dist, platform)
            problems += [f"{wheel.name}: {each}" for each in _problems(wheel, source, platform)]
            _report(wheel, begun)
    print("".join(f"{line}\n" for line in problems), end="", file=sys.stderr)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wheels",
        description="Build the sdist and the wheels for all platforms, on Linux, and inspect them.",
    )
    parser.add_argument("dist", type=Path, metavar="DIST", help="the folder that receives the files")
    parser.add_argument("--only", action="append", choices=[*TAGS], help="a platform; all by default")
    return parser


def _problems(wheel: Path, source: Path, platform: str) -> Iterator[str]:
    """Tell what is wrong with a wheel that was made from a source."""
    yield from in_wheel(wheel, platform)
    if platform == hatch_build.ANY:
        return
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(source, Path(folder), platform)
        with zipfile.ZipFile(wheel) as packed:
            packs = packed.read(f"{hatch_build.KERNEL}/{library.name}")
        if packs != library.read_bytes():  # then the objects would tell nothing about it
            yield "the library is another one each time it is compiled"
        yield from in_library(library, platform, source / hatch_build.KERNEL / "kernel.h")
        yield from in_objects(Path(folder), platform)


def _report(file: Path, begun: float) -> None:
    print(f"{file.name}: {file.stat().st_size / 1000:,.0f} kB, {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
