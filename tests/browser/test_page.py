"""The page in a browser: it is drawn, every picture in it shows, and nobody is asked for anything.

Needs Chromium; chosen with ``-m browser``.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image

import fastfit
from fastfit.bulk import page, summary

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
GROUNDS = {"light": (255, 255, 255), "dark": (0x15, 0x18, 0x1B)}
FRAME = """<!DOCTYPE html><style>body{{margin:0}}iframe{{border:0;width:{width}px;height:{height}px}}</style>
<iframe src="{page}"></iframe>"""
PROBE = """<!DOCTYPE html><pre id="told"></pre>
<iframe src="page.html" style="width:{width}px;height:900px"></iframe>
<script>onload = () => {{
  const seen = document.querySelector("iframe").contentDocument, images = [...seen.images];
  document.getElementById("told").textContent = JSON.stringify({{
    images: images.map(each => [each.complete, each.naturalWidth, each.naturalHeight, each.alt]),
    shown: images.map(each => [each.clientWidth, each.clientHeight]),
    boxes: [...seen.querySelectorAll(".shot i")].map(each => {{
      const [box, all] = [each, each.parentNode.querySelector("img")].map(one => one.getBoundingClientRect());
      return [box.left - all.left, box.top - all.top, box.width, box.height, all.width, all.height];
    }}),
    width: seen.documentElement.scrollWidth,
    policy: [seen.querySelectorAll("script").length, seen.title],
  }});
}}</script>"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A folder with the page of a run in which much went wrong, and its summary."""
    folder = tmp_path_factory.mktemp("page")
    src = folder / "src"
    src.mkdir()
    for number in range(6):
        (src / f"{number} wide.jpg").write_bytes(saved(scene(640 + 20 * number, 200), "jpeg"))
        (src / f"{number} tall.png").write_bytes(saved(scene(40, 90 + 20 * number), "png"))
        (src / f"{number} torn.jpg").write_bytes(saved(scene(300, 200), "jpeg", quality=95)[:-900] + b"\xff\xd9")
    (src / f"{'long' * 50}.jpg").write_bytes(b"none")
    (src / '"><script>document.title="owned"<.jpg').write_bytes(b"none")
    (src / "thin.png").write_bytes(saved(scene(2, 3000), "png"))
    report = fastfit.run(
        [src, folder / "none.jpg"], folder / "out", fastfit.Fit((200, 160)), backend="threading", listen=True
    )
    found = summary.summarize(report.path)
    page.write_page(found, folder / "page.html")
    return folder, found


def browse(folder, name, *options):
    """Open a page in a new browser and return what it prints."""
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    command = (CHROMIUM, *QUIET, f"--user-data-dir={profile}", *options, (folder / name).as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def screenshot(folder, *, scheme="light", width=1100, height=2600):
    """Return the page as an array of RGB; in a frame, for windows have a least width."""
    (folder / "frame.html").write_text(FRAME.format(width=width, height=height, page="page.html"))
    target = folder / f"{scheme}-{width}.png"
    number = {"dark": 0, "light": 1}[scheme]
    options = (f"--blink-settings=preferredColorScheme={number}", f"--window-size={max(width, 500)},{height}")
    browse(folder, "frame.html", f"--screenshot={target}", *options)
    return np.asarray(Image.open(target).convert("RGB"))[:, :width]


def probed(folder, width=1000):
    """Return what a script beside the page finds in it."""
    (folder / "probe.html").write_text(PROBE.format(width=width))
    text = browse(folder, "probe.html", "--dump-dom", "--allow-file-access-from-files")
    return json.loads(re.search(r'<pre id="told">(.+?)</pre>', text, re.DOTALL)[1].replace("&amp;", "&"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 375])
def test_page_is_drawn_in_both_schemes_and_on_a_phone(told, scheme, width):
    shot = screenshot(told[0], scheme=scheme, width=width).astype(int)
    ground = np.array(GROUNDS[scheme])
    assert (shot[:8] == ground).all()
    drawn = (np.abs(shot - ground) > 40).any(axis=2)
    assert 0.05 < drawn.mean() < 0.7
    thirds = np.array_split(drawn, 3)
    assert all(third.mean() > 0.02 for third in thirds)
    coloured = np.ptp(shot, axis=2) > 60
    assert coloured.mean() > 0.02


def test_every_picture_shows(told):
    found = probed(told[0])
    summed = told[1]
    pairs = len(summed.cropped) + len(summed.padded) + len(summed.most_enlarged)
    torn = sum("torn" in each.source for each in summed.failures)
    assert pairs >= 12
    assert torn == 6
    assert len(found["images"]) == 2 * pairs + torn
    for complete, width, height, _ in found["images"]:
        assert complete
        assert max(width, height) == 240
    assert all(min(size) >= 1 and max(size) <= 240 for size in found["shown"])


@pytest.mark.parametrize("width", [1000, 340])
def test_crops_lie_on_their_pictures(told, width):
    boxes = probed(told[0], width)["boxes"]
    plans = [
        each.planned
        for extremes in (told[1].cropped, told[1].padded, told[1].most_enlarged)
        for each in extremes
        if each.planned.cropped
    ]
    assert len(boxes) == len(plans) > 0
    for (left, top, wide, high, whole, tall), plan in zip(boxes, plans, strict=True):
        across, down = whole / plan.src.width, tall / plan.src.height
        expected = (
            plan.crop.left * across,
            plan.crop.top * down,
            plan.crop.width * across,
            plan.crop.height * down,
        )
        np.testing.assert_allclose((left, top, wide, high), expected, atol=0.1)


@pytest.mark.parametrize("width", [1000, 340])
def test_nothing_is_wider_than_the_screen(told, width):
    assert probed(told[0], width)["width"] <= width


def test_names_run_no_script(told):
    assert probed(told[0])["policy"] == [0, Path(told[1].path).name]


def requests(folder, name):
    """Return the addresses that a page asks for; what the browser asks for by itself has no page for an origin."""
    log = folder / "requests.json"
    browse(folder, name, "--dump-dom", f"--log-net-log={log}", "--net-log-capture-mode=Everything")
    events = json.loads(log.read_text(encoding="utf-8", errors="replace"))["events"]
    asked = [each["params"] for each in events if "initiator" in each.get("params", {})]
    return {each["url"] for each in asked if each["initiator"] != "not an origin"}


def test_no_request_leaves(told):
    (told[0] / "asks.html").write_text('<img src="http://example.com/x.png">')
    assert requests(told[0], "asks.html") == {"http://example.com/x.png"}  # it would show
    assert requests(told[0], "page.html") == set()
