"""Where images come from: folders, files, lists, tar shards, and which of all that is in them."""

import csv
import io
import itertools
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
import webdataset
from planted import SPEC, codes, counts, listed, photos, picture, plant, ran, samples, shard

import fastfit
from fastfit import Listing, OptionError
from fastfit.bulk.sources import IMAGE_SUFFIXES, Search, check, expanded, items
from fastfit.bulk.sources.shards import is_shard
from fastfit.disk import read_part

ROOT = Path(fastfit.__file__).parent.parent


def found(*sources, **search):
    return list(items(sources, Search(**search)))


def names(*sources, **search):
    return [str(item.name) for item in found(*sources, **search)]


@pytest.fixture
def src(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


# Folders.


@pytest.mark.quick
def test_folder_gives_its_images_sorted(src):
    plant(src, "c.webp", "a.jpg", "b.PNG", "B.jpg", "10.jpg", "9.jpg")
    expected = ["10.jpg", "9.jpg", "B.jpg", "a.jpg", "b.PNG", "c.webp"]
    assert names(src) == expected
    assert [item.source for item in found(src)] == [str(src / name) for name in expected]


def test_item_tells_size_and_time(src):
    plant(src, "a.jpg", content=b"12345")
    (item,) = found(src)
    status = (src / "a.jpg").stat()
    assert (item.size, item.mtime_ns, item.offset) == (5, status.st_mtime_ns, -1)
    assert (item.companions, item.contested, item.trouble) == ((), False, None)


def test_folder_is_searched_for_images_only(src):
    plant(src, "a.jpg", "b.txt", "c.jpg.txt", "jpg", "d", "e.json", "Thumbs.db", ".hidden.jpg", "._a.jpg", ".jpg")
    plant(src, "shard.tar")
    assert names(src) == ["a.jpg"]


def test_leftovers_of_a_killed_run_are_no_images(src):
    plant(src, ".fastfit-0123456789abcdef.tmp", ".out.report-01234567.tmp/0.jpg", "a.jpg")
    assert names(src, recursive=True) == ["a.jpg"]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_kind_of_image_is_found(src, suffix):
    plant(src, f"a{suffix}", f"B{suffix.upper()}")
    assert names(src) == [f"B{suffix.upper()}", f"a{suffix}"]


def test_folders_within_are_searched_on_request_and_kept(src):
    tree = ["a.jpg", "one/b.jpg", "one/two/c.jpg", "zero/a.jpg"]
    plant(src, *reversed(tree))
    assert names(src) == ["a.jpg"]
    assert names(src, recursive=True) == tree
    assert [os.path.normpath(item.source) for item in found(Path(), recursive=True)] == tree
    assert [item.source for item in found("./one/../one", recursive=True)] == ["one/b.jpg", "one/two/c.jpg"]


def test_hidden_folders_are_left_alone_unless_they_are_named(src):
    plant(src, "a.jpg", ".git/b.jpg", ".thumbnails/large/c.jpg")
    assert names(src, recursive=True) == ["a.jpg"]
    assert names(src / ".thumbnails", recursive=True) == ["large/c.jpg"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        (("*.jpg",), ["a.jpg", "one/b.jpg", "one/two/c.jpg"]),
        (("*.dat",), ["a.dat"]),
        (("a.*", "c*"), ["a.dat", "a.jpg", "one/two/c.jpg"]),
        (("one/*",), ["one/b.jpg", "one/two/c.jpg"]),
        (("one/?.jpg",), ["one/b.jpg"]),
        (("*/two/*", "a.dat"), ["a.dat", "one/two/c.jpg"]),
        (("*",), ["a.dat", "a.jpg", "one/b.jpg", "one/two/c.jpg"]),
        (("[ab].jp[eg]",), ["a.jpg", "one/b.jpg"]),
        (("A.JPG", ".hidden.jpg"), []),
    ],
)
def test_patterns_choose_in_place_of_extensions(src, glob, expected):
    plant(src, "a.jpg", "a.dat", "one/b.jpg", "one/two/c.jpg", ".hidden.jpg")
    assert names(src, recursive=True, glob=glob) == expected


