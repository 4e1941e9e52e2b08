"""The journal: a row for every source, whatever happens to the process, and who may go on from it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import SPEC, codes, contents, counts, listed, photos, picture, plant, ran, rows, shard

import fastfit
from fastfit import Filters, Fit, Folder, Input, Listing, Npy, OptionError, Output, Shards, bulk
from fastfit.bulk import summary
from fastfit.bulk.journal import Journal, NoJournal, fingerprint, rows_of, settled
from fastfit.bulk.seen import Seen, key

SETTINGS = {"fit": {"mode": "cover"}}
RUN = {"version": "1", "cwd": str(Path.cwd()), "sink": {"kind": "folder"}}
KEYS = {
    "source",
    "output",
    "status",
    "source_size",
    "output_size",
    "plan",
    "source_bytes",
    "mtime_ns",
    "bytes",
    "ms",
    "error",
    "message",
    "notes",
    "settings",
}


@pytest.fixture
def src(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "report.jsonl"


def begun(path, settings=SETTINGS, **options):
    return Journal(path, settings, RUN, **options)


def row(source, status="fitted", **more):
    return {"source": source, "status": status, **more}


def written(path, *sources, **options):
    journal = begun(path, **options)
    for number, source in enumerate(sources):
        journal.write(row(source, number=number))
    journal.close()


# Rows.


@pytest.mark.quick
def test_row_of_a_fitted_source(src, out):
    photos(src, "a.jpg")
    report, _ = ran(src, out)
    (found,) = rows(report.path)
    status = (src / "a.jpg").stat()
    run = found.pop("run")
    assert found.keys() == KEYS | {"name"}
    assert found.pop("ms") > 0
    assert found == {
        "source": f"{src}/a.jpg",
        "output": f"{out}/a.jpg",
        "status": "fitted",
        "source_size": [64, 48],
        "output_size": [20, 30],
        "plan": {"crop": [16.0, 0.0, 48.0, 48.0], "inner": [0, 0, 20, 30]},
        "source_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "bytes": (out / "a.jpg").stat().st_size,
        "error": None,
        "message": None,
        "notes": [],
        "name": "a.jpg",
        "settings": fingerprint(run["settings"]),
    }
    assert run["version"] == fastfit.__version__
    assert run["pixels"] == fastfit.PIXELS == "pillow-13"
    assert run["cwd"] == str(Path.cwd())
    assert run["settings"].keys() == {"sink", "fit", "input", "output", "filters", "dedupe"}
    assert Fit.from_dict(run["settings"]["fit"]) == SPEC


def test_rows_of_what_is_not_fitted(src, out):
    photos(src, "a.jpg")
    plant(src, "b.jpg", content=b"none")
    plant(src, "c.jpg", content=picture(2, size=(9, 9)))
    report, _ = ran(src, out, filters=Filters(min_size="10x10"))
    fitted, failed, skipped = rows(report.path)
    assert (set(failed) - {"retry"}, set(skipped)) == (KEYS, KEYS)
    assert (failed["status"], failed["error"], failed["output"]) == ("failed", "undecodable", None)
    assert failed["message"].startswith(f"{src}/b.jpg: expected ")
    assert [failed[name] for name in ("source_size", "output_size", "plan", "bytes")] == [None] * 4
    assert failed["source_bytes"] == 4
    assert (skipped["status"], skipped["error"]) == ("skipped", "too-small")
    assert (skipped["source_size"], skipped["output_size"], skipped["bytes"]) == ([9, 9], None, None)
    assert "run" in fitted
    assert "run" not in failed


def test_rows_come_in_the_order_of_the_sources(src, out):
    for number in range(30):
        plant(src, f"{number:02}.jpg", content=picture(number, size=(700, 700) if number < 2 else (30, 20)))
    report, _ = ran(src, out, jobs=3)
    assert [each["source"] for each in rows(report.path)] == [f"{src}/{number:02}.jpg" for number in range(30)]


def test_row_of_a_member_of_a_shard(src, out):
    shard(src / "s.tar", ("k/a.jpg", picture()), ("b.txt", b""))
    report, _ = ran("s.tar", out)
    first, second = rows(report.path)
    assert (first["source"], first["source_bytes"]) == ("s.tar::k/a.jpg", len(picture()))
    assert (second["source"], second["error"]) == ("s.tar::b", "no-image")


def test_notes_and_damage_are_in_the_rows(src, out):
    import io

    from PIL import Image

    frames = [Image.new("L", (40, 30), level) for level in (9, 99)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:])
    plant(src, "a.gif", content=buffer.getvalue())
    report, outcomes = ran(src, out)
    assert rows(report.path)[0]["notes"] == list(outcomes[0].notes) != []


def test_report_may_be_anywhere(src, out, tmp_path):
    photos(src, "a.jpg")
    report, _ = ran(src, out, report=tmp_path / "new" / "folder" / "rows.jsonl")
    assert report.path == tmp_path / "new" / "folder" / "rows.jsonl"
    assert len(rows(report.path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out", "src"]
    assert counts(ran(src, out, report=str(report.path))[0]) == (0, 0, 1)


# The last row counts.


@pytest.mark.quick
def test_last_row_counts(path):
    written(path, "a", "b", "a", "c", "b")
    journal = begun(path)
    assert [journal.find(name)["number"] for name in "abc"] == [2, 4, 3]
    assert journal.find("d") is None
    assert not journal.empty
    journal.close()
    assert [(each["source"], each["number"]) for each in settled(path)] == [("a", 2), ("c", 3), ("b", 4)]


def test_source_has_one_name_however_it_is_written(path, tmp_path, monkeypatch):
    written(path, "a/b.jpg", str(tmp_path / "c.jpg"))
    journal = begun(path)
    monkeypatch.chdir(tmp_path)
    assert journal.find("c.jpg")["number"] == 1
    assert journal.find("./x/../c.jpg")["number"] == 1
    assert journal.find("a/b.jpg") is None
    journal.close()


def test_journal_that_holds_nothing(path):
    journal = begun(path)
    assert journal.empty
    assert journal.find("a") is None
    assert (journal.last, journal.empty) == (None, True)
    journal.close()
    assert path.read_bytes() == b""
    assert list(settled(path)) == []


def test_first_row_tells_of_the_run(path):
    written(path, "a", "b")
    written(path, "c")
    found = rows(path)
    assert [("run" in each) for each in found] == [True, False, False]
    assert found[0]["run"] == {**RUN, "settings": SETTINGS}
    assert {each["settings"] for each in found} == {fingerprint(SETTINGS)}


def test_long_rows_are_whole(path):
    names = ["x" * length for length in (1, 2000, 2048, 5000, 200_000)]
    written(path, *names, *reversed(names))
    journal = begun(path)
    assert [journal.find(name)["number"] for name in names] == [9, 8, 7, 6, 5]
    journal.close()


@pytest.mark.parametrize("name", ["café", "\udce9", "line\nbreak", 'quote"', "tab\t", "\u2028", "写真", "\\u0041"])
def test_names_of_any_bytes_round_trip(path, name):
    written(path, name)
    journal = begun(path)
    assert journal.find(name)["source"] == name
    journal.close()
    assert path.read_bytes().count(b"\n") == 1
    assert path.read_bytes().isascii()


def test_no_journal_knows_nothing(path):
    journal = NoJournal(path)
    journal.write(row("a"))
    assert journal.find("a") is None
    assert journal.empty
    journal.close()
    assert not path.exists()


# Torn, foreign and busy ones.


@pytest.mark.quick
@pytest.mark.parametrize("cut", [1, 2, 10, 60])
def test_torn_last_line_is_dropped(path, cut):
    written(path, "a", "b")
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    assert [each["source"] for _, each in rows_of(path)] == ["a"]
    written(path, "c")
    assert [each["source"] for each in rows(path)] == ["a", "c"]


def test_torn_first_line_is_dropped(path):
    written(path, "a")
    for cut in (1, 30, len(path.read_bytes()) - 1):
        data = path.read_bytes()
        path.write_bytes(data[:-cut])
        written(path, "a")
        assert ["run" in each for each in rows(path)] == [True]


def test_long_torn_line_is_dropped(path):
    written(path, "a", "b" * 300_000)
    path.write_bytes(path.read_bytes()[:-5])
    written(path, "c")
    assert [each["source"] for each in rows(path)] == ["a", "c"]


def test_zeros_of_a_crashed_system_are_dropped(path):
    written(path, "a")
    path.write_bytes(path.read_bytes() + bytes(4096))
    written(path, "b")
    assert [each["source"] for each in rows(path)] == ["a", "b"]


FOREIGN = {
    "text": b"what was there\n",
    "one line without an end": b"what was there",
    "list": b"[1, 2]\n",
    "other rows": b'{"source": "a"}\n',
    "other row without an end": b'{"name": "a"',
    "number": b"7\n",
    "bytes": bytes(range(11, 200)),
    "image": picture(),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("anew", [False, True])
def test_foreign_file_is_refused_and_stays(path, kind, anew):
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(OptionError, match="expected a report of fastfit's, got line 1: "):
        begun(path, anew=anew).close()
    assert path.read_bytes() == FOREIGN[kind]


def test_line_that_is_none_of_ours_is_named(path):
    written(path, "a", "b")
    path.write_bytes(path.read_bytes() + b"mine\n")
    with pytest.raises(OptionError, match="got line 3: b'mine"):
        begun(path)


def test_journal_is_one_runs_at_a_time(path):
    journal = begun(path)
    for anew in (False, True):
        with pytest.raises(OptionError, match="expected an output that no other run is writing"):
            begun(path, anew=anew).close()
    journal.close()
    begun(path).close()


def test_refused_journal_is_free_again(path):
    written(path, "a")
    with pytest.raises(OptionError):
        begun(path, {"fit": {"mode": "pad"}})
    begun(path).close()


# Settings.


def test_other_settings_are_refused_by_name(path):
    written(path, "a", settings={"fit": {"mode": "cover", "size": [1, 2]}, "dedupe": False})
    expected = (
        r"expected the settings that this output was begun with \(mode \"cover\", dedupe false\),"
        r" got mode \"pad\", dedupe true; choose another output, or begin this one anew with --overwrite"
    )
    with pytest.raises(OptionError, match=expected):
        begun(path, {"fit": {"mode": "pad", "size": [1, 2]}, "dedupe": True})


def test_anew_forgets(path):
    written(path, "a", "b")
    written(path, "c", settings={"x": {}}, anew=True)
    assert [each["source"] for each in rows(path)] == ["c"]
    assert rows(path)[0]["run"]["settings"] == {"x": {}}


CHANGES = {
    "size": ({"spec": Fit("9x8")}, "size"),
    "mode": ({"spec": Fit("20x30", "pad")}, "mode"),
    "format": ({"output": Output("png")}, "format"),
    "quality": ({"output": Output(quality=50)}, "quality"),
    "exact": ({"input": Input(exact=True)}, "exact"),
    "filters": ({"filters": Filters(max_aspect=3)}, "max_aspect"),
    "dedupe": ({"dedupe": True}, "dedupe"),
    "flat": ({"sink": {"flat": True}}, "flat"),
    "template": ({"sink": {"name": "{index}{ext}"}}, "name"),
    "collisions": ({"sink": {"collisions": "number"}}, "collisions"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_run_with_other_settings_is_refused(src, out, change):
    photos(src, "a.jpg")
    options, name = CHANGES[change]
    ran(src, out)
    before = {each: (out / each).read_bytes() for each in listed(out)}
    options = dict(options)
    sink = Folder(out, **options.pop("sink", {}))
    spec, output = options.pop("spec", SPEC), options.pop("output", None)
    with pytest.raises(OptionError, match=rf"begun with \({name} .*, got {name} .*--overwrite"):
        ran(src, sink, spec, output, **options)
    assert {each: (out / each).read_bytes() for each in listed(out)} == before
    assert counts(ran(src, sink, spec, output, overwrite=True, **options)[0]) == (1, 0, 0)


@pytest.mark.parametrize("options", [{"size": 3}, {"size": None, "bytes": 20_000}])
def test_shards_of_another_length_are_refused_by_name(src, out, options):
    photos(src, "a.jpg")
    ran(src, Shards(out / "%d.tar", size=2))
    with pytest.raises(OptionError, match=r"begun with \(.*size 2.*\), got .*size (3|null)"):
        ran(src, Shards(out / "%d.tar", **options))


def with_pixels(report, pixels):
    """Let the run of a journal have kept another contract, or none by name."""
    first, *others = report.read_text().splitlines(keepends=True)
    found = json.loads(first)
    del found["run"]["pixels"]
    if pixels is not None:
        found["run"]["pixels"] = pixels
    report.write_text(json.dumps(found) + "\n" + "".join(others))


@pytest.mark.quick
@pytest.mark.parametrize("sink", [Folder, lambda out: Shards(out / "%d.tar"), lambda out: Npy(out / "a.npy")])
def test_an_output_of_another_contract_is_refused(src, out, sink):
    photos(src, "a.jpg", "b.jpg")
    plant(src, "b.jpg", content=b"none")
    report, _ = ran(src, sink(out))
    with_pixels(report.path, "pillow-12")
    before = contents(out.parent)
    expected = "expected an output of this version's pixels, pillow-13, got one that was begun with pillow-12; "
    for again in (
        lambda: ran(src, sink(out)),
        lambda: fastfit.retry(report.path, backend="threading"),
        lambda: list(bulk.preview(src, sink(out), SPEC)),
    ):
        with pytest.raises(OptionError) as caught:
            again()
        assert str(caught.value).startswith(f"{report.path}: {expected}")
    assert contents(out.parent) == before
    assert counts(ran(src, sink(out), overwrite=True)[0]) == (1, 1, 0)
    assert rows(report.path)[0]["run"]["pixels"] == fastfit.PIXELS


def test_journals_that_name_no_contract_kept_this_one(src, out):
    photos(src, "a.jpg", "b.jpg")
    report, _ = ran(src, out)
    with_pixels(report.path, None)
    assert counts(ran(src, out)[0]) == (0, 0, 2)
    assert f"pixels {fastfit.PIXELS}, " in "\n".join(summary.lines(summary.summarize(report.path)))


def test_what_changes_no_byte_may_change(src, out):
    photos(src, "a.jpg", "b.jpg")
    ran(src, out)
    for options in ({"jobs": 2}, {"timeout": None}, {"max_failures": 3}, {"listen": True}, {"recursive": True}):
        assert counts(ran(src, out, **options)[0]) == (0, 0, 2)
    assert counts(ran([src / "a.jpg"], out, SPEC, Output(), input=Input())[0]) == (0, 0, 1)


# From elsewhere.


def test_folder_that_was_moved_to(src, out, monkeypatch):
    photos(src, "a.jpg", "sub/b.jpg")
    assert counts(ran(".", out, recursive=True)[0]) == (2, 0, 0)
    for folder, name in ((src, "."), (src / "sub", ".."), (src.parent, "src"), (src, src)):
        monkeypatch.chdir(folder)
        assert counts(ran(name, out, recursive=True)[0]) == (0, 0, 2)


def test_runs_from_several_folders(src, out, monkeypatch):
    """Names in rows are relative to where that run was."""
    photos(src, "a.jpg", "sub/b.jpg", "sub/c.jpg")
    plant(src, "sub/c.jpg", content=b"none")
    ran(["a.jpg"], out)
    monkeypatch.chdir(src / "sub")
    assert codes(ran(["b.jpg", "c.jpg"], out)[1]) == ["fitted", "undecodable"]
    for folder, names in (("sub", ["b.jpg", "../a.jpg"]), (".", ["a.jpg", "sub/b.jpg"])):
        monkeypatch.chdir(src / folder)
        assert codes(ran(names, out)[1]) == ["fitted", "fitted"]
    plant(src, "sub/c.jpg", content=picture(5))
    report = fastfit.retry(out.with_name("out.report.jsonl"), jobs=1, backend="threading")
    assert counts(report) == (1, 0, 0)
    assert listed(out) == ["a.jpg", "b.jpg", "c.jpg"]


def test_retry_from_elsewhere(src, out, monkeypatch):
    photos(src, "a.jpg", "sub/b.jpg")
    plant(src, "sub/b.jpg", content=b"none")
    report, _ = ran(".", "../out", recursive=True)
    plant(src, "sub/b.jpg", content=picture(3))
    monkeypatch.chdir(src / "sub")
    assert counts(fastfit.retry("../../out.report.jsonl", jobs=1, backend="threading")) == (1, 0, 0)
    assert (out / "sub" / "b.jpg").read_bytes() == fastfit.fit_bytes(picture(3), SPEC)
    monkeypatch.chdir(src)
    assert counts(ran(".", "../out", recursive=True)[0]) == (0, 0, 2)
    assert report.path.name == "out.report.jsonl"


def test_folder_that_can_be_read_again_is_searched(src, out, monkeypatch):
    photos(src, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def denied(path):
        if not isinstance(path, int) and os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    report, _ = ran(src, out, recursive=True)
    assert counts(report) == (1, 1, 0)
    monkeypatch.setattr(os, "scandir", scandir)
    assert counts(ran(src, out, recursive=True)[0]) == (1, 0, 1)
    assert listed(out) == ["a.jpg", "locked/b.jpg"]


def test_retry_of_shards(src, out):
    good = [(f"{number}.jpg", picture(number)) for number in range(4)]
    shard(src / "s.tar", *good[:2], ("2.jpg", b"none"), good[3], ("x.txt", b""))
    report, _ = ran(["s.tar", "missing.tar"], out)
    assert counts(report) == (3, 3, 0)
    shard(src / "s.tar", *good, ("x.txt", b""))
    shard(src / "missing.tar", ("m.jpg", picture(7)), ("n.jpg", picture(8)))
    again = fastfit.retry(report.path, jobs=1, backend="threading")
    assert counts(again) == (3, 1, 0)
    assert listed(out) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "m.jpg", "n.jpg"]


def test_retry_of_nothing(src, out, path):
    photos(src, "a.jpg")
    report, _ = ran(src, out)
    assert counts(fastfit.retry(report.path)) == (0, 0, 0)
    begun(path).close()
    with pytest.raises(OptionError, match="expected a report of fastfit's with a row, got none"):
        fastfit.retry(path)
    with pytest.raises(OSError, match="No such file"):
        fastfit.retry(path.with_name("nothing"))


# What a run has settled.


def test_changed_sources_are_fitted_again(src, out):
    photos(src, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    ran(src, out)
    plant(src, "a.jpg", content=picture(9))
    status = (src / "b.jpg").stat()
    os.utime(src / "b.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    (out / "c.jpg").unlink()
    report, outcomes = ran(src, out)
    assert counts(report) == (3, 0, 1)
    assert [outcome.earlier for outcome in outcomes] == [False, False, False, True]
    assert (out / "a.jpg").read_bytes() == fastfit.fit_bytes(picture(9), SPEC)
    assert counts(ran(src, out)[0]) == (0, 0, 4)


def test_failures_of_earlier_stay_until_they_change(src, out):
    photos(src, "a.jpg")
    plant(src, "b.jpg", content=b"none")
    ran(src, out)
    report, outcomes = ran([src / "a.jpg", src / "b.jpg", "c.jpg"], out)
    assert (counts(report), report.earlier) == ((0, 2, 1), {"fitted": 1, "failed": 1})
    assert [outcome.code for outcome in outcomes] == [None, "undecodable", "not-found"]
    assert [failure.source for failure in report.failures] == ["c.jpg"]
    plant(src, "b.jpg", content=picture(1))
    plant(src, "c.jpg", content=picture(2))
    assert counts(ran([src / "a.jpg", src / "b.jpg", "c.jpg"], out)[0]) == (2, 0, 1)


def test_rows_are_with_the_system_when_progress_is_told(src, out):
    photos(src, *(f"{number}.jpg" for number in range(5)))
    path = out.with_name("out.report.jsonl")
    seen = []

    def tell(outcome):
        seen.append((len(rows(path)), (out / f"{len(seen)}.jpg").exists(), outcome.source))

    fastfit.run(src, out, SPEC, jobs=2, backend="threading", progress=tell)
    assert [entry[:2] for entry in seen] == [(number, True) for number in range(1, 6)]


@pytest.mark.parametrize("kind", ["folder", "npy"])
def test_killed_process_leaves_whole_rows(src, tmp_path, kind):
    photos(src, *(f"{number}.jpg" for number in range(6)))
    sink = {
        "folder": f"{str(tmp_path / 'out')!r}",
        "npy": f"fastfit.Npy({str(tmp_path / 'out.npy')!r})",
    }[kind]
    script = f"""
