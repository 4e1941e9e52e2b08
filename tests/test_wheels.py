"""The wheels of a release: built for all platforms, inspected, installed. Each inspection finds its fault."""

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from installs import ROOT, copied_checkout, installed, new_environment, pip, run

import hatch_build

pytestmark = pytest.mark.building

PLATFORMS = ["linux-x86_64", "linux-aarch64", "macosx-10.13-x86_64", "macosx-11.0-arm64", "win-amd64", "win-arm64"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where zig keeps what it has compiled: the same is compiled again and again."""
    return {"ZIG_GLOBAL_CACHE_DIR": str(tmp_path_factory.mktemp("zig"))}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """All files of a release, from a checkout without Git."""
    checkout = copied_checkout(tmp_path_factory.mktemp("checkout"))
    dist = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "wheels", dist, cwd=checkout, CC="false")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 8
    return dist


def file(dist, tag):
    (found,) = dist.glob(f"fastfit-*{tag}")
    return found


def test_a_release_has_wheels_for_all_platforms_and_the_sdist(dist):
    names = {re.sub(r"fastfit-[\w.]+?(-py3|\.tar)", r"\1", path.name) for path in dist.iterdir()}
    assert names == {
        "-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
        "-py3-none-macosx_10_13_x86_64.whl",
        "-py3-none-macosx_11_0_arm64.whl",
        "-py3-none-win_amd64.whl",
        "-py3-none-win_arm64.whl",
        "-py3-none-any.whl",
        ".tar.gz",
    }
    assert all(path.stat().st_size < 700_000 for path in dist.glob("*.whl"))


def test_a_release_has_the_same_bytes_whenever_and_wherever_it_is_built(dist, tmp_path):
    again = copied_checkout(tmp_path / "of another name")
    done = run(sys.executable, "-m", "wheels", tmp_path / "dist", cwd=again)
    assert done.returncode == 0, done.stdout + done.stderr
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (dist, tmp_path / "dist")
    ]
    assert digests[0] == digests[1]


def test_pip_takes_the_wheel_of_each_platform_before_the_pure_one(dist, tmp_path):
    asked = {
        "manylinux2014_x86_64": "manylinux_2_17_x86_64",
        "manylinux_2_28_aarch64": "any",  # older pips know only what they are told
        "macosx_14_0_arm64": "macosx_11_0_arm64",
        "macosx_13_0_x86_64": "macosx_10_13_x86_64",
        "win_amd64": "win_amd64",
        "win_arm64": "win_arm64",
        "freebsd_14_1_release_amd64": "any",
    }
    for number, (platform, tag) in enumerate(asked.items()):
        to = tmp_path / str(number)
        options = ("--no-index", "-f", dist, "--no-deps", "--only-binary=:all:", "--platform", platform, "-d", to)
        pip(sys.executable, "download", "-q", *options, "fastfit", cwd=tmp_path)
        (found,) = to.iterdir()
        assert tag in found.name


# ---- Installed.


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment that has what fastfit and its tests need, and no fastfit."""
    python = new_environment(tmp_path_factory.mktemp("environment"))
    needed = ["pip>=24", *requirements()]
    pip(python, "install", "-q", *needed, cwd="/")
    return python


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["test"], *extras["color"], *extras["formats"], *extras["parquet"]]
    return [name for name in named if not name.startswith("fastfit[")]


@pytest.fixture
def elsewhere(tmp_path):
    """The tests and what they read, without the package."""
    copy = copied_checkout(tmp_path / "checkout")
    shutil.rmtree(copy / "fastfit")
    return copy


def install(python, file):
    pip(python, "install", "--no-deps", "--force-reinstall", file, cwd="/", CC="", FASTFIT_BUILD="require")


def about(python):
    """Return where the fastfit of an environment lies, and its kernel."""
    code = "import fastfit; from fastfit.kernel.library import about; print(fastfit.__file__, about(), sep='\\n')"
    where, kernel = run(python, "-c", code, cwd="/").stdout.splitlines()
    assert Path(where).parent == installed(python)
    return kernel


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="is for another platform")
def test_the_wheel_for_linux_passes_the_quick_tests(dist, python, elsewhere):
    install(python, file(dist, "x86_64.manylinux2014_x86_64.whl"))
    assert "Clang" in about(python)
    (elsewhere / "tests" / "test_building.py").unlink()  # it is about the checkout
    done = run(python, "-m", "pytest", "-q", "-m", "quick", "-p", "no:cacheprovider", cwd=elsewhere)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 100


