"""What the code promises about itself: which part knows which, what is public, what the examples say."""

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import fastfit

PACKAGE = Path(fastfit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What each part may import of fastfit. A part is a module, or a folder with all in it. An arrow never points back:
# a line names only parts of the lines above it.
PARTS = {
    "version": set(),
    "errors": set(),
    "words": set(),
    "threads": set(),
    "kernel": {"errors"},
    "kept": set(),
    "types": {"errors"},
    "placement": {"errors", "types"},
    "geometry": {"errors", "types", "words", "placement"},
    "presets": {"errors", "types", "words"},
    "sizes": {"errors", "types", "presets"},
    "pillow_memory": {"types"},
    "arrays": {"errors", "types", "pillow_memory"},
    "channels": {"errors", "types"},
    "resample": {"errors", "types", "kernel", "kept"},
    "conversion": {"errors", "types", "resample"},
    "border": {"types", "resample"},
    "focus": {"errors", "types", "resample"},
    "apply": {
        "kept",
        "errors",
        "types",
        "words",
        "geometry",
        "arrays",
        "channels",
        "conversion",
        "resample",
        "border",
    },
    "checks": {"errors", "types", "words", "geometry", "channels"},
    "spec": {
        "kept",
        "errors",
        "types",
        "words",
        "geometry",
        "presets",
        "sizes",
        "arrays",
        "checks",
        "conversion",
        "resample",
        "focus",
        "apply",
    },
    "functions": {"types", "words", "spec"},
    "runners": {"errors", "threads", "types"},
    "batch": {"errors", "runners", "threads", "types", "arrays", "resample", "spec"},
    "proof": {"version", "errors", "types", "words", "kernel", "resample", "spec"},
    "codec": {"errors", "types", "words"},
    "options": {"errors", "types", "words", "presets", "codec"},
    "disk": {"errors", "codec"},
    "shrink": {"errors", "types", "geometry", "resample", "spec", "codec", "options"},
    "loading": {
        "errors",
        "types",
        "words",
        "geometry",
        "arrays",
        "resample",
        "spec",
        "codec",
        "options",
        "disk",
        "shrink",
    },
    "files": {"errors", "types", "geometry", "channels", "spec", "codec", "options", "disk", "loading"},
    "services": {
        "errors",
        "types",
        "words",
        "arrays",
        "presets",
        "sizes",
        "spec",
        "codec",
        "options",
        "disk",
        "loading",
        "files",
    },
    "inspection": {"errors", "types", "words", "presets", "sizes", "codec", "disk"},
    "comparison": {
        "types",
        "words",
        "geometry",
        "presets",
        "sizes",
        "arrays",
        "channels",
        "spec",
        "codec",
        "loading",
    },
    "bulk": {
        "version",
        "words",
        "errors",
        "threads",
        "types",
        "geometry",
        "resample",
        "spec",
        "codec",
        "options",
        "disk",
        "loading",
        "files",
    },
    "__init__": {
        "version",
        "bulk",
        "errors",
        "types",
        "placement",
        "geometry",
        "presets",
        "sizes",
        "spec",
        "functions",
        "batch",
        "codec",
        "options",
        "loading",
        "files",
        "services",
        "inspection",
        "comparison",
        "proof",
    },
    "cli": {
        "version",
        "errors",
        "kernel",
        "words",
        "types",
        "presets",
        "spec",
        "codec",
        "options",
        "disk",
        "inspection",
        "comparison",
        "bulk",
        "proof",
        "__init__",
    },
    "__main__": {"cli"},
}
# The same within the part that is as large as the rest: each of its modules knows only those above it.
BULK = (
    *(
        "seen",
        "items",
        "journal",
        "naming",
        "claims",
        "sources",
        "sinks",
        "admission",
        "temporary",
        "work",
        "workers",
        "pool",
    ),
    *("report", "engine", "job", "running", "failed", "runs", "summary", "thumbnails", "page", "__init__"),
)
# The only parts that may import a library. Whatever is in nobody's line may be imported nowhere.
LIBRARIES = {
    "numpy": {
        "types",
        "placement",
        "pillow_memory",
        "arrays",
        "channels",
        "conversion",
        "resample",
        "border",
        "focus",
        "apply",
        "checks",
        "spec",
        "batch",
        "codec",
        "shrink",
        "loading",
        "files",
        "inspection",
        "comparison",
        "bulk",
        "proof",
    },
    "cv2": {"resample", "border", "codec", "comparison", "threads"},
    "PIL": {"codec"},
    "joblib": {"runners", "bulk"},
    "pyarrow": {"bulk"},
    "tqdm": {"cli"},
    "argparse": {"cli"},
}
# The only files that may call a function.
CALLS = {
    "cv2.resize": {"resample/interpolate.py"},
    "cv2.imdecode": {"codec/opencv.py", "codec/formats.py"},
    "cv2.imencode": {"codec/formats.py"},
    "cv2.imencodeWithMetadata": {"codec/encode.py"},
    "cv2.imread": set(),
    "cv2.imwrite": set(),
    "ctypes.CDLL": {"kernel/library.py"},
    # BLAS: its sums of floats differ from one number of threads to another.
    "np.dot": set(),
    "np.inner": set(),
    "np.matmul": set(),
    "np.tensordot": set(),
    "np.vdot": set(),
    "print": {"cli/__init__.py", "cli/formats.py", "cli/frames.py", "cli/runs.py", "cli/selftest.py"},
    "sys.exit": {"__main__.py"},
}


def part(path):
    """Return the part that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def imported(path):
    """Yield the dotted name of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(path):
    """Return the parts of fastfit that a file imports; what only the package itself has counts as ``__init__``."""
    names = [name.split(".") for name in imported(path) if name.split(".")[0] == "fastfit"]
    return {(name[1:] or ["__init__"])[0] if set(name[1:2]) <= PARTS.keys() else "__init__" for name in names}


def called(path):
    """Return the functions that a file calls, as it writes them."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return {ast.unparse(node.func) for node in calls}


@pytest.mark.quick
def test_the_table_itself_points_one_way():
    above = set()
    for name, allowed in PARTS.items():
        assert allowed <= above, name
        above.add(name)


@pytest.mark.quick
@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_arrow_points_back(path):
    assert imported_parts(path) - {part(path)} <= PARTS[part(path)]


@pytest.mark.parametrize("path", sorted((PACKAGE / "bulk").rglob("*.py")), ids=relative)
def test_no_arrow_points_back_in_bulk(path):
    own = path.relative_to(PACKAGE / "bulk").with_suffix("").parts[0]
    names = {name.split(".")[2] for name in imported(path) if name.startswith("fastfit.bulk.")}
    assert names - {own} <= {*BULK[: BULK.index(own)]}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_libraries_stay_in_few_places(path):
    libraries = {name.split(".")[0] for name in imported(path)} - {"fastfit"}
    outside = libraries - (sys.stdlib_module_names - LIBRARIES.keys())
    assert {name for name in outside if part(path) not in LIBRARIES.get(name, ())} == set()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_calls_stay_in_few_places(path):
    assert {name for name in called(path) if relative(path) not in CALLS.get(name, {relative(path)})} == set()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_file_multiplies_matrices(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert not any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) for node in nodes)


def test_pointers_stay_in_few_places():
    # What loads the kernel, what reads Pillow's memory, and what rounds to C floats without NumPy.
    found = {relative(path) for path in FILES if any(name.split(".")[0] == "ctypes" for name in imported(path))}
    assert found == {"kernel/library.py", "pillow_memory.py", "geometry.py"}


def test_interpolate_is_where_resize_is():
    # The tests above would hold if nobody called it by that name any more.
    assert "cv2.resize" in called(PACKAGE / "resample" / "interpolate.py")


@pytest.mark.parametrize(
    "code",
    [
        "import fastfit; dir(fastfit)",
        "from fastfit import FastfitError, cli",
        "from fastfit.cli import main; main(['--version'])",
        "from fastfit.cli import main; main(['fit', '--help'])",
        "from fastfit.cli import main; main(['fit', 'x.jpg', '-o', 'out', '--mode', 'fill'])",
    ],
)
def test_what_touches_no_image_loads_no_library(code):
    libraries = "{'numpy', 'cv2', 'joblib', 'PIL', 'tqdm'}"
    ends = f"import atexit, sys; atexit.register(lambda: print('loaded', *{libraries} & sys.modules.keys()))"
    command = [sys.executable, "-W", "error", "-c", f"{ends}; {code}"]
    done = subprocess.run(command, cwd=PACKAGE.parent, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["loaded"], done.stderr


def test_fitting_arrays_loads_nothing_for_many_files_or_the_command_line():
    late = "{'PIL', 'argparse', 'joblib', 'tqdm'}"
    code = f"import sys; from fastfit import *; print(*{late} & sys.modules.keys())"
    command = [sys.executable, "-W", "error", "-c", code]
    loaded = subprocess.run(command, cwd=PACKAGE.parent, check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []


@pytest.mark.quick
def test_all_is_sorted_and_what_type_checkers_see_is_what_there_is():
    seen = {
        alias.name: node.module
        for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if not alias.name.startswith("_")
    }
    assert fastfit.__all__ == sorted(seen, key=lambda name: (not name.isupper(), name))
    for name, module in seen.items():
        assert getattr(fastfit, name) is getattr(importlib.import_module(module), name)
        assert vars(fastfit)[name] is getattr(fastfit, name)


def test_nothing_else_is_public():
    for name in fastfit.__all__:
        getattr(fastfit, name)
    public = {name for name in dir(fastfit) if not name.startswith("_")}
    assert {name for name in public if not inspect.ismodule(getattr(fastfit, name))} == set(fastfit.__all__)


def test_before_their_first_use_names_are_there_too():
    code = """if True:
        import fastfit
        assert set(fastfit.__all__) <= set(dir(fastfit))
        assert fastfit.types.Size is fastfit.Size and fastfit.codec.probe is fastfit.probe
        assert hasattr(fastfit, "fit") and not hasattr(fastfit, "nonexistent")
        from fastfit import *
        assert fit is fastfit.fit and fastfit.fit.__module__ == "fastfit.functions"
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=PACKAGE.parent, check=True)


