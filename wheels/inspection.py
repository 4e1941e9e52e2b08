"""Whether a wheel is as promised: its tags, what its library needs and exports, and the code in it."""

import email
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lief
from packaging.utils import parse_wheel_filename

import hatch_build
from wheels.instructions import functions
from wheels.instructions import problems as of_instructions

lief.logging.disable()  # it warns of what objects lack, and libraries have

__all__ = ["TAGS", "in_library", "in_objects", "in_wheel"]

TAGS = {
    "linux-x86_64": {"manylinux2014_x86_64", "manylinux_2_17_x86_64"},
    "linux-aarch64": {"manylinux2014_aarch64", "manylinux_2_17_aarch64"},
    "macosx-10.13-x86_64": {"macosx_10_13_x86_64"},
    "macosx-11.0-arm64": {"macosx_11_0_arm64"},
    "win-amd64": {"win_amd64"},
    "win-arm64": {"win_arm64"},
    hatch_build.ANY: {"any"},
}
"""The platform tags that a wheel has to have."""

_SYSTEM = "/usr/lib/libSystem.B.dylib"
_LARGEST_PAGE = 65536  # of Linux on arm64


class _Facts(NamedTuple):
    """What is alike in all formats of libraries."""

    machine: str
    needed: set[str]
    imports: set[str]
    exports: set[str]


def in_wheel(wheel: Path, platform: str) -> Iterator[str]:
    """Tell what is wrong with a wheel, its library apart.

    Parameters
    ----------
    wheel : Path
    platform : str
        A key of `TAGS`.

    Yields
    ------
    str
        One line for each broken promise.
    """
    pure = platform == hatch_build.ANY
    tags = {f"py3-none-{tag}" for tag in TAGS[platform]}
    named = set(map(str, parse_wheel_filename(wheel.name)[3]))
    yield from _unless(named == tags, f"the name has the tags {_words(named)}, not {_words(tags)}")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
        (path,) = Path(folder).glob("*.dist-info/WHEEL")
        facts = email.message_from_string(path.read_text(encoding="utf-8"))
        written = set(facts.get_all("Tag", ()))
        yield from _unless(written == tags, f"WHEEL has the tags {_words(written)}, not {_words(tags)}")
        purelib = facts["Root-Is-Purelib"]
        yield from _unless(purelib == str(pure).lower(), f"Root-Is-Purelib is {purelib}")
        yield from _in_kernel(Path(folder, hatch_build.KERNEL), platform)


def in_library(library: Path, platform: str, header: Path) -> Iterator[str]:
    """Tell what is wrong with a library, its instructions apart.

    Parameters
    ----------
    library : Path
    platform : str
        One of `hatch_build.PLATFORMS`.
    header : Path
        Declares with ``EXPORT`` what the library exports.

    Yields
    ------
    str
        One line for each broken promise.
    """
    content = library.read_bytes()
    try:
        facts, more = _READERS[platform.partition("-")[0]](content, platform)
    except AttributeError:  # lief returned None
        yield f"{library.name} is not a library for {platform}"
        return
    machine = _machine(platform)
    exports = set(re.findall(r"^EXPORT [^;(]*?(\w+)\(", header.read_text(encoding="utf-8"), re.MULTILINE))
    needed = {_SYSTEM} if platform.startswith("macosx-") else set()
    yield from _unless(facts.machine == machine, f"the library is for {facts.machine}, not {machine}")
    yield from _unless(facts.needed == needed, f"the library needs {_words(facts.needed)}, not {_words(needed)}")
    yield from _unless(not facts.imports, f"the library does not define {_words(facts.imports)}")
    extra, less = facts.exports - exports, exports - facts.exports
    yield from _unless(not extra, f"the library exports {_words(extra)}, which {header.name} does not declare")
    yield from _unless(not less, f"the library does not export {_words(less)}")
    yield from more


def in_objects(folder: Path, platform: str) -> Iterator[str]:
    """Tell which functions of the objects in a folder have instructions that they must not have.

    Parameters
    ----------
    folder : Path
        Has the objects that the library was linked from.
    platform : str
        One of `hatch_build.PLATFORMS`.

    Yields
    ------
    str
        One line for each function and instruction.
    """
    for path in sorted(folder.glob("*.o")):
        if path.stem != "probe":
            for function in functions(path):
                yield from of_instructions(function, _machine(platform), mac=platform.startswith("macosx-"))


def _in_kernel(folder: Path, platform: str) -> Iterator[str]:
    """Tell whether the kernel's folder has its sources, and either one library made of them or the note."""
    kernel = hatch_build.kernel_sources(folder)
    made = {path.name for path in folder.iterdir() if path.suffix in {".so", ".dylib", ".dll", ".json"}}
    suffix = {"linux": ".so", "macosx": ".dylib", "win": ".dll"}.get(platform.partition("-")[0])
    expected = f"{kernel.LIBRARY.stem}{suffix}" if suffix else kernel.MISSING.name
    yield from _unless(made == {expected}, f"the kernel has {_words(made)}, not {expected}")
    yield from _unless(bool([*folder.glob("*.c")]), "the wheel has no sources of the kernel")
    if suffix and expected in made:
        digest = kernel.digest().encode()
        yield from _unless(digest in (folder / expected).read_bytes(), "the library was made of other sources")