def test_results_within_a_source_are_no_sources(src):
    plant(src, "a.jpg", "out/a.jpg", "sub/out/a.jpg")
    assert names(src, recursive=True, leave=str(src / "out")) == ["a.jpg", "sub/out/a.jpg"]


def test_results_within_a_source_are_no_sources_by_another_name(src, tmp_path):
    plant(src, "a.jpg", "out/a.jpg")
    (tmp_path / "link").symlink_to(src)
    for folder, leave in ((Path(), "out"), (src, "sub/../out"), ("../src", str(src / "out"))):
        assert names(folder, recursive=True, leave=leave) == ["a.jpg"]
    assert names(tmp_path / "link", recursive=True, leave="out") == ["a.jpg"]
    assert names(src, recursive=True, leave=str(tmp_path / "link" / "out")) == ["a.jpg"]


def test_results_in_the_source_itself_leave_it_to_be_searched(src):
    plant(src, "a.jpg")
    assert names(src, leave=str(src)) == ["a.jpg"]


@pytest.mark.parametrize("sink", [lambda: fastfit.Npy("data/all.npy"), lambda: fastfit.Shards("data/%d.tar")])
def test_sources_beside_an_npy_file_or_shards_are_not_lost(src, sink):
    photos(src, "a.jpg", "data/b.jpg")
    report, _ = ran(src, sink(), recursive=True)
    assert counts(report) == (2, 0, 0)


def test_links_to_files_are_followed_and_dangling_ones_are_items(src):
    plant(src, "a.jpg")
    (src / "b.jpg").symlink_to("a.jpg")
    (src / "c.jpg").symlink_to("nothing.jpg")
    assert [(item.name, item.size) for item in found(src)] == [("a.jpg", 0), ("b.jpg", 0), ("c.jpg", -1)]


def test_linked_folder_is_searched_if_it_is_named(src):
    plant(src, "one/a.jpg")
    (src / "two").symlink_to("one")
    assert names(src, recursive=True) == ["one/a.jpg"]
    assert [item.source for item in found("two")] == ["two/a.jpg"]


def test_folder_that_leads_to_itself_ends(src):
    plant(src, "a.jpg", "sub/b.jpg")
    (src / "sub" / "loop").symlink_to(src)
    assert names(src, recursive=True) == ["a.jpg", "sub/b.jpg"]


def test_names_of_any_bytes_are_kept(src):
    odd = [b"caf\xe9.jpg", b"line\nbreak.jpg", b" space .jpg"]
    plant(src, *map(os.fsdecode, odd))
    assert {os.fsencode(name) for name in names(src)} == set(odd)


def test_unreadable_folder_is_a_failure(src, out, monkeypatch):
    photos(src, "a.jpg", "locked/b.jpg", "z.jpg")
    scandir = os.scandir

    def denied(path):
        if not isinstance(path, int) and os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert names(src, recursive=True) == ["a.jpg", "z.jpg", "locked"]
    assert names(src / "locked") == ["locked"]
    report, outcomes = ran(src, out, recursive=True)
    assert counts(report) == (2, 1, 0)
    assert outcomes[-1].source == str(src / "locked")
    assert "folder" in outcomes[-1].text


def test_names_that_differ_in_their_extensions_alone_are_contested(src):
    plant(src, "a.bmp", "a.png", "b.bmp", "one/b.png", "c.d.bmp", "c.d.png", "c.e.png")
    contested = [str(item.name) for item in found(src, recursive=True) if item.contested]
    assert contested == ["a.bmp", "a.png", "c.d.bmp", "c.d.png"]


# Files.


def test_file_is_taken_whatever_its_name(src):
    plant(src, "a.dat", ".hidden", "b.JPG", "sub/c")
    assert names("a.dat", ".hidden", src / "b.JPG", "sub/c") == ["a.dat", ".hidden", "b.JPG", "c"]


def test_sources_keep_their_order(src):
    plant(src, "b/x.jpg", "b/w.jpg", "a/y.jpg", "c.jpg")
    assert names("b", "c.jpg", "a") == ["w.jpg", "x.jpg", "c.jpg", "y.jpg"]


