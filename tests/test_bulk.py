"""Many images from one end to the other: what becomes of each, in which order, and what the report says."""

import errno
import io
import itertools
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from planted import SPEC, codes, contents, counts, listed, photos, picture, plant, ran, rows, shard

import fastfit
from fastfit import (
    Failure,
    Filters,
    Fit,
    Folder,
    Input,
    Listing,
    Npy,
    OptionError,
    Output,
    Report,
    Shards,
    bulk,
    probe,
)
from fastfit.bulk import Outcome, Tally, engine, preview
from fastfit.bulk.items import Item, Result
from fastfit.bulk.sinks.folder import _Writer
from fastfit.bulk.work import Work

ROOT = Path(fastfit.__file__).parent.parent


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def five(src):
    """Five good files."""
    return photos(src, *(f"{number}.jpg" for number in range(5)))


# What becomes of it.


@pytest.mark.quick
@pytest.mark.parametrize(("jobs", "backend"), [(1, "threading"), (2, "threading"), (-1, "threading"), (2, "loky")])
def test_every_source_has_one_outcome(five, out, jobs, backend):
    report, outcomes = ran(five, out, jobs=jobs, backend=backend)
    assert [outcome.source for outcome in outcomes] == [f"{five}/{number}.jpg" for number in range(5)]
    assert [outcome[1:6] for outcome in outcomes] == [
        (f"{out}/{number}.jpg", "fitted", None, None, ()) for number in range(5)
    ]
    assert {outcome.planned.dst for outcome in outcomes} == {(20, 30)}
    assert {probe(data).size for data in contents(out).values()} == {(20, 30)}
    assert listed(out) == [f"{number}.jpg" for number in range(5)]
    assert counts(report) == (5, 0, 0)


def test_any_number_of_jobs_and_any_backend_give_the_same_bytes(src, tmp_path):
    names = [f"{number:02}.jpg" for number in range(20)]
    photos(src, *names)
    plant(src, "07.jpg", content=b"none")
    made = []
    for jobs, backend in ((1, "threading"), (3, "threading"), (2, "loky"), (1, "loky")):
        out = tmp_path / f"{backend}{jobs}"
        report, _ = ran(src, out, SPEC, Output("png"), jobs=jobs, backend=backend)
        assert counts(report) == (19, 1, 0)
        made.append(contents(out))
    assert made[0] == made[1] == made[2] == made[3]
    assert made[0]["03.png"] == fastfit.fit_bytes(picture(3), SPEC, Output("png"))


def test_no_sources_are_no_trouble(src, out):
    for sources in ([], iter(()), src, [src]):
        report, outcomes = ran(sources, out)
        assert (counts(report), outcomes) == ((0, 0, 0), [])
    assert not out.exists()


def test_sources_may_be_a_generator(five, out):
    def sources():
        for number in range(5):
            yield five / f"{number}.jpg"
            yield f"missing/{number}.png"

    report, outcomes = ran(sources(), out, jobs=2)
    assert codes(outcomes) == ["fitted", "not-found"] * 5
    assert counts(report) == (5, 5, 0)


def test_generator_that_raises_stops_the_run_and_leaves_it_whole(five, out):
    def sources():
        yield from (five / f"{number}.jpg" for number in range(4))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ran(sources(), out)
    found = rows(out.with_name("out.report.jsonl"))
    assert {row["output"] for row in found} == {str(out / name) for name in listed(out)}
    assert ran(five, out)[0].failed == 0
    assert len(listed(out)) == 5


def test_sources_are_read_no_further_than_work_needs(out):
    """An endless source is fine, if somebody stops."""
    taken = 0

    def sources():
        nonlocal taken
        for taken in itertools.count():
            yield f"missing/{taken}.jpg"

    report, _ = ran(sources(), out, max_failures=20)
    assert report.failed == 21
    assert taken < 1000


@pytest.mark.parametrize("kind", ["path", "text", "list", "tuple", "listing"])
def test_sources_are_given_in_many_ways(five, out, kind):
    plant(five, "list", content="\n".join(map(str, five.glob("*.jpg"))).encode())
    sources = {
        "path": five,
        "text": str(five),
        "list": [five / "0.jpg", *sorted(five.glob("*.jpg"))],
        "tuple": tuple(map(str, sorted(five.glob("*.jpg")))),
        "listing": Listing(five / "list"),
    }[kind]
    assert counts(ran(sources, out)[0]) == (5, 0, 0)