def test_threads_that_ask_for_different_names_at_once_all_get_them():
    code = """if True:
        import threading, fastfit
        start, missing = threading.Barrier(len(fastfit.__all__)), set(fastfit.__all__)
        def use(name):
            start.wait()
            if getattr(fastfit, name):
                missing.remove(name)
        threads = [threading.Thread(target=use, args=[name]) for name in fastfit.__all__]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not missing, missing
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=PACKAGE.parent, check=True, timeout=60)


def test_a_name_that_is_not_there_fails_as_in_any_module():
    with pytest.raises(AttributeError, match=r"^module 'fastfit' has no attribute 'nonexistent'$"):
        _ = fastfit.nonexistent
    with pytest.raises(ImportError, match="cannot import name 'nonexistent' from 'fastfit'"):
        exec("from fastfit import nonexistent")


@pytest.mark.parametrize("name", fastfit.__all__)
def test_every_public_name_says_what_it_is(name):
    # A dataclass or a named tuple without a docstring gets its signature for one.
    text = getattr(fastfit, name).__doc__
    assert text
    assert not text.startswith(f"{name}(")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_module_says_what_it_is_and_its_examples_hold(path):
    if path.name == "__main__.py":
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        return
    dotted = ".".join(("fastfit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    module = importlib.import_module(dotted)
    assert module.__doc__
    assert set(getattr(module, "__all__", ())) <= vars(module).keys()
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("name", ["Fit", "cover", "fit", "pad", "plan", "stretch"])
def test_every_way_to_fit_has_an_example(name):
    assert doctest.DocTestFinder(recurse=False).find(getattr(fastfit, name), name)[0].examples
