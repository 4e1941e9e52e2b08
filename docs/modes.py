"""Make docs/modes.jpg, the picture in the README: ``python docs/modes.py``."""

from pathlib import Path

import numpy as np

import fastfit

HERE = Path(__file__).parent

photo, _ = fastfit.decode((HERE.parent / "samples" / "turned-by-exif.webp").read_bytes())
gap = np.full((270, 12, 3), 255, np.uint8)
tiles = [fastfit.fit(photo, (480, 270), mode, fill=(40, 44, 52)) for mode in ("cover", "pad", "stretch")]
sheet = np.hstack([tiles[0], gap, tiles[1], gap, tiles[2]])
(HERE / "modes.jpg").write_bytes(fastfit.encode(sheet, "jpeg", 88))
