"""The files of indexed images, byte for byte: compared with the image's id before any of it is given. No gRPC here."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simd.cancelled import NEVER, Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.errors import InvalidRequest, OutOfRange
from simd.serving.images.imagefiles import first_of, searchable_image, unreadable_image
from simd.serving.images.remembered import Remembered
from simd.serving.images.together import Together
from simd.serving.search.rootfiles import RootFiles
from simd.types import ID_BYTES, ImageId, Stamp

PORTION_BYTES = 256 << 10
_READ_BYTES = 1 << 20
_COMPARED = 4096
"""Of so many files it is remembered whether they hold their image, about 1 MiB."""
_SETTLED_NS = 5_000_000_000
"""A file may be written to twice within a tick of its filesystem's clock, seconds at most, and have the same stamp."""
OCTETS = "application/octet-stream"
CONTENT_TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "HEIF": "image/heif",
    "JPEG": "image/jpeg",
    "JPEG2000": "image/jp2",
    "JXL": "image/jxl",
    "PNG": "image/png",
    "PPM": "image/x-portable-anymap",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
"""By a format's name in the catalogue; raw photographs have as many as there are makers."""


@dataclass(frozen=True, slots=True)
class Original:
    """An image's file: how many bytes it has in all, what it is, its name without folders, and the bytes asked for."""

    size: int
    content_type: str
    name: bytes
    portions: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that was read and holds its image; `stamp` is what it looked like then."""

    path: bytes
    fd: int
    stamp: Stamp


class Originals:
    """Every method may be called from any thread. A file that stands still is compared once, however many parts of it
    are asked for.

    Args:
        catalogue: where the files are.
        files: reads files inside roots.
        clock: nanoseconds since the epoch.
    """

    def __init__(self, catalogue: Catalogue, files: RootFiles, clock: Callable[[], int] = time.time_ns) -> None:
        self._catalogue = catalogue
        self._files = files
        self._clock = clock
        self._together: Together[tuple[ImageId, Stamp], bool] = Together()
        self._compared: Remembered[tuple[ImageId, Stamp], bool] = Remembered(_COMPARED)

    @contextmanager
    def open(
        self, image_id: ImageId, offset: int = 0, length: int = 0, cancelled: Cancelled = NEVER
    ) -> Iterator[Original]:
        """An image's file, or a part of it; it is open until the block ends.

        Args:
            image_id: whose.
            offset: where the part begins, in bytes.
            length: how many bytes at most; 0 is all that follow.
            cancelled: whether the caller has left.

        Raises:
            NotFound: no file that is searchable holds the image.
            ImageUnreadable: its files cannot be read now, or hold something else; the portions raise it too, and before
                the last one: no part is complete that is not the image's.
            OutOfRange: the offset is beyond the end.
            DecoderUnavailable: the daemon may open no more files.
            Abandoned: the caller has left; the portions raise it too.
        """
        image = searchable_image(self._catalogue, image_id)
        opened = first_of(image, lambda path: self._opened(path, image_id, cancelled))
        try:
            size = opened.stamp.size
            if offset > size:
                raise OutOfRange(f"the offset {offset} is beyond the image's {size} bytes", field="offset")
            end = min(offset + length, size) if length else size
            yield Original(
                size,
                CONTENT_TYPES.get(image.facts.format, OCTETS) if image.facts else OCTETS,
                os.path.basename(opened.path),
                _portions(opened, image_id, offset, end, cancelled),
            )
        finally:
            os.close(opened.fd)

    def _opened(self, path: bytes, image_id: ImageId, cancelled: Cancelled) -> _Opened:
        """One of the image's files, once it was compared."""
        try:
            fd = self._files.open(self._files.resolve(path, known=True))
        except InvalidRequest as error:
            raise unreadable_image(path, str(error)) from None
        try:
            stamp = Stamp.of(os.fstat(fd))
            if not self._holds(fd, stamp, image_id, cancelled):
                raise unreadable_image(path, "it holds something else by now")
            return _Opened(path, fd, stamp)
        except OSError as error:
            os.close(fd)
            raise unreadable_image(path, error.strerror or str(error)) from None
        except BaseException:
            os.close(fd)
            raise

    def _holds(self, fd: int, stamp: Stamp, image_id: ImageId, cancelled: Cancelled) -> bool:
        """Whether a file with this stamp is the image's."""
        known = self._compared.get((image_id, stamp))
        if known is not None:
            return known

        def compare(nobody_waits: Cancelled) -> bool:
            holds = _digest(fd, stamp.size, nobody_waits) == image_id and Stamp.of(os.fstat(fd)) == stamp
            if self._clock() - max(stamp.mtime_ns, stamp.ctime_ns) > _SETTLED_NS:
                self._compared.put((image_id, stamp), holds)
            return holds

        return self._together.result((image_id, stamp), compare, cancelled)


def _digest(fd: int, size: int, cancelled: Cancelled) -> bytes:
    """The id of a file's first `size` bytes."""
    digest, buffer, at = hashlib.blake2b(digest_size=ID_BYTES), memoryview(bytearray(_READ_BYTES)), 0
    while at < size:
        cancelled.check()
        count = os.preadv(fd, [buffer[: size - at]], at)
        if not count:
            break
        digest.update(buffer[:count])
        at += count
    return digest.digest()


def _portions(opened: _Opened, image_id: ImageId, offset: int, end: int, cancelled: Cancelled) -> Iterator[bytes]:
    """The bytes from `offset` to `end`. A whole file is the image's if its bytes are, whatever its stamp says: a rename
    changes that. Of a part nothing else tells."""
    is_whole = offset == 0 and end == opened.stamp.size
    digest = hashlib.blake2b(digest_size=ID_BYTES)
    while offset < end:
        cancelled.check()
        try:
            portion = os.pread(opened.fd, min(PORTION_BYTES, end - offset), offset)
            now = Stamp.of(os.fstat(opened.fd))
        except OSError as error:
            raise unreadable_image(opened.path, error.strerror or str(error)) from None
        offset += len(portion)
        if is_whole:
            digest.update(portion)
        is_same = digest.digest() == image_id if is_whole else now == opened.stamp
        if not portion or (offset == end and not is_same):
            raise unreadable_image(opened.path, "it was written to while it was read")
        yield portion
