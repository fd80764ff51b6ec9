"""Local features: what is kept of a picture so that it can be aligned with another one and compared.

ORB key points for the alignment, a small grey rendition and a coarse one of the chroma for the comparison. All are raw
arrays of sizes that the header gives: reading them needs no decoder, so they may come from a confined process.

Lengths are in units of the picture's longer edge, so that the size it had is of no consequence.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.errors import DamagedFeatures, InvalidRequest
from simd.types import Pixels
from simd.verify.opencv import opencv

Points = npt.NDArray[np.float32]
Descriptors = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.uint8]

FEATURES_VERSION = "orb-1"
EDGE = 512
"""The longer edge of the picture that features are extracted from, at most."""
POINTS = 256
"""Key points at most."""
GREY_EDGE, CHROMA_EDGE = 96, 24
"""The longer edges of the renditions, at most."""

MAX_BYTES = 20_000
"""Of the features of any picture."""
MAX_QUERY_BYTES = MAX_BYTES + POINTS * 32
"""The same with what tells its mirror image."""

_LEVELS, _SCALE, _FAST = 6, 1.3, 8
_BORDER = 6
_LEAST_EDGE = 512
"""A smaller picture is enlarged before key points are looked for: their patches would fill all of it."""
_LEAST_SIDE = 16
"""A picture narrower than that, in pixels, has no key points: of its smallest form nothing would be left."""
_BITS = 32
"""Bytes of a descriptor."""
_UNIT = 65535
"""What the longer edge is in stored coordinates."""

_MAGIC = b"slf1"
_HEADER = struct.Struct("<4sHHHBBBBB")
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Of one picture.

    Attributes:
        width: of the picture, in units of its longer edge: in (0, 1].
        height: the same; one of both is 1.
        points: float32 `(n, 2)`, x and y in units of the longer edge.
        descriptors: uint8 `(n, 32)`, ORB's.
        mirrored: uint8 `(n, 32)`, the descriptors of the same points in the mirror image; None if it was not asked for.
        grey: uint8 `(h, w)`, the picture made small.
        chroma: uint8 `(h, w, 2)`, its Cr and Cb, made smaller.
    """

    width: float
    height: float
    points: Points
    descriptors: Descriptors
    mirrored: Descriptors | None
    grey: Plane
    chroma: Plane

    def to_bytes(self) -> bytes:
        """At most `MAX_BYTES`, with `mirrored` `MAX_QUERY_BYTES`; the same for the same features."""
        header = _HEADER.pack(
            _MAGIC,
            round(self.width * _UNIT),
            round(self.height * _UNIT),
            len(self.points),
            self.mirrored is not None,
            *self.grey.shape,
            *self.chroma.shape[:2],
        )
        points = np.rint(self.points * _UNIT).astype("<u2")
        mirrored = b"" if self.mirrored is None else self.mirrored.tobytes()
        parts = (points.tobytes(), self.descriptors.tobytes(), mirrored, self.grey.tobytes(), self.chroma.tobytes())
        body = b"".join((header, *parts))
        return body + _CHECKSUM.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> LocalFeatures:
        """What `to_bytes` made.

        Raises:
            DamagedFeatures: these are no such bytes, or of another version, or damaged.
        """
        if len(data) < _HEADER.size + _CHECKSUM.size or data[: len(_MAGIC)] != _MAGIC:
            raise DamagedFeatures(f"{len(data)} bytes are no local features of the version {FEATURES_VERSION}")
        body = memoryview(data)[: -_CHECKSUM.size]
        if _CHECKSUM.unpack(data[-_CHECKSUM.size :]) != (zlib.crc32(body),):
            raise DamagedFeatures("the checksum of local features does not fit")
        _, width, height, count, mirrored, *sizes = _HEADER.unpack_from(body)
        grey, chroma = (sizes[0], sizes[1]), (sizes[2], sizes[3], 2)
        _check(width, height, count, mirrored, sizes)
        shapes = [(count, 4), (count, _BITS), (count * mirrored, _BITS), grey, chroma]
        ends = np.cumsum([_HEADER.size, *(int(np.prod(shape)) for shape in shapes)])
        if ends[-1] != len(body):
            raise DamagedFeatures(f"local features have {len(body)} bytes and not {ends[-1]}, as their header says")
        parts = [
            np.frombuffer(body[start:end], np.uint8).reshape(shape)
            for start, end, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
        ]
        points = parts[0].view("<u2").astype(np.float32) / np.float32(_UNIT)
        return cls(width / _UNIT, height / _UNIT, points, parts[1], parts[2] if mirrored else None, parts[3], parts[4])


