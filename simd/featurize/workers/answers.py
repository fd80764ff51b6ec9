"""What a decode worker's messages say, checked.

A worker that decodes hostile images may be taken over: its numbers may be too large for the catalogue, its text no
text. What makes no sense is a ValueError, TypeError, KeyError or OverflowError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simd.errors import FileChanged, ImageRejected, Reason
from simd.featurize.decode.digest import DIGEST_BYTES
from simd.featurize.decode.renditions import (
    Array,
    Digest,
    Features,
    Format,
    Grey,
    Region,
    Rendition,
    Stretched,
    Thumbnail,
    max_bytes,
)
from simd.featurize.workers.channel import Message
from simd.types import ID_BYTES, ImageFacts, ImageId, Pixels, Stamp

NONSENSE = (ValueError, TypeError, KeyError, OverflowError)

_SIGNATURES: dict[Format, bytes] = {"jpeg": b"\xff\xd8\xff", "webp": b"RIFFWEBP"}
_MAX_TEXT = 2000
_MAX_NAME = 20
_INT64 = range(-(1 << 63), 1 << 63)
_INODE = range(1 << 64)
_SIDE = range(1, 1 << 31)


@dataclass(frozen=True, slots=True)
class Identity:
    """A file that was read: its content's id, and what it looked like."""

    image_id: ImageId
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a worker made of an image.

    Attributes:
        pictures: the pixels of each rendition that was wanted as such.
        facts: about the original.
        thumbnails: the files of thumbnails.
        features: local features, b"" where they cannot be made; None where they were not wanted.
        digest: what names the picture, `DIGEST_BYTES` bytes; None where it was not wanted.
    """

    pictures: Mapping[Array, Pixels]
    facts: ImageFacts
    thumbnails: Mapping[Thumbnail, bytes] = field(default_factory=dict)
    features: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Decoding this image would take much memory, and waits for leave to."""

    memory: int


def unconfined(message: Message) -> tuple[str, ...]:
    """The answer to how it is set up: what the kernel does not keep it from."""
    return tuple(_text(what, _MAX_TEXT) for what in message.header["left"])


def identity(message: Message) -> Identity:
    """The answer to `file`.

    Raises:
        ImageRejected, FileChanged: as the worker says.
    """
    _raise_refusal(message)
    image_id = bytes.fromhex(message.header["image_id"])
    if len(image_id) != ID_BYTES:
        raise ValueError("an image id of the wrong length")
    size, mtime_ns, inode, ctime_ns = message.header["stamp"]
    stamp = Stamp(_number(size, _INT64), _number(mtime_ns, _INT64), _number(inode, _INODE), _number(ctime_ns, _INT64))
    return Identity(ImageId(image_id), stamp)


def decoded(message: Message, wanted: Sequence[Rendition]) -> Decoded | Needs:
    """The answer to whatever has renditions: these one after the other in their order, or a question.

    Raises:
        ImageRejected, FileChanged: as the worker says.
    """
    _raise_refusal(message)
    if "needs" in message.header:
        return Needs(_number(message.header["needs"], _INT64))
    width, height, name = message.header["facts"]
    facts = ImageFacts(_number(width, _SIDE), _number(height, _SIDE), _text(name, _MAX_NAME))
    pictures: dict[Array, Pixels] = {}
    thumbnails: dict[Thumbnail, bytes] = {}
    features: bytes | None = None
    digest: bytes | None = None
    at = 0
    for rendition, said in zip(wanted, message.header["shapes"], strict=True):
        shape = _shape(rendition, said)
        length = math.prod(shape)
        if at + length > len(message.body):
            raise ValueError(f"{len(message.body)} bytes of pictures")
        match rendition:
            case Thumbnail():
                thumbnails[rendition] = _file(rendition, message.body[at : at + length])
            case Features():
                features = message.body[at : at + length]
            case Digest():
                digest = message.body[at : at + length]
            case _:
                pictures[rendition] = np.frombuffer(message.body, np.uint8, length, at).reshape(shape)
        at += length
    if at != len(message.body):
        raise ValueError(f"{len(message.body)} bytes of pictures")
    return Decoded(pictures, facts, thumbnails, features, digest)


def _shape(rendition: Rendition, said: Sequence[Any]) -> tuple[int, ...]:
    """The shape of what was made, which is the worker's to say only where that depends on the picture."""
    match rendition:
        case Stretched(size) | Region(size=size):
            allowed = tuple(range(side, side + 1) for side in (*size, 3))
        case Grey(edge):
            allowed = (range(1, edge + 1),) * 2
        case Thumbnail():
            allowed = (range(1, max_bytes(rendition) + 1),)
        case Features():
            allowed = (range(max_bytes(rendition) + 1),)
        case Digest():
            allowed = (range(DIGEST_BYTES, DIGEST_BYTES + 1),)
    return tuple(_number(side, among) for side, among in zip(said, allowed, strict=True))


def _file(thumbnail: Thumbnail, data: bytes) -> bytes:
    """A thumbnail's file, if it begins as one of its format: whoever is given it may go by its content."""
    kind = data[:3] if thumbnail.format == "jpeg" else data[:4] + data[8:12]
    if kind != _SIGNATURES[thumbnail.format]:
        raise ValueError(f"a thumbnail that is no {thumbnail.format}")
    return data


def _raise_refusal(message: Message) -> None:
    header = message.header
    if "rejected" in header:
        reason, detail = header["rejected"]
        raise ImageRejected(Reason(reason), _text(detail, _MAX_TEXT))
    if "changed" in header:
        raise FileChanged("the file was written to while it was read")


def _number(value: Any, allowed: range) -> int:
    number = int(value)
    if number not in allowed:
        raise ValueError(f"{number} is not in {allowed.start}..{allowed.stop - 1}")
    return number


def _text(value: Any, length: int) -> str:
    """Text that can be stored and sent: libraries quote the bytes of broken files in their messages."""
    return str(value)[:length].encode("utf-8", "replace").decode()
