"""Where results go: folders, tar shards, NumPy files; read back by those who will read them."""

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import (
    SPEC,
    codes,
    contents,
    counts,
    listed,
    members,
    photos,
    picture,
    plant,
    ran,
    rows,
    samples,
    shard,
)

import fastfit
from fastfit import Fit, Folder, Listing, Npy, OptionError, Output, Shards
from fastfit.bulk.items import Result
from fastfit.bulk.journal import NoJournal
from fastfit.bulk.sinks import as_sink, from_dict
from fastfit.bulk.sources import Search, items


@pytest.fixture
def src(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def expected(seed, spec=SPEC, output=None):
    return fastfit.fit_bytes(picture(seed), spec, output)


def shards_of(out):
    return sorted(out.glob("*.tar"))


# Folders.


@pytest.mark.quick
def test_folder_keeps_the_tree(src, out):
    photos(src, "a.jpg", "one/b.jpg", "one/two/c.jpg")
    report, outcomes = ran(src, out, recursive=True)
    assert contents(out) == {
        "a.jpg": expected(0),
        "one/b.jpg": expected(1),
        "one/two/c.jpg": expected(2),
    }
    assert report.path == out.with_name("out.report.jsonl")
    assert [outcome.output for outcome in outcomes] == [str(out / name) for name in listed(out)]
    assert sorted(path.name for path in out.parent.iterdir()) == ["out", "out.report.jsonl", "src"]


def test_path_is_a_folder(tmp_path):
    assert as_sink(tmp_path) == as_sink(str(tmp_path)) == Folder(tmp_path)
    for value in (None, 7, b"out", ["out"]):
        with pytest.raises(OptionError, match="sink: expected a path, a Folder, Shards or an Npy, got"):
            as_sink(value)


@pytest.mark.parametrize(
    "sink", [Folder("out", True, "{stem}", "number"), Shards("a-%d.tar", 3, 10**6, True, "{stem}"), Npy("a.npy")]
)
def test_sinks_are_values(sink):
    assert from_dict(json.loads(json.dumps(sink.to_dict()))) == sink
    assert hash(sink) == hash(from_dict(sink.to_dict()))
    assert json.loads(json.dumps(sink.settings())) == sink.settings()


@pytest.mark.parametrize("sink", [Folder, lambda path, **options: Shards(path / "%d.tar", **options)])
@pytest.mark.parametrize("options", [{"flat": "yes"}, {"flat": 1.5}, {"collisions": "both"}, {"collisions": None}])
def test_wrong_options_are_refused(sink, options, out):
    with pytest.raises(OptionError, match=next(iter(options))):
        sink(out, **options)


def test_companions_go_beside_their_image(src, out):
    shard(
        src / "s.tar",
        ("x/a.b.json", b"\x00\xff{}"),
        ("x/a.PNG", picture(0)),
        ("x/a.seg.png", picture(1)),
        ("x/c.jpg", picture(2)),
    )
    report, _ = ran("s.tar", out, SPEC, Output("jpeg"))
    assert counts(report) == (2, 0, 0)
    assert contents(out) == {
        "x/a.b.json": b"\x00\xff{}",
        "x/a.jpg": expected(0, output=Output("jpeg")),
        "x/a.seg.png": picture(1),
        "x/c.jpg": expected(2),
    }


def test_companions_follow_the_name_of_their_image(src, out):
    shard(src / "s.tar", ("x/a.jpg", picture(0)), ("x/a.json", b"1"), ("y/a.jpg", picture(1)), ("y/a.json", b"2"))
    ran("s.tar", Folder(out, flat=True, collisions="number"))
    assert {name: data for name, data in contents(out).items() if "json" in name} == {
        "a.json": b"1",
        "a_1.json": b"2",
    }


def test_companions_never_replace_what_was_there(src, out):
    shard(src / "s.tar", ("a.jpg", picture(0)), ("a.json", b"new"), ("b.jpg", picture(1)))
    plant(out, "a.json", content=b"what was there")
    report, outcomes = ran("s.tar", out)
    assert (out / "a.json").read_bytes() == b"what was there"
    assert not (out / "a.jpg").exists(), "without its companion it is half a sample"
    assert codes(outcomes) == ["exists", "fitted"]
    again, _ = ran("s.tar", out, overwrite=True)
    assert counts(again) == (2, 0, 0)
    assert (out / "a.json").read_bytes() == b"new"
    assert report.path.exists()


@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_companion_with_the_results_name_does_not_replace_it(src, out, kind):
    """Two images in a sample: the one is fitted and written in the format of the other."""
    shard(src / "s.tar", ("a.jpg", picture(0)), ("a.png", picture(1)), ("b.jpg", picture(2)))
    sink = out if kind == "folder" else Shards(out / "%d.tar")
    report, outcomes = ran("s.tar", sink, SPEC, Output("png"))
    assert codes(outcomes)[1] == "fitted"
    if kind == "folder":
        assert contents(out).get("a.png") in (None, expected(0, output=Output("png")))
        assert len(listed(out)) == report.fitted
    else:
        assert len(samples(*shards_of(out))) == report.fitted


def test_sample_whose_companion_is_cut_off_is_no_half_result(src, out):
    path = shard(src / "s.tar", ("a.jpg", picture(0)), ("a.bin", bytes(100_000)), ("b.jpg", picture(1)))
    item = next(items(["s.tar"], Search()))
    path.write_bytes(path.read_bytes()[: item.companions[0].offset + 10])
    plant(out, "0", content=b"result")
    writer = Folder(out).writer(NoJournal(out), SPEC, anew=False)
    with pytest.raises(fastfit.CodecError, match=r"s\.tar: expected 100000 bytes"):
        writer.put("a.jpg", item, Result("fitted"), str(out / "0"), replace=False)
    assert listed(out) == ["0"]


def test_results_from_a_worker_on_another_disk(src, out, monkeypatch):
    """A folder of the tree may be a link to another disk, where renaming does not lead."""
    replace = os.replace

    def elsewhere(source, target):
        if Path(source).name.isdigit() and str(target).endswith("b.jpg"):
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    photos(src, "a.jpg", "b.jpg")
    monkeypatch.setattr(os, "replace", elsewhere)
    assert counts(ran(src, out)[0]) == (2, 0, 0)
    assert contents(out) == {"a.jpg": expected(0), "b.jpg": expected(1)}


# Shards.


def test_shards_are_webdatasets(src, out):
    photos(src, *(f"{number:02}.jpg" for number in range(7)), "sub/a.b.png", "sub/é.webp")
    report, outcomes = ran(src, Shards(out / "s-%03d.tar", size=4), recursive=True)
    assert counts(report) == (9, 0, 0)
    assert [path.name for path in shards_of(out)] == ["s-000.tar", "s-001.tar", "s-002.tar"]
    assert [path.name for path in out.iterdir() if path.suffix != ".tar"] == [report.path.name]
    read = samples(*shards_of(out), decode="rgb")
    keys = [each["__key__"] for each in read]
    assert keys == [f"{number:02}" for number in range(7)] + ["sub/a_b", "sub/é"]
    assert [next(name for name in each if name != "__key__") for each in read] == ["jpg"] * 7 + ["png", "webp"]
    assert {next(value.shape for name, value in each.items() if name != "__key__") for each in read} == {
        (30, 20, 3)
    }
    assert [len(samples(path)) for path in shards_of(out)] == [4, 4, 1]
    for seed, each in enumerate(samples(*shards_of(out))[:7]):
        assert each["jpg"] == expected(seed)
    assert outcomes[4].output == f"{out}/s-001.tar::04.jpg"


@pytest.mark.quick
def test_shards_to_shards_keep_companions(src, out):
    content = []
    for number in range(5):
        content += [
            (f"k/{number:04}.cls", str(number).encode()),
            (f"k/{number:04}.png", picture(number)),
            (f"k/{number:04}.seg.png", b"\x00mask\xff" * number),
            (f"k/{number:04}.json", json.dumps({"n": number}).encode()),
        ]
    shard(src / "s.tar", *content)
    report, _ = ran("s.tar", Shards(out / "%d.tar", size=2), SPEC, Output("jpeg"))
    assert counts(report) == (5, 0, 0)
    for number, each in enumerate(samples(*shards_of(out))):
        assert each == {
            "__key__": f"k/{number:04}",
            "jpg": expected(number, output=Output("jpeg")),
            "cls": str(number).encode(),
            "seg.png": b"\x00mask\xff" * number,
            "json": json.dumps({"n": number}).encode(),
        }


def test_other_tars_read_shards(src, out):
    long = "d" * 120 + "/" + "n" * 150 + ".jpg"
    photos(src, "a.jpg", long, "café.jpg")
    ran(src, Shards(out / "%d.tar"), recursive=True)
    listing = subprocess.run(["tar", "tvf", out / "0.tar"], capture_output=True, check=True)
    assert listing.stderr == b""
    assert listing.stdout.count(b"\n") == 3
    extracted = out / "extracted"
    extracted.mkdir()
    subprocess.run(["tar", "xf", out / "0.tar", "-C", extracted], check=True)
    assert contents(extracted) == {long: expected(1), "a.jpg": expected(0), "café.jpg": expected(2)}
    with tarfile.open(out / "0.tar") as tar:
        assert {(member.mtime, member.uid, member.uname, member.mode) for member in tar} == {(0, 0, "", 0o644)}


@pytest.mark.quick
def test_shards_tell_their_contract(src, out):
    long = "n" * 150 + ".jpg"
    photos(src, "a.jpg", "b.jpg", long)
    shard(src / "s.tar", ("k/0.png", picture()), ("k/0.json", b"{}"))
    ran([src, "s.tar"], Shards(out / "%d.tar", size=2))
    for path in shards_of(out):
        with tarfile.open(path) as tar:
            assert tar.pax_headers == {}  # some readers refuse global headers
            assert {member.gname for member in tar} == {fastfit.PIXELS}
    assert [each["__key__"] for each in samples(*shards_of(out))] == ["a", "b", "n" * 150, "k/0"]


def test_names_of_any_bytes_in_shards(src, out):
    name = b"caf\xe9".decode(errors="surrogateescape")
    photos(src, f"{name}.jpg", "b.jpg")
    assert counts(ran(src, Shards(out / "%d.tar"))[0]) == (2, 0, 0)
    assert [name for name, _ in members(out / "0.tar")] == ["b.jpg", f"{name}.jpg"]
    report, _ = ran(out / "0.tar", out / "again", Fit("9x8"))
    assert counts(report) == (2, 0, 0)
    assert listed(out / "again") == ["b.jpg", f"{name}.jpg"]


@pytest.mark.parametrize("limit", [1, 15_000, 25_000, 40_960, 10**6])
def test_no_shard_is_above_its_limit(src, out, limit):
    for number in range(12):
        plant(src, f"{number:02}.jpg", content=picture(number, size=(20 + 9 * number, 48)))
    spec = Fit(longest=100)
    report, _ = ran(src, Shards(out / "%02d.tar", bytes=limit), spec)
    assert counts(report) == (12, 0, 0)
    held = [len(members(path)) for path in shards_of(out)]
    assert sum(held) == 12
    for path, count in zip(shards_of(out), held, strict=True):
        assert count == 1 or path.stat().st_size <= limit
        assert path.stat().st_size % 10240 == 0
    # None is smaller than it could be, either.
    if limit > 30_000:
        assert all(path.stat().st_size > limit / 2 for path in shards_of(out)[:-1])
    assert [each["__key__"] for each in samples(*shards_of(out))] == [f"{number:02}" for number in range(12)]


def test_whichever_limit_comes_first(src, out):
    photos(src, *(f"{number}.jpg" for number in range(6)))
    ran(src, Shards(out / "a-%d.tar", size=4, bytes=10**7))
    assert [len(members(path)) for path in shards_of(out)] == [4, 2]


@pytest.mark.parametrize(("pattern", "report"), [("s-%03d.tar", "s"), ("%d.tar", "")])
def test_report_is_beside_the_shards(src, out, pattern, report):
    photos(src, "a.jpg")
    found, _ = ran(src, Shards(out / pattern))
    assert found.path.parent == out
    assert found.path.name.startswith(report)
    assert "0" not in found.path.name


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("kind", ["shards", "npy"])
def test_same_bytes_whoever_is_done_first(src, tmp_path, backend, kind):
    for number in range(40):  # the first are the slowest
        plant(
            src,
            f"{number:02}.jpg",
            content=picture(number, size=((900, 800) if number in (0, 1, 9) else (40, 30))),
        )
    plant(src, "05.jpg", content=b"none")
    made = []
    for jobs in (1, 2, 3) if backend == "threading" else (2,):
        out = tmp_path / f"{jobs}"
        sink = Shards(out / "%02d.tar", size=7) if kind == "shards" else Npy(out / "a.npy")
        report, _ = ran(src, sink, Fit("16x9"), jobs=jobs, backend=backend)
        assert counts(report) == (39, 1, 0)
        made.append({name: data for name, data in contents(out).items() if "report" not in name})
    out = tmp_path / "once"
    sink = Shards(out / "%02d.tar", size=7) if kind == "shards" else Npy(out / "a.npy")
    ran(src, sink, Fit("16x9"))
    made.append({name: data for name, data in contents(out).items() if "report" not in name})
    assert all(each == made[0] for each in made)


@pytest.mark.parametrize("stop", [1, 3, 4, 6])
@pytest.mark.parametrize("kind", ["size", "bytes", "npy"])
def test_run_that_stopped_goes_on(src, tmp_path, kind, stop):
    names = [f"{number}.jpg" for number in range(9)]
    photos(src, *names)

    def sink(folder):
        place = tmp_path / folder
        return {
            "size": Shards(place / "%d.tar", size=2),
            "bytes": Shards(place / "%d.tar", bytes=10_240),
            "npy": Npy(place / "a.npy"),
        }[kind]

    def made(folder):
        return {name: data for name, data in contents(tmp_path / folder).items() if "report" not in name}

    ran(src, sink("whole"))

    class StopError(Exception):
        pass

    def interrupt(outcome):
        if outcome.source.endswith(f"{stop}.jpg"):
            raise StopError

    with pytest.raises(StopError):
        fastfit.run(src, sink("parts"), SPEC, jobs=1, backend="threading", progress=interrupt)
    if kind == "npy":
        assert not (tmp_path / "parts" / "a.npy").exists()
    report, _ = ran(src, sink("parts"))
    assert (report.fitted, report.skipped) == (9 - stop - 1, stop + 1)
    assert made("parts") == made("whole")
    again, _ = ran(src, sink("parts"))
    assert counts(again) == (0, 0, 9)
    assert made("parts") == made("whole")


def test_more_sources_are_appended(src, out):
    photos(src, "a.jpg", "b.jpg", "c.jpg")
    sink = Shards(out / "%d.tar", size=2)
    ran(src, sink)
    before = contents(out)
    plant(src, "d.jpg", "e.jpg", "f.jpg", content=picture(7))
    assert counts(ran(src, sink)[0]) == (3, 0, 3)
    assert {name: contents(out)[name] for name in ("0.tar", "1.tar")} == {
        name: before[name] for name in ("0.tar", "1.tar")
    }
    assert [each["__key__"] for each in samples(*shards_of(out))] == list("abcdef")


def test_shards_of_nobody_are_not_touched(src, out):
    photos(src, "a.jpg")
    shard(out / "0.tar", ("x.jpg", b"what was there"))
    before = contents(out)
    with pytest.raises(OptionError, match="shards: expected no shards but those that the report tells of"):
        ran(src, Shards(out / "%d.tar"))
    assert contents(out)["0.tar"] == before["0.tar"]
    assert counts(ran(src, Shards(out / "%d.tar"), overwrite=True)[0]) == (1, 0, 0)
    assert [name for name, _ in members(out / "0.tar")] == ["a.jpg"]


def test_overwriting_leaves_no_old_shard(src, out):
    photos(src, *(f"{number}.jpg" for number in range(5)))
    ran(src, Shards(out / "%d.tar", size=1))
    ran(src, Shards(out / "%d.tar", size=3), overwrite=True)
    assert [len(members(path)) for path in shards_of(out)] == [3, 2]


def test_missing_shard_is_an_error(src, out):
    photos(src, "a.jpg", "b.jpg")
    ran(src, Shards(out / "%d.tar", size=1))
    (out / "0.tar").unlink()
    with pytest.raises(OptionError, match=r"0\.tar: expected the shard that the report tells of, got none"):
        ran(src, Shards(out / "%d.tar", size=1))


def test_no_images_make_no_shard(src, out):
    plant(src, "a.jpg", "b.jpg")
    for _ in range(2):
        assert counts(ran(src, Shards(out / "%d.tar"))[0]) == (0, 2, 0)
        assert shards_of(out) == []


@pytest.mark.parametrize(
    "pattern", ["a.tar", "a-%d", "a-%s.tar", "a-%d-%d.tar", "a-%.tar", "%d.TAR", "", "a-%(x)d.tar", "a-%%d.tar"]
)
def test_patterns_of_shards_have_one_number(pattern):
    if pattern == "a-%s.tar":
        Shards(pattern)
    else:
        with pytest.raises(OptionError, match=r"shards: expected a pattern such as out-%06d\.tar"):
            Shards(pattern)


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": -1}, {"size": 1.5}, {"bytes": 0}, {"bytes": "1MB"}, {"size": True}]
)
def test_limits_of_shards_are_positive_integers(options):
    with pytest.raises(OptionError, match=f"{next(iter(options))}: expected a positive integer, got"):
        Shards("a-%d.tar", **options)


