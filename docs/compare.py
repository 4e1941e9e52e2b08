"""Make docs/compare.jpg, the sheet in the README: ``python docs/compare.py``."""

from pathlib import Path

import fastfit

HERE = Path(__file__).parent

sheet = fastfit.compare(HERE.parent / "samples" / "turned-by-exif.webp", "1280x720").image
(HERE / "compare.jpg").write_bytes(fastfit.encode(fastfit.fit(sheet, longest=1000), "jpeg", 82))
