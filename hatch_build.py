"""The build hook of the wheel: it compiles the kernel.

It uses the first compiler that works: ``$CC``, ``cc`` or ``clang``. If none works, it uses ``zig cc``, which pip
installs for the build. The library does not use Python's ABI, so one wheel per platform serves all Pythons.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = "fastfit/kernel"
ZIG = "ziglang>=0.13,<0.18"

# No -march: the sources choose the processor's instructions when they run. No contraction: a fused multiply-add
# rounds once instead of twice, so weights would differ from Pillow's.
# The kernel needs no C library. Functions begin at multiples of 64 bytes: elsewhere float passes take 10 % longer.
FLAGS = [
    *["-O3", "-std=c11", "-ffreestanding", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"],
    *["-falign-functions=64", "-Wall", "-Wextra"],
]

# A compiler without a linker, or without headers of its own, does not compile this.
PROBE = "#include <stdint.h>\nint32_t fastfit_probe(void) { return 1; }\n"

ADVICE = """\
Install a C compiler and try again:
  Debian, Ubuntu: apt-get install gcc libc6-dev
  Fedora: dnf install gcc
  Alpine: apk add gcc musl-dev
  macOS: xcode-select --install
  any system: pip install hatchling ziglang, then install fastfit with --no-build-isolation
Or set CC to the command of a compiler."""


class CompilerError(Exception):
    """A compiler failed.

    Parameters
    ----------
    output : str
        All that the compiler printed. The error's message is the last line of it that names an error.
    """

    def __init__(self, output: str) -> None:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        named = [line for line in lines if "error" in line.lower()]
        super().__init__((named or lines or ["failed without a message"])[-1])
        self.output = output


class Compiler(NamedTuple):
    """A C compiler: its name in messages, and how a command line that calls it begins."""

    name: str
    command: list[str]


def installed_compilers() -> Iterator[Compiler]:
    """Yield the C compilers that this machine may have, the preferred one first."""
    options = platform_options(platform_name())
    own = os.environ.get("CC", "").strip()
    if own:
        yield Compiler(f"$CC ({own})", [*split(own), *options])
    yield Compiler("cc", ["cc", *options])
    yield Compiler("clang", ["clang", *options])


def split(command: str) -> list[str]:
    """Split ``$CC`` as a shell does: it may be ``ccache gcc -m64``."""
    try:
        return shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise ValueError(f"CC: expected the command of a C compiler, got {command!r}: {error}") from error


def zig_compiler() -> Compiler:
    """Return the C compiler of the ``ziglang`` wheel, for any processor of this machine's kind."""
    # Without a target, zig compiles for exactly this processor and this C library. Without the last option, it
    # adds checks that need a library of their own.
    options = ["-target", zig_target(platform_name()), "-mcpu=baseline", "-fno-sanitize=undefined"]
    return Compiler("ziglang", [sys.executable, "-m", "ziglang", "cc", *options])


def platform_name() -> str:
    """Return the platform that the library is for, as `sysconfig.get_platform` writes it."""
    name = sysconfig.get_platform()
    return macos_name(name) if name.startswith("macosx-") else name


def macos_name(name: str) -> str:
    """Return the platform for one processor and for a version that pip knows.

    Python may support both kinds of processor, but the library supports one. For ``arm64``, pip accepts version
    11.0 and above. From version 11 on, it accepts only a minor version of 0.
    """
    _, version, machine = name.split("-")
    machine = machine if machine in {"arm64", "x86_64"} else platform.machine()
    major, minor = (int(part) for part in f"{version}.0".split(".")[:2])
    major = max(major, 11) if machine == "arm64" else major
    return f"macosx-{major}.{minor if major == 10 else 0}-{machine}"


def platform_options(name: str) -> list[str]:
    """Return the options that compilers need on this platform. Most platforms need none."""
    if not name.startswith("macosx-"):
        return []
    _, version, machine = name.split("-")
    return ["-arch", machine, f"-mmacosx-version-min={version}"]


def zig_target(name: str) -> str:
    """Return the name that zig has for a platform.

    On Linux the name asks for glibc 2.17, from 2012, so that the library also runs on systems older than this one.
    """
    machine = name.rpartition("-")[2]
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if machine not in {"x86_64", "aarch64"}:
        return "native"
    if name.startswith("macosx-"):
        return f"{machine}-macos.{name.split('-')[1]}"
    if name.startswith("win-"):
        return f"{machine}-windows-gnu"
    if name.startswith("linux-"):
        musl = "musl" in (sysconfig.get_config_var("SOABI") or "")
        return f"{machine}-linux-{'musl' if musl else 'gnu.2.17'}"
    return "native"


