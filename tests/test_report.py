"""What a journal tells, summed up and as a page."""

import base64
import json
import os
import re
import signal
import sys
import tarfile
import time
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene

import fastfit
from fastfit import Fit, Input, Listing, Npy, OptionError, Shards, Size, bulk
from fastfit.bulk import page, summary, thumbnails
from fastfit.bulk.journal import fingerprint
from fastfit.bulk.work import Work

HOSTILE = '"><script>alert(1)<'  # names hold no slash


def run(sources, sink, spec=None, **options):
    """Fit in this process, and return the name of the journal."""
    options = {"backend": "threading", "jobs": 2, "listen": True, **options}
    return os.fspath(fastfit.run(sources, sink, spec or Fit((30, 30)), **options).path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def src(here):
    """Three good files, all of other sizes, and two that are none."""
    folder = here / "src"
    folder.mkdir()
    for name, size in (("wide.jpg", (90, 30)), ("tall.png", (40, 60)), ("small.jpg", (15, 10))):
        (folder / name).write_bytes(saved(scene(*size), "jpeg" if name.endswith("jpg") else "png"))
    (folder / "broken.jpg").write_bytes(saved(scene(50, 40), "jpeg")[:200])
    (folder / "text.jpg").write_bytes(b"mere words")
    return folder


def damaged():
    """Return a JPEG whose end is missing, but for the marker that says it is there."""
    return saved(scene(200, 150), "jpeg", quality=95)[:-400] + b"\xff\xd9"


def rows(*changes):
    """Return rows of fitted sources, but for what is changed."""
    run = {"version": "0", "cwd": "/", "sink": {}, "settings": {}}
    plain = {
        "output": "out/x.jpg",
        "status": "fitted",
        "source_size": [100, 50],
        "output_size": [10, 10],
        "plan": {"crop": [25.0, 0.0, 75.0, 50.0], "inner": [0, 0, 10, 10]},
        "source_bytes": 1000,
        "mtime_ns": 1,
        "bytes": 100,
        "ms": 8.0,
        "error": None,
        "message": None,
        "notes": [],
        "settings": "0" * 16,
    }
    made = [{"source": f"{number}.jpg", **plain, **change} for number, change in enumerate(changes)]
    made[0]["run"] = run
    return made


def journal(folder, *changes):
    path = folder / "made.report.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(*changes)), encoding="ascii")
    return path


def failed(code, **more):
    return {"status": "failed", "error": code, "message": f"x: {code}", "output": None, "plan": None, **more}


# Numbers.


@pytest.mark.quick
def test_counts_are_those_of_the_run(src):
    report = fastfit.run(["src", "none.jpg"], "out", Fit((30, 30)), backend="threading", listen=True)
    found = summary.summarize(report.path)
    assert found.counts == {"fitted": 3, "failed": 3}
    assert {(each.status, each.code): each.count for each in found.reasons} == {
        ("failed", "undecodable"): 2,
        ("failed", "not-found"): 1,
    }
    assert found.sizes == report.sizes == {Size(30, 30): report.sizes[Size(30, 30)]}
    assert found.enlarged == 1
    results = [src / "wide.jpg", src / "tall.png", src / "small.jpg"]
    assert found.bytes_in == sum(path.stat().st_size for path in results)
    assert found.bytes_out == sum(path.stat().st_size for path in Path("out").iterdir())
    assert {each.folder for each in found.failures} == {os.fspath(Path.cwd())}
    assert found.run["version"] == fastfit.__version__


@pytest.mark.usefixtures("src")
def test_every_reason_has_an_example():
    found = summary.summarize(run(["src", "none.jpg"], "out"))
    for each in found.reasons:
        assert each.example.message.startswith(each.example.source)
        assert not each.example.reason.startswith(each.example.source)
        assert each.example.code == each.code


@pytest.mark.usefixtures("src")
def test_losses_are_those_of_the_plan():
    found = summary.summarize(run("src", "out"))
    assert [Path(each.source).name for each in found.cropped] == ["wide.jpg", "small.jpg", "tall.png"]
    assert [each.value for each in found.cropped] == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert [Path(each.source).name for each in found.most_enlarged] == ["small.jpg"]
    assert found.most_enlarged[0].value == pytest.approx(3)
    assert found.padded == ()
    assert found.total.cropped == pytest.approx((2 / 3 + 1 / 3 + 1 / 3) / 3)
    padded = summary.summarize(run("src", "padded", Fit((30, 30), "pad")))
    assert padded.cropped == ()
    assert padded.total.padded == pytest.approx(sum(each.value for each in padded.padded) / 3)


def test_later_rows_replace_earlier_ones(src):
    report = run("src", "out")
    assert summary.summarize(report).counts == {"fitted": 3, "failed": 2}
    (src / "broken.jpg").write_bytes(saved(scene(50, 40), "jpeg"))
    assert run("src", "out") == report
    found = summary.summarize(report)
    assert found.counts == {"fitted": 4, "failed": 1}
    assert [Path(each.source).name for each in found.failures] == ["text.jpg"]
    assert found.run["version"] == fastfit.__version__


@pytest.mark.usefixtures("src")
def test_the_run_is_known_though_its_row_is_replaced():
    report = run("src", "out")
    first = json.loads(Path(report).read_text().splitlines()[0])
    (Path("src") / Path(first["source"]).name).write_bytes(saved(scene(51, 40), "jpeg"))
    run("src", "out")
    assert summary.summarize(report).run["cwd"] == os.fspath(Path.cwd())


def test_damage_that_was_let_in_is_told(here):
    (here / "x.jpg").write_bytes(damaged())
    found = summary.summarize(run(["x.jpg"], "out", input=Input(on_damage="warn")))
    assert found.counts == {"fitted": 1}
    assert [(each.status, each.code) for each in found.reasons] == [("fitted", "damaged")]
    assert [each.code for each in found.failures] == ["damaged"]


@pytest.mark.usefixtures("src")
def test_skipped_ones_are_told_with_their_reason():
    report = run("src", "out", filters=fastfit.Filters(min_size=(20, 20)))
    found = summary.summarize(report)
    assert found.counts["skipped"] == 1
    assert [each.code for each in found.reasons if each.status == "skipped"] == ["too-small"]
    assert "skipped" not in {each.status for each in found.failures}


def test_the_slowest_are_there_in_their_order(here):
    times = [5.0, None, 80.0, 1.0, *range(10, 30)]
    found = summary.summarize(journal(here, *({"ms": each} for each in times)))
    assert [each.value for each in found.slowest] == [80, *range(29, 20, -1)]
    assert found.ms == sum(filter(None, times))


@pytest.mark.parametrize("times", [[8], [1, 2, 100], [0.0, 0.0, 0.0], [*range(1, 1000)]])
def test_median_is_within_a_few_percent(here, times):
    found = summary.summarize(journal(here, *({"ms": each} for each in times)))
    assert found.median_ms == pytest.approx(np.median(times), rel=0.023, abs=0.002)


def test_extremes_are_the_largest_and_of_equal_ones_the_first(here):
    crops = [{"plan": {"crop": [0, 0, wide, 50], "inner": [0, 0, 10, 10]}} for wide in (90, 20, 50, 50, 100, 20)]
    found = summary.summarize(journal(here, *crops * 2))
    names = ["1.jpg", "5.jpg", "7.jpg", "11.jpg", "2.jpg", "3.jpg", "8.jpg", "9.jpg"]
    assert [each.source for each in found.cropped] == names


def test_a_rare_code_is_there_beside_a_frequent_one(here):
    codes = ["undecodable"] * 500 + ["timeout"] + ["worker-crashed"] * 30
    found = summary.summarize(journal(here, *map(failed, codes)))
    assert [each.code for each in found.reasons] == ["undecodable", "worker-crashed", "timeout"]
    shown = [each.code for each in found.failures]
    assert len(shown) == 24
    assert {code: shown.count(code) for code in shown} == {"undecodable": 12, "worker-crashed": 11, "timeout": 1}
    assert shown == sorted(shown, key=["undecodable", "worker-crashed", "timeout"].index)
    assert len({each.source for each in found.failures}) == 24


def test_many_sizes_are_few_lines(here):
    sizes = [{"output_size": [10, 10 + number % 50]} for number in range(120)]
    found = summary.summarize(journal(here, *sizes))
    assert len(found.sizes) == 50
    shown = found.main_sizes()
    assert len(shown) == 21
    assert shown[-1][0] == "30 more"
    assert sum(tally.count for _, tally in shown) == 120 == found.total.count
    assert found.total.cropped == pytest.approx(0.5)


@pytest.mark.parametrize("content", [b"", b"[]\n", b"{}\n", b"\xff\xd8\xff\n", b'{"source":"half a row'])
def test_what_is_no_journal_is_refused(here, content):
    (here / "x.jsonl").write_bytes(content)
    with pytest.raises(OptionError, match="report of fastfit's"):
        summary.summarize(here / "x.jsonl")
    with pytest.raises(FileNotFoundError):
        summary.summarize(here / "none.jsonl")


# Lines.


@pytest.mark.quick
@pytest.mark.usefixtures("src")
def test_lines_tell_the_numbers():
    found = summary.summarize(run(["src", "none.jpg"], "out"))
    told = list(summary.lines(found))
    assert told[0] == "3 fitted, 3 failed, 0 skipped; 1 enlarged"
    settings = fingerprint(found.run["settings"])
    assert told[1] == f"pixels {fastfit.PIXELS}, settings {settings}, fastfit {fastfit.__version__}"
    assert "      1 failed, not-found: none.jpg: No such file or directory" in told
    assert "      30x30       3 images   44.4% cropped    0.0% padded" in told
    assert told[told.index("most cropped:") + 1] == f"      66.7%  {Path('src', 'wide.jpg')}"
    assert "slowest:" in told
    assert "most padded:" not in told


def test_lines_of_a_run_in_which_all_failed(here):
    told = list(summary.lines(summary.summarize(journal(here, failed("not-found", ms=None)))))
    assert told == [
        "0 fitted, 1 failed, 0 skipped; 0 enlarged",
        f"pixels pillow-13, settings {fingerprint({})}, fastfit 0",
        "      1 failed, not-found: x: not-found",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_600, "1 MB"), (2.5e15, "2.5e+03 TB")],
)
def test_amounts(count, text):
    assert summary.amount(int(count)) == text