def test_folders_of_the_results_are_made(src, tmp_path):
    photos(src, "one/two/a.jpg")
    out = tmp_path / "new" / "results"
    assert counts(ran(src, out, recursive=True)[0]) == (1, 0, 0)
    assert listed(out) == ["one/two/a.jpg"]


def test_nothing_else_is_left_behind(five, tmp_path):
    ran(five, tmp_path / "out", jobs=2)
    ran(five, tmp_path / "out", jobs=2, backend="loky", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.report.jsonl", "src"]
    assert listed(tmp_path / "out") == [f"{number}.jpg" for number in range(5)]


def test_what_a_killed_run_left_is_removed_and_no_more(five, out):
    plant(out, ".out.report-01234567.tmp/7", ".other.report-01234567.tmp/7", ".out.report-new.tmp/keep")
    plant(out, ".out.report-2-01234567.tmp/7")
    ran(five, out)
    hidden = [name for name in listed(out) if name.startswith(".")]
    assert hidden == [
        ".other.report-01234567.tmp/7",
        ".out.report-2-01234567.tmp/7",
        ".out.report-new.tmp/keep",
    ]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_nothing_is_printed(src, out, capfd, backend):
    photos(src, "a.jpg", "b.jpg", "c.jpg")
    plant(src, "d.jpg", content=picture()[:1500])
    plant(src, "e.png", content=picture(1, "png")[:1500])
    report, _ = ran(src, out, jobs=2, backend=backend, listen=True)
    assert counts(report) == (3, 2, 0)
    list(preview(src, out.with_name("other"), SPEC))
    assert capfd.readouterr() == ("", "")


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "undecodable", "no bytes"),
    "html": (
        lambda path: path.write_bytes(b"<html>404</html>"),
        "undecodable",
        "bytes that begin with b'<html>404</h",
    ),
    "truncated": (lambda path: path.write_bytes(picture()[:900]), "undecodable", "a truncated, damaged"),
    "dangling": (lambda path: path.symlink_to("nothing"), "not-found", "No such file or directory"),
    "looping": (lambda path: path.symlink_to(path.name), "unreadable", "Too many levels of symbolic links"),
    "fifo": (os.mkfifo, "undecodable", "a special file"),
}


@pytest.mark.quick
@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("kind", BAD)
def test_bad_file_is_a_row_that_names_it_and_the_others_are_fitted(five, out, kind, jobs):
    make, code, reason = BAD[kind]
    bad = five / "bad.jpg"
    make(bad)
    report, outcomes = ran(five, out, jobs=jobs)
    assert counts(report) == (5, 1, 0)
    (failure,) = report.failures
    assert (failure.source, failure.code) == (str(bad), code)
    assert failure.reason.startswith(f"{bad}: ")
    assert failure.reason.count(str(bad)) == 1
    assert reason in failure.reason
    assert outcomes[-1] == Outcome(str(bad), None, "failed", code, failure.reason)
    assert listed(out) == [f"{number}.jpg" for number in range(5)]


def test_bad_files_are_rows_in_processes_too(five, out):
    for kind, (make, _, _) in BAD.items():
        make(five / f"{kind}.jpg")
    report, outcomes = ran(five, out, jobs=2, backend="loky")
    assert counts(report) == (5, 6, 0)
    assert {Path(outcome.source).stem: outcome.code for outcome in outcomes[5:]} == {
        kind: code for kind, (_, code, _) in BAD.items()
    }


def test_folder_in_place_of_a_file_is_a_row(src, out):
    # It may have been a file when the folder was searched.
    work = Work(SPEC, Input(), Output(), Filters(), folder=str(out))
    result = work.do(0, Item(str(src), str(src), "a.jpg"))
    assert (result.status, result.code) == ("failed", "undecodable")
    assert result.text.startswith(f"{src}: expected a regular file, got a folder")