def test_source_given_twice_is_one(src, tmp_path):
    plant(src, "a.jpg", "b.jpg")
    (tmp_path / "link").symlink_to(src)
    assert names(src, src / "a.jpg", "a.jpg", "../src/b.jpg", ".", tmp_path / "link" / "b.jpg") == [
        "a.jpg",
        "b.jpg",
    ]
    assert names("b.jpg", ".", "missing.jpg", "./missing.jpg") == ["b.jpg", "a.jpg", "missing.jpg"]


def test_link_and_its_target_are_two(src):
    plant(src, "a.jpg")
    (src / "b.jpg").symlink_to("a.jpg")
    assert names("a.jpg", "b.jpg", "a.jpg") == ["a.jpg", "b.jpg"]


def test_broken_shard_given_twice_is_one(src):
    data = shard(src / "a.tar", ("x.jpg", b"x" * 600), ("y.jpg", b"y" * 600)).read_bytes()
    (src / "a.tar").write_bytes(data[:2000])
    plant(src, "b.jpg")
    assert [item.source for item in found("a.tar", "b.jpg", "./a.tar")] == ["a.tar::x.jpg", "a.tar", "b.jpg"]


def test_shard_given_twice_is_one(src, out):
    shard(src / "a.tar", ("x.jpg", picture()), ("y.jpg", picture()))
    assert names("a.tar", "./a.tar", src / "a.tar") == ["x.jpg", "y.jpg"]
    assert counts(ran(["a.tar", src / "a.tar"], out)[0]) == (2, 0, 0)


def test_missing_sources_are_items_and_a_single_one_is_an_error(src, out):
    plant(src, "a.jpg", content=picture())
    assert [(item.source, item.size) for item in found("nothing", "a.jpg/b.jpg")] == [
        ("nothing", -1),
        ("a.jpg/b.jpg", -1),
    ]
    for name in ("nothing", "nothing.jpg", "nothing.tar", "a.jpg/b.jpg", "s-{0..1}.tar"):
        with pytest.raises(OptionError, match="SRC: expected an existing file or folder"):
            ran(name, out)
    assert not out.exists()
    report, outcomes = ran(["a.jpg", "nothing"], out)
    assert counts(report) == (1, 1, 0)
    assert codes(outcomes) == ["fitted", "not-found"]


def test_dangling_link_is_there(src, out):
    (src / "a.jpg").symlink_to("nothing")
    check(["a.jpg"])
    assert codes(ran("a.jpg", out)[1]) == ["not-found"]


@pytest.mark.parametrize("name", ["a\0b.jpg", "a\ud800.jpg"])
def test_name_that_no_file_can_have_is_a_failure(src, out, name):
    plant(src, "a.jpg", content=picture())
    report, outcomes = ran(["a.jpg", name], out)
    assert counts(report) == (1, 1, 0)
    assert outcomes[1].source == name


# Names of many shards.


@pytest.mark.parametrize(
    "pattern",
    [
        "d-{000..011}.tar",
        "d-{0..11}.tar",
        "d-{8..11}.tar",
        "d-{08..11}.tar",
        "d-{8..011}.tar",
        "d-{3..0}.tar",
        "d-{11..08}.tar",
        "d-{5..5}.tar",
        "d-{00..0}.tar",
        "{0..1}/d-{00..02}.tar",
        "d.tar",
    ],
)
def test_ranges_are_what_a_shell_makes_of_them(pattern):
    shell = subprocess.run(["bash", "-c", f"echo {pattern}"], capture_output=True, text=True, check=True)
    assert list(expanded(pattern)) == shell.stdout.split()


@pytest.mark.parametrize("name", ["d-{}.tar", "d-{1..}.tar", "d-{1,2}.tar", "d-{-1..2}.tar", "d-{a..c}.tar"])
def test_other_braces_are_names(name):
    assert list(expanded(name)) == [name]


def test_file_whose_name_is_a_range_is_itself(src):
    plant(src, "a-{0..1}.jpg")
    assert names("a-{0..1}.jpg") == ["a-{0..1}.jpg"]


def test_long_range_is_a_stream():
    assert list(itertools.islice(expanded("{000000000..999999999}.tar"), 2)) == ["000000000.tar", "000000001.tar"]


