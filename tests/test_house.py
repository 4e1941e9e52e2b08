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
    "errors": set(),
    "threads": set(),
    "types": {"errors"},
    "placement": {"errors", "types"},
    "geometry": {"errors", "types", "placement"},
    "sizes": {"errors", "types"},
    "arrays": {"errors", "types"},
    "channels": {"errors", "types"},
    "conversion": {"errors", "types", "arrays", "channels"},
    "resample": {"errors", "types", "arrays"},
    "apply": {"errors", "types", "geometry", "arrays", "conversion", "resample"},
    "checks": {"errors", "types", "channels"},
    "spec": {"errors", "types", "geometry", "sizes", "arrays", "checks", "conversion", "resample", "apply"},
    "functions": {"types", "spec"},
    "batch": {"errors", "threads", "types", "arrays", "resample", "spec"},
    "codec": {"errors", "types"},
    "options": {"errors", "types", "codec"},
    "disk": {"errors", "codec"},
    "shrink": {"errors", "types", "geometry", "resample", "spec", "codec", "options"},
    "loading": {"errors", "types", "resample", "spec", "codec", "options", "disk", "shrink"},
    "files": {"errors", "types", "channels", "spec", "codec", "options", "disk", "loading"},
    "tasks": {"errors", "codec"},
    "bulk": {"errors", "threads", "types", "geometry", "spec", "codec", "options", "files", "tasks"},
    "__init__": {
        "errors",
        "types",
        "placement",
        "geometry",
        "sizes",
        "spec",
        "functions",
        "batch",
        "codec",
        "options",
        "loading",
        "files",
    },
    "arguments": {"types", "codec", "options", "__init__"},
    "cli": {"errors", "types", "spec", "codec", "options", "tasks", "bulk", "__init__", "arguments"},
    "__main__": {"cli"},
}
# The only parts that may import a library. Whatever is in nobody's line may be imported nowhere.
LIBRARIES = {
    "numpy": {
        "types",
        "placement",
        "arrays",
        "channels",
        "conversion",
        "resample",
        "apply",
        "checks",
        "spec",
        "batch",
        "codec",
        "shrink",
        "loading",
        "files",
    },
    "cv2": {"conversion", "resample", "codec", "threads"},
    "PIL": {"codec"},
    "joblib": {"bulk"},
    "threadpoolctl": {"threads"},
    "tqdm": {"cli"},
    "argparse": {"arguments", "cli"},
}
# The only files that may call a function.
CALLS = {
    "cv2.resize": {"resample/interpolate.py"},
    "cv2.imdecode": {"codec/opencv.py", "codec/formats.py"},
    "cv2.imencode": {"codec/formats.py"},
    "cv2.imencodeWithMetadata": {"codec/encode.py"},
    "cv2.imread": set(),
    "cv2.imwrite": set(),
    "cv2.convertScaleAbs": {"resample/convolve.py"},
    "print": {"cli.py"},
    "sys.exit": {"cli.py", "__main__.py"},
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


def test_the_table_itself_points_one_way():
    above = set()
    for name, allowed in PARTS.items():
        assert allowed <= above, name
        above.add(name)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_arrow_points_back(path):
    assert imported_parts(path) - {part(path)} <= PARTS[part(path)]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_libraries_stay_in_few_places(path):
    libraries = {name.split(".")[0] for name in imported(path)} - {"fastfit"}
    outside = libraries - (sys.stdlib_module_names - LIBRARIES.keys())
    assert {name for name in outside if part(path) not in LIBRARIES.get(name, ())} == set()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_calls_stay_in_few_places(path):
    assert {name for name in called(path) if relative(path) not in CALLS.get(name, {relative(path)})} == set()


def test_interpolate_is_where_resize_is():
    # The tests above would hold if nobody called it by that name any more.
    assert "cv2.resize" in called(PACKAGE / "resample" / "interpolate.py")


def test_importing_fastfit_loads_nothing_for_many_files_or_the_command_line():
    late = "{'PIL', 'argparse', 'joblib', 'threadpoolctl', 'tqdm'}"
    code = f"import sys, fastfit; print(*{late} & sys.modules.keys())"
    command = [sys.executable, "-W", "error", "-c", code]
    loaded = subprocess.run(command, cwd=PACKAGE.parent, check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []


def test_all_is_sorted_and_complete():
    public = {
        name for name, value in vars(fastfit).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert fastfit.__all__ == sorted(public)


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