def test_option_that_does_not_go_with_the_image_is_a_row(five, out):
    plant(five, "large.jpg", content=picture(7, size=(70, 48)))
    report, outcomes = ran(five, out, Fit((20, 30), box=(0, 0, 65, 48)))
    assert counts(report) == (1, 5, 0)
    assert (outcomes[0].code, outcomes[-1].code) == ("option", None)
    assert outcomes[0].text.startswith(f"{five}/0.jpg: ")
    assert "box: expected" in outcomes[0].text


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MemoryError(), "out-of-memory", "out of memory"),
        (PermissionError(13, "Permission denied"), "permission-denied", "Permission denied"),
        (OSError(5, "Input/output error"), "unreadable", "Input/output error"),
    ],
)
def test_what_the_machine_lacks_is_a_row(five, out, monkeypatch, error, code, text):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Work, "_do", fail)
    report, _ = ran(five, out)
    assert counts(report) == (0, 5, 0)
    assert report.failures[0] == Failure(f"{five}/0.jpg", code, f"{five}/0.jpg: {text}")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("where", ["worker", "sink"])
def test_full_disk_stops_the_run_and_costs_no_source(five, out, monkeypatch, number, where):
    left = 2

    def fail(*arguments, **options):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    place, name = (Work, "_do") if where == "worker" else (_Writer, "put")
    real = getattr(place, name)
    with monkeypatch.context() as patched:
        patched.setattr(place, name, fail)
        report, outcomes = ran(five, out)
    assert counts(report) == (2, 0, 0)
    assert len(outcomes) == 2
    assert os.strerror(number) in report.stopped
    again, _ = ran(five, out)
    assert counts(again) == (3, 0, 2)
    assert again.stopped is None
    assert len(listed(out)) == 5


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug")])
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_not_expected_is_raised(five, out, monkeypatch, error, jobs):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Work, "_do", fail)
    with pytest.raises(type(error), match="a bug"):
        ran(five, out, jobs=jobs)
    assert [path for path in out.iterdir() if path.name.endswith(".tmp")] == []