# The page.

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """A page, read strictly: every element ends, and where it should."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.links, self.images, self.styles, self.texts = [], [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name in {"src", "href", "action", "data", "srcset", "poster"}:
                self.links.append(value)
            if name == "style":
                self.styles.append(value)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.styles if self.open[-1:] == ["style"] else self.texts).append(data)

    @property
    def text(self):
        return "\n".join(self.texts)

    def pixels(self):
        """The pictures as arrays, in RGB."""
        found = [base64.b64decode(each["src"].removeprefix("data:image/jpeg;base64,")) for each in self.images]
        return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for data in found]


def written(report, name="page.html"):
    page.write_page(summary.summarize(report), name)
    return Page(Path(name).read_text(encoding="utf-8"))


def check_alone(found):
    """Check that nothing is asked of anybody."""
    assert all(link.startswith("data:image/jpeg;base64,") for link in found.links)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "a"} & set(found.tags)
    assert not re.search(r"url\(|@import|@font-face|https?:", " ".join(found.styles))


@pytest.mark.usefixtures("src")
def test_page_is_whole_and_needs_nothing():
    found = written(run(["src", "none.jpg"], "out"))
    check_alone(found)
    assert [each for each in ("html", "head", "body", "title") if found.tags.count(each) != 1] == []
    for text in ("By error", "Sizes", "Slowest", "Failed or damaged", "Most cropped", "Most enlarged", "Settings"):
        assert text in found.text, text
    assert "Most padded" not in found.text
    assert "No such file or directory" in found.text
    assert {path.name for path in Path().iterdir()} == {"src", "out", "out.report.jsonl", "page.html"}


@pytest.mark.usefixtures("src")
def test_page_replaces_another_and_is_written_at_once_or_not_at_all():
    report = run("src", "out")
    Path("page.html").write_text("before")
    written(report)
    with pytest.raises(OSError, match="none"):
        page.write_page(summary.summarize(report), "none/page.html")


def test_pictures_are_those_of_sources_and_results(src):
    found = written(run("src", "out"))
    shots = found.pixels()
    # Of three sources that are cropped, one of which is enlarged, each with its result; the others have none.
    assert len(shots) == 2 * 3 + 2 * 1
    assert [shot.shape[:2] for shot in shots[:2]] == [(80, 240), (240, 240)]
    whole = fastfit.decode((src / "wide.jpg").read_bytes())[0]
    fitted = fastfit.decode(Path("out/wide.jpg").read_bytes())[0]
    for shot, expected in zip(shots, (whole, fitted), strict=False):
        likely = cv2.resize(expected, shot.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        assert np.abs(shot.astype(int) - likely).mean() < 4


def test_the_crop_is_drawn_where_it_is(src):
    found = written(run([src / "wide.jpg"], "out", Fit((30, 30), centering=(0.25, 0.5))))
    assert [style for style in found.styles if style.startswith("left")] == [
        "left:16.667%;top:0.000%;width:33.333%;height:100.000%"
    ]


def test_a_whole_picture_has_no_crop(src):
    found = written(run([src / "wide.jpg"], "out", Fit((30, 30), "pad")))
    assert "Most padded" in found.text
    assert len(found.images) == 2
    assert not [style for style in found.styles if style.startswith("left")]


def test_names_are_text_whatever_they_hold(here):
    (here / "src").mkdir()
    for name in (f"{HOSTILE}.jpg", "new\nline.jpg", "back\u202ewards.jpg", "tab\t& 'quote'.jpg"):
        try:
            (here / "src" / name).write_bytes(saved(scene(60, 40), "jpeg"))
            (here / "src" / f"broken {name}").write_bytes(b"x")
        except OSError:
            pytest.skip("no such names here")
    found = written(run("src", "out"))
    check_alone(found)
    for name in (HOSTILE, r"new\nline", r"back\u202ewards", r"tab\t& 'quote'"):
        assert f"src/{name}.jpg" in found.text
        assert f"src/broken {name}.jpg" in found.text
        assert f"src/{name}.jpg" in {each["alt"] for each in found.images}


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
@pytest.mark.usefixtures("here")
def test_names_that_are_no_text_make_valid_utf8():
    Path("src").mkdir()
    for name in (b"src/caf\xe9.jpg", b"src/\xff\xfe.jpg"):
        Path(os.fsdecode(name)).write_bytes(saved(scene(60, 40), "jpeg"))
    Path(os.fsdecode(b"src/broken\xe9.jpg")).write_bytes(b"x")
    report = run("src", "out")
    list(summary.lines(summary.summarize(report)))
    found = written(report)
    assert r"src/caf\udce9.jpg" in found.text
    assert r"src/broken\udce9.jpg" in found.text
    assert len(found.images) == 2 * 2


def test_text_of_a_journal_is_nothing_but_text(here):
    bad = f"{HOSTILE}<img src=http://example.com/x onerror=alert(1)>&amp;\0\udcff"
    found = written(
        journal(here, failed(bad, source=bad, message=bad), {"source": bad * 2, "output": bad, "status": bad})
    )
    check_alone(found)
    assert found.images == []


def test_what_gives_no_picture_has_the_reason_in_its_place(src):
    report = run(["src", "none.jpg"], "out")
    (src / "wide.jpg").unlink()
    Path("out/tall.png").write_bytes(b"no more")
    found = written(report)
    assert len(found.images) == 8 - 2
    assert found.text.count("no picture") == 3 + 2
    assert "no picture: No such file or directory" in found.text


def test_what_has_changed_since_is_told_and_has_no_crop(src):
    report = run([src / "wide.jpg"], "out")
    (src / "wide.jpg").write_bytes(saved(scene(33, 44), "jpeg"))
    os.utime(src / "wide.jpg", ns=(1, 1))
    found = written(report)
    assert "changed since the run" in found.text
    assert len(found.images) == 2
    assert not [style for style in found.styles if style.startswith("left")]


@pytest.mark.usefixtures("src")
def test_relative_names_are_those_of_the_run(tmp_path, monkeypatch):
    report = Path(run("src", "out")).absolute()
    monkeypatch.chdir("/")
    name = os.fspath(tmp_path / "page.html")
    assert len(written(report, name).images) == 8


@pytest.mark.usefixtures("here")
def test_a_damaged_source_shows_what_there_is():
    Path("x.jpg").write_bytes(damaged())
    report = run(["x.jpg"], "out")
    assert summary.summarize(report).counts == {"failed": 1}
    assert [shot.shape for shot in written(report).pixels()] == [(180, 240, 3)]


@pytest.mark.slow
def test_members_of_shards_are_shown(src):
    with tarfile.open("in.tar", "w") as tar:
        for path in sorted(src.iterdir()):
            tar.add(path, path.name)
    report = run(["in.tar", "gone.tar"], Shards("out-%03d.tar", 2))
    found = written(report)
    assert len(found.images) == 8
    assert "in.tar::broken.jpg" in found.text
    assert "changed" not in found.text
    Path("out-000.tar").rename("out-000.tar.partial")
    assert len(written(report).images) == 8
    Path("in.tar").write_bytes(b"x" * 1000)
    found = written(report)
    assert len(found.images) == 4
    assert "no picture: no such member" in found.text
    Path("in.tar").unlink()
    assert "no picture: No such file or directory" in written(report).text


@pytest.mark.slow
@pytest.mark.usefixtures("src")
def test_rows_of_numpy_files_are_shown():
    report = run("src", Npy("out.npy"))
    found = written(report)
    shots = found.pixels()
    assert len(shots) == 8
    rows = np.load("out.npy")
    likely = cv2.resize(rows[2], (240, 240), interpolation=cv2.INTER_CUBIC)
    assert np.abs(shots[1].astype(int) - likely).mean() < 4
    Path("out.npy").write_bytes(Path("out.npy").read_bytes()[:200])
    assert len(written(report).images) == 4
    Path("out.npy").unlink()
    assert len(written(report).images) == 4


@pytest.mark.parametrize("kind", ["folder", "fifo"])
@pytest.mark.usefixtures("alarm")
def test_what_is_no_file_any_more_waits_for_nobody(src, kind):
    report = run([src / "wide.jpg", "text.jpg"], "out")
    (src / "wide.jpg").unlink()
    (Path.mkdir if kind == "folder" else os.mkfifo)(src / "wide.jpg")
    assert len(written(report).images) == 1


@pytest.mark.usefixtures("src")
def test_limits_are_those_of_the_run():
    found = summary.summarize(run("src", "out", input=Input(max_pixels=100, frames="error")))
    work = thumbnails._work(found, "")
    assert work.input == Input(on_damage="warn", max_pixels=100)
    page.write_page(found, "page.html")
    assert Page(Path("page.html").read_text(encoding="utf-8")).images == []


def test_sources_that_killed_a_worker_are_not_tried_again(here):
    Path("x.jpg").write_bytes(saved(scene(60, 40), "jpeg"))
    found = written(journal(here, *(failed(code, source="x.jpg") for code in ("worker-crashed",))))
    assert found.images == []
    assert "no picture: a worker died of it" in found.text


class Hostile(Work):
    """Work that some sources are bad for."""

    def do(self, number, item):
        if "crash" in item.source:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in item.source:
            time.sleep(600)
        return Work.do(self, number, item)


# Worker processes cannot import this file; what is of the main program is sent to them as a whole.
Hostile.__module__ = "__main__"


@pytest.fixture
def hostile(monkeypatch):
    """Let pictures be made by `Hostile`."""

    def work(found, folder):
        plain = made(found, folder)
        return Hostile(plain.spec, plain.input, plain.output, plain.filters, folder)

    made = thumbnails._work
    monkeypatch.setattr(thumbnails, "_work", work)
    monkeypatch.setattr(thumbnails, "_TIMEOUT", 2.0)


@pytest.mark.usefixtures("src")
def test_where_no_worker_lives_there_is_a_page_without_pictures(monkeypatch):
    def give(*_):
        raise bulk.WorkerError("jobs", "workers that stay alive", "dead ones")

    report = run("src", "out")
    monkeypatch.setattr(thumbnails.Pool, "give", give)
    found = written(report)
    assert found.images == []
    assert "no picture: workers die" in found.text


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.usefixtures("here", "hostile")
def test_a_decoder_that_crashes_or_hangs_costs_its_picture():
    for name in ("crash-1.jpg", "crash-2.jpg", "hang.jpg", "fine.jpg", "good.jpg"):
        Path(name).write_bytes(saved(scene(90, 40), "jpeg"))
    report = run([*sorted(Path().glob("*.jpg"))], "out")
    found = written(report)
    # The results of the crashing ones have names that crash as well.
    assert len(found.images) == 2 * 2 * (1 if "Most enlarged" not in found.text else 2)
    assert "no picture: expected a worker that stays alive" in found.text
    assert "no picture: expected to be done in 2 s" in found.text


@pytest.mark.usefixtures("src")
def test_a_list_of_sources_tells_of_those_that_do_not_exist():
    Path("list.txt").write_text("src/wide.jpg\nsrc/none.jpg\n")
    found = summary.summarize(run(Listing("list.txt"), "out"))
    assert found.counts == {"fitted": 1, "failed": 1}
    assert [(each.source, each.code) for each in found.failures] == [("src/none.jpg", "not-found")]