def test_shards_have_a_thousand_samples_by_default():
    assert (Shards("%d.tar").size, Shards("%d.tar", bytes=9).size) == (1000, None)


# NumPy files.


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_npy_has_the_pixels_of_load(src, out, mode):
    photos(src, *(f"{number}.jpg" for number in range(5)))
    spec = Fit((20, 30), mode)
    report, outcomes = ran(src, Npy(out / "a.npy"), spec)
    assert counts(report) == (5, 0, 0)
    array = np.load(out / "a.npy", mmap_mode="r")
    assert (array.shape, array.dtype) == ((5, 30, 20, 3), np.uint8)
    wanted = Fit((20, 30), mode, channels=3)
    for number in range(5):
        np.testing.assert_array_equal(array[number], fastfit.load(src / f"{number}.jpg", wanted))
    assert [outcome.output for outcome in outcomes] == [f"{out}/a.npy::{number}" for number in range(5)]
    assert not [name for name in listed(out) if name.endswith((".partial", ".tmp"))]


def test_rows_belong_to_images(src, out):
    photos(src, "a.jpg", "b.jpg", "d.jpg")
    plant(src, "c.jpg", content=b"none")
    ran(src, Npy(out / "a.npy"))
    told = rows(out / "a.jsonl")
    assert [(row["index"], row["source"]) for row in told] == [
        (index, str(src / name)) for index, name in enumerate(("a.jpg", "b.jpg", "d.jpg"))
    ]
    array = np.load(out / "a.npy")
    assert len(array) == 3
    for row in told:
        np.testing.assert_array_equal(array[row["index"]], fastfit.load(row["source"], Fit("20x30", channels=3)))
        assert row["source_size"] == [64, 48]
        assert row["plan"] == {"crop": [16, 0, 48, 48], "inner": [0, 0, 20, 30]}


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_npy_has_one_number_of_channels(src, out, mode, channels):
    plant(src, "a.png", content=picture(3, "png", mode=mode))
    plant(src, "b.png", content=picture(4, "png"))
    spec = Fit("20x30", channels=channels, fill=(9, 99, 199))
    report, _ = ran(src, Npy(out / "a.npy"), spec)
    assert counts(report) == (2, 0, 0)
    array = np.load(out / "a.npy")
    assert array.shape == (2, 30, 20, channels or 3)
    wanted = Fit("20x30", channels=channels or 3, fill=(9, 99, 199), dtype="uint8")
    for index, name in enumerate(("a.png", "b.png")):
        single = fastfit.load(src / name, wanted)
        np.testing.assert_array_equal(array[index], single.reshape(array[index].shape))


