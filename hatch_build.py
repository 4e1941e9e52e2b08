"""The build hook of the wheel: it compiles the kernel.

It uses the first compiler that works: ``$CC``, ``cc`` or ``clang``. If none works, it uses ``zig cc``, which pip
installs for the build. The library does not use Python's ABI, so one wheel per platform serves all Pythons.

Two environment variables change this.

``FASTFIT_BUILD``
    ``auto``, the default: if no compiler works, the wheel is made without the kernel. Its tag is ``py3-none-any``.
    It holds a note with the reason, and the first fit warns with it.
    ``require``: if no compiler works, the build fails.
    ``none``: nothing is compiled, and nobody is warned.
``FASTFIT_PLATFORM``
    One of `PLATFORMS`: zig compiles for it, whatever this machine is. Or ``any``: the wheel without the kernel for
    all other platforms. ``python -m wheels`` uses it to make the wheels of a release.
"""

import json
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
from contextlib import ExitStack
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.utils import get_reproducible_timestamp

KERNEL = "fastfit/kernel"
ZIG = "ziglang>=0.13,<0.18"

BUILD, MODES = "FASTFIT_BUILD", ("auto", "require", "none")
PLATFORM, ANY = "FASTFIT_PLATFORM", "any"

# What releases have wheels for. Python 3.13 itself needs macOS 10.13.
PLATFORMS = ("linux-x86_64", "linux-aarch64", "macosx-10.13-x86_64", "macosx-11.0-arm64", "win-amd64", "win-arm64")

# No -march: the sources choose the processor's instructions when they run. No contraction: a fused multiply-add
# rounds once instead of twice, so weights would differ from Pillow's.
# The kernel needs no C library. Functions begin at multiples of 64 bytes: elsewhere float passes take 10 % longer.
FLAGS = [
    *["-O3", "-std=c11", "-ffreestanding", "-fno-stack-protector", "-fPIC", "-fvisibility=hidden"],
    *["-ffp-contract=off", "-falign-functions=64", "-Wall", "-Wextra"],
]

# A compiler without a linker, or without headers of its own, does not compile this. Windows calls the second
# function when it loads a library.
PROBE = """\
#include <stdint.h>
int32_t fastfit_probe(void) { return 1; }
#if defined(_WIN32)
int DllMainCRTStartup(void *library, unsigned reason, void *reserved) { return 1; }
#endif
"""

ADVICE = """\
Install a C compiler and try again:
  Debian, Ubuntu: apt-get install gcc libc6-dev
  Fedora: dnf install gcc
  Alpine: apk add gcc musl-dev
  macOS: xcode-select --install
  any system: pip install hatchling ziglang, then install fastfit with --no-build-isolation
Or set CC to the command of a compiler. Or set FASTFIT_BUILD=none: then fits run in NumPy, many times slower."""

# pip would take the wheel again that it has kept, or another one without a kernel; and NumPy need not be replaced.
AGAIN = "pip install --force-reinstall --no-cache-dir --no-deps"
FROM_INDEX = f"{AGAIN} --no-binary fastfit fastfit"


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


class NoCompilerError(RuntimeError):
    """No compiler could compile the kernel.

    Parameters
    ----------
    tried : list of str
        Each compiler, and its last error.
    """

    def __init__(self, tried: list[str]) -> None:
        lines = (f"  {each}" for each in tried)
        super().__init__("\n".join(("no C compiler could compile the kernel. Tried:", *lines, ADVICE)))
        self.tried = tried


class Compiler(NamedTuple):
    """A C compiler: its name in messages, and how a command line that calls it begins."""

    name: str
    command: list[str]


def compilers() -> Iterator[Compiler]:
    """Yield the compilers to try, the preferred one first. For another platform, zig is the only one."""
    if not os.environ.get(PLATFORM):
        yield from installed_compilers()
    yield zig_compiler()


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
    # Without a target, zig compiles for exactly this processor and this C library. Without -fno-sanitize, it adds
    # checks that need a library of their own; without -g0, data for debuggers that are larger than the code.
    options = ["-target", zig_target(platform_name()), "-mcpu=baseline", "-fno-sanitize=undefined", "-g0"]
    return Compiler("ziglang", [sys.executable, "-m", "ziglang", "cc", *options])


def platform_name() -> str:
    """Return the platform that the library is for, as `sysconfig.get_platform` writes it."""
    name = chosen_platform() or sysconfig.get_platform()
    return macos_name(name) if name.startswith("macosx-") else name


def chosen_platform() -> str:
    """Return what ``FASTFIT_PLATFORM`` asks for, or nothing."""
    name = os.environ.get(PLATFORM, "")
    if name and name not in (*PLATFORMS, ANY):
        raise ValueError(f"{PLATFORM}: expected {ANY} or one of {', '.join(PLATFORMS)}, got {name!r}")
    return name


def build_mode() -> str:
    """Return what happens where no compiler works: one of `MODES`."""
    mode = os.environ.get(BUILD) or MODES[0]
    if mode not in MODES:
        raise ValueError(f"{BUILD}: expected {', '.join(MODES[:-1])} or {MODES[-1]}, got {mode!r}")
    return mode