def run(command: Sequence[str], folder: Path) -> None:
    """Run one command of a compiler.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    folder : Path
        Where zig keeps its cache, unless the user has chosen a place. By default zig would leave it in the home.

    Raises
    ------
    CompilerError
        If the command does not exist or fails.
    """
    caches = dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), str(folder))
    environment = {**caches, **os.environ, "LC_ALL": "C"}  # CompilerError looks for the English word
    try:
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", errors="replace")
    except OSError as error:
        raise CompilerError("not found" if isinstance(error, FileNotFoundError) else str(error)) from error
    if done.returncode:
        raise CompilerError(done.stderr or done.stdout)


def compile_library(compiler: Compiler, sources: Sequence[Path], library: Path, *definitions: str) -> None:
    """Compile C sources, several at a time, and link them.

    Parameters
    ----------
    compiler : Compiler
        Which compiler runs.
    sources : sequence of Path
        The ``.c`` files.
    library : Path
        The shared library to write. Its folder also receives the objects.
    *definitions : str
        Macros, as ``-D`` takes them.

    Raises
    ------
    CompilerError
        If a source does not compile or the objects do not link.
    """
    folder = library.parent
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    start = [*compiler.command, *FLAGS, *(f"-D{definition}" for definition in definitions)]
    commands = [[*start, "-c", str(source), "-o", made] for source, made in zip(sources, objects, strict=True)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(run, commands, [folder] * len(commands)))
    # Apple's linker may insist on its system library.
    alone = [] if platform_name().startswith("macosx-") else ["-nostdlib"]
    run([*compiler.command, "-shared", *alone, *objects, "-o", str(library)], folder)


def probe(compiler: Compiler, folder: Path) -> None:
    """Raise a `CompilerError` unless a compiler can make a library of two lines of C in a folder."""
    source = folder / "probe.c"
    source.write_text(PROBE, encoding="utf-8")
    compile_library(compiler, [source], folder / "probe.so")


def works(compiler: Compiler) -> bool:
    """Return whether a compiler exists and works."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            probe(compiler, Path(folder))
        except CompilerError:
            return False
        return True


def kernel_sources(folder: Path) -> ModuleType:
    """Load `sources.py` alone: the packages that fastfit imports are not installed for a build."""
    path = str(folder / "sources.py")
    module = ModuleType("kernel_sources")
    module.__file__ = path
    SourceFileLoader(module.__name__, path).exec_module(module)
    return module


def build(folder: Path) -> Path:
    """Compile the kernel with the first compiler that can.

    Parameters
    ----------
    folder : Path
        Where the sources are. The library is written next to them.

    Returns
    -------
    Path
        The library.

    Raises
    ------
    RuntimeError
        If no compiler can. The message names each compiler that was tried, and its last error.
    """
    kernel = kernel_sources(folder)
    library: Path = kernel.LIBRARY
    definition = f'FASTFIT_SOURCE="{kernel.digest()}"'
    failures = []
    for compiler in (*installed_compilers(), zig_compiler()):
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary, library.name)
            try:
                probe(compiler, made.parent)
                compile_library(compiler, sorted(folder.glob("*.c")), made, definition)
            except CompilerError as error:
                failures.append(f"  {compiler.name}: {error}")
                sys.stderr.write(f"{compiler.name} failed:\n{error.output}\n")  # pip shows it if all fail
            else:
                replace(library, made)
                return library
    raise RuntimeError("\n".join(("no C compiler could compile the kernel. Tried:", *failures, ADVICE)))


def replace(library: Path, made: Path) -> None:
    """Put a new library in its place at once: a running process may have mapped the old one."""
    beside = library.with_name(f"{library.stem}-{os.getpid()}{library.suffix}")
    try:
        shutil.copyfile(made, beside)
        beside.replace(library)
    finally:
        beside.unlink(missing_ok=True)


class KernelHook(BuildHookInterface[BuilderConfig]):
    """Compiles the kernel before hatchling packs a wheel or an editable install."""

    def dependencies(self) -> list[str]:
        """Ask for zig if no compiler works."""
        return [] if any(map(works, installed_compilers())) else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile the library, add it to the wheel, and mark the wheel as made for this platform."""
        library = build(Path(self.root, KERNEL))
        build_data["artifacts"].append(f"/{KERNEL}/{library.name}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{re.sub('[^0-9a-zA-Z]', '_', platform_name())}"
