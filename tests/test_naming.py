"""What results are called: by the sources and their order alone, and never another's name."""

import itertools
import os
import shutil
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import codes, contents, counts, listed, members, photos, picture, plant, ran, rows, shard

import fastfit
from fastfit import Fit, Folder, OptionError, Output, Shards
from fastfit.bulk.items import Item
from fastfit.bulk.naming import Naming, fitting, numbered, written_format
from fastfit.types import Size


def named(name, index=0, size=None, *, contested=False, **options):
    return Naming(**options).name(Item(str(name), str(name), name, contested=contested), index, size)


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


# Formats and extensions.


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("a.jpg", "keep", "a.jpg"),
        ("a.JPEG", "keep", "a.JPEG"),
        ("a.tif", "keep", "a.png"),
        ("a.b.c.bmp", "keep", "a.b.c.png"),
        ("a", "keep", "a.png"),
        (".hidden", "keep", ".hidden.png"),
        ("a.jpg", "jpeg", "a.jpg"),
        ("a.jfif", "jpeg", "a.jfif"),
        ("a.png", "jpeg", "a.jpg"),
        ("a.jpg", "png", "a.png"),
        ("a.JPG", "webp", "a.webp"),
        ("a.webp", "webp", "a.webp"),
        ("a", "webp", "a.webp"),
        ("one/two/a.bmp", "jpeg", "one/two/a.jpg"),
        ("v1.0/a", "png", "v1.0/a.png"),
        (PurePosixPath("one/a.gif"), "keep", "one/a.png"),
    ],
)
def test_extension_is_the_formats(name, format, expected):
    assert named(name, format=format) == expected


@pytest.mark.parametrize(
    ("name", "format", "written"),
    [
        ("a.JPG", "keep", "jpeg"),
        ("a.png", "keep", "png"),
        ("a.WebP", "keep", "webp"),
        ("a.bmp", "keep", "png"),
        ("a", "keep", "png"),
        ("a.png", "webp", "webp"),
    ],
)
def test_format_follows_the_name_where_it_is_kept(name, format, written):
    assert written_format(name, format) == written


def test_files_are_what_their_names_say(src, out):
    photos(src, "a.png", "b.webp", "c.jpeg", "d.bmp", "e.tif")
    assert counts(ran(src, out)[0]) == (5, 0, 0)
    formats = {name: fastfit.probe(data).format for name, data in contents(out).items()}
    assert formats == {"a.png": "png", "b.webp": "webp", "c.jpeg": "jpeg", "d.png": "png", "e.png": "png"}


@pytest.mark.quick
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_files_are_of_the_format_asked_for(src, out, format):
    photos(src, "a.png", "b.webp", "c.jpg", "d.bmp")
    assert counts(ran(src, out, Fit("9x8"), Output(format))[0]) == (4, 0, 0)
    assert {fastfit.probe(data).format for data in contents(out).values()} == {format}


# Sources that differ in their extensions alone.


@pytest.mark.parametrize(
    ("names", "format", "expected"),
    [
        (("a.jpg", "a.png"), "webp", ("a.jpg.webp", "a.png.webp")),
        (("a.tif", "a.png", "b.tif"), "keep", ("a.png", "a.tif.png", "b.png")),
        (("a.tif", "b/a.psd", "b/a.bmp"), "jpeg", ("a.jpg", "b/a.bmp.jpg", "b/a.psd.jpg")),
        (("a.JPG", "a.jpeg"), "jpeg", ("a.JPG", "a.jpeg")),
        (("a.jpg", "a.png"), "keep", ("a.jpg", "a.png")),
        (("a.b.bmp", "a.b.png", "a.c.bmp"), "keep", ("a.b.bmp.png", "a.b.png", "a.c.png")),
    ],
)
def test_sources_that_differ_in_their_extensions_have_results_of_their_own(src, out, names, format, expected):
    photos(src, *names)
    report, _ = ran(src, out, Fit("9x8"), Output(format), recursive=True)
    assert counts(report) == (len(names), 0, 0)
    assert listed(out) == sorted(expected)
    again, _ = ran(src, out, Fit("9x8"), Output(format), recursive=True)
    assert counts(again) == (0, 0, len(names))


