"""The build hook compiles the kernel with the first compiler that works, and packs it.

The quick tests use shell scripts as compilers. The tests of ``-m building`` install fastfit. They take minutes.
"""

import ctypes
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from installs import copied_checkout, installed, new_environment, pip

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "fastfit" / "kernel"
TRIVIAL = '#include "kernel.h"\nint answer(void) { return ANSWER; }\n'

# Compilers: one writes what it is asked for, one says why it does not, one compiles nothing but the probe.
WORKS = """\
printf '%s\\n' "${0##*/}" "$@" >> "$LOG"
while [ "$1" != -o ]; do shift; done
echo library > "$2"
"""
FAILS = """\
echo "${0##*/}" >> "$LOG"
echo "probe.c:1:10: fatal error: string.h: No such file or directory" >&2
echo "compilation terminated." >&2
exit 1
"""
PROBES = f"""\
case "$*" in *kernel.c*) echo "kernel.c:2:1: error: unknown type" >&2; exit 1;; esac
{WORKS}"""


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hatch_build = load(ROOT / "hatch_build.py", "hatch_build")


@pytest.fixture
def folder(tmp_path):
    """A kernel of two short files."""
    folder = tmp_path / "tree" / hatch_build.KERNEL
    folder.mkdir(parents=True)
    shutil.copy(KERNEL / "sources.py", folder)
    (folder / "kernel.c").write_bytes(TRIVIAL.encode())
    (folder / "kernel.h").write_bytes(b"#define ANSWER 42\n")
    return folder


def digest(folder):
    return load(folder / "sources.py", "sources").digest()


def test_digest_is_the_same_as_long_as_no_source_changes(folder):
    first = digest(folder)
    assert re.fullmatch("[0-9a-f]{16}", first)
    (folder / "kernel.o").write_bytes(b"no source")
    load(folder / "sources.py", "sources").LIBRARY.write_bytes(b"no source")
    (folder / "kernel.c").write_bytes(TRIVIAL.replace("\n", "\r\n").encode())
    assert digest(folder) == first


@pytest.mark.quick
@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "kernel.c").write_text(f"{TRIVIAL} "),
        lambda folder: (folder / "kernel.h").write_text("#define ANSWER 43\n"),
        lambda folder: (folder / "kernel.c").rename(folder / "core.c"),
        lambda folder: (folder / "more.c").touch(),
        lambda folder: (folder / "kernel.h").unlink(),
    ],
    ids=["source", "header", "name", "new", "gone"],
)
def test_digest_changes_with_any_source(folder, change):
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_library_lies_next_to_the_sources():
    library = load(KERNEL / "sources.py", "sources").LIBRARY
    assert library.parent == KERNEL
    assert library.name in {"fastfit_kernel.so", "fastfit_kernel.dylib", "fastfit_kernel.dll"}


@pytest.fixture
def compilers(tmp_path, monkeypatch):
    """A function that puts scripts, and nothing else, on the PATH. It returns a function that reads their log."""
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("LOG", str(log))
    for name in ("CC", hatch_build.BUILD, hatch_build.PLATFORM):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))

    def install(**scripts):
        for name, script in scripts.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}")
            (programs / name).chmod(0o755)
        return lambda: log.read_text().splitlines() if log.exists() else []

    return install


def hook(folder):
    return hatch_build.KernelHook(str(folder.parents[1]), {}, None, None, "", "wheel")


def compiled(folder):
    """Compile the kernel beside its sources and return the library."""
    library = load(folder / "sources.py", "sources").LIBRARY
    hatch_build.build(folder, library)
    return library


def made(folder, version="standard"):
    """Let the hook work; return what it puts into the wheel, as text, and what it says of the wheel."""
    build_data = {"force_include": {}, "pure_python": True}
    working = hook(folder)
    working.initialize(version, build_data)
    included = build_data.pop("force_include")
    contents = {inside: Path(outside).read_text() for outside, inside in included.items()}
    working.finalize(version, build_data, "")
    assert not any(map(os.path.exists, included))
    return contents, build_data