def test_interrupt_is_raised_and_leaves_nothing_half_done(five, out):
    def interrupt(outcome):
        if outcome.source.endswith("2.jpg"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fastfit.run(five, out, SPEC, jobs=2, backend="threading", progress=interrupt)
    assert listed(out) == ["0.jpg", "1.jpg", "2.jpg"]
    assert counts(ran(five, out)[0]) == (2, 0, 3)


def test_source_that_grows_or_shrinks_meanwhile_is_seen_by_the_next_run(src, out):
    photos(src, "a.jpg", "b.jpg")

    def change(outcome):
        if outcome.source.endswith("a.jpg"):
            plant(src, "a.jpg", content=picture(8))

    fastfit.run(src, out, SPEC, jobs=1, backend="threading", progress=change)
    assert counts(ran(src, out)[0]) == (1, 0, 1)
    assert contents(out)["a.jpg"] == fastfit.fit_bytes(picture(8), SPEC)


# The report.


def test_report_counts():
    report = Report()
    planned = SPEC.plan((40, 30))
    for outcome in (
        Outcome("a", "x", "fitted", planned=planned),
        Outcome("b", "y", "fitted", "damaged", "b: damaged", planned=planned),
        Outcome("c", None, "skipped", "exists", "c: exists"),
        Outcome("d", None, "failed", "undecodable", "d: bad"),
        Outcome("e", "z", "fitted", earlier=True),
        Outcome("f", None, "skipped", "too-small", "f: small", earlier=True),
        Outcome("g", None, "failed", "undecodable", "g: bad", earlier=True),
    ):
        report.add(outcome)
    assert counts(report) == (2, 2, 3)
    assert report.earlier == {"fitted": 1, "skipped": 1, "failed": 1}
    assert report.failures == [Failure("d", "undecodable", "d: bad")]
    assert report.codes == {"exists": 1, "undecodable": 2, "too-small": 1}
    assert report.sizes == {(20, 30): Tally(2, planned.cropped, 0.0)}


def test_report_counts_sizes_and_what_they_cost():
    cover, pad = Fit("20x10"), Fit("20x10", "pad")
    plans = [cover.plan((20, 10)), cover.plan((10, 10)), pad.plan((20, 20)), Fit("9x9").plan((90, 90))]
    report = Report()
    for planned in plans:
        report.add(Outcome("a.jpg", "b.jpg", "fitted", planned=planned))
    assert list(report.sizes) == [(20, 10), (9, 9)]
    tally = report.sizes[20, 10]
    np.testing.assert_allclose((tally.count, tally.cropped, tally.padded), (3, 0.5 / 3, 0.5 / 3))
    assert report.sizes[9, 9] == Tally(1, 0.0, 0.0)


def test_report_of_nothing_has_a_rate():
    assert Report().rate == 0


@pytest.mark.quick
def test_report_of_a_run(five, out):
    plant(five, "bad.jpg", content=b"none")
    report, _ = ran(five, out)
    assert report.seconds > 0
    np.testing.assert_allclose(report.rate, 5 / report.seconds)
    assert (report.path, report.stopped) == (out.with_name("out.report.jsonl"), None)
    assert report.codes == {"undecodable": 1}
    assert report.sizes[20, 30].count == 5
    assert not report.earlier


def test_report_holds_the_first_thousand_failures(out):
    report, _ = ran((f"missing/{number}.jpg" for number in range(1100)), out)
    assert (report.failed, len(report.failures)) == (1100, 1000)
    assert report.failures[-1].source == "missing/999.jpg"
    assert len(rows(report.path)) == 1100


# Progress.


@pytest.mark.parametrize("jobs", [1, 3])
def test_progress_is_told_in_the_order_of_the_sources(src, out, jobs):
    names = [f"{number:02}.jpg" for number in range(30)]
    for number, name in enumerate(names):
        plant(src, name, content=picture(number, size=(800, 700) if number % 10 == 0 else (30, 20)))
    plant(src, "11.jpg", content=b"none")
    _, outcomes = ran(src, out, jobs=jobs)
    assert [Path(outcome.source).name for outcome in outcomes] == names
    assert [outcome.code for outcome in outcomes if outcome.code] == ["undecodable"]
    _, outcomes = ran(src, out, jobs=jobs)
    assert [Path(outcome.source).name for outcome in outcomes] == names
    assert all(outcome.earlier for outcome in outcomes)


def test_progress_may_be_a_bar(five, out):
    from tqdm import tqdm

    with tqdm(file=io.StringIO()) as bar:
        fastfit.run(five, out, SPEC, jobs=1, backend="threading", progress=bar)
        assert bar.n == 5

    class Bar:
        done = 0

        def update(self, more):
            self.done += more

    bar = Bar()
    fastfit.run(five, out, SPEC, jobs=1, backend="threading", progress=bar)
    assert bar.done == 5


# Filters.


def test_filters_skip_with_a_reason(src, out):
    sizes = {"a.jpg": (64, 48), "b.jpg": (19, 40), "c.jpg": (40, 31), "d.jpg": (200, 60), "e.jpg": (20, 30)}
    for name, size in sizes.items():
        plant(src, name, content=picture(size=size))
    filters = Filters(min_size="20x30", max_aspect=3)
    report, outcomes = ran(src, out, filters=filters)
    assert codes(outcomes) == ["fitted", "too-small", "fitted", "aspect", "fitted"]
    assert outcomes[1].text == f"{src}/b.jpg: expected at least 20x30 pixels, got 19x40"
    assert outcomes[3].text == f"{src}/d.jpg: expected an aspect of at most 3, got 3.33 (200x60)"
    assert (counts(report), report.codes) == ((3, 0, 2), {"too-small": 1, "aspect": 1})
    assert listed(out) == ["a.jpg", "c.jpg", "e.jpg"]
    again, outcomes = ran(src, out, filters=filters)
    assert (counts(again), again.earlier) == ((0, 0, 5), {"fitted": 3, "skipped": 2})
    assert codes(outcomes) == ["fitted", "too-small", "fitted", "aspect", "fitted"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Fit("32x24"), "fitted"),
        (Fit("64x48"), "fitted"),
        (Fit("65x24"), "enlarged"),
        (Fit("32x49"), "enlarged"),
        (Fit("65x10"), "enlarged"),
        (Fit("100x48", "pad"), "fitted"),
        (Fit("100x49", "pad"), "enlarged"),
        (Fit("64x49", "stretch"), "enlarged"),
        (Fit("30x40", box=(0, 0, 29, 40)), "enlarged"),
    ],
)
def test_enlargement_is_a_reason(src, out, spec, expected):
    plant(src, "a.jpg", content=picture())
    _, outcomes = ran(src, out, spec, filters=fastfit.Filters(no_enlarge=True))
    assert codes(outcomes) == [expected]
    if expected == "enlarged":
        assert " times (64x48 to " in outcomes[0].text