def test_result_of_another_source_is_no_reason_to_skip(src, out):
    # The first run made a.png of a.bmp. Then a.png arrived.
    spec = Fit("9x8")
    pictures = {"a.bmp": picture(1), "a.png": picture(2)}
    for name, data in pictures.items():
        plant(src, name, content=data)
        report, _ = ran(src, out, spec)
        assert report.failed == 0
    expected = {
        name: fastfit.fit_bytes(data, spec, Output("png"))
        for name, data in (("a.png", pictures["a.png"]), ("a.bmp.png", pictures["a.bmp"]))
    }
    assert contents(out) == expected
    assert counts(ran(src, out, spec)[0]) == (0, 0, 2)


@pytest.mark.quick
@pytest.mark.parametrize("sink", ["folder", "template", "npy", "shards", "numbered shards"])
def test_what_is_told_apart_is_done_once(src, tmp_path, sink):
    photos(src, "a.bmp", "a.png", "a.jpg", "b.png")
    sink = {
        "folder": Folder(tmp_path / "out"),
        "template": Folder(tmp_path / "out", name="{index}_{stem}_{width}{ext}"),
        "npy": fastfit.Npy(tmp_path / "out.npy"),
        "shards": Shards(tmp_path / "out-%d.tar"),
        "numbered shards": Shards(tmp_path / "out-%d.tar", collisions="number"),
    }[sink]
    first, _ = ran(src, sink)
    before = {name: (tmp_path / name).read_bytes() for name in listed(tmp_path) if "report" not in name}
    again, _ = ran(src, sink)
    assert (again.fitted, again.skipped + again.failed) == (0, 4)
    assert sum(again.earlier.values()) == 4
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert first.fitted == again.earlier["fitted"]


# Long names.


@pytest.mark.parametrize("stem", ["a" * 255, "ü" * 127, "写" * 85, "a" * 254 + "é", os.fsdecode(b"\xe9" * 250)])
@pytest.mark.parametrize("suffix", [".webp", ".jpg", ""])
def test_long_names_fit(stem, suffix):
    name = fitting(stem, suffix)
    assert len(os.fsencode(name)) <= 255
    assert name.endswith(suffix)
    assert fitting(f"{stem}x", suffix) != name
    assert fitting(stem, suffix) == name


@settings(max_examples=80)
@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=300))
def test_names_that_fit_stay_and_others_begin_alike(stem):
    name = fitting(stem, ".png")
    assert len(name.encode()) <= 255
    if len(stem.encode()) <= 251:
        assert name == f"{stem}.png"
    else:
        beginning, _, digits = name.removesuffix(".png").rpartition("~")
        assert stem.startswith(beginning)
        assert len(digits) == 8


def test_names_too_long_for_the_new_extension_stay_apart(src, out):
    photos(src, *("a" * 250 + end for end in ("1.jpg", "2.jpg")))
    for _ in range(2):
        report, _ = ran(src, out, Fit("9x8"), Output("webp"))
        assert report.failed == 0
    found = listed(out)
    assert len(found) == 2
    assert all(name.endswith(".webp") and len(name) == 255 for name in found)


def test_long_names_leave_room_for_a_number(src, out):
    name = "a" * 251 + ".jpg"
    photos(src, f"one/{name}", f"two/{name}", f"three/{name}")
    report, _ = ran(src, Folder(out, flat=True, collisions="number"), recursive=True)
    assert counts(report) == (3, 0, 0)
    assert len(listed(out)) == 3


@pytest.mark.parametrize("folder", ["写" * 80, "a" * 246])
def test_long_name_of_the_results_folder(src, tmp_path, folder):
    photos(src, "a.jpg")
    report, _ = ran(src, tmp_path / folder)
    assert counts(report) == (1, 0, 0)
    assert listed(tmp_path / folder) == ["a.jpg"]


# Flat, and templates.


def test_flat_leaves_out_the_folders(src, out):
    photos(src, "a.jpg", "one/b.jpg", "one/two/c.bmp")
    assert counts(ran(src, Folder(out, flat=True), recursive=True)[0]) == (3, 0, 0)
    assert listed(out) == ["a.jpg", "b.jpg", "c.png"]