@pytest.mark.quick
def test_ranges_stand_for_shards_and_files(src):
    for number in range(3):
        shard(src / f"s-{number:02}.tar", (f"{number}.jpg", b""))
    plant(src, "0.jpg", "1.jpg")
    assert [item.source for item in found("s-{00..02}.tar", "{0..2}.jpg")] == [
        "s-00.tar::0.jpg",
        "s-01.tar::1.jpg",
        "s-02.tar::2.jpg",
        "0.jpg",
        "1.jpg",
        "2.jpg",
    ]


# Lists.


def test_list_keeps_the_tree(src, tmp_path):
    plant(src, "a.jpg", "one/two/b.jpg")
    plant(tmp_path, "c.jpg")
    lines = [
        "a.jpg",
        "./one/./two/b.jpg",
        str(src / "one" / "two" / "b.jpg"),
        "../c.jpg",
        "one/../one/two/x.jpg",
        "/d",
    ]
    (src / "list.txt").write_text("\n".join(lines))
    tree = src.as_posix().lstrip("/")
    assert names(Listing("list.txt")) == ["a.jpg", "one/two/b.jpg", "c.jpg", "one/two/x.jpg", "d"]
    (src / "list.txt").write_text("\n".join(reversed(lines)))
    assert names(Listing("list.txt")) == ["d", "one/two/x.jpg", "c.jpg", f"{tree}/one/two/b.jpg", "a.jpg"]


def test_list_of_folders_and_shards(src):
    plant(src, "one/b.jpg", "one/two/c.jpg")
    shard(src / "s.tar", ("x/y.jpg", b""))
    (src / "list").write_text("one\ns.tar\n")
    assert names(Listing("list")) == ["b.jpg", "x/y.jpg"]
    assert names(Listing("list"), recursive=True) == ["b.jpg", "two/c.jpg", "x/y.jpg"]


def test_lines_end_in_many_ways(src):
    (src / "list.txt").write_bytes(b"a.jpg\r\n\n b .jpg\ncaf\xe9.jpg\n\r\nlast.jpg")
    assert list(Listing("list.txt").paths()) == ["a.jpg", " b .jpg", os.fsdecode(b"caf\xe9.jpg"), "last.jpg"]


def test_list_may_begin_with_a_byte_order_mark(src):
    (src / "list.txt").write_bytes(b"\xef\xbb\xbfa.jpg\nb.jpg\n")
    assert list(Listing("list.txt").paths()) == ["a.jpg", "b.jpg"]


def test_list_in_another_encoding_is_failures_and_no_crash(src, out):
    (src / "list.txt").write_bytes("a.jpg\nb.jpg\n".encode("utf-16"))
    report, _ = ran(Listing("list.txt"), out)
    assert (report.fitted, report.skipped) == (0, 0)
    assert report.failed >= 2


def test_listed_files_that_do_not_exist_are_failures(src, out):
    photos(src, "a.jpg", "b.jpg")
    (src / "list.txt").write_text("a.jpg\nx/missing.jpg\nb.jpg\nmissing.tar\n")
    report, outcomes = ran(Listing("list.txt"), out)
    assert counts(report) == (2, 2, 0)
    assert codes(outcomes) == ["fitted", "not-found", "fitted", "not-found"]
    assert listed(out) == ["a.jpg", "b.jpg"]


def test_table_has_a_column(src):
    table = (
        'id,path,"other, one"\r\n1,a.jpg,x\r\n2,"with ""quotes"", and comma.jpg",y\r\n'
        '3,"line\nbreak.jpg",z\r\n4\r\n'
    )
    (src / "list.csv").write_bytes(b"\xef\xbb\xbf" + table.encode() + b"5,caf\xe9.jpg\r\n\r\n6,,\r\n")
    assert list(Listing("list.csv").paths()) == ["1", "2", "3", "4", "5", "6"]
    expected = ["a.jpg", 'with "quotes", and comma.jpg', "line\nbreak.jpg", os.fsdecode(b"caf\xe9.jpg")]
    assert list(Listing("list.csv", "path").paths()) == expected
    assert list(Listing("list.csv", "other, one").paths()) == ["x", "y", "z"]