def test_npy_of_16_bits_has_8(src, out):
    deep = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "png")
    plant(src, "a.png", content=buffer.getvalue())
    assert counts(ran(src, Npy(out / "a.npy"))[0]) == (1, 0, 0)
    array = np.load(out / "a.npy")
    assert array.dtype == np.uint8
    wanted = fastfit.load(src / "a.png", Fit("20x30", channels=3, dtype="uint8"))
    np.testing.assert_array_equal(array[0], wanted)


@pytest.mark.parametrize(
    "spec", [Fit(longest=30), Fit(area=900), Fit(sizes=[(9, 8), (8, 9)]), Fit("9x8", dtype="float32")]
)
def test_npy_needs_one_size_and_8_bits(src, out, spec):
    photos(src, "a.jpg")
    with pytest.raises(OptionError):
        ran(src, Npy(out / "a.npy"), spec)
    assert not out.exists()


def test_npy_of_one_bucket_is_fine(src, out):
    photos(src, "a.jpg")
    ran(src, Npy(out / "a.npy"), Fit(sizes=[(9, 8)]))
    assert np.load(out / "a.npy").shape == (1, 8, 9, 3)


def test_npy_with_a_box(src, out):
    photos(src, "a.jpg")
    spec = Fit("9x8", box=(30, 20, 60, 40))
    assert counts(ran(src, Npy(out / "a.npy"), spec)[0]) == (1, 0, 0)
    wanted = fastfit.load(src / "a.jpg", Fit("9x8", box=(30, 20, 60, 40), channels=3))
    np.testing.assert_array_equal(np.load(out / "a.npy")[0], wanted)


