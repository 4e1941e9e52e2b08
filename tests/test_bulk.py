"""Many files: what goes where, in parallel, and a report."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from fastfit import Fit, ImageInfo, Input, OptionError, Output, bulk, probe
from fastfit.bulk import Failure, Outcome, Report, fit_task, report, run
from fastfit.tasks import IMAGE_SUFFIXES, Task, collect

SPEC = Fit((20, 30))


def picture(seed=0, format="jpeg"):
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def plant(folder, *names):
    """Make a file for each name, with folders as needed; the content is nothing to `collect`."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def listed(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def photos(src):
    """Five good files."""
    for number in range(5):
        (src / f"{number}.jpg").write_bytes(picture(number))
    return src


# What goes where.


def test_folder_gives_its_images_sorted(src, out):
    plant(src, "c.webp", "a.jpg", "b.PNG", "B.jpg", "10.jpg", "9.jpg")
    assert collect([src], out) == [
        Task(src / name, out / name) for name in ("10.jpg", "9.jpg", "B.jpg", "a.jpg", "b.PNG", "c.webp")
    ]


def test_folder_is_searched_for_images_only(src, out):
    plant(src, "a.jpg", "b.txt", "c.jpg.txt", "jpg", "d", "e.json", "Thumbs.db", ".hidden.jpg", "._a.jpg", ".jpg")
    assert [task.src.name for task in collect([src], out)] == ["a.jpg"]


def test_leftovers_of_a_killed_run_are_no_images(src, out):
    plant(src, ".fastfit-0123456789abcdef.tmp", "a.jpg")
    assert [task.src.name for task in collect([src], out)] == ["a.jpg"]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_kind_of_image_is_found(src, out, suffix):
    plant(src, f"a{suffix}", f"B{suffix.upper()}")
    assert [task.src.name for task in collect([src], out)] == [f"B{suffix.upper()}", f"a{suffix}"]


def test_folders_within_are_searched_on_request_and_kept(src, out):
    plant(src, "a.jpg", "one/b.jpg", "one/two/c.jpg", "zero/a.jpg")
    assert [task.dst for task in collect([src], out)] == [out / "a.jpg"]
    names = ["a.jpg", "one/b.jpg", "one/two/c.jpg", "zero/a.jpg"]
    assert collect([src], out, recursive=True) == [Task(src / name, out / name) for name in names]


def test_hidden_folders_are_left_alone(src, out):
    plant(src, "a.jpg", ".git/b.jpg", ".thumbnails/large/c.jpg")
    assert [task.src.name for task in collect([src], out, recursive=True)] == ["a.jpg"]


def test_file_is_taken_whatever_its_name(src, out):
    plant(src, "a.dat", ".hidden", "b.JPG")
    tasks = collect([src / "a.dat", src / ".hidden", src / "b.JPG"], out)
    assert [task.dst for task in tasks] == [out / "a.png", out / ".hidden.png", out / "b.JPG"]


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("a.jpg", "keep", "a.jpg"),
        ("a.JPEG", "keep", "a.JPEG"),
        ("a.tif", "keep", "a.png"),
        ("a.b.c.bmp", "keep", "a.b.c.png"),
        ("a.jpg", "jpeg", "a.jpg"),
        ("a.jfif", "jpeg", "a.jfif"),
        ("a.png", "jpeg", "a.jpg"),
        ("a.jpg", "png", "a.png"),
        ("a.JPG", "webp", "a.webp"),
        ("a.webp", "webp", "a.webp"),
        ("a", "webp", "a.webp"),
    ],
)
def test_output_is_named_by_its_format(src, out, name, format, expected):
    plant(src, name)
    assert [task.dst for task in collect([src / name], out, format=format)] == [out / expected]


def test_outputs_within_a_source_are_no_sources(src):
    plant(src, "a.jpg", "out/a.jpg", "sub/out/a.jpg")
    names = [task.src.relative_to(src).as_posix() for task in collect([src], src / "out", recursive=True)]
    assert names == ["a.jpg", "sub/out/a.jpg"]