def _check(width: int, height: int, count: int, mirrored: int, sizes: list[int]) -> None:
    """Refuse what `extract` never makes, whatever the checksum says."""
    fits = (
        max(width, height) == _UNIT
        and min(width, height) > 0
        and count <= POINTS
        and mirrored <= 1
        and 0 < min(sizes)
        and max(sizes[:2]) <= GREY_EDGE
        and max(sizes[2:]) <= CHROMA_EDGE
    )
    if not fits:
        raise DamagedFeatures("the header of local features says what is never written")


def extract(pixels: Pixels, *, mirrored: bool = False) -> LocalFeatures:
    """The local features of a picture; the same for the same pixels.

    Args:
        pixels: uint8 `(height, width, 3)` RGB, the aspect true, the longer edge `EDGE` or less.
        mirrored: whether to add what lets it be found in its mirror image. It is needed of one of the two that are
            compared: the query.

    Raises:
        ConfigError: the extra `verify` is not installed.
        InvalidRequest: it is no such array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not 0 < min(pixels.shape):
        raise InvalidRequest(f"local features are made of uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer > EDGE:
        raise InvalidRequest(f"local features are made of pictures of at most {EDGE} pixels a side, not {longer}")
    cv2 = opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = _reduced(pixels, CHROMA_EDGE)
    chroma = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[:, :, 1:]
    large = grey
    if longer < _LEAST_EDGE:
        factor = min(2.0, _LEAST_EDGE / longer)
        large = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    points, descriptors, turned = _key_points(large, mirrored)
    # What is stored is rounded, and so is what never was stored: both compare alike.
    points = np.rint((points + np.float32(0.5)) / np.float32(max(large.shape)) * _UNIT).clip(0, _UNIT) / np.float32(
        _UNIT
    )
    return LocalFeatures(
        max(1, round(width / longer * _UNIT)) / _UNIT,
        max(1, round(height / longer * _UNIT)) / _UNIT,
        points.astype(np.float32),
        descriptors,
        turned if mirrored else None,
        _reduced(grey, GREY_EDGE),
        np.ascontiguousarray(chroma),
    )


def _key_points(grey: Plane, mirrored: bool) -> tuple[Points, Descriptors, Descriptors]:
    """Points float32 `(n, 2)` in pixels, their descriptors, and those in the mirror image or none, uint8 `(n, 32)`."""
    none = np.zeros((0, _BITS), np.uint8)
    if min(grey.shape) < _LEAST_SIDE:
        return np.zeros((0, 2), np.float32), none, none
    cv2 = opencv()
    orb = cv2.ORB_create(
        nfeatures=POINTS, scaleFactor=_SCALE, nlevels=_LEVELS, fastThreshold=_FAST, edgeThreshold=_BORDER
    )
    found, descriptors = orb.detectAndCompute(grey, None)
    if not found:
        return np.zeros((0, 2), np.float32), none, none
    kept, descriptors = found[:POINTS], descriptors[:POINTS]
    points = cv2.KeyPoint_convert(kept)
    if not mirrored:
        return points, descriptors, none
    for number, point in enumerate(kept):
        point.pt = (grey.shape[1] - 1 - point.pt[0], point.pt[1])
        point.angle = (180.0 - point.angle) % 360.0
        point.class_id = number
    turned = np.zeros_like(descriptors)
    # Some at the border may be left out, and they may come in another order.
    described, rows = orb.compute(cv2.flip(grey, 1), kept)
    if described:
        turned[[point.class_id for point in described]] = rows
    return points, descriptors, turned


def _reduced(pixels: npt.NDArray[np.uint8], edge: int) -> npt.NDArray[np.uint8]:
    """The picture with this longer edge, or as it is if that is shorter."""
    cv2 = opencv()
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer <= edge:
        return pixels
    size = (max(1, round(width * edge / longer)), max(1, round(height * edge / longer)))
    reduced: npt.NDArray[np.uint8] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return reduced