@pytest.mark.parametrize("name", ["a", "a.npz", "", ".npy.txt"])
def test_npy_has_its_extension(name):
    with pytest.raises(OptionError, match=r"npy: expected a name that ends in \.npy"):
        Npy(name)


def test_text_companions_are_in_the_rows(src, out):
    shard(
        src / "s.tar",
        ("a.jpg", picture(0)),
        ("a.txt", "ein Löwe\n".encode()),
        ("a.json", b'{"n": 1}'),
        ("a.seg.png", picture(1)),
        ("b.jpg", picture(2)),
        ("c.txt", b""),
        ("c.jpg", picture(3)),
        ("c.log", b"x" * (1 << 20) + b"y"),
    )
    assert counts(ran("s.tar", Npy(out / "a.npy"))[0]) == (3, 0, 0)
    assert [row.get("members") for row in rows(out / "a.jsonl")] == [
        {"txt": "ein Löwe\n", "json": '{"n": 1}', "seg.png": None},
        None,
        {"txt": "", "log": None},
    ]


def test_npy_of_nothing_is_empty(src, out):
    plant(src, "a.jpg", "b.jpg")
    report, _ = ran(src, Npy(out / "a.npy"))
    assert counts(report) == (0, 2, 0)
    assert np.load(out / "a.npy", mmap_mode=None).shape == (0, 30, 20, 3)
    assert rows(out / "a.jsonl") == []