def test_table_of_names_that_need_quotes_makes_files(src, out):
    photos(src, "line\nbreak.jpg", 'say "a", b.jpg')
    with (src / "list.CSV").open("w", newline="") as file:
        csv.writer(file).writerows([["path"], ["line\nbreak.jpg"], ['say "a", b.jpg']])
    assert counts(ran(Listing("list.CSV"), out)[0]) == (2, 0, 0)
    assert listed(out) == ["line\nbreak.jpg", 'say "a", b.jpg']


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_missing_column_is_an_error(src, out, kind):
    write_table(src / f"list.{kind}", {"path": ["a.jpg"], "id": ["1"]})
    with pytest.raises(OptionError, match="column: expected one of 'path', 'id', got 'file'"):
        ran(Listing(f"list.{kind}", "file"), out)
    with pytest.raises(OptionError, match="column: "):
        check([Listing(f"list.{kind}", "file")])
    assert not out.exists()


def test_only_tables_have_columns():
    for name in ("list.txt", "-", "list"):
        with pytest.raises(OptionError, match=r"column: expected none for a list that is not \.csv or \.parquet"):
            Listing(name, "path")


def test_list_that_is_missing_or_empty(src, out):
    with pytest.raises(OptionError, match=r"--from: expected an existing list, got 'nothing\.txt'"):
        ran(Listing("nothing.txt"), out)
    plant(src, "empty.txt", "empty.csv")
    assert counts(ran(Listing("empty.txt"), out)[0]) == (0, 0, 0)
    with pytest.raises(OptionError, match=r"empty\.csv: expected a table with a column, got none"):
        ran(Listing("empty.csv"), out)


def write_table(path, columns):
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path, row_group_size=2)


@pytest.mark.quick
def test_parquet(src):
    write_table(
        src / "list.parquet", {"id": [1, 2, 3, 4, 5], "path": ["a.jpg", None, "ü/b.jpg", "", "line\nc.jpg"]}
    )
    assert list(Listing("list.parquet", "path").paths()) == ["a.jpg", "ü/b.jpg", "line\nc.jpg"]
    assert list(Listing("list.parquet").paths()) == ["1", "2", "3", "4", "5"]


def test_parquet_is_read_in_parts(src):
    write_table(src / "list.parquet", {"path": [f"{number}.jpg" for number in range(10_000)]})
    assert list(Listing("list.parquet").paths()) == [f"{number}.jpg" for number in range(10_000)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.parquet", b"PAR1 this is none PAR1"),
        ("list.parquet", b""),
    ],
)
def test_table_that_is_none_is_an_error_that_names_it(src, out, name, content):
    plant(src, name, content=content)
    with pytest.raises(OptionError, match=name):
        ran(Listing(name), out)


def test_standard_input_is_a_list(src, out):
    photos(src, "a.jpg", "one/b.jpg")
    script = (
        "import sys, fastfit\n"
        "report = fastfit.run(fastfit.Listing('-'), sys.argv[1], fastfit.Fit('20x30'), jobs=1)\n"
        "print(report.fitted, report.failed)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(out)],
        input=b"a.jpg\none/b.jpg\nnothing\xe9.jpg\n",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"2 1\n", b"")
    assert listed(out) == ["a.jpg", "one/b.jpg"]


# Streams.


def test_items_come_before_the_sources_end(src):
    plant(src, "a.jpg")
    endless = items((f"{number}.jpg" for number in itertools.count()), Search())
    assert [item.source for item in itertools.islice(endless, 3)] == ["0.jpg", "1.jpg", "2.jpg"]


def test_sources_are_not_read_ahead():
    taken = []

    def sources():
        for number in range(100):
            taken.append(number)
            yield f"{number}.jpg"

    next(items(sources(), Search()))
    assert len(taken) <= 2


@pytest.mark.usefixtures("alarm")
def test_first_item_comes_while_a_list_is_being_written(src):
    os.mkfifo(src / "list")
    done = threading.Event()

    def write():
        with (src / "list").open("wb", buffering=0) as file:
            file.write(b"a.jpg\n")
            done.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    stream = items([Listing("list")], Search())
    assert next(stream).source == "a.jpg"
    done.set()
    writer.join()
    assert list(stream) == []


