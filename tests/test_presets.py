import tomllib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastfit
from fastfit import Fit, OptionError, Preset, Size, SizeError, mode_for, read_presets
from fastfit.presets import as_preset, modes_by_content
from fastfit.words import FORMATS

TABLE = read_presets()
sources = st.builds(Size, st.integers(1, 9000), st.integers(1, 9000))


def sizes(*texts):
    return tuple(Size(*map(int, text.split("x"))) for text in texts)


# The table.


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("sora-2", {"sizes": sizes("1280x720", "720x1280"), "status": "ended 2026-09-24", "alpha": False}),
        (
            "sora-2-pro",
            {"sizes": sizes("1280x720", "720x1280", "1792x1024", "1024x1792"), "status": "ended 2026-09-24"},
        ),
        ("veo", {"sizes": sizes("1280x720", "720x1280"), "status": "current"}),
        (
            "runway",
            {"sizes": sizes("1280x720", "720x1280", "1104x832", "832x1104", "960x960", "1584x672")},
        ),
        ("kling", {"sizes": (), "min_side": 300, "max_aspect": 2.5, "max_bytes": 10_000_000}),
        ("wan-2.2-ti2v-5b", {"sizes": sizes("1280x704", "704x1280"), "multiple_of": 32}),
        ("wan", {"sizes": sizes("1280x720", "720x1280", "832x480", "480x832"), "multiple_of": 16}),
        ("ltx", {"sizes": (), "multiple_of": 32}),
        ("hunyuanvideo", {"multiple_of": 16}),
        ("cosmos", {"multiple_of": 16}),
        ("cogvideox", {"sizes": sizes("720x480"), "multiple_of": 8}),
        ("svd", {"sizes": sizes("1024x576", "576x1024")}),
        ("720p", {"sizes": sizes("1280x720", "720x1280"), "alpha": True, "max_bytes": None}),
        ("1080p", {"sizes": sizes("1920x1080", "1080x1920")}),
        ("square-1024", {"sizes": sizes("1024x1024")}),
    ],
)
def test_table_has(name, columns):
    assert {column: getattr(TABLE[name], column) for column in columns} == columns


@pytest.mark.parametrize("preset", TABLE.values(), ids=lambda preset: preset.name)
def test_every_row_is_of_use(preset):
    assert preset.checked >= "2026-11-26"
    assert preset.status == "current" or preset.status.startswith("ended 20")
    assert preset.source.startswith("https://") or preset.name.startswith("square-")
    assert all(preset.objection(size) is None for size in preset.sizes)
    assert repr(Fit(preset)) == repr(Fit(preset.name))


@pytest.mark.quick
def test_every_row_of_the_file_is_in_the_table():
    text = Path(fastfit.__file__).with_name("presets.toml").read_text(encoding="utf-8")
    assert [row["name"] for row in tomllib.loads(text)["preset"]] == list(TABLE)


# Which size.


@pytest.mark.quick
@pytest.mark.parametrize(
    ("size", "source", "result"),
    [
        ("sora-2", (4000, 3000), (1280, 720)),
        ("sora-2", (3000, 4000), (720, 1280)),
        ("sora-2", (500, 500), (1280, 720)),  # of equal ones the first
        ("sora-2:720x1280", (4000, 3000), (720, 1280)),
        ("runway", (1000, 990), (960, 960)),
        ("runway", (3000, 1000), (1584, 672)),
        ("kling", (4000, 3000), (4000, 3000)),
        ("kling", (100, 50), (600, 300)),
        ("kling", (3000, 1000), (2500, 1000)),
        ("kling", (1000, 3000), (1000, 2500)),
        ("kling", (100, 7), (750, 300)),
        ("kling:301x752", (10, 10), (301, 752)),
        ("pixverse", (9000, 3000), (4000, 1333)),
        ("wan:1024x1008", (4000, 3000), (1024, 1008)),
        ("square-512", (4000, 3000), (512, 512)),
    ],
)
def test_size_of_a_preset(size, source, result):
    assert Fit(size).outline(source).dst == result


@given(sources, st.sampled_from(list(TABLE)))
def test_every_size_that_follows_from_a_preset_is_accepted(source, name):
    # An area may be any size that has its multiples.
    assert TABLE[name].objection(Fit(name).outline(source).dst) is None