def test_the_wheel_for_all_others_fits_with_the_reference_and_warns(dist, python):
    install(python, file(dist, "any.whl"))
    assert about(python) == "numpy (fastfit has no compiled wheel for this platform)"
    code = "import fastfit, numpy; print(fastfit.fit(numpy.zeros((40, 30, 3), 'u1'), (8, 5)).shape)"
    done = run(python, "-c", code, cwd="/")
    assert done.stdout == "(5, 8, 3)\n"
    assert "The reason: fastfit has no compiled wheel for this platform. If this machine has a C" in done.stderr
    assert "--no-binary fastfit fastfit" in done.stderr


def test_the_sdist_installs(dist, python):
    install(python, file(dist, ".tar.gz"))
    assert not about(python).startswith("numpy")


# ---- What the inspection finds.


@pytest.fixture(scope="module")
def inspection():
    return importlib.import_module("wheels.inspection")


SECOND = """
static const char *volatile text = "second"; /* a pointer: Windows relocates it */
EXPORT const char *fastfit_second(void) { return text; }
"""


class Kernel:
    """A small kernel, compiled for any platform."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.header = folder / "kernel.h"
        self.header.write_text(
            "#if defined(_WIN32)\n#define EXPORT __declspec(dllexport)\n#else\n"
            '#define EXPORT __attribute__((visibility("default")))\n#endif\n'
            "EXPORT int fastfit_first(\n    int number\n);\nEXPORT const char *fastfit_second(void);\n"
        )
        self.write("first", "EXPORT int fastfit_first(int number) { return number; }\n")
        self.write("second", f"{hatch_build.PROBE}{SECOND}")

    def write(self, name, code):
        (self.folder / f"{name}.c").write_text(f'#include "kernel.h"\n{code}')

    def compile(self, platform, *options):
        self.monkeypatch.setenv(hatch_build.PLATFORM, platform)
        compiler = hatch_build.zig_compiler()
        compiler = compiler._replace(command=[*compiler.command, *options])
        library = self.folder / hatch_build.library_name("fastfit_kernel.so")
        hatch_build.compile_library(compiler, sorted(self.folder.glob("*.c")), library)
        return library


@pytest.fixture
def kernel(tmp_path, monkeypatch, cache):
    for name, value in cache.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.replace("GLOBAL", "LOCAL"), value)
    return Kernel(tmp_path, monkeypatch)


def found(inspection, kernel, platform, *options):
    """Return what the inspection finds in a library, and in its objects."""
    library = kernel.compile(platform, *options)
    in_library = [*inspection.in_library(library, platform, kernel.header)]
    return [*in_library, *inspection.in_objects(kernel.folder, platform)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_good_kernel_has_no_faults(inspection, kernel, platform):
    assert found(inspection, kernel, platform) == []


@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64"])
def test_an_undefined_function_is_found(inspection, kernel, platform):
    kernel.write(
        "first", "int puts(const char *);\nEXPORT int fastfit_first(int number) { return puts(&number); }\n"
    )
    options = ("-Wno-incompatible-pointer-types",)
    assert found(inspection, kernel, platform, *options) == ["the library does not define puts"]


@pytest.mark.parametrize("platform", ["macosx-11.0-arm64", "macosx-10.13-x86_64"])
def test_a_function_of_the_system_is_found(inspection, kernel, platform):
    kernel.write(
        "first", 'int puts(const char *);\nEXPORT int fastfit_first(int number) { return puts("") + number; }\n'
    )
    assert found(inspection, kernel, platform) == ["the library does not define _puts"]


@pytest.mark.parametrize("platform", ["win-amd64", "win-arm64"])
def test_an_undefined_function_is_no_library_for_windows(kernel, platform):
    kernel.write(
        "first", 'int puts(const char *);\nEXPORT int fastfit_first(int number) { return puts("") + number; }\n'
    )
    with pytest.raises(hatch_build.CompilerError, match="undefined symbol: puts"):
        kernel.compile(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_exports_are_those_of_the_header(inspection, kernel, platform):
    code = "EXPORT int fastfit_third(void);\nEXPORT int fastfit_third(void) { return 3; }\n"
    kernel.write("first", code)
    assert found(inspection, kernel, platform) == [
        "the library exports fastfit_third, which kernel.h does not declare",
        "the library does not export fastfit_first",
    ]


def test_a_library_that_is_needed_is_found(inspection, kernel, monkeypatch):
    monkeypatch.setattr(hatch_build, "link_options", lambda _: ["-Wl,--no-as-needed", "-lc"])
    kernel.write(
        "first", 'int puts(const char *);\nEXPORT int fastfit_first(int number) { return puts("") + number; }\n'
    )
    lines = found(inspection, kernel, "linux-x86_64")
    assert "the library needs libc.so.6, not nothing" in lines
    assert "the library asks for versions of symbols" in lines


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("-Wl,-rpath,/tmp", "the library has RUNPATH"),
        ("-Wl,-z,max-page-size=4096", "the library is aligned to 4096 bytes, less than a page of arm64"),
    ],
)
def test_what_a_linux_would_not_load_is_found(inspection, kernel, monkeypatch, option, line):
    monkeypatch.setattr(hatch_build, "link_options", lambda _: ["-nostdlib", option])
    assert found(inspection, kernel, "linux-aarch64") == [line]


def test_what_a_mac_would_not_load_is_found(inspection, kernel):
    library = kernel.compile("macosx-11.0-arm64")
    lines = [*inspection.in_library(library, "macosx-10.13-x86_64", kernel.header)]
    assert lines == ["the library is for aarch64, not x86_64", "the library is for macOS 11.0, not 10.13"]
    kernel.monkeypatch.setattr(hatch_build, "link_options", lambda _: ["-nostdlib"])
    lines = found(inspection, kernel, "macosx-11.0-arm64")
    assert [line for line in lines if line.startswith("the library calls itself ")]


@pytest.mark.parametrize(
    ("made", "asked", "other"),
    [("linux-x86_64", "linux-aarch64", "x86_64"), ("win-arm64", "win-amd64", "aarch64")],
)
def test_another_machine_is_found(inspection, kernel, made, asked, other):
    lines = [*inspection.in_library(kernel.compile(made), asked, kernel.header)]
    assert f"the library is for {other}, not {inspection._machine(asked)}" in lines


@pytest.mark.parametrize("asked", ["linux-x86_64", "win-amd64", "macosx-11.0-arm64"])
def test_another_system_is_found(inspection, kernel, asked):
    made = "win-amd64" if asked.startswith("linux") else "linux-x86_64"
    library = kernel.compile(made)
    assert [*inspection.in_library(library, asked, kernel.header)] == [
        f"{library.name} is not a library for {asked}"
    ]


# ---- What the inspection finds in code.

AVX2 = """
#include <immintrin.h>
__attribute__((target("avx2"))) void NAME(int *x);
__attribute__((target("avx2"))) void NAME(int *x) {
    __m256i a = _mm256_loadu_si256((void *)x);
    _mm256_storeu_si256((void *)x, _mm256_add_epi32(a, a));
}
"""
AVX512 = """
#include <immintrin.h>
__attribute__((target("avx512f"))) void NAME(int *x);
__attribute__((target("avx512f"))) void NAME(int *x) {
    __m512i a = _mm512_loadu_si512((void *)x);
    _mm512_storeu_si512((void *)x, _mm512_add_epi32(a, a));
}
"""
FMA = """
#include <immintrin.h>
__attribute__((target("avx2,fma"))) void NAME(float *x);
__attribute__((target("avx2,fma"))) void NAME(float *x) {
    __m256 a = _mm256_loadu_ps(x);
    _mm256_storeu_ps(x, _mm256_fmadd_ps(a, a, a));
}
"""
SSE4 = """
__attribute__((target("sse4.1"))) double NAME(double x);
__attribute__((target("sse4.1"))) double NAME(double x) { return __builtin_floor(x); }
"""
DOTPROD = """
#include <arm_neon.h>
__attribute__((target("dotprod"))) int32x4_t NAME(int32x4_t s, int8x16_t a);
__attribute__((target("dotprod"))) int32x4_t NAME(int32x4_t s, int8x16_t a) { return vdotq_s32(s, a, a); }
"""
I8MM = """
#include <arm_neon.h>
__attribute__((target("i8mm"))) int32x4_t NAME(int32x4_t s, uint8x16_t a, int8x16_t b);
__attribute__((target("i8mm"))) int32x4_t NAME(int32x4_t s, uint8x16_t a, int8x16_t b) {
    return vusdotq_s32(s, a, b);
}
"""
FP16 = """
#include <arm_neon.h>
__attribute__((target("arch=armv8.2-a+fp16"))) float16x8_t NAME(float16x8_t a);
__attribute__((target("arch=armv8.2-a+fp16"))) float16x8_t NAME(float16x8_t a) { return vaddq_f16(a, a); }
"""
HALVES = """
#include <arm_neon.h>
float32x4_t NAME(float16x4_t a, float x, _Float16 *y);
float32x4_t NAME(float16x4_t a, float x, _Float16 *y) {
    *y = (_Float16)x;
    return vcvt_f32_f16(a);
}
"""
SVE = """
#include <arm_sve.h>
__attribute__((target("sve"))) svint32_t NAME(svint32_t a);
__attribute__((target("sve"))) svint32_t NAME(svint32_t a) { return svadd_n_s32_x(svptrue_b32(), a, 3); }
"""
POPCNT = """
__attribute__((target("popcnt"))) int NAME(unsigned long long x);
__attribute__((target("popcnt"))) int NAME(unsigned long long x) { return __builtin_popcountll(x); }
"""
TABLE = """
int NAME(int x);
int NAME(int x) {
    switch (x) {
    case 0: return 17; case 1: return NAME(3); case 2: return NAME(x + 9) * 3; case 3: return NAME(x * x) - 5;
    case 4: return 1 + NAME(1); case 5: return NAME(x - 4) / 7; default: return 0;
    }
}
"""


@pytest.mark.parametrize(
    ("platform", "code", "file", "name", "needs"),
    [
        ("linux-x86_64", AVX2, "portable", "gather", "VEX"),
        ("win-amd64", AVX2, "portable", "gather", "VEX"),
        ("macosx-10.13-x86_64", AVX2, "portable", "gather", "VEX"),
        ("linux-x86_64", AVX2, "avx2_across", "gather", ""),
        ("linux-x86_64", AVX2, "reduce", "avx2_reduce", ""),
        ("macosx-10.13-x86_64", AVX2, "reduce", "avx2_reduce", ""),
        ("win-amd64", AVX2, "reduce", "avx2_reduce", ""),
        ("linux-x86_64", AVX2, "reduce", "reduce_avx2", "VEX"),
        ("linux-x86_64", AVX512, "avx2_across", "row", "EVEX"),
        ("linux-x86_64", AVX512, "avx512_across", "row", ""),
        ("linux-x86_64", FMA, "avx2_across", "row", "fma"),
        ("linux-x86_64", SSE4, "portable", "row", "sse41"),
        ("macosx-10.13-x86_64", SSE4, "portable", "row", "sse41"),
        ("linux-aarch64", DOTPROD, "neon_across", "row", "dotprod"),
        ("macosx-11.0-arm64", DOTPROD, "portable", "row", "dotprod"),
        ("win-arm64", DOTPROD, "portable", "row", "dotprod"),
        ("linux-aarch64", DOTPROD, "dotprod_across", "row", ""),
        ("linux-aarch64", I8MM, "dotprod_across", "row", "i8mm"),
        ("linux-aarch64", FP16, "portable", "row", "fp16"),
        ("linux-aarch64", HALVES, "portable", "row", ""),
        ("linux-aarch64", SVE, "portable", "row", "sve"),
        ("linux-x86_64", POPCNT, "avx2_across", "row", "popcnt"),
        ("macosx-10.13-x86_64", TABLE, "portable", "row", ""),
        ("macosx-11.0-arm64", TABLE, "portable", "row", ""),
        ("linux-aarch64", TABLE, "portable", "row", ""),
    ],
)
def test_instructions_of_a_level_stay_in_it(inspection, kernel, platform, code, file, name, needs):
    kernel.write(file, code.replace("NAME", name))
    lines = found(inspection, kernel, platform)
    if needs:
        assert lines
        assert all(line.startswith(f"{file}.c: {name} has `") and needs in line for line in lines), lines
    else:
        assert lines == []


@pytest.mark.parametrize("platform", ["linux-aarch64", "macosx-11.0-arm64", "win-arm64", "linux-x86_64"])
def test_fused_arithmetic_in_weights_is_found(inspection, kernel, platform):
    target = '__attribute__((target("fma")))' if platform == "linux-x86_64" else ""
    kernel.write(
        "weights",
        "#pragma STDC FP_CONTRACT ON\n"
        f"{target} double scaled(double a, double b, double c);\n"
        f"{target} double scaled(double a, double b, double c) {{ return a * b + c; }}\n",
    )
    lines = found(inspection, kernel, platform)
    assert re.fullmatch(r"weights\.c: scaled has `v?fmadd.*`, which changes the weights", lines[0])


# ---- What the inspection finds in wheels.


def changed(wheel, folder, name=None, **contents):
    """Copy a wheel with other contents, or another name; a file of contents None is left out."""
    copy = folder / (name or wheel.name)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(copy, "w") as new:
        for each in old.namelist():
            short = re.sub(r"\W", "_", each.rpartition("/")[2])
            change = contents.pop(short, lambda content: content)
            content = change(old.read(each))
            if content is not None:
                new.writestr(each, content)
    assert not contents
    return copy


def replacing(old, new):
    return lambda content: content.replace(old, new)


def test_wrong_tags_are_found(inspection, dist, tmp_path):
    wheel = file(dist, "win_arm64.whl")
    name = wheel.name.replace("win_arm64", "win_amd64")
    assert [*inspection.in_wheel(changed(wheel, tmp_path, name), "win-amd64")] == [
        "WHEEL has the tags py3-none-win_arm64, not py3-none-win_amd64"
    ]
    other = changed(wheel, tmp_path, WHEEL=replacing(b"Tag: py3", b"Tag: cp311"))
    assert [*inspection.in_wheel(other, "win-arm64")] == [
        "WHEEL has the tags cp311-none-win_arm64, not py3-none-win_arm64"
    ]
    assert next(inspection.in_wheel(wheel, "linux-x86_64")).startswith(
        "the name has the tags py3-none-win_arm64, "
    )


def test_a_wheel_in_the_wrong_place_is_found(inspection, dist, tmp_path):
    for tag, platform, was, is_ in (
        ("win_arm64", "win-arm64", b"false", b"true"),
        ("any", "any", b"true", b"false"),
    ):
        wheel = changed(file(dist, f"{tag}.whl"), tmp_path, WHEEL=replacing(was, is_))
        assert [*inspection.in_wheel(wheel, platform)] == [f"Root-Is-Purelib is {is_.decode()}"]


def test_a_library_of_other_sources_is_found(inspection, dist, tmp_path):
    wheel = changed(file(dist, "macosx_11_0_arm64.whl"), tmp_path, levels_c=lambda content: content + b"\n")
    assert [*inspection.in_wheel(wheel, "macosx-11.0-arm64")] == ["the library was made of other sources"]


def test_a_wheel_without_a_library_or_with_another_is_found(inspection, dist, tmp_path):
    wheel = changed(file(dist, "win_amd64.whl"), tmp_path, fastfit_kernel_dll=lambda _: None)
    assert [*inspection.in_wheel(wheel, "win-amd64")] == ["the kernel has nothing, not fastfit_kernel.dll"]
    wheel = changed(file(dist, "any.whl"), tmp_path, missing_json=lambda _: None)
    assert [*inspection.in_wheel(wheel, "any")] == ["the kernel has nothing, not missing.json"]


def test_the_command_fails_and_names_the_fault(tmp_path):
    checkout = copied_checkout(tmp_path / "checkout")
    with (checkout / "fastfit" / "kernel" / "levels.c").open("a") as source:
        source.write("EXPORT int fastfit_extra(void);\nEXPORT int fastfit_extra(void) { return 1; }\n")
    command = [sys.executable, "-m", "wheels", tmp_path / "dist", "--only", "linux-aarch64"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        r"fastfit-\S+_aarch64\.whl: the library exports fastfit_extra, which kernel\.h does not declare\n",
        done.stderr,
    )