# Tar shards.


@pytest.mark.quick
@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_samples_of_a_tar_file(src, format):
    long = "d" * 60 + "/" + "e" * 60 + "/n" + "a" * 60
    caf = os.fsdecode(b"caf\xe9")
    content = [
        ("a.json", b"{}"),
        ("a.jpg", b"first"),
        ("one/b.JPG", b"second!"),
        ("one/b.seg.png", b"mask"),
        (f"{long}.png", b"third"),
        (f"{caf}.webp", b"fourth"),
    ]
    shard(src / "s.tar", *content, format=format)
    got = found("s.tar")
    assert [item.source for item in got] == [
        "s.tar::a.jpg",
        "s.tar::one/b.JPG",
        f"s.tar::{long}.png",
        f"s.tar::{caf}.webp",
    ]
    assert [item.name for item in got] == ["a.jpg", "one/b.jpg", f"{long}.png", f"{caf}.webp"]
    data = [read_part(item.path, item.offset, item.size) for item in got]
    assert data == [b"first", b"second!", b"third", b"fourth"]
    assert [[each.extension for each in item.companions] for item in got] == [["json"], ["seg.png"], [], []]
    companion = got[1].companions[0]
    assert read_part("s.tar", companion.offset, companion.size) == b"mask"
    assert {item.mtime_ns for item in got} == {0}


@pytest.mark.usefixtures("src")
def test_samples_of_webdataset():
    with webdataset.TarWriter("s.tar") as writer:
        for number in range(3):
            writer.write(
                {"__key__": f"k/{number:04}", "jpg": picture(number), "cls": number, "json": {"n": number}}
            )
    got = found("s.tar")
    assert [item.name for item in got] == [f"k/{number:04}.jpg" for number in range(3)]
    for number, item in enumerate(got):
        assert read_part(item.path, item.offset, item.size) == picture(number)
        others = {each.extension: read_part(item.path, each.offset, each.size) for each in item.companions}
        assert others == {"cls": str(number).encode(), "json": f'{{"n": {number}}}'.encode()}


def test_samples_are_those_that_webdataset_sees(src):
    content = [
        "a.b.jpg",
        "a.c.txt",
        "A.jpg",
        "x.y/b.jpg",
        "x.y/b.d.e",
        "x.y/B.jpg",
        "f.jpg",
        "g/f.jpg",
        "g/f.JPG.x",
    ]
    shard(src / "s.tar", *((name, name.encode()) for name in content))
    seen = samples("s.tar")
    got = found("s.tar")
    assert [item.source for item in got] == [f"s.tar::{each['__key__']}.{image_of(each)}" for each in seen]
    for item, each in zip(got, seen, strict=True):
        assert {other.extension for other in item.companions} == each.keys() - {"__key__", image_of(each)}


def image_of(sample):
    return next(extension for extension in ("jpg", "b.jpg") if extension in sample)


def test_hidden_members_are_left_alone(src):
    """The tar of macOS puts one before each file."""
    content = ["._a.jpg", "a.jpg", "x/._b.jpg", "x/b.jpg", "x/._b.json", "x/b.json", ".DS_Store", "x/.hidden.png"]
    shard(src / "s.tar", *((name, b"") for name in content))
    got = found("s.tar")
    assert [item.source for item in got] == ["s.tar::a.jpg", "s.tar::x/b.jpg"]
    assert [[each.extension for each in item.companions] for item in got] == [[], ["json"]]


def test_folders_and_links_in_a_tar_file_are_left_alone(src):
    plant(src, "x/a.jpg", content=b"one")
    (src / "x" / "b.jpg").symlink_to("a.jpg")
    (src / "x" / "c.jpg").hardlink_to(src / "x" / "a.jpg")
    os.mkfifo(src / "x" / "d.jpg")
    with tarfile.open("s.tar", "w") as tar:
        tar.add("x")
    assert len(names("s.tar")) == 1