@pytest.mark.parametrize(
    ("template", "options", "expected"),
    [
        ("{stem}{ext}", {}, "one/two/a.b.JPG"),
        ("{stem}{ext}", {"format": "png"}, "one/two/a.b.png"),
        ("{stem}_{width}x{height}{ext}", {}, "one/two/a.b_20x30.JPG"),
        ("{index:06d}{ext}", {}, "one/two/000007.JPG"),
        ("{index:x}.{format}", {"format": "webp"}, "one/two/7.webp"),
        ("{width:04d}/{stem:>5}{ext}", {}, "one/two/0020/  a.b.JPG"),
        ("{format}/{stem:.1}/{stem}{ext}", {"flat": True}, "jpeg/a/a.b.JPG"),
        ("{stem!r}{ext}", {"flat": True}, "'a.b'.JPG"),
        ("x", {"flat": True}, "x"),
        ("{{}}{ext}", {"flat": True}, "{}.JPG"),
        ("{stem}", {"flat": True}, "a.b"),
    ],
)
def test_templates(template, options, expected):
    assert named("one/two/a.b.JPG", 7, Size(20, 30), template=template, **options) == expected


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{x}{ext}",
        "{}",
        "{0}",
        "{stem",
        "stem}",
        "{stem.__class__}",
        "{stem[0]}",
        "{stem:d}",
        "{index:q}",
        "{stem!x}",
        "/{stem}{ext}",
        "../{stem}{ext}",
        "{stem}/../../{index}",
        "./{stem}{ext}",
        "{stem}//{ext}",
        "{stem}/",
        "..",
        ".",
        "a\0b",
        7,
        b"{stem}",
    ],
)
def test_bad_templates_are_refused(template, out):
    with pytest.raises(OptionError, match=r"name: expected a relative name of \{stem\}, \{ext\}, "):
        Folder(out, name=template)
    with pytest.raises(OptionError, match="name: "):
        Shards(out / "%d.tar", name=template)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem:.2}/{stem}{ext}", "..a.jpg"),
        ("{stem:.1}/{stem}{ext}", ".a.jpg"),
        ("{stem:.2}", "..a.jpg"),
        ("{format:/>4}{stem}", "a.png"),
        ("{format:/>4}/{stem}", "a.png"),
    ],
)
def test_no_template_leads_out_of_the_folder(template, name):
    parts = named(name, template=template, flat=True).split("/")
    assert not {"", ".", ".."} & set(parts)


def test_templates_tell_the_size_of_each_result(src, out):
    for name, size in (("a.jpg", (64, 48)), ("b.jpg", (30, 90)), ("c.jpg", (64, 48))):
        plant(src, name, content=picture(size=size))
    sink = Folder(out, name="{width}x{height}/{stem}_{width}_{index:02d}{ext}")
    assert counts(ran(src, sink, Fit(longest=40))[0]) == (3, 0, 0)
    assert listed(out) == ["13x40/b_13_01.jpg", "40x30/a_40_00.jpg", "40x30/c_40_02.jpg"]
    assert counts(ran(src, sink, Fit(longest=40))[0]) == (0, 0, 3)


def test_templates_tell_the_one_size(src, out):
    photos(src, "sub/a.jpg")
    ran(src, Folder(out, name="{stem}_{width}x{height}{ext}"), recursive=True)
    assert listed(out) == ["sub/a_20x30.jpg"]


def test_index_is_the_place_among_the_sources(src, out):
    photos(src, "a.jpg", "c.jpg", "d.jpg")
    plant(src, "b.jpg", content=b"none")
    ran(src, Folder(out, name="{index:03d}{ext}"))
    assert listed(out) == ["000.jpg", "002.jpg", "003.jpg"]


# Two for one name.