def test_filters_see_pictures_upright(src, out):
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(size=(90, 40)))).save(buffer, "jpeg", exif=exif)
    plant(src, "a.jpg", content=buffer.getvalue())
    _, outcomes = ran(src, out, filters=Filters(min_size="50x30"))
    assert codes(outcomes) == ["too-small"]
    assert "got 40x90" in outcomes[0].text


@pytest.mark.parametrize(
    "options",
    [
        {"min_size": "0x5"},
        {"min_size": 5},
        {"max_aspect": 0.5},
        {"max_aspect": float("nan")},
        {"max_aspect": "wide"},
        {"no_enlarge": "yes"},
    ],
)
def test_wrong_filters_are_refused(options):
    with pytest.raises(fastfit.FastfitError, match=next(iter(options))):
        Filters(**options)


# The same bytes.


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_first_of_the_same_bytes_is_fitted(src, out, jobs):
    first = picture(1, size=(900, 800))  # is done last
    for name, data in (
        ("a.jpg", first),
        ("b.jpg", picture(2)),
        ("c.jpg", first),
        ("d.png", first),
        ("e.jpg", picture(2)),
    ):
        plant(src, name, content=data)
    report, outcomes = ran(src, out, dedupe=True, jobs=jobs)
    assert codes(outcomes) == ["fitted", "fitted", "duplicate", "duplicate", "duplicate"]
    assert counts(report) == (2, 0, 3)
    assert listed(out) == ["a.jpg", "b.jpg"]
    again, outcomes = ran(src, out, dedupe=True, jobs=jobs)
    assert (counts(again), again.earlier) == ((0, 0, 5), {"fitted": 2, "skipped": 3})
    plant(src, "z.jpg", content=picture(2))
    plant(src, "_.jpg", content=picture(9))
    _, outcomes = ran(src, out, dedupe=True, jobs=jobs)
    assert (codes(outcomes)[0], codes(outcomes)[-1]) == ("fitted", "duplicate")


def test_duplicates_are_no_duplicates_by_default(src, out):
    plant(src, "a.jpg", "b.jpg", content=picture())
    assert counts(ran(src, out)[0]) == (2, 0, 0)


def test_source_is_no_duplicate_of_itself(src, out):
    """Its result is gone: it is made again."""
    photos(src, "a.jpg", "b.jpg")
    ran(src, out, dedupe=True)
    (out / "a.jpg").unlink()
    os.utime(src / "b.jpg", ns=(1, 1))
    report, outcomes = ran(src, out, dedupe=True)
    assert codes(outcomes) == ["fitted", "fitted"]
    assert counts(report) == (2, 0, 0)
    assert listed(out) == ["a.jpg", "b.jpg"]


def test_what_could_not_be_written_has_no_duplicates(src, out):
    plant(src, "a.jpg", "b.jpg", content=picture())
    (out / "a.jpg").mkdir(parents=True)
    _, outcomes = ran(src, out, dedupe=True)
    assert [outcome.status for outcome in outcomes] == ["failed", "fitted"]


def test_what_had_no_name_has_no_duplicates(src, out):
    for name, data in (("1/a.jpg", picture(1)), ("2/a.jpg", picture(2)), ("3/b.jpg", picture(2))):
        plant(src, name, content=data)
    sink = Folder(out, flat=True, name="{stem}_{width}{ext}")
    _, outcomes = ran(src, sink, Fit(longest=40), recursive=True, dedupe=True)
    assert codes(outcomes) == ["fitted", "name-taken", "fitted"]


# Enough.


@pytest.mark.parametrize("limit", [0, 2, "2"])
def test_failures_stop_a_run(src, out, limit):
    for number in range(8):
        plant(src, f"{number}.jpg", content=b"none" if number % 2 else picture(number))
    report, _ = ran(src, out, max_failures=limit)
    failed = int(limit) + 1
    assert (report.fitted, report.failed) == (failed, failed)
    assert report.stopped == f"{failed} of {2 * failed} failed, which is more than --max-failures"
    again, _ = ran(src, out)
    assert (again.fitted, again.earlier) == (4 - failed, {"fitted": failed, "failed": failed})
    assert again.stopped is None