def test_own_compiler_comes_first_and_its_options_are_split_as_a_shell_does(folder, compilers, monkeypatch):
    calls = compilers(wrapped=WORKS, cc=WORKS, clang=WORKS)
    monkeypatch.setenv("CC", "wrapped gcc -m64 '-DNAME=two words'")
    assert hook(folder).dependencies() == []
    assert compiled(folder).read_text() == "library\n"
    programs = [line for line in calls() if line in {"wrapped", "cc", "clang"}]
    assert programs == ["wrapped"] * 6  # the probe twice; each is compiled and linked
    assert calls()[:4] == ["wrapped", "gcc", "-m64", "-DNAME=two words"]


def test_own_compiler_that_cannot_be_split_is_an_error(folder, compilers, monkeypatch):
    compilers(cc=WORKS)
    monkeypatch.setenv("CC", "gcc '-m64")
    with pytest.raises(
        ValueError, match=r"^CC: expected the command of a C compiler, got \"gcc '-m64\": No closing"
    ):
        hook(folder).dependencies()


@pytest.mark.parametrize(
    "scripts",
    [
        {"own": FAILS, "cc": FAILS, "clang": WORKS},
        {"own": PROBES, "cc": PROBES, "clang": WORKS},
        {"own": "kill -9 $$", "clang": WORKS},
        {"cc": FAILS, "clang": WORKS},
        {"clang": WORKS},
    ],
    ids=["fail", "fail for the kernel only", "crash", "fail, not there", "not there"],
)
def test_compiler_that_fails_is_followed_by_the_next(folder, compilers, monkeypatch, scripts):
    calls = compilers(**scripts)
    monkeypatch.setenv("CC", "own")
    assert hook(folder).dependencies() == []
    compiled(folder)
    assert "clang" in calls()


def test_compiler_that_cannot_be_executed_is_followed_by_the_next(folder, compilers, tmp_path):
    calls = compilers(cc=WORKS, clang=WORKS)
    (tmp_path / "bin" / "cc").chmod(0o644)
    compiled(folder)
    assert "clang" in calls()
    assert "cc" not in calls()


@pytest.mark.parametrize("scripts", [{}, {"cc": FAILS, "clang": FAILS}], ids=["none", "none that works"])
def test_without_a_compiler_zig_is_asked_for(folder, compilers, scripts):
    calls = compilers(**scripts, python=WORKS)
    assert hook(folder).dependencies() == [hatch_build.ZIG]
    assert "python" not in calls()
    compiled(folder)
    after = calls()[calls().index("python") :]
    assert after[1:5] == ["-m", "ziglang", "cc", "-target"]
    assert {"-mcpu=baseline", "-fno-sanitize=undefined"} <= set(after)


def test_tests_use_the_zig_that_builds_ask_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hatch_build.ZIG in project["optional-dependencies"]["building"]


def test_kernel_is_compiled_for_no_processor_in_particular_and_told_its_digest(folder, compilers):
    calls = compilers(cc=WORKS)
    compiled(folder)
    assert {*hatch_build.FLAGS, f'-DFASTFIT_SOURCE="{digest(folder)}"'} <= set(calls())
    assert not [option for option in calls() if option.startswith(("-march", "-mtune", "-Ofast", "-ffast-math"))]


def test_error_names_all_that_was_tried_and_what_helps(folder, compilers, monkeypatch, capfd):
    compilers(cc=FAILS, clang=PROBES, python="echo python: No module named ziglang >&2; exit 1")
    monkeypatch.setenv("CC", "nothing -m64")
    with pytest.raises(RuntimeError) as caught:
        compiled(folder)
    tried, advice = str(caught.value).split("Install a C compiler")
    assert tried.splitlines() == [
        "no C compiler could compile the kernel. Tried:",
        "  $CC (nothing -m64): not found",
        "  cc: probe.c:1:10: fatal error: string.h: No such file or directory",
        "  clang: kernel.c:2:1: error: unknown type",
        "  ziglang: python: No module named ziglang",
    ]
    assert "apt-get install gcc" in advice
    assert "compilation terminated." in capfd.readouterr().err  # whoever changes the sources wants to see it all
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "kernel.c",
        "kernel.h",
        "sources.py",
    ]


def test_wheel_is_for_this_platform_and_holds_the_library(folder, compilers):
    compilers(cc=WORKS)
    contents, build_data = made(folder)
    library = load(folder / "sources.py", "sources").LIBRARY
    assert contents == {f"fastfit/kernel/{library.name}": "library\n"}
    assert build_data["pure_python"] is False
    assert re.fullmatch(r"py3-none-(linux|macosx|win)_\w+", build_data["tag"])
    assert source_names(folder.parents[1]) == {"kernel.c", "kernel.h"}
    assert not library.exists()  # a checkout is left as it is