@pytest.mark.parametrize("jobs", [1, 3])
def test_second_source_for_a_name_is_refused(src, out, jobs):
    photos(src, "one/a.jpg", "two/a.jpg", "two/b.jpg")
    report, outcomes = ran([src / "one", src / "two"], out, jobs=jobs)
    assert codes(outcomes) == ["fitted", "name-taken", "fitted"]
    assert counts(report) == (2, 1, 0)
    expected = f"{src}/two/a.jpg: expected a name of its own, got a.jpg, which another source has"
    assert outcomes[1].text == expected
    assert contents(out)["a.jpg"] == fastfit.fit_bytes(picture(0), Fit("20x30"))
    row = rows(report.path)[1]
    assert (row["status"], row["error"], row["message"], row["output"]) == ("failed", "name-taken", expected, None)


@pytest.mark.parametrize(
    ("sink", "names"),
    [
        ({"flat": True}, ("a.jpg", "one/a.jpg")),
        ({"name": "{index:.0f}{ext}"}, ("a.jpg",)),
        ({"name": "x{ext}"}, ("a.jpg", "b.jpg")),
        ({"name": "x_{width}{ext}"}, ("a.jpg", "b.jpg")),
        ({"name": "{format}"}, ("a.jpg", "b.jpeg")),
        ({"name": "{stem:.1}{ext}", "flat": True}, ("aa.jpg", "ab.jpg")),
    ],
)
def test_every_way_to_one_name_is_seen(src, out, sink, names):
    photos(src, *names)
    for spec in (Fit("20x30"), Fit(longest=30)):
        shutil.rmtree(out, ignore_errors=True)
        report, outcomes = ran(src, Folder(out, **sink), spec, recursive=True, overwrite=True)
        assert codes(outcomes) == ["fitted", *["name-taken"] * (len(names) - 1)]
        assert report.fitted == len(listed(out)) == 1


def test_lists_may_lead_to_one_name(src, out, monkeypatch):
    photos(src, "a.jpg", "b.jpg")
    monkeypatch.chdir(src)
    (src / "list").write_text(f"a.jpg\n../{src.name}/../{src.name}/b.jpg\nx/../../a.jpg\n")
    photos(src.parent, "a.jpg")
    _, outcomes = ran(fastfit.Listing("list"), out)
    assert codes(outcomes) == ["fitted", "fitted", "name-taken"]


def test_sources_that_fail_keep_their_names(src, out):
    """What is called what must not depend on which files are broken."""
    plant(src, "one/a.jpg", content=b"none")
    photos(src, "two/a.jpg")
    _, outcomes = ran([src / "one", src / "two"], out)
    assert codes(outcomes) == ["undecodable", "name-taken"]


def test_numbers_tell_sources_apart(src, tmp_path):
    photos(src, *(f"{folder}/a.jpg" for folder in range(4)), "1/b.jpg", "2/b.png", "3/a.png")
    made = []
    for jobs, backend in itertools.product((1, 2, 3), ("threading",)):
        out = tmp_path / f"{jobs}"
        sink = Folder(out, flat=True, collisions="number")
        assert counts(ran(src, sink, recursive=True, jobs=jobs, backend=backend)[0]) == (7, 0, 0)
        made.append(contents(out))
        assert counts(ran(src, sink, recursive=True, jobs=jobs)[0]) == (0, 0, 7)
        assert contents(out) == made[-1]
    assert list(made[0]) == ["a.jpg", "a.png", "a_1.jpg", "a_2.jpg", "a_3.jpg", "b.jpg", "b.png"]
    assert made[0] == made[1] == made[2]
    assert made[0]["a_2.jpg"] == fastfit.fit_bytes(picture(2), Fit("20x30"))


@pytest.mark.parametrize("first", ["plain", "numbered"])
def test_numbers_leave_sources_that_have_such_names(src, out, first):
    names = ["1/a.jpg", "2/a.jpg", "3/a_1.jpg"]
    photos(src, *names)
    order = names if first == "plain" else [names[2], names[0], names[1]]
    report, outcomes = ran([src / name for name in order], Folder(out, collisions="number"))
    assert counts(report) == (3, 0, 0)
    got = [Path(outcome.output).name for outcome in outcomes]
    assert got == (["a.jpg", "a_1.jpg", "a_1_1.jpg"] if first == "plain" else ["a_1.jpg", "a.jpg", "a_2.jpg"])