def test_share_of_failures_stops_a_run(out, src):
    photos(src, "a.jpg")
    good = [src / f"{number:03}.jpg" for number in range(300)]
    for path in good:
        path.hardlink_to(src / "a.jpg")
    sources = [*good[:50], *(f"x/{number}.jpg" for number in range(10)), *good[50:]]
    report, _ = ran(sources, out, max_failures="10%")
    assert (report.stopped, report.failed) == (None, 10)
    # Of the first hundred alone, and only then.
    sources = [f"y/{number}.jpg" for number in range(11)] + good
    report, outcomes = ran(sources, out.with_name("two"), max_failures="10%")
    assert len(outcomes) == 100
    assert report.stopped == "11 of 100 failed, which is more than --max-failures"


def test_failures_of_earlier_do_not_stop_a_run(src, out):
    plant(src, *(f"{number}.jpg" for number in range(5)), content=b"none")
    photos(src, "9.jpg")
    ran(src, out)
    report, _ = ran(src, out, max_failures=0)
    assert (report.stopped, report.failed) == (None, 5)


# Options.


WRONG = [
    ("jobs", 0),
    ("jobs", -2),
    ("jobs", 1.5),
    ("jobs", "2"),
    ("jobs", None),
    ("jobs", True),
    ("backend", "multiprocessing"),
    ("backend", None),
    ("timeout", 0),
    ("timeout", -1),
    ("timeout", float("nan")),
    ("timeout", "soon"),
    ("max_failures", -1),
    ("max_failures", 1.5),
    ("max_failures", "many"),
    ("max_failures", "101%"),
    ("max_failures", "-1%"),
    ("max_failures", "nan%"),
    ("max_failures", "%"),
    ("max_failures", "²"),
    ("progress", 5),
    ("progress", "bar"),
    ("filters", {"min_size": "5x5"}),
    ("filters", "small"),
    ("dedupe", "yes"),
    ("overwrite", 2),
    ("recursive", None),
    ("listen", "no"),
    ("input", Output()),
    ("output", Input()),
    ("sink", 5),
    ("spec", "20x30"),
    ("spec", Fit("20x30", layout="CHW")),
    ("glob", 5),
    ("glob", "*.jpg"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_options_are_refused_before_anything_is_begun(five, out, name, value):
    options = {"sources": five, "sink": out, "spec": SPEC, name: value}
    with pytest.raises(OptionError, match=f"^{name}: expected ") as caught:
        fastfit.run(**options)
    assert caught.value.name == name
    assert sorted(path.name for path in out.parent.iterdir()) == ["src"]


@pytest.mark.parametrize("value", [None, 5, [5], [None], [b"a"], b"a"])
def test_wrong_sources_are_refused(out, value):
    with pytest.raises((OptionError, TypeError)):
        fastfit.run(value, out, SPEC)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("jobs", np.int64(2)), ("timeout", 7), ("timeout", None), ("timeout", float("inf")), ("max_failures", "5%")],
)
def test_options_that_are_right(five, out, name, value):
    report = fastfit.run(five, out, SPEC, **{"backend": "threading", name: value})
    assert counts(report) == (5, 0, 0)


# Threads.


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize(("jobs", "backend"), [(1, "threading"), (2, "threading")])
@pytest.mark.parametrize("content", [picture(), b"no image"], ids=["fitted", "failed"])
def test_thread_settings_come_back(src, out, jobs, backend, content):
    plant(src, "a.jpg", "b.jpg", content=content)
    _, outcomes = ran(src, out, jobs=jobs, backend=backend)
    assert len(outcomes) == 2
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_thread_settings_stay_beside_processes(five, out):
    told = []
    fastfit.run(five, out, SPEC, jobs=2, progress=lambda _: told.append(cv2.getNumThreads()))
    assert told == [3] * 5
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("jobs", [1, 2])
def test_work_is_done_with_one_thread_of_opencvs(five, out, monkeypatch, jobs):
    seen = []
    real = Work._do

    def look(*arguments):
        seen.append(cv2.getNumThreads())
        return real(*arguments)

    monkeypatch.setattr(Work, "_do", look)
    assert counts(ran(five, out, jobs=jobs)[0]) == (5, 0, 0)
    assert seen == [1] * 5


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
def test_thread_settings_come_back_after_a_bug(five, out, error):
    def fail(_):
        raise error

    with pytest.raises(type(error)):
        fastfit.run(five, out, SPEC, jobs=2, backend="threading", progress=fail)
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_thread_settings_come_back_when_it_does_not_begin(five, out):
    plant(out.parent, "out.report.jsonl", content=b"mine\n")
    with pytest.raises(OptionError):
        ran(five, out)
    assert cv2.getNumThreads() == 3