# ---- Without a compiler.


def note(folder, version="standard"):
    """Let the hook make a wheel without a kernel, and return its note."""
    contents, build_data = made(folder, version)
    assert build_data == {"pure_python": True, "tag": "py3-none-any"}
    if version == "editable":
        return json.loads((folder / "missing.json").read_text())
    assert contents.keys() == {"fastfit/kernel/missing.json"}
    return json.loads(contents["fastfit/kernel/missing.json"])


@pytest.mark.parametrize("mode", ["", "auto"])
def test_without_a_compiler_a_wheel_has_a_note_in_place_of_the_library(folder, compilers, monkeypatch, mode):
    compilers(cc=FAILS, python="echo python: No module named ziglang >&2; exit 1")
    monkeypatch.setenv(hatch_build.BUILD, mode)
    found = note(folder)
    assert found["reason"] == (
        "no C compiler worked when fastfit was installed (cc: probe.c:1:10: fatal error: string.h: No such file "
        "or directory; clang: not found; ziglang: python: No module named ziglang)"
    )
    again = "Install a C compiler, then run: pip install --force-reinstall --no-cache-dir --no-deps"
    assert found["advice"] == f"{again} ."
    (folder.parents[1] / "PKG-INFO").touch()  # as in an sdist
    assert note(folder)["advice"] == f"{again} --no-binary fastfit fastfit"
    assert not (folder / "missing.json").exists()


def test_where_a_compiler_is_required_there_is_no_wheel_without(folder, compilers, monkeypatch):
    compilers(cc=FAILS)
    monkeypatch.setenv(hatch_build.BUILD, "require")
    with pytest.raises(RuntimeError, match=r"no C compiler could compile the kernel\. Tried:\n  cc: probe"):
        made(folder)


def test_nothing_is_compiled_where_that_is_asked_for(folder, compilers, monkeypatch):
    calls = compilers(cc=WORKS)
    monkeypatch.setenv(hatch_build.BUILD, "none")
    assert hook(folder).dependencies() == []
    assert note(folder) == {"reason": "fastfit was installed with FASTFIT_BUILD=none", "advice": ""}
    assert not calls()


@pytest.mark.parametrize("value", ["no", "AUTO", "auto ", "1"])
def test_an_unknown_way_to_build_is_an_error(folder, compilers, monkeypatch, value):
    compilers(cc=WORKS)
    monkeypatch.setenv(hatch_build.BUILD, value)
    message = f"^FASTFIT_BUILD: expected auto, require or none, got {value!r}$"
    for build in (hook(folder).dependencies, lambda: made(folder)):
        with pytest.raises(ValueError, match=message):
            build()


def test_an_editable_install_has_the_library_or_the_note(folder, compilers, monkeypatch):
    compilers(cc=WORKS)
    library = load(folder / "sources.py", "sources").LIBRARY
    assert made(folder, "editable")[0] == {}
    assert library.read_text() == "library\n"
    monkeypatch.setenv("PATH", "")
    assert "pip install -e ." in note(folder, "editable")["advice"]
    assert not library.exists()  # it may be of other sources


def test_zig_is_not_asked_for_where_it_has_no_wheel(folder, compilers, monkeypatch):
    compilers()
    monkeypatch.setattr(hatch_build.sysconfig, "get_platform", lambda: "freebsd-14.1-release-amd64")
    assert hook(folder).dependencies() == []


# ---- For other platforms.


