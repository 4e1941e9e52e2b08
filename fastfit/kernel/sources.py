"""Which sources the kernel is made of, and where its library lies.

The build hook and the loader both use this file, so it imports nothing of fastfit.
"""

import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

# The compiled library for this platform, next to its sources.
LIBRARY = FOLDER / f"fastfit_kernel{_SUFFIX}"

# In its place, where the build made none: a JSON object, `reason` and `advice`. Without advice nobody is warned.
MISSING = FOLDER / "missing.json"


def digest() -> str:
    """Return a hash that changes with any C source or header of the kernel.

    The hook compiles it into the library. A library with another digest was made from other sources.

    Returns
    -------
    str
        16 hexadecimal digits: the start of a SHA-256 hash over names and contents, in the order of the names.
    """
    total = hashlib.sha256()
    for path in sorted((*FOLDER.glob("*.c"), *FOLDER.glob("*.h")), key=lambda path: path.name):
        # Git may check out CRLF on Windows: the same source has the same digest there.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16]