def test_threads_leave_opencv_usable(five, out):
    before = cv2.getNumThreads()
    ran(five, out, jobs=2)
    assert cv2.getNumThreads() == before


# Ahead of time.


def foretold(*arguments, **options):
    return list(preview(*arguments, **options))


def test_preview_is_what_the_run_then_does(src, out):
    for name, size in (("a.jpg", (64, 48)), ("b/c.png", (30, 90)), ("d.jpg", (9, 9)), ("e.jpg", (300, 20))):
        plant(src, name, content=picture(3, size=size))
    plant(src, "f.jpg", content=b"none")
    plant(src, "g.tif", "g.png", content=picture(4))
    (src / "h.jpg").symlink_to("nothing")
    plant(out, "a.png", content=b"what was there")
    shard(src / "s.tar", ("k/a.jpg", picture(5)), ("x.txt", b""))
    sink = Folder(out, name="{stem}_{width}x{height}_{index}{ext}")
    arguments = ([src, src / "s.tar", "missing.tar"], sink, Fit(longest=40), Output("png"))
    options = {"recursive": True, "filters": Filters(min_size="10x10", max_aspect=10)}
    told = foretold(*arguments, **options)
    _, outcomes = ran(*arguments, **options)
    assert [each.source for each in told] == [each.source for each in outcomes]
    for before, after in zip(told, outcomes, strict=True):
        assert (before.status, before.code) == (after.status, after.code)
        if after.status == "fitted":
            assert (str(out / before.output), before.planned) == (after.output, after.planned)
        elif after.status == "skipped":
            assert before.text == after.text
    assert {each.code for each in told} == {None, "too-small", "aspect", "undecodable", "not-found", "no-image"}


def test_preview_tells_of_names_that_are_taken(src, out):
    photos(src, "a.jpg", "b/a.jpg", "c/a.jpg", "d.jpg")
    plant(out, "d.jpg")
    told = foretold(src, Folder(out, flat=True), SPEC, recursive=True)
    assert codes(told) == ["fitted", "exists", "name-taken", "name-taken"]
    told = foretold(src, Folder(out, flat=True, collisions="number"), SPEC, recursive=True)
    assert [each.output for each in told] == ["a.jpg", None, "a_1.jpg", "a_2.jpg"]


def test_preview_writes_nothing(five, out):
    for sink in (out, Shards(out / "%d.tar"), Npy(out / "a.npy")):
        told = foretold(five, sink, SPEC)
        assert codes(told) == ["fitted"] * 5
        assert sorted(path.name for path in out.parent.iterdir()) == ["src"]


