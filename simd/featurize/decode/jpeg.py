"""What the segments of a JPEG tell: how its picture is coded, and whether it is all there though its end is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

END = b"\xff\xd9"

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""Any but a restart, which is within a scan. After 0xff in the coded data comes a zero."""
_START, _END, _SCAN, _RESTARTS, _TEMPORARY, _JPEG_LS = 0xD8, 0xD9, 0xDA, 0xDD, 0x01, 0xF7
_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xCA}
_OF_PILLOW = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}
_OF_LIBRARY = {0xC0, 0xC1, 0xC2, 0xC3, _JPEG_LS}
_PROCESSES = {
    0xC0: "baseline",
    0xC1: "sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic",
    0xCA: "arithmetic, progressive",
    0xCB: "arithmetic, lossless",
}
_BLOCK = 64

_ZEROS = bytes(16)
"""An end like this is what is left where a download was given its room beforehand."""
_PADDING = 4096
"""So many bytes are more than what is decoded together can take, though every number in it were of the longest."""
_FACTORS = (151, 89, 37)


@dataclass(frozen=True, slots=True)
class Frame:
    """How a picture is coded.

    Attributes:
        process: the number of its marker: 0xC0 baseline, 0xC2 progressive, 0xC3 lossless, 0xF7 JPEG-LS, and others.
        bits: of each sample.
    """

    process: int
    bits: int
    width: int
    height: int
    components: int

    @property
    def of_pillow(self) -> bool:
        """Whether Pillow reads it."""
        return self.process in _OF_PILLOW and self.bits == 8 and self.height > 0

    @property
    def of_library(self) -> bool:
        """Whether imagecodecs does."""
        return self.process in _OF_LIBRARY and self.bits <= 16 and self.components in (1, 3) and self.height > 0

    @property
    def decoder(self) -> str:
        """The function of imagecodecs that decodes it."""
        return "jpegls_decode" if self.process == _JPEG_LS else "jpeg8_decode"

    @property
    def described(self) -> str:
        """With an article, to complete "it is ..."."""
        if self.height == 0:
            return "a JPEG picture that says how high it is behind its first scan (DNL)"
        if self.process == _JPEG_LS:
            return f"a JPEG-LS picture of {self.bits} bits"
        return f"a JPEG picture of {self.bits} bits ({_PROCESSES.get(self.process, 'hierarchical')})"


def frame_of(data: bytes) -> Frame | None:
    """How the picture is coded, or None where the file does not get that far."""
    for marker, start, _ in _segments(data):
        if marker in _FRAMES:
            head = data[start : start + 6]
            if len(head) < 6:
                return None
            height, width = int.from_bytes(head[1:3], "big"), int.from_bytes(head[3:5], "big")
            return Frame(marker, head[0], width, height, head[5])
        if marker == _SCAN:
            return None
    return None


def ended(data: bytes) -> bool:
    """Whether a file has its end mark."""
    return any(marker == _END for marker, _, _ in _segments(data))


def filled_up(data: bytes) -> bool:
    """Whether a file ends with zeros in place of its end mark."""
    return data.endswith(_ZEROS) and not ended(data)


def whole_without_end(data: bytes, decode: Callable[[bytes], Image.Image]) -> Image.Image | None:
    """The picture of a file that lacks the end mark, if every pixel is there: it is then the same whatever follows.

    Args:
        data: the file, which may end with zeros.
        decode: decodes a whole file; raises OSError, RuntimeError or ValueError where it cannot.
    """
    if not _scans_are_there(data):
        return None
    contents = [data]
    if data.endswith(_ZEROS):
        # One zero may be of the picture: it follows each 0xff.
        contents = [data.rstrip(b"\0"), data.rstrip(b"\0") + b"\0"]
    for content in contents:
        # The first half of the end mark would make a mark of what is put behind it.
        content = content.removesuffix(b"\xff")
        try:
            picture = decode(content + END)
            pixels = picture.tobytes()
            if all(decode(content + more + END).tobytes() == pixels for more in _paddings(content)):
                return picture
        except (OSError, RuntimeError, ValueError):
            continue
    return None


def _paddings(data: bytes) -> Iterator[bytes]:
    """What decodes to other pixels where some are missing; behind each restart mark too, where one may be due."""
    for factor in _FACTORS:
        yield bytes(n * factor % 0xFF for n in range(1, _PADDING))
    if any(marker == _RESTARTS for marker, _, _ in _segments(data)):
        for number in range(8):
            yield bytes((0xFF, 0xD0 + number)) + bytes(n * _FACTORS[0] % 0xFF for n in range(1, _PADDING))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker up to the end mark, and where its content starts and ends."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            yield marker, at, at
            return
        if marker not in (_START, _TEMPORARY):
            end = at + max(2, int.from_bytes(data[at : at + 2], "big"))
            yield marker, at + 2, end
            at = end


def _scans_are_there(data: bytes) -> bool:
    """Whether the scans that have begun are all that the picture needs: every component, and every bit of it."""
    components = 0
    progressive = False
    missing: set[tuple[int, int]] = set()
    for marker, start, end in _segments(data):
        body = data[start:end]
        if marker in _FRAMES and len(body) > 5:
            progressive, components = marker in _PROGRESSIVE, body[5]
            names = body[6 : 6 + 3 * components : 3]
            missing = {(name, place) for name in names for place in range(_BLOCK if progressive else 1)}
        elif marker == _SCAN and body:
            names, (first, last, precision) = body[1 : 1 + 2 * body[0] : 2], (body[-3:] if len(body) > 3 else b"\0\0\0")
            if not progressive:
                first, last, precision = 0, 0, 0
            if precision & 0xF == 0:
                missing -= {(name, place) for name in names for place in range(first, last + 1)}
    return components > 0 and not missing
