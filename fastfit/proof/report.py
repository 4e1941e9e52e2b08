"""What a self-test found: levels, differences, and what it ran on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Difference", "Selftest", "Tested"]

_WIDTH = 11


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that is not the promised one."""

    case: str
    """The image and the spec."""
    samples: int
    """How many samples differ."""
    of: int
    """How many the result has."""
    most: float
    """The greatest difference: levels of integers, or in the unit of floats."""

    def __str__(self) -> str:
        return f"{self.case}: {self.samples} of {self.of} samples differ, by at most {self.most:g}"


@dataclass(frozen=True, slots=True)
class Tested:
    """One level of the kernel, tested."""

    level: str
    cases: int
    wrong: int
    """Cases whose pixels are not the promised ones."""
    first: Difference | None
    """The first of them."""
    float_error: float
    """The greatest difference of floats, as a share of their range: 1e-6, or 1e-3 of ``float16``, is right."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all pixels are the promised ones."""
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Selftest:
    """What `fastfit.selftest` found."""

    pixels: str
    """The contract: `fastfit.PIXELS`."""
    level: str | None
    """The level that fits run at in this process; None where they raise an error."""
    reason: str
    """Why that level."""
    problem: str | None
    """What is wrong with the compiled kernel, or with the choice of a level."""
    processor: str
    machine: str
    system: str
    compiler: str | None
    """Of the kernel; None where no kernel is loaded."""
    sources: str
    """Digest of the kernel's sources."""
    versions: dict[str, str]
    levels: tuple[Tested, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every level makes the promised pixels, and fits can run."""
        return self.problem is None and all(each.passed for each in self.levels)

    @property
    def seconds(self) -> float:
        """Of all levels."""
        return sum(each.seconds for each in self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, with `passed` and `seconds`, in values that JSON has."""
        levels = [{**asdict(each), "passed": each.passed} for each in self.levels]
        return {"passed": self.passed, "seconds": self.seconds, **asdict(self), "levels": levels}

    def __str__(self) -> str:
        """Return a screen of text for people and for bug reports."""
        return "\n".join([*self.head(), *map(self.row, self.levels), *self.verdict()])

    def head(self) -> Iterator[str]:
        """Yield the lines that are known before any level is tested."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        compiled = "no kernel is loaded" if self.compiler is None else self.compiler
        yield f"{'pixels':<{_WIDTH}}{self.pixels}"
        yield f"{'fits run':<{_WIDTH}}{'not at all' if self.level is None else f'at {self.level}'}: {self.reason}"
        yield f"{'kernel':<{_WIDTH}}{compiled}, sources {self.sources}"
        yield f"{'processor':<{_WIDTH}}{self.processor}, {self.machine}"
        yield f"{'system':<{_WIDTH}}{self.system}"
        yield f"{'versions':<{_WIDTH}}{versions}"
        yield f"\n{'level':<{_WIDTH}}{'cases':>6}{'wrong':>7}{'float error':>13}{'seconds':>9}"

    @staticmethod
    def row(tested: Tested) -> str:
        """Return a line of the table."""
        numbers = f"{tested.cases:6}{tested.wrong:7}{tested.float_error:13.2g}{tested.seconds:9.2f}"
        return f"{tested.level:<{_WIDTH}}{numbers}"

    def verdict(self) -> Iterator[str]:
        """Yield the lines that say what came of it."""
        yield ""
        if self.problem is not None:
            yield f"problem: {self.problem}"
        for each in self.levels:
            if each.first is not None:
                yield f"{each.level}: {each.first}"
        right = [each.level for each in self.levels if each.passed]
        if not self.passed and self.level not in right and right:
            yield f"until this is mended: FASTFIT_KERNEL={right[-1]} makes the promised pixels"
        if wrong := ", ".join(each.level for each in self.levels if not each.passed):
            yield f"FAILED: the pixels at {wrong} are not those of {self.pixels}; please report all of this output"
        elif self.problem is not None:
            yield "FAILED: the kernel cannot be used as it is"
        else:
            yield f"passed: the pixels are those of {self.pixels} at every level"