def test_npy_of_nothing_goes_on(src, out):
    plant(src, "a.jpg", "b.jpg")
    ran(src, Npy(out / "a.npy"))
    report, _ = ran(src, Npy(out / "a.npy"))
    assert (counts(report), report.earlier) == ((0, 2, 0), {"failed": 2})
    photos(src, "a.jpg")
    assert counts(ran(src, Npy(out / "a.npy"))[0]) == (1, 1, 0)
    assert np.load(out / "a.npy").shape == (1, 30, 20, 3)


def test_npy_is_appended_to(src, out):
    photos(src, "b.jpg", "c.jpg")
    ran(src, Npy(out / "a.npy"))
    first = np.load(out / "a.npy")
    plant(src, "a.jpg", content=picture(5))
    assert counts(ran(src, Npy(out / "a.npy"))[0]) == (1, 0, 2)
    array = np.load(out / "a.npy")
    np.testing.assert_array_equal(array[:2], first)
    assert [Path(row["source"]).name for row in rows(out / "a.jsonl")] == ["b.jpg", "c.jpg", "a.jpg"]
    assert len(array) == 3


def test_npy_of_nobody_is_not_touched(src, out):
    photos(src, "a.jpg")
    plant(out, "a.npy", content=b"what was there")
    with pytest.raises(OptionError, match="npy: expected a file that does not exist"):
        ran(src, Npy(out / "a.npy"))
    assert contents(out)["a.npy"] == b"what was there"
    ran(src, Npy(out / "a.npy"), overwrite=True)
    assert np.load(out / "a.npy").shape == (1, 30, 20, 3)