def _elf(content: bytes, platform: str) -> tuple[_Facts, Iterator[str]]:
    binary = lief.ELF.parse(content)
    facts = _Facts(
        {"X86_64": "x86_64", "AARCH64": "aarch64"}.get(binary.header.machine_type.name, "another machine"),
        set(binary.libraries),
        # Of the symbols that are not defined, lief's `imported_symbols` has only those of a known type.
        {symbol.name for symbol in binary.dynamic_symbols if symbol.name and not symbol.shndx},
        {symbol.name for symbol in binary.dynamic_symbols if symbol.exported},
    )
    return facts, _of_elf(binary, platform)


def _of_elf(binary: Any, platform: str) -> Iterator[str]:
    """Tell what glibc 2.17, newer ones and kernels with large pages would not load."""
    segments, tags = binary.segments, {entry.tag.name for entry in binary.dynamic_entries}
    yield from _unless(not [*binary.symbols_version_requirement], "the library asks for versions of symbols")
    late = tags & {"RELR", "RELRSZ", "TEXTREL", "RPATH", "RUNPATH"}
    yield from _unless(not late, f"the library has {_words(late)}")
    stacks = [part for part in segments if part.type == lief.ELF.Segment.TYPE.GNU_STACK]
    runs = [part for part in stacks if lief.ELF.Segment.FLAGS.X in part.flags]
    yield from _unless(len(stacks) == 1 and not runs, "the library asks for a stack that can be executed")
    aligned = min(part.alignment for part in segments if part.type == lief.ELF.Segment.TYPE.LOAD)
    large = platform != "linux-aarch64" or aligned >= _LARGEST_PAGE
    yield from _unless(large, f"the library is aligned to {aligned} bytes, less than a page of arm64")


def _macho(content: bytes, platform: str) -> tuple[_Facts, Iterator[str]]:
    whole = lief.MachO.parse(content)
    binary = whole.at(0)
    # What zig's linker adds by itself.
    own = {"__mh_dylib_header", "___dso_handle"}
    facts = _Facts(
        {"X86_64": "x86_64", "ARM64": "aarch64"}.get(binary.header.cpu_type.name, "another machine"),
        {library.name for library in binary.libraries if library.command.name == "LOAD_DYLIB"},
        {symbol.name for symbol in binary.imported_symbols} - {"dyld_stub_binder"},
        {symbol.name[1:] for symbol in binary.symbols if symbol.has_export_info and symbol.name not in own},
    )
    return facts, _of_macho(binary, whole.size, platform)


def _of_macho(binary: Any, count: int, platform: str) -> Iterator[str]:
    """Tell what macOS would not load."""
    commands = {command.command.name for command in binary.commands}
    version = binary.build_version.minos if binary.has_build_version else binary.version_min.version
    least, wanted = ".".join(map(str, version[:2])), platform.split("-")[1]
    yield from _unless(count == 1, f"the library is for {count} processors")
    yield from _unless(least == wanted, f"the library is for macOS {least}, not {wanted}")
    names = {each.name for each in binary.libraries if each.command.name == "ID_DYLIB"}
    yield from _unless(names == {"@rpath/fastfit_kernel.dylib"}, f"the library calls itself {_words(names)}")
    yield from _unless("UUID" in commands, "the library has no UUID")
    signed = "CODE_SIGNATURE" in commands or not platform.endswith("arm64")
    yield from _unless(signed, "the library is not signed: arm64 does not load it")


def _pe(content: bytes, _platform: str) -> tuple[_Facts, Iterator[str]]:
    binary = lief.PE.parse(content)
    machine = binary.header.machine.name
    facts = _Facts(
        {"AMD64": "x86_64", "ARM64": "aarch64"}.get(machine, "another machine"),
        {each.name for each in binary.imports},
        {f"{each.name}: {function.name}" for each in binary.imports for function in each.entries},
        {each.name for each in binary.get_export().entries},
    )
    return facts, _of_pe(binary)


def _of_pe(binary: Any) -> Iterator[str]:
    """Tell what Windows would not load at any address, or without a C library."""
    flags = {each.name for each in binary.optional_header.dll_characteristics_lists}
    safe = {"DYNAMIC_BASE", "HIGH_ENTROPY_VA", "NX_COMPAT"}
    yield from _unless(safe <= flags, f"the library lacks {_words(safe - flags)}")
    yield from _unless(binary.has_relocations, "the library has no relocations")
    yield from _unless(binary.optional_header.addressof_entrypoint != 0, "the library has no entry point")


_READERS = {"linux": _elf, "macosx": _macho, "win": _pe}


def _machine(platform: str) -> str:
    return "x86_64" if platform.rpartition("-")[2] in {"x86_64", "amd64"} else "aarch64"


def _unless(promise: bool, text: str) -> Iterator[str]:
    """Yield a text unless a promise is kept."""
    if not promise:
        yield text


def _words(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
