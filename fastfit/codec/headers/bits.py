"""Numbers of any width in bits."""

__all__ = ["Bits"]


class Bits:
    """A buffer read bit by bit: from the highest of each byte down, or, for `little`, from the lowest up."""

    def __init__(self, data: bytes, *, little: bool = False) -> None:
        self._number = int.from_bytes(data, "little" if little else "big")
        self._little = little
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        """Return the next bits as a number; `ValueError` beyond the end."""
        self._left -= count
        if self._left < 0:
            raise ValueError("no bits left")
        mask = (1 << count) - 1
        if not self._little:
            return self._number >> self._left & mask
        value = self._number & mask
        self._number >>= count
        return value