def wheel_tag(name: str) -> str:
    """Return the tag of a wheel with a library for a platform.

    A library that zig made for any Linux runs with glibc 2.17 and later. One that was compiled here is for here.
    """
    system, _, machine = name.partition("-")
    if system == "linux" and os.environ.get(PLATFORM):
        return f"py3-none-manylinux_2_17_{machine}.manylinux2014_{machine}"
    return f"py3-none-{re.sub('[^0-9a-zA-Z]', '_', name)}"


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
        musl = not chosen_platform() and "musl" in (sysconfig.get_config_var("SOABI") or "")
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
    made = {"SOURCE_DATE_EPOCH": str(get_reproducible_timestamp())}  # in libraries for Windows, as in the wheel
    environment = {**made, **caches, **os.environ, "LC_ALL": "C"}  # CompilerError looks for the English word
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
    run([*compiler.command, "-shared", *link_options(library.name), *objects, "-o", str(library)], folder)


def link_options(name: str) -> list[str]:
    """Return the options that link a library of a name.

    macOS may refuse a library that needs no other, so the system's library stays. The kernel uses nothing of it.
    Without a name of its own, the library would hold the path of the folder that it was made in. So would one for
    Windows, in what it has for debuggers.
    """
    if platform_name().startswith("macosx-"):
        return [f"-Wl,-install_name,@rpath/{name}"]
    return ["-nostdlib", "-s"] if platform_name().startswith("win") else ["-nostdlib"]


def probe(compiler: Compiler, folder: Path) -> None:
    """Raise a `CompilerError` unless a compiler can make a library of a few lines of C in a folder."""
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


def build(folder: Path, library: Path) -> None:
    """Compile the kernel with the first compiler that can.

    Parameters
    ----------
    folder : Path
        Where the sources are.
    library : Path
        The library to write. A process may be using it.

    Raises
    ------
    NoCompilerError
        If no compiler can. The message names each compiler that was tried, and its last error.
    """
    definition = f'FASTFIT_SOURCE="{kernel_sources(folder).digest()}"'
    tried = []
    for compiler in compilers():
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary, library.name)
            try:
                probe(compiler, made.parent)
                compile_library(compiler, sorted(folder.glob("*.c")), made, definition)
            except CompilerError as error:
                tried.append(f"{compiler.name}: {error}")
                sys.stderr.write(f"{compiler.name} failed:\n{error.output}\n")  # pip shows it if all fail
            else:
                replace(library, made)
                return
    raise NoCompilerError(tried)


def library_name(own: str) -> str:
    """Return the name of the library's file; `own` is its name on this machine."""
    system = chosen_platform().partition("-")[0]
    suffix = {"linux": ".so", "macosx": ".dylib", "win": ".dll"}.get(system, Path(own).suffix)
    return f"{Path(own).stem}{suffix}"


def provide(folder: Path, place: Path, again: str) -> Path:
    """Put the library into a folder, or else a note that says why there is none.

    Parameters
    ----------
    folder : Path
        Where the sources are.
    place : Path
        Where the file is put.
    again : str
        The command that installs fastfit once more.

    Returns
    -------
    Path
        The library or the note. The other does not exist there any more.

    Raises
    ------
    NoCompilerError
        If no compiler works, and the kernel is required.
    """
    kernel = kernel_sources(folder)
    library, note = place / library_name(kernel.LIBRARY.name), Path(place, kernel.MISSING.name)
    reason, advice = unwanted()
    if not reason:
        try:
            build(folder, library)
        except NoCompilerError as error:
            if build_mode() == "require" or chosen_platform():
                raise
            reason = f"no C compiler worked when fastfit was installed ({'; '.join(error.tried)})"
            advice = f"Install a C compiler, then run: {again}"
        else:
            note.unlink(missing_ok=True)
            return library
    note.write_text(json.dumps({"reason": reason, "advice": advice}) + "\n", encoding="utf-8")
    library.unlink(missing_ok=True)
    return note


def unwanted() -> tuple[str, str]:
    """Return why no kernel is to be compiled, and what mends it. Nothing mends what was asked for."""
    if chosen_platform() == ANY:
        advice = f"If this machine has a C compiler, run: {FROM_INDEX}"
        return "fastfit has no compiled wheel for this platform", advice
    return ("fastfit was installed with FASTFIT_BUILD=none" if build_mode() == "none" else ""), ""


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
        """Ask for zig if no installed compiler works, but not where zig has no wheel."""
        if unwanted()[0] or zig_target(platform_name()) == "native":
            return []
        works_here = not chosen_platform() and any(map(works, installed_compilers()))
        return [] if works_here else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library to the wheel, and mark the wheel as made for its platform; or add the note."""
        folder = Path(self.root, KERNEL)
        with ExitStack() as stack:
            if version == "editable":
                made = provide(folder, folder, "pip install -e . in fastfit's folder")
            else:
                packed = Path(self.root, "PKG-INFO").exists()  # in an sdist
                place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                made = provide(folder, place, FROM_INDEX if packed else f"{AGAIN} .")
                build_data["force_include"][str(made)] = f"{KERNEL}/{made.name}"
            self.kept = stack.pop_all()
        build_data["pure_python"] = made.suffix == ".json"
        build_data["tag"] = "py3-none-any" if build_data["pure_python"] else wheel_tag(platform_name())

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what is in the wheel by now."""
        self.kept.close()