def test_outputs_within_a_source_are_no_sources_by_another_name(src, monkeypatch):
    plant(src, "a.jpg", "out/a.jpg")
    monkeypatch.chdir(src)
    for folder, place in ((Path(), Path("out")), (src, Path("sub/../out")), (Path("../src"), src / "out")):
        assert len(collect([folder], place, recursive=True)) == 1


def test_source_given_twice_is_fitted_once(src, out, monkeypatch):
    plant(src, "a.jpg", "b.jpg")
    monkeypatch.chdir(src)
    again = [src, src / "a.jpg", Path("a.jpg"), Path("../src/b.jpg"), Path()]
    assert [task.dst for task in collect(again, out)] == [out / "a.jpg", out / "b.jpg"]


def test_sources_keep_their_order(src, out):
    plant(src, "b/x.jpg", "a/y.jpg", "c.jpg")
    tasks = collect([src / "b", src / "c.jpg", src / "a"], out)
    assert [task.dst.name for task in tasks] == ["x.jpg", "c.jpg", "y.jpg"]


@pytest.mark.parametrize(
    ("names", "sources", "format"),
    [
        (("one/a.jpg", "two/a.jpg"), ("one", "two"), "keep"),
        (("one/a.jpg", "two/a.jpg"), ("one/a.jpg", "two/a.jpg"), "keep"),
        (("one/a.tif", "two/a.tif"), ("one", "two"), "webp"),
        (("one/a.tif", "one/a.png", "one/a.tif.png"), ("one",), "keep"),
    ],
)
def test_two_sources_for_one_output_are_an_error(src, out, names, sources, format):
    plant(src, *names)
    with pytest.raises(OptionError, match="SRC: expected one source for ") as caught:
        collect([src / name for name in sources], out, format=format)
    assert all(str(src / name) in caught.value.got for name in (names[0], names[-1]))
    assert not out.exists()


@pytest.mark.parametrize(
    ("names", "format", "expected"),
    [
        (("a.jpg", "a.png"), "webp", ("a.jpg.webp", "a.png.webp")),
        (("a.tif", "a.png", "b.tif"), "keep", ("a.png", "a.tif.png", "b.png")),
        (("a.tif", "b/a.psd", "b/a.bmp"), "jpeg", ("a.jpg", "b/a.bmp.jpg", "b/a.psd.jpg")),
        (("a.JPG", "a.jpeg"), "jpeg", ("a.JPG", "a.jpeg")),
    ],
)
def test_sources_that_differ_in_their_extensions_have_outputs_of_their_own(src, out, names, format, expected):
    plant(src, *names)
    tasks = collect([src], out, format=format, recursive=True)
    assert sorted(task.dst.relative_to(out).as_posix() for task in tasks) == sorted(expected)


def test_an_output_that_is_its_own_source_is_an_error(src):
    plant(src, "a.jpg")
    with pytest.raises(OptionError, match="-o: expected a folder apart from the sources"):
        collect([src], src)


def test_an_output_that_is_another_source_is_an_error(src):
    # two/b.jpg would be overwritten before it is read, or skipped as done.
    plant(src, "one/two/b.jpg", "two/b.jpg")
    with pytest.raises(OptionError, match="-o: expected a folder apart from the sources"):
        collect([src / "one", src / "two" / "b.jpg"], src, recursive=True)


def test_an_output_that_is_a_source_by_a_linked_folder_is_an_error(src, out):
    plant(src, "a.jpg")
    out.symlink_to(src)
    with pytest.raises(OptionError, match="-o: expected a folder apart from the sources"):
        collect([src], out)


def test_converting_beside_the_sources_is_fine(src):
    plant(src, "a.jpg", "b.jpg")
    assert [task.dst for task in collect([src], src, format="png")] == [src / "a.png", src / "b.png"]


