"""``python -m benchmarks publish``: tables and plots of results, between markers in the README files.

In README.md and benchmarks/README.md whatever stands between

    <!-- results: NAME -->
    <!-- /results -->

is written anew. NAME is arrays, arrays-cells, arrays-cold-cells, batch, files, loader, loader-threads,
loader-pictures, scaling or machine, or a benchmark's name with -plot, as arrays-plot, for a picture in docs/plots.
The first marker then tells the file, too: <!-- results: NAME of FILE -->. A block whose benchmark is not in the
file given stays with its own.

Exit status: 0; 1 if there is a block without results, or, with --check, one that is not what its file makes.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import plots
from benchmarks.blocks import BLOCKS, PLOT, machine_of
from benchmarks.results import Result, read

__all__ = ["add_arguments", "run"]

_PAGES = ("README.md", "benchmarks/README.md")
_PLOTS = "docs/plots"
_BEGIN = "^<!-- results: "
_BLOCK = re.compile(r"^<!-- results: (\S+)(?: of (\S+))? -->\n(.*?)^<!-- /results -->$", re.DOTALL | re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = "as --json wrote it, below the root (default: for each block the one that it tells)"
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE.json", help=what)
    parser.add_argument("--check", action="store_true", help="write nothing, tell what no longer matches")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent, help="folder of README.md")


def run(options: argparse.Namespace) -> int:
    """Write the blocks, or check them."""
    root = options.root.resolve()
    given = _below(options.file, root) if options.file else None
    pages = [_Page(root / name, root, given, options.check) for name in _PAGES if (root / name).exists()]
    for page in pages:
        page.publish()
        for problem in page.problems:
            print(f"{page.path.relative_to(root)}: {problem}")
    return int(any(page.problems for page in pages))


def _below(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root).as_posix()
    except ValueError:
        raise SystemExit(f"{file}: expected a file below {root}") from None


@dataclass(frozen=True)
class _Page:
    """A README file."""

    path: Path
    root: Path
    given: str | None
    """A file of results, below the root."""
    check: bool
    """Whether to write nothing."""
    problems: list[str] = field(default_factory=list)

    def publish(self) -> None:
        """Write the blocks anew, or look whether they would be."""
        text = self.path.read_text(encoding="utf-8")
        if len(re.findall(_BEGIN, text, re.MULTILINE)) != len(_BLOCK.findall(text)):
            raise SystemExit(f"{self.path}: expected <!-- /results --> after each <!-- results: NAME -->")
        written = _BLOCK.sub(self._block, text)
        if not self.check:
            self.path.write_text(written, encoding="utf-8")

    def _block(self, match: re.Match[str]) -> str:
        name, told, _ = match.groups()
        found = {source: _results(name, read(self.root / source)) for source in (self.given, told) if source}
        source = next((each for each in found if found[each]), None)
        if source is None:
            self.problems.append(f"{name}: no results in {' or '.join(found) or 'a file, for none is told'}")
            return match[0]
        lines = "\n".join(self._lines(name, found[source]))
        block = f"<!-- results: {name} of {source} -->\n\n{lines}\n\n<!-- /results -->"
        if self.check and block != match[0]:
            self.problems.append(f"{name}: not what {source} makes: python -m benchmarks publish")
        return block

    def _lines(self, name: str, results: Sequence[Result]) -> Iterator[str]:
        if name == "machine":
            yield from machine_of(results)
        elif name in BLOCKS:
            yield from BLOCKS[name][1](results[0])
        else:
            yield self._plot(results[0])

    def _plot(self, result: Result) -> str:
        """Draw a result, or look whether it is drawn; return what shows it."""
        if self.check:
            note = plots.digest(result).encode()
            files = [self.root / _PLOTS / f"{result.benchmark}.{kind}" for kind in ("png", "svg")]
            old = [file.name for file in files if not file.exists() or note not in file.read_bytes()]
            self.problems.extend(
                f"{_PLOTS}/{name}: of other results: python -m benchmarks publish" for name in old
            )
        else:
            plots.draw(result, self.root / _PLOTS)
        up = "../" * (len(self.path.relative_to(self.root).parts) - 1)
        return f"![{result.benchmark}: {result.title}]({up}{_PLOTS}/{result.benchmark}.png)"


def _results(name: str, results: Sequence[Result]) -> list[Result]:
    """Return those that a block is of."""
    if name == "machine":
        return list(results)
    if name not in BLOCKS and not name.endswith(PLOT):
        raise SystemExit(f"results: expected {', '.join(BLOCKS)}, machine or a name with {PLOT}, got {name}")
    benchmark = BLOCKS[name][0] if name in BLOCKS else name.removesuffix(PLOT)
    return [result for result in results if result.benchmark == benchmark]
