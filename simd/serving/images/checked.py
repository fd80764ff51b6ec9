"""The bytes of an image that another daemon sends, checked as they pass. No gRPC here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simd.errors import SimdError
from simd.types import ID_BYTES, ImageId


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `begin` to `end` of an image's file of `size` bytes."""

    begin: int
    end: int
    size: int

    @classmethod
    def of(cls, offset: int, length: int, size: int) -> Part:
        """The part that a request means: `length` bytes at most, 0 is all that follow."""
        return cls(offset, min(offset + length, size) if length else size, size)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.begin == 0 and self.end == self.size


def checked(
    portions: Iterator[bytes], part: Part, image_id: ImageId, wrong: Callable[[str], SimdError]
) -> Iterator[bytes]:
    """Portions as they come, the last one only if all together are what was asked for: as many bytes, and of a whole
    file the image's. Of a part nothing else tells.

    Args:
        portions: what is sent, one after the other; none is asked for before the one before it was taken.
        part: what was asked for.
        image_id: of which image.
        wrong: makes the error that is raised, of what is wrong.
    """
    digest, count, held = hashlib.blake2b(digest_size=ID_BYTES), 0, b""
    for portion in portions:
        count += len(portion)
        if count > part.end - part.begin:
            raise wrong("it sent more bytes than were asked for")
        if part.is_whole:
            digest.update(portion)
        if portion and held:
            yield held
        held = portion or held
    if count != part.end - part.begin:
        raise wrong("it sent fewer bytes than were asked for")
    if part.is_whole and digest.digest() != image_id:
        raise wrong("what it sent is not this image")
    if held:
        yield held