def test_numbers_come_before_the_extension():
    assert numbered("one/a.b.jpg", 3) == "one/a.b_3.jpg"
    assert numbered("v1.0/a", 12) == "v1.0/a_12"
    assert numbered(".a", 1) == ".a_1"


def test_numbering_of_very_many_is_quick(src, out):
    """The next number is known: asking for all before it would take 8 million questions here."""
    missing = [f"{number}/a.jpg" for number in range(4000)]
    photos(src, "a.jpg")
    sink = Folder(out, flat=True, collisions="number")
    report, _ = ran([src / "a.jpg", *missing, src / "x" / ".." / "a.jpg"], sink)
    assert report.seconds < 4


# What was there before.


def test_files_that_were_there_are_never_replaced(src, out):
    photos(src, "a.jpg", "b.jpg", "sub/c.jpg")
    plant(out, "b.jpg", "sub/c.jpg", content=b"what was there")
    report, outcomes = ran(src, out, recursive=True)
    assert codes(outcomes) == ["fitted", "exists", "exists"]
    assert counts(report) == (1, 0, 2)
    assert outcomes[1].text == f"{src}/b.jpg: b.jpg exists"
    assert (out / "b.jpg").read_bytes() == (out / "sub" / "c.jpg").read_bytes() == b"what was there"
    before = report.path.read_bytes()
    again, outcomes = ran(src, out, recursive=True)
    assert (counts(again), codes(outcomes)) == ((0, 0, 3), ["fitted", "exists", "exists"])
    assert report.path.read_bytes() == before, "nothing has changed, and rows were written"
    assert (out / "b.jpg").read_bytes() == b"what was there"
    (out / "b.jpg").unlink()
    assert counts(ran(src, out, recursive=True)[0]) == (1, 0, 2)


@pytest.mark.parametrize("names", [("a.bmp", "a.png"), ("a.jpg", "a.jpeg")])
def test_files_that_were_there_are_never_replaced_by_sources_told_apart(src, out, names):
    photos(src, *names)
    plant(out, "a.png", "a.bmp.png", "a.jpg", "a.jpeg", content=b"what was there")
    _, outcomes = ran(src, out)
    assert codes(outcomes) == ["exists", "exists"]
    assert set(contents(out).values()) == {b"what was there"}


@pytest.mark.parametrize("kind", ["link", "dangling"])
def test_links_that_were_there_are_never_replaced(src, out, kind):
    photos(src, "a.jpg")
    out.mkdir()
    if kind == "link":
        plant(src.parent, "elsewhere.jpg", content=b"what was there")
    (out / "a.jpg").symlink_to(src.parent / "elsewhere.jpg")
    assert codes(ran(src, out)[1]) == ["exists"]
    assert (out / "a.jpg").is_symlink()


def test_numbering_does_not_go_round_what_was_there(src, out):
    """A file that is there is a reason to look, not to make another each time."""
    photos(src, "a.jpg")
    plant(out, "a.jpg", content=b"what was there")
    for _ in range(2):
        assert codes(ran(src, Folder(out, collisions="number"))[1]) == ["exists"]
    assert listed(out) == ["a.jpg"]


def test_overwrite_replaces(src, out):
    photos(src, "a.jpg", "b.jpg")
    plant(out, "b.jpg", "c.jpg", content=b"what was there")
    assert counts(ran(src, out, overwrite=True)[0]) == (2, 0, 0)
    assert contents(out) == {
        "a.jpg": fastfit.fit_bytes(picture(0), Fit("20x30")),
        "b.jpg": fastfit.fit_bytes(picture(1), Fit("20x30")),
        "c.jpg": b"what was there",
    }
    assert counts(ran(src, out, Fit("9x8"), overwrite=True)[0]) == (2, 0, 0)
    assert fastfit.probe(contents(out)["a.jpg"]).size == (9, 8)


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_under_a_results_name_is_a_failure(src, out, overwrite):
    photos(src, "a.jpg")
    plant(out, "a.jpg/inside.txt", content=b"what was there")
    _, outcomes = ran(src, out, overwrite=overwrite)
    assert outcomes[0].status == "failed"
    assert contents(out) == {"a.jpg/inside.txt": b"what was there"}