@given(
    sources,
    st.integers(1, 500),
    st.integers(0, 4000),
    st.floats(1, 9, allow_nan=False),
    st.sampled_from([None, 1, 7, 16]),
)
def test_limits_are_kept(source, least, more, widest, step):
    limits = {"min_side": least, "max_side": least + more + 16, "max_aspect": widest}
    size = Fit(limits=limits, multiple_of=step).outline(source).dst
    assert limits["min_side"] <= min(size)
    assert max(size) <= limits["max_side"]
    assert Fraction(max(size), min(size)) <= Fraction(repr(widest))
    assert not any(side % (step or 1) for side in size)
    if (
        least <= min(source)
        and max(source) <= limits["max_side"]
        and max(source) <= widest * min(source)
        and step in (None, 1)
    ):
        assert size == source


def test_limits_without_a_multiple_between_them():
    with pytest.raises(SizeError, match="a multiple of 64"):
        Fit(limits={"min_side": 65, "max_side": 100}, multiple_of=64).outline((9, 9))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "limits: expected a mapping of some of min_side, max_side, max_aspect"),
        ({"min": 1}, "limits: expected a mapping of some of"),
        (5, "limits: expected a mapping of"),
        ({"min_side": 0}, "min_side: expected an integer from 1"),
        ({"max_aspect": 0.5}, "max_aspect: expected a finite number of at least 1, got 0.5"),
        ({"min_side": 9, "max_side": 8}, "min_side: expected at most max_side, 8, got 9"),
    ],
)
def test_bad_limits(limits, message):
    with pytest.raises(OptionError) as caught:
        Fit(limits=limits)
    assert str(caught.value).startswith(message)


def test_a_preset_has_its_own_multiple():
    with pytest.raises(OptionError, match="multiple_of: expected None with the preset wan, got 8"):
        Fit("wan", multiple_of=8)


# Names.


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("sora", "sora-2, sora-2-pro"),
        ("Sora-2", "sora-2"),
        ("klingg", "kling"),
        ("1080", "1080p"),
        ("wan2.2", "wan, wan-2"),
        ("hunyuan", "hunyuanvideo"),
        ("zzz", "sora-2, sora-2-pro, veo"),
        ("veo-3", "preset, veo"),
        ("ltx-video", "preset, ltx"),
    ],
)
def test_unknown_names_list_the_near_ones(value, near):
    with pytest.raises(SizeError) as caught:
        as_preset(value)
    assert near in caught.value.expected
    assert caught.value.got == repr(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sora-2:640x480", "size: expected 1280x720 or 720x1280 for sora-2, got 640x480"),
        ("wan:1281x720", "size: expected sides that are multiples of 16 for wan, got 1281x720"),
        ("kling:301x753", "size: expected an aspect of at most 2.5:1 for kling, got 301x753"),
        ("kling:299x300", "size: expected sides of at least 300 for kling, got 299x300"),
        ("pixverse:4001x300", "size: expected sides of at most 4000 for pixverse, got 4001x300"),
        ("sora-2:", "size: expected sora-2 or sora-2:WIDTHxHEIGHT, got 'sora-2:'"),
        ("sora-2:wide", "size: expected sora-2 or sora-2:WIDTHxHEIGHT, got 'sora-2:wide'"),
    ],
)
def test_impossible_sizes_say_what_is_possible(value, message):
    with pytest.raises(SizeError) as caught:
        as_preset(value)
    assert str(caught.value).startswith(message)


# One's own.

OWN = """
[[preset]]
name = "mine"
sizes = ["640x360", [360, 640]]
formats = ["png"]
max_bytes = 500_000
alpha = true
checked = 2026-01-02

[[preset]]
name = "veo"
multiple_of = 8
max_side = 900
"""