@pytest.mark.parametrize("format", ["gnu", "pax", "ustar", "v7"])
def test_the_system_tar_makes_shards_too(src, format):
    plant(src, "x/" + "a" * 90 + ".jpg", "x/b.jpg", "x/b.txt", content=b"content")
    subprocess.run(["tar", "cf", "s.tar", f"--format={format}", "--sort=name", "x"], check=True)
    assert names("s.tar") == ["x/" + "a" * 90 + ".jpg", "x/b.jpg"]
    assert [len(item.companions) for item in found("s.tar")] == [0, 1]


@pytest.mark.parametrize(
    ("content", "name", "others"),
    [
        (["a.png", "a.jpg", "a.txt"], "a.png", ["jpg", "txt"]),
        (["a.seg.png", "a.jpg"], "a.jpg", ["seg.png"]),
        (["a.jpg", "a.seg.png"], "a.jpg", ["seg.png"]),
        (["a.x.y.png", "a.seg.png", "a.json"], "a.seg.png", ["x.y.png", "json"]),
        (["a.TIFF", "a.Json"], "a.tiff", ["json"]),
    ],
)
def test_the_image_of_a_sample_is_the_one_of_the_shortest_extension(src, content, name, others):
    shard(src / "s.tar", *((each, b"") for each in content))
    (item,) = found("s.tar")
    assert item.name == name
    assert [each.extension for each in item.companions] == others


def test_sample_without_an_image_is_a_failure(src, out):
    shard(src / "s.tar", ("a.jpg", picture()), ("b.json", b"{}"), ("b.txt", b""), ("c.jpg", picture()))
    report, outcomes = ran("s.tar", out)
    assert counts(report) == (2, 1, 0)
    assert codes(outcomes) == ["fitted", "no-image", "fitted"]
    assert outcomes[1].source == "s.tar::b"
    assert outcomes[1].text == "s.tar::b: expected a member that is an image, got json, txt"


@pytest.mark.parametrize("name", ["../../up.jpg", "/etc/root.jpg", "a/../../up.jpg", "./here.jpg"])
def test_members_stay_within_the_folder(src, out, name):
    shard(src / "s.tar", (name, picture()))
    assert counts(ran("s.tar", out)[0]) == (1, 0, 0)
    assert len(listed(out)) == 1
    assert sorted(path.name for path in out.parent.iterdir()) == ["out", "out.report.jsonl", "src"]


def broken(kind, path):
    """Break a shard of three samples."""
    data = path.read_bytes()
    with tarfile.open(path) as tar:
        headers = [(member.offset, member.offset_data) for member in tar]
    if kind == "missing":
        path.unlink()
    elif kind == "compressed":
        import gzip

        path.write_bytes(gzip.compress(data))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no tar":
        path.write_bytes(b"<html>" * 1000)
    elif kind == "cut in a header":
        path.write_bytes(data[: headers[2][0] + 100])
    elif kind == "cut in data":
        path.write_bytes(data[: headers[2][1] + 100])
    elif kind == "cut before the first ends":
        path.write_bytes(data[: headers[0][1] + 100])
    elif kind == "overwritten header":
        path.write_bytes(data[: headers[2][0]] + b"\xaa" * 512 + data[headers[2][0] + 512 :])
    elif kind == "garbage after the second":
        path.write_bytes(data[: headers[2][0]] + b"garbage")


@pytest.mark.parametrize(
    ("kind", "good", "code"),
    [
        ("missing", 0, "not-found"),
        ("compressed", 0, "shard-damaged"),
        ("empty", 0, "shard-damaged"),
        ("no tar", 0, "shard-damaged"),
        ("cut in a header", 2, "shard-damaged"),
        ("cut in data", 2, "shard-damaged"),
        ("cut before the first ends", 0, "shard-damaged"),
        ("overwritten header", 2, "shard-damaged"),
        ("garbage after the second", 2, "shard-damaged"),
    ],
)
def test_broken_shard_is_a_failure_after_its_good_samples(src, out, kind, good, code):
    for name in ("r.tar", "s.tar", "t.tar"):
        shard(src / name, *((f"{name[0]}{number}.jpg", picture(number)) for number in range(3)))
    broken(kind, src / "s.tar")
    report, outcomes = ran(["r.tar", "s.tar", "t.tar"], out)
    assert codes(outcomes) == ["fitted"] * (3 + good) + [code] + ["fitted"] * 3
    assert outcomes[3 + good].source == "s.tar"
    assert outcomes[3 + good].text.startswith("s.tar: ")
    assert counts(report) == (6 + good, 1, 0)
    again, _ = ran(["r.tar", "s.tar", "t.tar"], out)
    assert (counts(again), again.earlier) == ((0, 1, 6 + good), {"fitted": 6 + good, "failed": 1})


