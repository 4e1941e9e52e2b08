"""Which instructions the functions of an object have: all processors must have those of the baseline."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import capstone
import lief

__all__ = ["Function", "functions", "problems"]

_READERS = {
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
}

# What every processor has, in capstone's words. All Macs that macOS 10.13 runs on have SSSE3.
_BASELINE = {"x86_64": {"mode64", "cmov", "fpu", "sse1", "sse2"}, "aarch64": {"fparmv8", "neon"}}
_MAC = {"sse3", "ssse3"}

# What a level may have besides. It asks the processor for these and no others. None: anything.
_LEVELS: dict[str, set[str] | None] = {
    "avx2": {"VEX", "avx", "avx2", "novlx"},
    "avx512": None,
    "dotprod": {"dotprod"},
}

# What capstone 5 has in no group.
_NAMED = {
    "x86_64": {
        "fma": "vfn?m(add|sub)",
        "popcnt": "popcnt",
        "lzcnt, bmi": "[lt]zcnt",
        "movbe": "movbe",
        "vnni": "vpdp",
    },
    "aarch64": {
        "dotprod": "[su]dot",
        "i8mm": "(us|su)dot|(us|s|u)mmla",
        "bf16": "bf(dot|ml|mmla|cvt)",
        "fp16": r"(?!fcvt[ln]?2? )([su]cv|f).*(\bh\d|\.[48]h)",
        "fhm": "fml[as]l",
        "rdm": "sqrdml[as]h",
        "complex": "fc(mla|add)",
        "crc": "crc32",
        "lse": "(ld|st)(add|clr|eor|set|[su]max|[su]min)|cas|swp",
    },
}
_NAMES = {machine: {name: re.compile(text) for name, text in named.items()} for machine, named in _NAMED.items()}

# Rounds once instead of twice. Weights would differ from Pillow's.
_FUSED = re.compile("v?fn?m(add|sub|la|ls)")


class Function(NamedTuple):
    """A function of an object, in pieces: tables for jumps may lie between them."""

    file: str
    """The name of the source without its suffix."""
    name: str
    code: list[bytes]


def functions(path: Path) -> list[Function]:
    """Return the functions of an object file.

    Parameters
    ----------
    path : Path
        The object file: ELF, Mach-O or COFF.

    Returns
    -------
    list of Function
        In the order of their addresses. Together they are all the code there is.
    """
    found = []
    for content, starts, tables in _sections(path):
        addresses = sorted({0, *starts})
        for start, stop in zip(addresses, [*addresses[1:], len(content)], strict=True):
            if start < stop:
                code = _without(content, start, stop, tables)
                found.append(Function(path.stem, starts.get(start, "code without a name"), code))
    return found


def problems(function: Function, machine: str, *, mac: bool) -> Iterator[str]:
    """Tell which instructions of a function not every processor has, or change the weights.

    Parameters
    ----------
    function : Function
    machine : str
        ``x86_64`` or ``aarch64``.
    mac : bool
        Whether the function is for macOS.

    Yields
    ------
    str
        A line that names the function and the first such instruction of each kind.
    """
    allowed = _allowed(function, machine, mac)
    seen: set[str] = set()
    for text, features in _instructions(function, machine):
        extra = set() if allowed is None else features - allowed
        if function.file == "weights" and _FUSED.match(text):
            extra = {"fused"}
        if extra - seen:
            seen |= extra
            needs = "changes the weights" if extra == {"fused"} else f"needs {', '.join(sorted(extra))}"
            yield f"{function.file}.c: {function.name} has `{text}`, which {needs}"


def _allowed(function: Function, machine: str, mac: bool) -> set[str] | None:
    """Return the features that a function may use: those of its level if it, or its file, is called after one."""
    allowed = _BASELINE[machine] | (_MAC if mac else set())
    for level, more in _LEVELS.items():
        if function.file.startswith(f"{level}_") or function.name.startswith(f"{level}_"):
            return None if more is None else allowed | more
    return allowed


def _instructions(function: Function, machine: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the instructions of a function as text, and the features that each needs."""
    reader = capstone.Cs(*_READERS[machine])
    reader.detail = True
    reader.skipdata = True  # goes on behind what it does not know
    for piece in function.code:
        for each in reader.disasm(piece, 0):
            text = f"{each.mnemonic} {each.op_str}".strip()
            yield text, _features(each, text, machine)


def _features(instruction: Any, text: str, machine: str) -> set[str]:
    """Return what an instruction needs: in capstone's words, by its encoding, and by its name."""
    if not instruction.id:
        return {"what capstone does not know"}
    # Lower numbers are kinds of instructions, such as jumps.
    features = {instruction.group_name(number) for number in instruction.groups if number >= 128}
    features |= {name for name, pattern in _NAMES[machine].items() if pattern.match(text)}
    code = bytes(instruction.bytes)
    if machine == "x86_64":  # in 64-bit code these bytes begin nothing else
        return features | {0xC4: {"VEX"}, 0xC5: {"VEX"}, 0x62: {"EVEX"}}.get(code[0], set())
    # The table "Top-level encodings for A64" of Arm's manual.
    scalable = int.from_bytes(code, "little") >> 25 & 15
    return features | {2: {"sve"}, 0: {"sme"}}.get(scalable, set())


def _without(content: bytes, start: int, stop: int, tables: list[tuple[int, int]]) -> list[bytes]:
    """Return a part of a section without the tables in it."""
    pieces = []
    for begin, end in (each for each in tables if start <= each[0] < stop):
        pieces.append(content[start:begin])
        start = end
    return [*pieces, content[start:stop]]


def _sections(path: Path) -> Iterator[tuple[bytes, dict[int, str], list[tuple[int, int]]]]:
    """Yield the code of each section, the functions' names by where they begin, and where tables lie."""
    content = path.read_bytes()
    if content[:4] == b"\x7fELF":
        yield from _elf(lief.ELF.parse(content))
    elif content[:4] == b"\xcf\xfa\xed\xfe":
        yield from _macho(lief.MachO.parse(content).at(0))
    else:
        yield from _coff(lief.COFF.parse(path))


def _elf(binary: Any) -> Iterator[tuple[bytes, dict[int, str], list[tuple[int, int]]]]:
    for number, section in enumerate(binary.sections):
        if lief.ELF.Section.FLAGS.EXECINSTR in section.flags_list:
            symbols = (each for each in binary.symbols if each.shndx == number)
            starts = {each.value: each.name for each in symbols if each.type == lief.ELF.Symbol.TYPE.FUNC}
            yield bytes(section.content), starts, []


def _macho(binary: Any) -> Iterator[tuple[bytes, dict[int, str], list[tuple[int, int]]]]:
    entries = binary.data_in_code.entries if binary.has_data_in_code else ()
    tables = sorted((each.offset, each.offset + each.length) for each in entries)
    for number, section in enumerate(binary.sections, 1):
        if section.name == "__text":  # at address 0: it is the first
            symbols = (each for each in binary.symbols if each.numberof_sections == number)
            # Functions begin with an underscore, labels of the compiler do not.
            starts = {each.value: each.name[1:] for each in symbols if each.name.startswith("_")}
            yield bytes(section.content), starts, tables


def _coff(binary: Any) -> Iterator[tuple[bytes, dict[int, str], list[tuple[int, int]]]]:
    for number, section in enumerate(binary.sections, 1):
        if lief.PE.Section.CHARACTERISTICS.CNT_CODE in section.characteristics_lists:
            symbols = (each for each in binary.symbols if each.section_idx == number)
            yield bytes(section.content), {each.value: each.name for each in symbols if each.is_function}, []