def test_file_in_place_of_a_folder_is_a_failure(src, out):
    photos(src, "a/b.jpg", "c.jpg")
    plant(out, "a", content=b"what was there")
    _, outcomes = ran(src, out, recursive=True)
    assert [outcome.status for outcome in outcomes] == ["fitted", "failed"]
    assert outcomes[1].text.startswith(f"{src}/a/b.jpg: ")
    assert str(out / "a") in outcomes[1].text
    assert contents(out) == {"a": b"what was there", "c.jpg": contents(out)["c.jpg"]}


def test_result_in_place_of_a_folder_is_a_failure(src, out):
    photos(src, "one/a.jpg", "two/a.jpg/b.jpg")
    _, outcomes = ran([src / "one", src / "two"], out, recursive=True)
    assert [outcome.status for outcome in outcomes] == ["fitted", "failed"]
    assert listed(out) == ["a.jpg"]


# Results apart from the sources.


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("way", ["same", "linked folder", "link to the result", "hard link"])
def test_source_that_is_its_own_result_stays_whole(src, out, overwrite, way):
    photos(src, "a.jpg")
    data = (src / "a.jpg").read_bytes()
    if way == "same":
        out = src
    elif way == "linked folder":
        out.symlink_to(src)
    elif way == "link to the result":
        plant(out, "a.jpg", content=data)
        (src / "a.jpg").unlink()
        (src / "a.jpg").symlink_to(out / "a.jpg")
    else:
        out.mkdir()
        (out / "a.jpg").hardlink_to(src / "a.jpg")
    report, outcomes = ran([src / "a.jpg"], out, overwrite=overwrite)
    assert report.fitted == 0
    assert (src / "a.jpg").read_bytes() == data
    assert outcomes[0].status == "failed"
    assert outcomes[0].text.startswith(f"{src}/a.jpg: expected a result apart from its source, got ")


@pytest.mark.parametrize("way", ["same", "link", "linked"])
def test_folder_of_sources_takes_no_results(src, out, way):
    photos(src, "a.jpg")
    out.symlink_to(src)
    source, place = {"same": (src, src), "link": (src, out), "linked": (out, src)}[way]
    for options in ({}, {"overwrite": True}, {"recursive": True}):
        with pytest.raises(OptionError, match=r"-o: expected a folder apart from the sources, got .* is a source"):
            ran(source, place, **options)
    assert contents(src) == {"a.jpg": picture(0)}


@pytest.mark.parametrize("order", ["before", "after"])
def test_result_that_is_another_source_does_not_cost_it(src, order):
    photos(src, "one/two/b.jpg", "two/b.jpg")
    sources = [src / "one", src / "two" / "b.jpg"]
    data = (src / "two" / "b.jpg").read_bytes()
    ran(sources if order == "before" else sources[::-1], src, recursive=True)
    assert (src / "two" / "b.jpg").read_bytes() == data


def test_converting_beside_the_sources_is_fine(src):
    photos(src, "a.jpg", "b.jpg")
    before = contents(src)
    for fitted in (2, 0):
        report, _ = ran([src / "a.jpg", src / "b.jpg"], src, Fit("9x8"), Output("png"))
        assert counts(report) == (fitted, 0, 2 - fitted)
    assert listed(src) == ["a.jpg", "a.png", "b.jpg", "b.png"]
    assert {name: contents(src)[name] for name in before} == before


def test_place_for_results_that_is_a_file_is_an_error(src, out):
    photos(src, "a.jpg")
    plant(out.parent, out.name)
    with pytest.raises(OptionError, match="-o: expected a folder, got "):
        ran(src, out)


# A source that has changed, or gone.


def test_changed_source_keeps_its_name(src, out):
    photos(src, "one/a.jpg", "two/a.jpg")
    sink = Folder(out, flat=True, collisions="number")
    ran(src, sink, recursive=True)
    plant(src, "two/a.jpg", content=picture(9))
    assert counts(ran(src, sink, recursive=True)[0]) == (1, 0, 1)
    assert listed(out) == ["a.jpg", "a_1.jpg"]
    assert contents(out)["a_1.jpg"] == fastfit.fit_bytes(picture(9), Fit("20x30"))