@pytest.mark.parametrize(
    ("platform", "suffix", "tag"),
    [
        ("linux-x86_64", "so", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("linux-aarch64", "so", "manylinux_2_17_aarch64.manylinux2014_aarch64"),
        ("macosx-10.13-x86_64", "dylib", "macosx_10_13_x86_64"),
        ("macosx-11.0-arm64", "dylib", "macosx_11_0_arm64"),
        ("win-amd64", "dll", "win_amd64"),
        ("win-arm64", "dll", "win_arm64"),
    ],
)
def test_zig_alone_compiles_for_a_platform_that_is_asked_for(
    folder, compilers, monkeypatch, platform, suffix, tag
):
    calls = compilers(cc=WORKS, python=WORKS)
    monkeypatch.setenv(hatch_build.PLATFORM, platform)
    assert hook(folder).dependencies() == [hatch_build.ZIG]
    contents, build_data = made(folder)
    assert contents == {f"fastfit/kernel/fastfit_kernel.{suffix}": "library\n"}
    assert build_data == {"pure_python": False, "tag": f"py3-none-{tag}"}
    assert calls().count("cc") == calls().count("python") == 4  # `python -m ziglang cc`, and never cc itself
    assert hatch_build.zig_target(platform) in calls()


def test_for_a_platform_that_is_asked_for_a_library_is_required(folder, compilers, monkeypatch):
    compilers(cc=WORKS)
    monkeypatch.setenv(hatch_build.PLATFORM, "win-arm64")
    with pytest.raises(RuntimeError, match="Tried:\n  ziglang: not found"):
        made(folder)


def test_the_wheel_for_all_other_platforms_says_how_to_compile(folder, compilers, monkeypatch):
    compilers(cc=WORKS)
    monkeypatch.setenv(hatch_build.PLATFORM, "any")
    assert hook(folder).dependencies() == []
    found = note(folder)
    assert found["reason"] == "fastfit has no compiled wheel for this platform"
    assert found["advice"].endswith("--force-reinstall --no-cache-dir --no-deps --no-binary fastfit fastfit")


def test_an_unknown_platform_is_an_error(folder, compilers, monkeypatch):
    compilers(cc=WORKS)
    monkeypatch.setenv(hatch_build.PLATFORM, "linux-mips")
    with pytest.raises(
        ValueError, match=r"^FASTFIT_PLATFORM: expected any or one of linux-x86_64, .* 'linux-mips'$"
    ):
        hook(folder).dependencies()


def test_library_in_use_is_replaced_and_not_written_to(folder, compilers):
    compilers(cc=WORKS)
    library = load(folder / "sources.py", "sources").LIBRARY
    library.write_text("old\n")
    with library.open() as mapped:
        assert compiled(folder) == library
        assert mapped.read() == "old\n"
    assert library.read_text() == "library\n"
    assert [path for path in folder.iterdir() if library.stem in path.name] == [library]


@pytest.mark.parametrize(
    ("name", "machine", "expected"),
    [
        ("macosx-10.9-universal2", "x86_64", "macosx-10.9-x86_64"),
        ("macosx-10.9-universal2", "arm64", "macosx-11.0-arm64"),
        ("macosx-11-arm64", "arm64", "macosx-11.0-arm64"),
        ("macosx-14.5-arm64", "arm64", "macosx-14.0-arm64"),
        ("macosx-11.0-x86_64", "arm64", "macosx-11.0-x86_64"),
    ],
)
def test_on_macos_a_library_is_for_one_processor(monkeypatch, name, machine, expected):
    monkeypatch.setattr(hatch_build.sysconfig, "get_platform", lambda: name)
    monkeypatch.setattr(hatch_build.platform, "machine", lambda: machine)
    assert hatch_build.platform_name() == expected
    _, version, processor = expected.split("-")
    expected_options = ["-arch", processor, f"-mmacosx-version-min={version}"]
    assert hatch_build.platform_options(expected) == expected_options
    assert all(compiler.command[1:] == expected_options for compiler in hatch_build.installed_compilers())


@pytest.mark.parametrize(
    ("name", "abi", "expected"),
    [
        ("linux-x86_64", "cpython-311-x86_64-linux-gnu", "x86_64-linux-gnu.2.17"),
        ("linux-aarch64", "cpython-314-aarch64-linux-gnu", "aarch64-linux-gnu.2.17"),
        ("linux-aarch64", "cpython-312-aarch64-linux-musl", "aarch64-linux-musl"),
        ("linux-riscv64", "cpython-311-riscv64-linux-gnu", "native"),
        ("macosx-10.9-x86_64", "cpython-311-darwin", "x86_64-macos.10.9"),
        ("macosx-11.0-arm64", "cpython-311-darwin", "aarch64-macos.11.0"),
        ("win-amd64", None, "x86_64-windows-gnu"),
        ("win-arm64", None, "aarch64-windows-gnu"),
        ("win32", None, "native"),
    ],
)
def test_zig_is_told_the_platform(monkeypatch, name, abi, expected):
    monkeypatch.setattr(hatch_build.sysconfig, "get_config_var", lambda _: abi)
    assert hatch_build.zig_target(name) == expected


# ---- What is installed.


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copied_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return new_environment(tmp_path_factory.mktemp("environment"))


def source_names(tree):
    return {path.name for path in (tree / hatch_build.KERNEL).glob("*.[ch]")}


def check_kernel(folder, checkout):
    """Check that a folder holds the sources of a checkout and the library that was compiled from them."""
    assert source_names(checkout)
    assert source_names(checkout) < {path.name for path in folder.iterdir()}
    library = folder / load(folder / "sources.py", "sources").LIBRARY.name
    assert digest(folder).encode() in library.read_bytes()
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, library], check=True)


