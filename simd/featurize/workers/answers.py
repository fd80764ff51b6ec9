"""What a decode worker's messages say, checked.

A worker that decodes hostile images may be taken over: its numbers may be too large for the catalogue, its text no
text. What makes no sense is a ValueError, TypeError, KeyError or OverflowError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simd.errors import FileChanged, ImageRejected, Reason
from simd.featurize.workers.channel import Message
from simd.types import ID_BYTES, ImageFacts, ImageId, Pixels, Size, Stamp

NONSENSE = (ValueError, TypeError, KeyError, OverflowError)

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
        pictures: uint8 `(height, width, 3)` at each size it was wanted in.
        facts: about the original.
    """

    pictures: Mapping[Size, Pixels]
    facts: ImageFacts


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


def decoded(message: Message, sizes: Sequence[Size]) -> Decoded | Needs:
    """The answer to whatever has sizes: pictures one after the other in the order of the sizes, or a question.

    Raises:
        ImageRejected, FileChanged: as the worker says.
    """
    _raise_refusal(message)
    if "needs" in message.header:
        return Needs(_number(message.header["needs"], _INT64))
    width, height, name = message.header["facts"]
    facts = ImageFacts(_number(width, _SIDE), _number(height, _SIDE), _text(name, _MAX_NAME))
    if len(message.body) != sum(map(bytes_of, sizes)):
        raise ValueError(f"{len(message.body)} bytes of pictures")
    by_size, at = {}, 0
    for size in sizes:
        by_size[size] = np.frombuffer(message.body, np.uint8, bytes_of(size), at).reshape(*size, 3)
        at += bytes_of(size)
    return Decoded(by_size, facts)


def bytes_of(size: Size) -> int:
    """Of a picture."""
    height, width = size
    return height * width * 3


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