@pytest.mark.parametrize("name", ["nothing", "nothing.jpg", "a.jpg/b.jpg"])
def test_missing_source_is_an_error(src, out, name):
    plant(src, "a.jpg")
    with pytest.raises(OptionError, match="SRC: expected an existing file or folder") as caught:
        collect([src / "a.jpg", src / name], out)
    assert str(src / name) in caught.value.got


def test_links_to_files_are_followed_and_dangling_ones_are_rows(src, out):
    plant(src, "a.jpg")
    (src / "b.jpg").symlink_to("a.jpg")
    (src / "c.jpg").symlink_to("nothing.jpg")
    assert [task.src.name for task in collect([src], out)] == ["a.jpg", "b.jpg", "c.jpg"]


def test_folder_that_leads_to_itself_ends(src, out):
    plant(src, "a.jpg", "sub/b.jpg")
    (src / "sub" / "loop").symlink_to(src)
    assert [task.src.name for task in collect([src], out, recursive=True)] == ["a.jpg", "b.jpg"]


def test_names_of_any_bytes_are_kept(src, out):
    names = [b"caf\xe9.jpg", b"line\nbreak.jpg", b" space .jpg"]
    plant(src, *(os.fsdecode(name) for name in names))
    assert {os.fsencode(task.dst.name) for task in collect([src], out)} == set(names)


# What becomes of it.


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_every_task_has_one_outcome(photos, out, jobs):
    tasks = collect([photos], out)
    outcomes = list(run(tasks, SPEC, jobs=jobs))
    assert sorted(outcome[:4] for outcome in outcomes) == [(task, "fitted", "", ()) for task in tasks]
    assert {outcome.planned.dst for outcome in outcomes} == {(20, 30)}
    assert [probe(task.dst.read_bytes()).size for task in tasks] == [(20, 30)] * 5
    assert listed(out) == [f"{number}.jpg" for number in range(5)]


def test_any_number_of_jobs_gives_the_same_bytes(photos, tmp_path):
    for jobs in (1, 2):
        summary = report(run(collect([photos], tmp_path / str(jobs)), SPEC, Output("png"), jobs=jobs))
        assert summary.fitted == 5
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()


def test_no_tasks_are_no_trouble():
    assert list(run([], SPEC)) == []


def test_folders_of_the_outputs_are_made(src, out):
    (src / "one" / "two").mkdir(parents=True)
    (src / "one" / "two" / "a.jpg").write_bytes(picture())
    assert report(run(collect([src], out, recursive=True), SPEC, jobs=1)).fitted == 1
    assert listed(out) == ["one/two/a.jpg"]


def test_existing_outputs_are_skipped(photos, out):
    out.mkdir()
    (out / "3.jpg").write_bytes(b"what was there")
    outcomes = list(run(collect([photos], out), SPEC, jobs=1))
    assert [outcome.status for outcome in outcomes] == ["fitted", "fitted", "fitted", "skipped", "fitted"]
    assert (out / "3.jpg").read_bytes() == b"what was there"