@pytest.mark.building
def test_first_command_of_the_readme_needs_no_compiler(checkout, tmp_path):
    programs, clone = tmp_path / "bin", tmp_path / "clone"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    shutil.copytree(checkout, clone)
    command = re.search(
        r"<!-- try -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )[1]
    bare = {name: value for name, value in os.environ.items() if name not in {"CC", "PYTHONPATH", "VIRTUAL_ENV"}}
    bare["PATH"] = str(programs)
    run = subprocess.run(
        ["/bin/sh", "-euc", command], cwd=clone, env=bare, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    check_kernel(installed(clone / ".venv" / "bin" / "python") / "kernel", checkout)
    assert len(list((clone / "out").iterdir())) == 5


@pytest.mark.building
def test_editable_install_compiles_next_to_the_sources(checkout, environment):
    pip(environment, "install", "--no-deps", "-e", ".", cwd=checkout)
    check_kernel(checkout / hatch_build.KERNEL, checkout)
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", hatch_build.KERNEL + "/fastfit_kernel.so"], cwd=ROOT, check=False
    )
    assert ignored.returncode == 0


@pytest.mark.building
def test_wheel_is_for_any_python_on_this_platform(checkout, tmp_path):
    pip(sys.executable, "wheel", "--no-deps", "-w", tmp_path, ".", cwd=checkout)
    (wheel,) = tmp_path.iterdir()
    platform = re.sub(r"\W", "_", hatch_build.platform_name())
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "unpacked")
    check_kernel(tmp_path / "unpacked" / hatch_build.KERNEL, checkout)
    assert "Root-Is-Purelib: false" in next(tmp_path.rglob("WHEEL")).read_text()


@pytest.mark.building
def test_sdist_holds_the_sources_alone_and_installs(checkout, environment, tmp_path):
    library = load(checkout / hatch_build.KERNEL / "sources.py", "sources").LIBRARY
    library.write_bytes(b"of another time")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path], cwd=checkout, check=True
    )
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    sources = {f"{hatch_build.KERNEL}/{name}" for name in source_names(checkout)}
    assert {"hatch_build.py", f"{hatch_build.KERNEL}/sources.py", *sources} <= names
    assert not [name for name in names if name.endswith((".so", ".dylib", ".dll", ".o"))]
    pip(environment, "install", "--no-deps", "--force-reinstall", sdist, cwd=tmp_path)
    check_kernel(installed(environment) / "kernel", checkout)


# ---- What compilers say about the sources.

SOURCES = sorted(KERNEL.glob("*.c"))
STRICT = ["-Werror", "-Wl,--no-undefined"]


def strict(name):
    compiler = hatch_build.zig_compiler() if name == "ziglang" else hatch_build.Compiler(name, [name])
    return compiler._replace(command=[*compiler.command, *STRICT])


@pytest.mark.building
@pytest.mark.parametrize("name", ["gcc", "ziglang"])
def test_sources_compile_without_a_warning(tmp_path, name):
    library = tmp_path / "strict.so"
    hatch_build.compile_library(strict(name), SOURCES, library, 'FASTFIT_SOURCE="strict"')
    ctypes.CDLL(library)


@pytest.mark.building
@pytest.mark.parametrize(
    "platform",
    ["linux-x86_64", "linux-aarch64", "macosx-10.9-x86_64", "macosx-11.0-arm64", "win-amd64", "win-arm64"],
)
def test_sources_compile_for_every_platform(tmp_path, monkeypatch, platform):
    monkeypatch.setattr(hatch_build, "platform_name", lambda: platform)
    command = [*hatch_build.zig_compiler().command, *hatch_build.FLAGS, "-Werror", '-DFASTFIT_SOURCE="strict"']
    for source in SOURCES:
        hatch_build.run([*command, "-c", str(source), "-o", str(tmp_path / f"{source.stem}.o")], tmp_path)
