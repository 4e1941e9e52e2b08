"""What `payload` makes is accepted, sent by OpenAI's client or a plain HTTP client, where the photo is refused.

Needs ``fastfit[services]``; chosen with ``-m services``.
"""

import asyncio
import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image
from video_server import SIZES, WRONG_SIZE, serving

import fastfit

pytestmark = [
    pytest.mark.services,
    # It is said wherever the client is called, and what it says has come true.
    pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning"),
]

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"
PHOTO = ROOT / "samples" / "toucan.jpg"
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^<!-- services -->\n```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)
UNKNOWN_TYPE = "Invalid file 'input_reference': unsupported mimetype ('application/octet-stream')."
FORMATS = ("jpeg", "png", "webp")
WISH = {"prompt": "It flies away.", "model": "sora-2-pro", "seconds": "4"}
KEY = {"Authorization": "Bearer test"}


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as service:
        yield service


@pytest.fixture
def create(service):
    """Ask the service for a video through OpenAI's client."""
    openai = importlib.import_module("openai")
    with openai.OpenAI(base_url=service.url, api_key="test", max_retries=0) as client:
        yield lambda reference, **wish: client.videos.create(**{**WISH, **wish}, input_reference=reference)


def refusal(create, reference, **wish):
    """Return what the service says against it."""
    import openai

    with pytest.raises(openai.BadRequestError) as caught:
        create(reference, **wish)
    assert caught.value.type == "invalid_request_error"
    return caught.value.body["message"]


def pillows(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def check_arrived(accepted, payload, size):
    """The file arrived under its name and type, byte for byte, and has exactly the size that was asked for."""
    assert (accepted.filename, accepted.data, accepted.mime) == payload
    assert accepted.fields["size"] == size
    width, height = map(int, size.split("x"))
    assert accepted.pixels.shape[:2] == (height, width)
    np.testing.assert_array_equal(accepted.pixels, pillows(payload.data))
    ours = fastfit.decode(payload.data)[0]
    apart = 0 if payload.mime == "image/png" else 2  # decoders differ in how they round
    assert np.abs(accepted.pixels.astype(int) - ours).max() <= apart


def test_a_photo_as_it_is_is_refused(service, create):
    assert refusal(create, PHOTO, size="1280x720") == WRONG_SIZE
    assert refusal(create, ("toucan.jpg", PHOTO.read_bytes(), "image/jpeg"), size="720x1280") == WRONG_SIZE
    assert service.accepted == []


def test_the_right_bytes_without_a_name_are_refused(service, create):
    payload = fastfit.payload(PHOTO, "1280x720")
    for nameless in (io.BytesIO(payload.data), payload.data):
        assert UNKNOWN_TYPE in refusal(create, nameless, size="1280x720")
    assert service.accepted == []


def test_the_wrong_type_is_refused(create):
    payload = fastfit.payload(PHOTO, "1280x720", format="png")
    assert "Invalid image file" in refusal(create, payload._replace(mime="image/jpeg"), size="1280x720")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", SIZES["sora-2-pro"])
def test_a_payload_is_accepted(service, create, size, format):
    payload = fastfit.payload(PHOTO, size, format=format)
    job = create(payload, size=size)
    assert (job.object, job.status, job.size, job.model) == ("video", "queued", size, "sora-2-pro")
    check_arrived(service.accepted[0], payload, size)


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_the_service_sees_the_pixels_of_a_fit(service, create, mode):
    source = ROOT / "samples" / "coffee.png"
    payload = fastfit.payload(source, "1280x720", mode=mode, format="png")
    create(payload, size="1280x720")
    assert payload.filename == "coffee.png"
    expected = fastfit.Fit("1280x720", mode)(fastfit.decode(source.read_bytes())[0])
    np.testing.assert_array_equal(service.accepted[0].pixels, expected)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("turned", [DATA / "orientation_6.jpg", ROOT / "samples" / "turned-by-exif.webp"])
def test_what_exif_turns_arrives_upright(service, create, turned, format):
    """A service that reads stored pixels, and one that turns them, see the same."""
    payload = fastfit.payload(turned, "720x1280", format=format, input=fastfit.Input(exact=True))
    create(payload, size="720x1280")
    check_arrived(service.accepted[0], payload, "720x1280")
    with Image.open(io.BytesIO(payload.data)) as image:
        assert image.getexif().get(0x0112, 1) == 1
    upright = fastfit.Fit("720x1280")(fastfit.decode(turned.read_bytes())[0])
    difference = np.abs(service.accepted[0].pixels.astype(int) - upright)
    assert difference.max() == 0 if format == "png" else difference.mean() < 3


SOURCES = {
    "RGBA": saved(scene(300, 400, 4), "PNG"),
    "grey": saved(scene(300, 400, 1), "PNG"),
    "palette": saved(Image.fromarray(scene(300, 400)).quantize(16), "PNG"),
    "CMYK": (DATA / "cmyk.jpg").read_bytes(),
    "16 bits": (DATA / "rgb16.png").read_bytes(),
    "array": scene(301, 403),
    "PIL image": Image.fromarray(scene(301, 403)),
    "path": str(PHOTO),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", SOURCES)
def test_whatever_it_is_made_of(service, create, kind, format):
    payload = fastfit.payload(SOURCES[kind], "1280x720", format=format)
    create(payload, size="1280x720")
    accepted = service.accepted[0]
    assert (accepted.filename, accepted.data, accepted.mime) == payload
    assert accepted.pixels.shape[:2] == (720, 1280)


@pytest.mark.parametrize(
    ("shape", "model", "size"),
    [
        ((300, 200), "sora-2", "720x1280"),
        ((200, 300), "sora-2", "1280x720"),
        ((200, 300), "sora-2-pro:1792x1024", "1792x1024"),
        ((200, 300), "sora-2-pro:1024x1792", "1024x1792"),
    ],
)
def test_a_preset_chooses_the_size(service, create, shape, model, size):
    payload = fastfit.payload(scene(*shape[::-1]), model)
    create(payload, model=model.split(":")[0], size=size)
    check_arrived(service.accepted[0], payload, size)


def test_the_client_that_does_not_wait(service):
    openai = importlib.import_module("openai")
    payload = fastfit.payload(PHOTO, "1280x720")

    async def create():
        async with openai.AsyncOpenAI(base_url=service.url, api_key="test", max_retries=0) as client:
            return await client.videos.create(**WISH, size="1280x720", input_reference=payload)

    assert asyncio.run(create()).status == "queued"
    check_arrived(service.accepted[0], payload, "1280x720")


@pytest.fixture(params=["httpx", "requests"])
def post(service, request):
    """Post to the service with a plain HTTP client."""
    library = importlib.import_module(request.param)
    return lambda path, **content: library.post(service.url + path, headers=KEY, **content)


def message(response):
    return response.json()["error"]["message"]


@pytest.mark.parametrize("format", FORMATS)
def test_in_a_form(service, post, format):
    wish = {**WISH, "size": "1280x720"}
    photo = ("toucan.jpg", PHOTO.read_bytes(), "image/jpeg")
    refused = post("/videos", data=wish, files={"input_reference": photo})
    assert (refused.status_code, message(refused)) == (400, WRONG_SIZE)
    payload = fastfit.payload(PHOTO, "1280x720", format=format)
    job = post("/videos", data=wish, files={"input_reference": payload})
    assert (job.status_code, job.json()["status"]) == (200, "queued")
    check_arrived(service.accepted[0], payload, "1280x720")


@pytest.mark.parametrize("format", FORMATS)
def test_in_a_data_url(service, post, format):
    payload = fastfit.payload(PHOTO, (1280, 720), format=format)
    wish = {"model": "gen4_turbo", "promptText": WISH["prompt"], "promptImage": payload.data_url}
    refused = post("/image_to_video", json={**wish, "ratio": "720:1280"})
    assert (refused.status_code, message(refused)) == (400, WRONG_SIZE)
    assert post("/image_to_video", json={**wish, "ratio": "1280:720"}).status_code == 200
    accepted = service.accepted[0]
    assert (accepted.data, accepted.mime) == payload[1:]
    np.testing.assert_array_equal(accepted.pixels, pillows(payload.data))


def test_the_service_refuses_whatever_else_is_wrong(service, post):
    wish = {**WISH, "size": "1280x720"}
    files = {"input_reference": fastfit.payload(PHOTO, "1280x720")}
    for wrong, said in (
        ({"prompt": ""}, "Missing required parameter: 'prompt'."),
        ({"model": "sora-1"}, "Invalid value: 'sora-1'."),
        ({"seconds": "5"}, "Invalid value: '5'. Supported values are: '4', '8', and '12'."),
        ({"size": "1920x1080"}, "Invalid value: '1920x1080'."),
        ({"model": "sora-2", "size": "1792x1024"}, "Resolution 1792x1024 is not supported for model sora-2."),
    ):
        assert message(post("/videos", data={**wish, **wrong}, files=files)).startswith(said)
    assert service.accepted == []


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: " ".join(re.findall(r"^import (\w+)", code, re.M)))
def test_the_readmes_examples_are_accepted(service, code, tmp_path):
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    place = {**os.environ, "OPENAI_BASE_URL": service.url, "OPENAI_API_KEY": "test"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, env=place, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert service.accepted


def test_the_readme_has_examples():
    assert EXAMPLES