def test_preview_decodes_nothing(five, out, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", fail)
    assert codes(foretold(five, out, SPEC)) == ["fitted"] * 5


def test_preview_of_what_is_done(five, out):
    plant(five, "bad.jpg", content=b"none")
    report, _ = ran(five, out)
    plant(five, "6.jpg", content=picture(6))
    before = report.path.read_bytes(), contents(out)
    told = foretold(five, out, SPEC)
    assert [(each.status, each.earlier) for each in told] == [
        *[("fitted", True)] * 5,
        ("fitted", False),
        ("failed", True),
    ]
    assert (report.path.read_bytes(), contents(out)) == before
    with pytest.raises(OptionError, match="the settings that this output was begun with"):
        foretold(five, out, Fit("9x8"))


def test_preview_is_a_stream(out):
    told = preview((f"{number}.jpg" for number in itertools.count()), out, SPEC)
    assert [each.source for each in itertools.islice(told, 3)] == ["0.jpg", "1.jpg", "2.jpg"]
    told.close()


def test_preview_refuses_what_a_run_refuses(five, out):
    for name, value in (("filters", 5), ("sink", 5), ("spec", "20x30"), ("recursive", 2)):
        with pytest.raises(OptionError, match=f"^{name}: expected "):
            foretold(**{"sources": five, "sink": out, "spec": SPEC, name: value})
    with pytest.raises(OptionError, match="SRC: expected an existing"):
        foretold("nothing", out, SPEC)
    with pytest.raises(OptionError, match="-o: expected a folder apart from the sources"):
        foretold(five, five, SPEC)


# From scripts.


def script(tmp_path, text, *arguments, stdin=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", *arguments]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), text
    return run.stdout


PLAIN = 'import fastfit\nprint("begun")\nprint(fastfit.run("src", "out", fastfit.Fit("20x30"), jobs=2).fitted)\n'


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_runs_without_a_guard(tmp_path, way):
    plant(tmp_path, "plain.py", content=PLAIN.encode())
    arguments = {"file": ["plain.py"], "standard input": ["-"]}
    assert script(tmp_path, PLAIN, *arguments[way], stdin=PLAIN) == "begun\n5\n"


def test_runs_one_after_the_other(five, tmp_path):
    for number in range(2):
        report, _ = ran(five, tmp_path / str(number), backend="loky", jobs=1)
        assert counts(report) == (5, 0, 0)


def test_runs_at_the_same_time(five, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda name: ran(five, tmp_path / name, jobs=2)[0], "abc"))
    assert [counts(report) for report in reports] == [(5, 0, 0)] * 3
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


def test_current_folder_of_processes_is_ours(five, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert counts(ran("src", "out", backend="loky", jobs=1)[0]) == (5, 0, 0)
    monkeypatch.chdir(five)
    assert counts(ran(["0.jpg", "1.jpg"], "../other", backend="loky", jobs=1)[0]) == (2, 0, 0)


def test_public_names_are_those_of_the_parts():
    assert fastfit.run is bulk.run
    assert engine.Engine.__module__ == "fastfit.bulk.engine"
    assert Result("fitted").source_size is None


# One million.

MILLION = """
import sys, time
import fastfit
from fastfit.bulk.items import Result
from fastfit.bulk.work import Work

Work.do = lambda self, number, item: Result("failed", "not-found", f"{item.source}: No such file or directory")
first = None

def tell(outcome):
    global first
    first = first or time.process_time() - start

start = time.process_time()
report = fastfit.run(
    fastfit.Listing("list.txt"), "out", fastfit.Fit("20x30"), jobs=2, backend="threading", progress=tell
)
seconds = time.process_time() - start
# Not by `resource`: its peak is at least that of the process that began this one.
told = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(told["VmHWM"].split()[0]) / 1024
print(report.failed, sum(report.earlier.values()), first, seconds, peak)
"""


@pytest.mark.parametrize("options", [("10000x1",), ("90x60", (0.5, 0, 0.500000001, 1))])
def test_slivers_do_not_stop_a_run(tmp_path, options):
    size, bounds = (*options, None)[:2]
    for name, side in (("a.png", (10000, 1, 3)), ("b.png", (30, 40, 3))):
        (tmp_path / name).write_bytes(fastfit.encode(np.zeros(side, np.uint8), "png"))
    spec = Fit(size, crop_bounds=bounds)
    report = fastfit.run(
        tmp_path, tmp_path / "out", spec, filters=Filters(no_enlarge=True), jobs=1, backend="threading"
    )
    assert (report.failed, report.fitted + report.skipped) == (0, 2)


@pytest.mark.slow
def test_a_million_sources_take_little_memory(tmp_path):
    """Without their pixels. Times are of the processor: others may be at work, too."""
    count = 1_000_000
    with (tmp_path / "list.txt").open("w") as file:
        file.writelines(f"missing/{number // 1000:04}/{number:08}.jpg\n" for number in range(count))
    plant(tmp_path, "million.py", content=MILLION.encode())
    for known, longest in ((0, 5), (count, 30)):  # to go on, the journal has to be read first
        run = subprocess.run(
            [sys.executable, "million.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=1500,
            check=True,
        )
        failed, earlier, first, seconds, peak = map(float, run.stdout.split())
        told = f"first after {first:.2f} s, all after {seconds:.0f} s, {peak:.0f} MB"
        assert (failed, earlier) == (count, known)
        assert peak < 300, told
        assert first < longest, told
        assert seconds < 200, told
    assert (tmp_path / "out.report.jsonl").read_bytes().count(b"\n") == count