def test_shard_that_cannot_be_opened_is_a_failure(src, out, monkeypatch):
    shard(src / "s.tar", ("a.jpg", b""))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", "s.tar")

    monkeypatch.setattr(tarfile, "open", denied)
    assert [outcome.status for outcome in ran("s.tar", out)[1]] == ["failed"]


def test_only_the_headers_of_a_shard_are_read(src):
    # Four members of 2 GiB each, which are holes in the file.
    with (src / "s.tar").open("wb") as file:
        for number in range(4):
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = 2 << 30
            file.write(info.tobuf())
            file.seek(info.size, io.SEEK_CUR)
        file.write(bytes(1024))
    before = bytes_read()
    assert [item.size for item in found("s.tar")] == [2 << 30] * 4
    assert bytes_read() - before < 1 << 20


def bytes_read():
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["rchar"])


def test_sparse_members_are_no_garbage(src, out):
    """GNU tar stores files with holes in pieces: they cannot be read as one stretch."""
    with (src / "a.bin").open("wb") as file:
        file.write(b"begin")
        file.seek(1 << 20)
        file.write(b"end")
    plant(src, "a.jpg", content=picture())
    plant(src, "b.jpg", content=picture().ljust(1 << 20, b"."))
    subprocess.run(["tar", "cSf", "s.tar", "a.bin", "a.jpg", "b.jpg"], check=True)
    report, outcomes = ran("s.tar", out)
    assert counts(report) == (1, 1, 0)
    assert outcomes[0].source.startswith("s.tar::a")
    assert "sparse" in outcomes[0].text
    assert listed(out) == ["b.jpg"]


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("size", [-512, -1024, -1])
def test_members_of_negative_size_are_damage(src, size):
    """They would send a reader back, to read the same for ever."""
    info = tarfile.TarInfo("a.jpg")
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = b"\xff" + size.to_bytes(11, "big", signed=True)
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:]))
    good = tarfile.TarInfo("0.jpg").tobuf(tarfile.GNU_FORMAT)
    (src / "s.tar").write_bytes(good + bytes(data) + good + bytes(1024))
    got = list(itertools.islice(found_one_by_one("s.tar"), 9))
    assert [item.source for item in got] in (["s.tar::0.jpg", "s.tar"], ["s.tar"])
    assert got[-1].trouble[0] == "shard-damaged"


@pytest.mark.parametrize("mtime", ["nan", "inf", "-inf", "1e300", "-5", "1.5"])
def test_members_of_any_time_are_read(src, mtime):
    with tarfile.open("s.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a.jpg")
        info.pax_headers = {"mtime": mtime}
        tar.addfile(info)
    assert [item.source for item in found("s.tar")] == ["s.tar::a.jpg"]
    assert (src / "s.tar").exists()


def found_one_by_one(source):
    return items([source], Search())


def test_tar_in_capitals_is_a_shard_and_a_folder_is_none(src):
    shard(src / "S.TAR", ("a.jpg", b""))
    plant(src, "folder.tar/b.jpg")
    assert is_shard("S.TAR")
    assert not is_shard("folder.tar")
    assert names("S.TAR", "folder.tar") == ["a.jpg", "b.jpg"]


def test_dots_do_not_end_a_folders_name(src):
    shard(src / "s.tar", ("v1.0/a.jpg", b""), ("v1.0/a.json", b""), ("v1.1/a.jpg", b""))
    assert [(item.name, len(item.companions)) for item in found("s.tar")] == [("v1.0/a.jpg", 1), ("v1.1/a.jpg", 0)]


def test_spec_is_what_the_samples_are_fitted_by(src, out):
    shard(src / "s.tar", ("a.jpg", picture()))
    ran("s.tar", out)
    assert fastfit.probe((out / "a.jpg").read_bytes()).size == SPEC.size