def test_existing_outputs_are_replaced_on_request(photos, out):
    out.mkdir()
    (out / "3.jpg").write_bytes(b"what was there")
    assert report(run(collect([photos], out), SPEC, jobs=1, overwrite=True)).fitted == 5
    assert probe((out / "3.jpg").read_bytes()).size == (20, 30)


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "no bytes"),
    "html": (lambda path: path.write_bytes(b"<html>404</html>"), "bytes that begin with b'<html>404</h"),
    "truncated": (lambda path: path.write_bytes(picture()[:900]), "a truncated, damaged or unsupported one"),
    "dangling": (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    "looping": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "fifo": (os.mkfifo, "a special file"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_file_is_a_row_that_names_it_and_the_others_are_fitted(photos, out, kind, jobs):
    make, reason = BAD[kind]
    bad = photos / "bad.jpg"
    make(bad)
    summary = report(run(collect([photos], out), SPEC, jobs=jobs))
    assert (summary.fitted, summary.failed) == (5, 1)
    assert summary.failures[0].src == bad
    assert summary.failures[0].reason.startswith(f"{bad}: ")
    assert reason in summary.failures[0].reason
    assert summary.failures[0].reason.count(str(bad)) == 1
    assert listed(out) == [f"{number}.jpg" for number in range(5)]


def test_folder_in_place_of_a_file_is_a_row(src, out):
    # It may have been a file when the folder was searched.
    outcome = fit_task(Task(src, out / "a.jpg"), SPEC, Input(), Output(), overwrite=False)
    assert outcome.status == "failed"
    assert outcome.reason.startswith(f"{src}: ")


def test_reason_names_what_could_not_be_written(photos, out):
    tasks = collect([photos / "0.jpg"], out)
    out.write_bytes(b"a file where the folder should be")
    outcomes = list(run(tasks, SPEC, jobs=1))
    assert outcomes[0].status == "failed"
    assert outcomes[0].reason.startswith(f"{photos / '0.jpg'}: ")
    assert str(out) in outcomes[0].reason


def test_option_that_does_not_go_with_the_image_is_a_row(photos, out):
    outcomes = list(run(collect([photos / "0.jpg"], out), Fit((20, 30), box=(0, 0, 65, 48)), jobs=1))
    assert outcomes[0].status == "failed"
    assert outcomes[0].reason.startswith(f"{photos / '0.jpg'}: ")
    assert "box: expected" in outcomes[0].reason


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_what_the_machine_lacks_is_a_row(photos, out, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(bulk, "fit_file", fail)
    summary = report(run(collect([photos], out), SPEC, jobs=1))
    assert summary.failed == 5
    assert summary.failures[0] in (
        Failure(photos / "0.jpg", f"{photos / '0.jpg'}: out of memory"),
        Failure(photos / "0.jpg", f"{photos / '0.jpg'}: No space left on device"),
    )


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug"), KeyboardInterrupt()])
def test_what_is_not_expected_is_raised(photos, out, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(bulk, "fit_file", fail)
    with pytest.raises(type(error)):
        list(run(collect([photos], out), SPEC, jobs=1))


def test_report_counts():
    task = Task(Path("a.jpg"), Path("b.jpg"))
    summary = report(
        [Outcome(task, "fitted"), Outcome(task, "skipped"), Outcome(task, "failed", "a.jpg: bad")] * 2
    )
    assert (summary.fitted, summary.skipped, summary.failed) == (2, 2, 2)
    assert summary.failures == [Failure(Path("a.jpg"), "a.jpg: bad")] * 2
    assert summary.seconds > 0
    np.testing.assert_allclose(summary.rate, 2 / summary.seconds)


def test_report_counts_sizes_and_what_they_cost():
    task = Task(Path("a.jpg"), Path("b.jpg"))
    cover, pad = Fit("20x10"), Fit("20x10", "pad")
    plans = [cover.plan((20, 10)), cover.plan((10, 10)), pad.plan((20, 20)), Fit("9x9").plan((90, 90))]
    summary = report([Outcome(task, "fitted", planned=planned) for planned in plans])
    assert list(summary.sizes) == [(20, 10), (9, 9)]
    tally = summary.sizes[20, 10]
    np.testing.assert_allclose((tally.count, tally.cropped, tally.padded), (3, 0.5 / 3, 0.5 / 3))
    assert summary.sizes[9, 9] == bulk.Tally(1, 0.0, 0.0)


def test_report_of_nothing_has_a_rate():
    assert Report().rate == 0


# Threads.


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    """OpenCV and BLAS at two threads, which is neither one nor, on most machines, the default."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    with threadpool_limits(2, user_api="blas"):
        assert (cv2.getNumThreads(), set(blas_threads())) == (2, {2})
        yield
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("content", [picture(), b"no image"], ids=["fitted", "failed"])
def test_thread_settings_come_back(src, out, jobs, content):
    for name in ("a.jpg", "b.jpg"):
        (src / name).write_bytes(content)
    outcomes = list(run(collect([src], out), SPEC, jobs=jobs))
    assert len(outcomes) == 2
    assert (cv2.getNumThreads(), set(blas_threads())) == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_thread_settings_come_back_between_outcomes(photos, out):
    for outcome in run(collect([photos], out), SPEC, jobs=1):
        assert outcome.status == "fitted"
        assert (cv2.getNumThreads(), set(blas_threads())) == (2, {2})


@pytest.mark.usefixtures("two_threads")
def test_work_is_done_with_one_thread(photos, out, monkeypatch):
    seen = []

    def look(*_, **__):
        seen.append((cv2.getNumThreads(), *set(blas_threads())))
        return ImageInfo("jpeg")

    monkeypatch.setattr(bulk, "fit_file", look)
    list(run(collect([photos], out), SPEC, jobs=1))
    assert seen == [(1, 1)] * 5


@pytest.mark.usefixtures("two_threads")
def test_thread_settings_come_back_after_a_bug(photos, out, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(bulk, "fit_file", fail)
    with pytest.raises(RuntimeError):
        list(run(collect([photos], out), SPEC, jobs=1))
    assert (cv2.getNumThreads(), set(blas_threads())) == (2, {2})


def test_an_output_that_is_a_source_behind_a_link_is_an_error(src, out):
    plant(src, "a.jpg")
    plant(out, "a.jpg")
    (src / "a.jpg").unlink()
    (src / "a.jpg").symlink_to(out / "a.jpg")
    with pytest.raises(OptionError, match="-o: expected a folder apart from the sources"):
        collect([src], out)


def test_out_that_is_a_file_is_an_error(src, out):
    plant(src, "a.jpg")
    out.write_bytes(b"")
    with pytest.raises(OptionError, match="-o: expected a folder"):
        collect([src], out)


def test_folder_under_an_outputs_name_is_no_result(photos, out):
    (out / "0.jpg").mkdir(parents=True)
    outcomes = list(run(collect([photos / "0.jpg"], out), SPEC, jobs=1))
    assert [outcome.status for outcome in outcomes] == ["failed"]


def test_unreadable_folder_is_a_failure(src, out, monkeypatch):
    plant(src, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    tasks = collect([src], out, recursive=True)
    assert [task.src for task in tasks] == [src / "a.jpg", src / "locked"]


def test_overlapping_limits_end_with_the_last():
    before = cv2.getNumThreads(), set(blas_threads())
    first, second = bulk.single_threaded(), bulk.single_threaded()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert (cv2.getNumThreads(), set(blas_threads())) == before


def test_result_of_another_source_is_no_reason_to_skip(src, out):
    # The first run made a.png of a.bmp. Then a.png arrived.
    for name, level in (("a.bmp", 10), ("a.png", 200)):
        Image.new("L", (40, 30), level).save(src / name)
        report(run(collect([src], out), SPEC, jobs=1))
    levels = {path.name: Image.open(path).convert("L").getpixel((3, 3)) for path in out.iterdir()}
    assert levels == {"a.png": 200, "a.bmp.png": 10}


def test_names_too_long_for_the_new_extension_stay_apart(src, out):
    names = ["a" * 250 + end for end in ("1.jpg", "2.jpg")]
    for name in names:
        Image.new("L", (40, 30)).save(src / name)
    found = [task.dst for task in collect([src], out, format="webp")]
    assert [task.status for task in run(collect([src], out, format="webp"), SPEC, jobs=1)] == ["fitted"] * 2
    assert all(path.exists() and path.suffix == ".webp" for path in found)
    assert len(set(found)) == 2
