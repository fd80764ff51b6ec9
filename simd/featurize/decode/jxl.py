"""The header of a JPEG XL, which says what the decoder needs to be told: its size, its animation, its turn."""

from __future__ import annotations

from dataclasses import dataclass

from simd.featurize.decode.boxes import boxes

_SIGNATURE = b"\xff\x0a"
_HEADER_BYTES = 40
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDEWAYS = 4


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What it says.

    Attributes:
        width: as shown, unless it is a JPEG, which says itself how it was held.
        height: likewise.
        animated: whether it has frames to be shown one after another.
        bits: of each sample.
    """

    width: int
    height: int
    animated: bool
    bits: int


def header_of(data: bytes | memoryview) -> JxlHeader | None:
    """The header, or None where it cannot be read."""
    stream, is_jpeg = _codestream(data)
    if stream[:2] != _SIGNATURE:
        return None
    bits = _Bits(stream[2:])
    width, height = _size(bits)
    everything_is_usual = bits.take(1)
    animated, orientation = (False, 0) if everything_is_usual else _frames_and_turn(bits)
    if orientation >= _SIDEWAYS and not is_jpeg:
        width, height = height, width
    return JxlHeader(width, height, animated, 8 if everything_is_usual else _depth(bits))


class _Bits:
    """Reads numbers of a few bits, lowest bit first; zeros follow the end."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        return value


def _size(bits: _Bits) -> tuple[int, int]:
    side = _small_side if bits.take(1) else _side
    height = side(bits)
    ratio = bits.take(3)
    if ratio == 0:
        return side(bits), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _small_side(bits: _Bits) -> int:
    return 8 * (bits.take(5) + 1)


def _side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


def _skip_preview(bits: _Bits) -> None:
    widths = (0, 0, 5, 9) if bits.take(1) else (6, 8, 10, 12)
    bits.take(widths[bits.take(2)])
    if bits.take(3) == 0:
        bits.take(widths[bits.take(2)])


def _frames_and_turn(bits: _Bits) -> tuple[bool, int]:
    """Whether it is animated, and how it is to be turned: 0 to 7, one less than in EXIF."""
    if not bits.take(1):
        return False, 0
    orientation = bits.take(3)
    if bits.take(1):
        _size(bits)
    if bits.take(1):
        _skip_preview(bits)
    animated = bool(bits.take(1))
    if animated:
        # How fast and how often.
        for widths in ((0, 0, 10, 30), (0, 0, 8, 10), (0, 3, 16, 32)):
            bits.take(widths[bits.take(2)])
        bits.take(1)
    return animated, orientation


def _depth(bits: _Bits) -> int:
    usual = (32, 16, 24) if bits.take(1) else (8, 10, 12)
    choice = bits.take(2)
    return usual[choice] if choice < 3 else 1 + bits.take(6)


def _codestream(data: bytes | memoryview) -> tuple[bytes, bool]:
    """The first bytes of the picture itself, which may stand in a container, and whether that holds it as a JPEG."""
    if data[:2] == _SIGNATURE:
        return bytes(data[:_HEADER_BYTES]), False
    found = {box.kind: box.start for box in reversed(list(boxes(data)))}
    start = found.get(b"jxlc", found.get(b"jxlp", len(data)) + 4)
    return bytes(data[start : start + _HEADER_BYTES]), b"jbrd" in found