def test_npy_rows_of_nobody_are_not_touched(src, out):
    """A dataset may well have train.jsonl beside train.npy that is to be."""
    photos(src, "a.jpg")
    plant(out, "a.jsonl", content=b"what was there\n")
    with pytest.raises(OptionError, match=r"a\.jsonl"):
        ran(src, Npy(out / "a.npy"))
    assert contents(out)["a.jsonl"] == b"what was there\n"


def test_npy_that_is_gone_is_an_error(src, out):
    photos(src, "a.jpg")
    ran(src, Npy(out / "a.npy"))
    (out / "a.npy").unlink()
    with pytest.raises(OptionError, match="expected the file that the report tells of, got none"):
        ran(src, Npy(out / "a.npy"))


def test_npy_takes_all_kinds_of_sources(src, out):
    photos(src, "a.jpg", "b/c.jpg")
    shard(src / "s.tar", ("k/a.jpg", picture(5)), ("k/a.txt", b"words"))
    plant(src, "list", content=b"b/c.jpg\nnothing.jpg\n")
    report, outcomes = ran(["a.jpg", Listing("list"), "s.tar"], Npy(out / "a.npy"))
    assert codes(outcomes) == ["fitted", "fitted", "not-found", "fitted"]
    assert [row["source"] for row in rows(out / "a.jsonl")] == ["a.jpg", "b/c.jpg", "s.tar::k/a.jpg"]
    assert report.failed == 1
