"""The one Exif field that changes the picture: its orientation."""

import struct

_ORIENTATION = 0x0112
_INTEGERS = {3: "H", 4: "I"}  # a SHORT by the standard; some writers make it a LONG


def exif_orientation(block: bytes) -> int:
    r"""Read the orientation from an Exif block.

    Parameters
    ----------
    block : bytes
        A TIFF structure, with or without ``Exif\0\0`` before it.

    Returns
    -------
    int
        1 to 8; 1, upright, where the block has none or is damaged.

    Notes
    -----
    TIFF 6.0, section 2: byte order, offset of the first directory, entries of 12 bytes. Only that directory, IFD0,
    describes the main image.
    """
    tiff = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(count):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, start + 2 + 12 * entry)
            if tag == _ORIENTATION and kind in _INTEGERS:
                (value,) = struct.unpack_from(order + _INTEGERS[kind], tiff, start + 10 + 12 * entry)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