@pytest.mark.quick
def test_own_presets_come_first(tmp_path):
    (tmp_path / "my.toml").write_text(OWN)
    table = read_presets(tmp_path / "my.toml")
    assert list(table)[:2] == ["mine", "veo"]
    assert table.keys() == {"mine", *TABLE}
    assert table["mine"] == Preset(
        "mine",
        sizes=("640x360", "360x640"),
        formats=("png",),
        max_bytes=500_000,
        alpha=True,
        checked="2026-01-02",
    )
    assert Fit(table["veo"]).outline((2000, 1000)).dst == (896, 448)
    pinned = as_preset("mine:360x640", table)
    assert (pinned.name, pinned.sizes) == ("mine:360x640", ((360, 640),))
    assert pinned.pinned("360x640") == pinned
    assert Fit(table["mine"]) == Fit(sizes=["640x360", "360x640"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[preset", "my.toml: expected TOML, got "),
        ("x = 1", "my.toml: expected tables [[preset]], got x"),
        ("preset = 1", "my.toml: expected tables [[preset]], got none"),
        ("[[preset]]\nsizes = ['9x9']", "my.toml: preset 1: expected a name, and keys among name, title"),
        ("[[preset]]\nname = 'a'\nsize = '9x9'", "my.toml: preset 1: expected a name, and keys among name"),
        ("[[preset]]\nname = 'a'", "my.toml: preset 1: sizes: expected sizes, an area or a rule, got none"),
        ("[[preset]]\nname = 'a'\nsizes = '9x9'", "my.toml: preset 1: sizes: expected a list of sizes"),
        ("[[preset]]\nname = 'a'\nsizes = ['9']", "my.toml: preset 1: sizes[0]: expected two integers"),
        ("[[preset]]\nname = 'a b'\narea = 9", "my.toml: preset 1: name: expected letters"),
        ("[[preset]]\nname = '9x9'\narea = 9", "my.toml: preset 1: name: expected one that no other has"),
        ("[[preset]]\nname = 'auto'\narea = 9", "my.toml: preset 1: name: expected one that no other has"),
        ("[[preset]]\nname = 'a'\narea = 9\nmin_side = 3", "my.toml: preset 1: area: expected an area alone"),
        (
            "[[preset]]\nname = 'a'\narea = 9\nformats = ['gif']",
            "my.toml: preset 1: formats: expected some of jpeg",
        ),
        ("[[preset]]\nname = 'a'\narea = 9\nmax_bytes = 0", "my.toml: preset 1: max_bytes: expected an integer"),
        ("[[preset]]\nname = 'a'\narea = 9\nalpha = 1", "my.toml: preset 1: alpha: expected True or False"),
        ("[[preset]]\nname = 'a'\narea = 9\n" * 2, "my.toml: preset 2: name: expected one that no other has"),
        ("[[preset]]\nname = 'a:9x9'\narea = 9", "my.toml: preset 1: name: expected one that no other has"),
        ("[[preset]]\nname = 'a'\narea = 9\nchecked = 5", "my.toml: preset 1: checked: expected a date, got 5"),
        ("[[preset]]\nname = 'a'\narea = 9\nchecked = 12:00:00", "my.toml: preset 1: checked: expected a date"),
        ("x = " + "[" * 5000, "my.toml: expected TOML, got "),
        (
            "[[preset]]\nname = 'a'\nmultiple_of = 128\nmin_side = 300\nmax_side = 350",
            "my.toml: preset 1: max_side: expected a multiple of 128 among the sides allowed, got 300 to 350",
        ),
    ],
)
def test_bad_files_say_where(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(text)
    with pytest.raises((OptionError, SizeError)) as caught:
        read_presets("my.toml")
    assert str(caught.value).startswith(message)


def test_files_may_begin_with_a_mark(tmp_path):
    (tmp_path / "my.toml").write_text(OWN, encoding="utf-8-sig")
    assert "mine" in read_presets(tmp_path / "my.toml")


@given(sources, st.integers(1, 400), st.integers(0, 2000), st.integers(10, 90))
def test_what_just_keeps_to_an_aspect_is_accepted(source, least, more, tenths):
    preset = Preset("a", min_side=least, max_side=least + more, max_aspect=tenths / 10)
    assert preset.objection(Fit(preset).outline(source).dst) is None


def test_a_multiple_alone_is_a_rule():
    assert Fit(Preset("a", multiple_of=16)).outline((1000, 701)).dst == (1008, 704)


# What is in the picture.


def test_modes_by_content():
    assert modes_by_content() == {
        "portrait": "cover",
        "landscape": "auto",
        "product": "pad",
        "artwork": "pad",
        "screenshot": "cover",
    }
    assert mode_for("product") == "pad"
    with pytest.raises(OptionError, match=r"content: expected one of portrait, .*, got 'cat'"):
        mode_for("cat")


def test_formats_are_those_that_are_written():
    assert all(set(preset.formats) <= set(FORMATS) for preset in TABLE.values())