import os, sys, fastfit
def tell(outcome):
    if outcome.source.endswith(sys.argv[1]):
        os.kill(os.getpid(), 9)
report = fastfit.run({str(src)!r}, {sink}, fastfit.Fit("20x30"), jobs=2, backend="threading", progress=tell)
print(report.fitted, report.skipped)
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    outputs = []
    for stop in ("2.jpg", "none"):
        run = subprocess.run(
            [sys.executable, path, stop],
            env={**os.environ, "PYTHONPATH": str(Path(fastfit.__file__).parent.parent)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        outputs.append(run.stdout)
    assert outputs == [b"", b"3 3\n"]
    made = [name for name in listed(tmp_path) if name.startswith("out")]
    assert not [name for name in made if ".tmp" in name or ".partial" in name]
    if kind == "npy":
        assert np.load(tmp_path / "out.npy").shape == (6, 30, 20, 3)


# Which names have been seen.


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=3)))
def test_seen_is_a_set(names):
    seen, known = Seen(), set()
    for name in names:
        assert seen.add(name) == (name not in known)
        known.add(name)


def test_seen_grows():
    seen = Seen()
    names = [f"folder/{number}.jpg" for number in range(50_000)]
    random.Random(1).shuffle(names)
    assert all(map(seen.add, names))
    assert not any(map(seen.add, names))
    assert all(seen.add(name[:-1]) for name in names[:1000])


def test_seen_takes_few_bytes():
    seen = Seen()
    for number in range(20_000):
        seen.add(str(number))
    assert (
        sum(len(value) * value.itemsize for value in vars(seen).values() if hasattr(value, "itemsize"))
        <= 40 * 20_000
    )


def test_keys_are_of_64_bits_and_never_the_empty_place():
    assert 0 < key("") < 1 << 64
    assert key("a") != key("b")
    assert key("caf\udce9") == key(os.fsdecode(b"caf\xe9"))


def test_list_of_names_of_any_bytes_goes_on(src, out):
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    photos(src, name)
    plant(src, "list", content=os.fsencode(name) + b"\n")
    assert counts(ran(Listing("list"), out)[0]) == (1, 0, 0)
    assert counts(ran(Listing("list"), out)[0]) == (0, 0, 1)
    assert json.loads(out.with_name("out.report.jsonl").read_bytes())["source"] == name


def test_report_with_the_name_of_a_result_is_refused(src, out):
    photos(src, "a.jpg")
    for name in ("all.npy", "all.jsonl"):
        with pytest.raises(OptionError, match="report: expected a name apart from the results'"):
            ran(src, Npy(out / "all.npy"), report=out / name)