def test_new_source_before_others_takes_no_name_of_theirs(src, out):
    photos(src, "b/a.jpg")
    sink = Folder(out, flat=True, collisions="number")
    ran(src, sink, recursive=True)
    before = contents(out)
    photos(src, "a/a.jpg")
    ran(src, sink, recursive=True)
    assert contents(out)["a.jpg"] == before["a.jpg"]


@pytest.mark.parametrize("collisions", ["refuse", "number"])
def test_new_source_before_others_takes_no_key_of_theirs(src, tmp_path, collisions):
    photos(src, "b/a.jpg")
    sink = Shards(tmp_path / "%d.tar", flat=True, collisions=collisions)
    ran(src, sink, recursive=True)
    photos(src, "a/a.jpg")
    report, _ = ran(src, sink, recursive=True)
    keys = [row["output"].rpartition("::")[2] for row in rows(report.path) if row["status"] == "fitted"]
    assert len(keys) == len(set(keys))


def test_retried_source_has_the_name_that_it_would_have_had(src, out):
    photos(src, "a.jpg", "b/a.jpg", "c/a.jpg", "d.jpg")
    plant(src, "b/a.jpg", content=b"none")
    for sink, expected in (
        (Folder(out / "1", flat=True, collisions="number"), "1/a_1.jpg"),
        (Folder(out / "2", name="{index:03d}{ext}", flat=True), "2/002.jpg"),
        (Folder(out / "3", name="{stem}_{width}_{index}{ext}", flat=True), "3/a_{}_2.jpg"),
    ):
        spec = Fit(longest=20) if "width" in (sink.name or "") else Fit("20x30")
        plant(src, "b/a.jpg", content=b"none")
        report, _ = ran(src, sink, spec, recursive=True)
        assert counts(report) == (3, 1, 0)
        plant(src, "b/a.jpg", content=picture(7))
        again = fastfit.retry(report.path, backend="threading", jobs=1)
        assert counts(again) == (1, 0, 0)
        made = fastfit.fit_bytes(picture(7), spec)
        assert contents(out)[expected.format(20)] == made
        assert counts(ran(src, sink, spec, recursive=True)[0]) == (0, 0, 4)


def test_retried_source_takes_no_name_of_another(src, tmp_path):
    photos(src, "a.jpg", "b/a.jpg", "c.jpg")
    for sink in (Folder(tmp_path / "out", flat=True), Shards(tmp_path / "out-%d.tar", flat=True)):
        report, outcomes = ran(src, sink, recursive=True)
        assert codes(outcomes) == ["fitted", "fitted", "name-taken"]
        again = fastfit.retry(report.path, backend="threading", jobs=1)
        assert (again.fitted, again.codes) == (0, {"name-taken": 1})


# Shards.


def test_keys_have_no_dots(src, tmp_path):
    photos(src, "a.b.jpg", "v1.0/c.d.e.JPG", "f.png")
    ran(src, Shards(tmp_path / "%d.tar"), recursive=True)
    assert [name for name, _ in members(tmp_path / "0.tar")] == ["a_b.jpg", "f.png", "v1.0/c_d_e.jpg"]


def test_keys_are_told_apart(src, tmp_path):
    photos(src, "a.b.jpg", "a_b.jpg", "a_b.png")
    _, outcomes = ran(src, Shards(tmp_path / "one-%d.tar"))
    assert codes(outcomes) == ["fitted", "name-taken", "name-taken"]
    _, outcomes = ran(src, Shards(tmp_path / "two-%d.tar", collisions="number"))
    keys = [outcome.output.rpartition("::")[2] for outcome in outcomes]
    assert keys == ["a_b.jpg", "a_b_1.jpg", "a_b_2.png"]


def test_names_in_shards_follow_templates(tmp_path):
    shard(tmp_path / "s.tar", ("x/a.jpg", picture(0)), ("x/a.txt", b"words"), ("y/a.jpg", picture(1)))
    ran(tmp_path / "s.tar", Shards(tmp_path / "out-%d.tar", name="{index:05d}{ext}", flat=True))
    assert [name for name, _ in members(tmp_path / "out-0.tar")] == ["00000.jpg", "00000.txt", "00001.jpg"]
