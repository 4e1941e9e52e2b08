"""A video service on loopback, with the rules that OpenAI's Videos API had for reference images.

``POST /v1/videos`` takes the form with an ``input_reference``, which is required here. ``POST /v1/image_to_video``
takes JSON with a data URL, as Runway's does, though it refuses what Runway would crop. Nothing here knows fastfit:
Pillow looks at the images.
"""

import base64
import contextlib
import email
import email.policy
import io
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import numpy as np
from PIL import Image

SIZES = {
    "sora-2": ("720x1280", "1280x720"),
    "sora-2-pro": ("720x1280", "1280x720", "1024x1792", "1792x1024"),
}
RATIOS = ("1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672")
SECONDS = ("4", "8", "12")
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
WRONG_SIZE = "Inpaint image must match the requested width and height"
LONGEST_DATA_URL = 5 << 20


class Accepted(NamedTuple):
    """A request that was accepted: what was asked for, the file as it came, and its stored pixels."""

    headers: dict
    fields: dict
    filename: str | None
    mime: str
    data: bytes
    pixels: np.ndarray


class RefusedError(Exception):
    """What is answered instead, in the shape of OpenAI's errors."""

    def __init__(self, message, param=None, code=None, status=400):
        super().__init__(message)
        self.status = status
        kind = "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Service(ThreadingHTTPServer):
    """Listens on a free port of loopback, and keeps the requests that it accepted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted = []

    @property
    def url(self):
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextlib.contextmanager
def serving():
    """A running service."""
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            _check_key(self.headers)
            accepted, job = _ENDPOINTS.get(self.path, _nowhere)(self.headers, body)
            self.server.accepted.append(accepted)
            self._send(200, job)
        except RefusedError as error:
            self._send(error.status, error.body)

    def _send(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _check_key(headers):
    if not re.fullmatch(r"Bearer \S+", headers.get("Authorization", "")):
        raise RefusedError("You didn't provide an API key.", status=401)


def _nowhere(*_):
    raise RefusedError("Invalid URL", status=404)


def _create_video(headers, body):
    fields, files = _form(headers, body)
    fields = {"model": "sora-2", "size": "720x1280", "seconds": "4", **fields}
    if not fields.get("prompt"):
        raise _missing("prompt")
    _one_of("model", fields["model"], SIZES)
    _one_of("seconds", fields["seconds"], SECONDS)
    _one_of("size", fields["size"], SIZES["sora-2-pro"])
    if fields["size"] not in SIZES[fields["model"]]:
        message = f"Resolution {fields['size']} is not supported for model {fields['model']}."
        raise RefusedError(message, "size", "invalid_value")
    if "input_reference" in fields:
        message = "Invalid type for 'input_reference': expected a file, but got a string instead."
        raise RefusedError(message, "input_reference", "invalid_type")
    if "input_reference" not in files:
        raise _missing("input_reference")
    filename, mime, data = files["input_reference"]
    pixels = _pixels("input_reference", data, mime, fields["size"].split("x"))
    job = {
        "id": f"video_{time.monotonic_ns():x}",
        "object": "video",
        "created_at": int(time.time()),
        "status": "queued",
        "progress": 0,
        **{name: fields[name] for name in ("model", "prompt", "seconds", "size")},
    }
    return Accepted(dict(headers), fields, filename, mime, data, pixels), job


def _image_to_video(headers, body):
    fields = json.loads(body)
    _one_of("ratio", fields.get("ratio"), RATIOS)
    url = fields.get("promptImage", "")
    if len(url) >= LONGEST_DATA_URL:
        raise RefusedError("Data URI is too long", "promptImage", "too_big")
    found = re.fullmatch(r"data:([\w/.+-]+);base64,([A-Za-z0-9+/]+={0,2})", url)
    if not found:
        raise RefusedError("Invalid data URI", "promptImage", "invalid_value")
    mime, data = found[1], base64.b64decode(found[2], validate=True)
    pixels = _pixels("promptImage", data, mime, fields["ratio"].split(":"))
    return Accepted(dict(headers), fields, None, mime, data, pixels), {"id": f"{time.monotonic_ns():x}"}


_ENDPOINTS = {"/v1/videos": _create_video, "/v1/image_to_video": _image_to_video}


def _form(headers, body):
    """Return the form's texts, and its files: name, MIME type, bytes."""
    kind = headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data"):
        raise RefusedError(f"Unsupported content type: '{kind}'.", status=415)
    whole = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body
    fields, files = {}, {}
    for part in email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts():
        name = part.get_param("name", header="Content-Disposition")
        data = part.get_payload(decode=True)
        if part.get_filename() is None:
            fields[name] = data.decode()
        else:
            files[name] = part.get_filename(), part.get("Content-Type", "application/octet-stream"), data
    return fields, files


def _missing(name):
    return RefusedError(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def _one_of(name, value, known):
    if value not in known:
        *most, last = (f"'{one}'" for one in known)
        message = f"Invalid value: '{value}'. Supported values are: {', '.join(most)}, and {last}."
        raise RefusedError(message, name, "invalid_value")


def _pixels(param, data, mime, size):
    """Return the pixels as they are stored: an orientation in the metadata counts for nothing."""
    if mime not in FORMATS:
        message = (
            f"Invalid file '{param}': unsupported mimetype ('{mime}'). "
            "Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
        )
        raise RefusedError(message, param, "unsupported_file_mimetype")
    try:
        with Image.open(io.BytesIO(data), formats=[FORMATS[mime]]) as image:
            image.load()
    except OSError as error:
        raise RefusedError(f"Invalid image file: {error}", param, "invalid_image_file") from error
    if image.size != tuple(map(int, size)):
        raise RefusedError(WRONG_SIZE)
    return np.asarray(image)
