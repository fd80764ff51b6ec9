"""What of one host is in a collection: each image with the version of its entity, 32 bytes an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from simd.types import ID_BYTES, ImageId
from simd.vectors.ids import keys, pack_ids, rows_of, unpack_ids

_PAGE = 500


class Known:
    """As it was when it was read; what is written later is to be forgotten.

    Args:
        versions: each image once, with the 16 bytes of its entity's version.
    """

    def __init__(self, versions: Iterable[tuple[ImageId, bytes]] = ()) -> None:
        rows = bytearray()
        for image_id, version in versions:
            rows += image_id
            rows += version
        table = np.frombuffer(rows, np.uint8).reshape(-1, 2 * ID_BYTES)
        order = np.argsort(keys(table[:, :ID_BYTES]))
        self._ids = table[order, :ID_BYTES]
        self._versions = table[order, ID_BYTES:]
        self._is_known = np.ones(len(order), np.bool_)

    def __len__(self) -> int:
        return int(self._is_known.sum())

    def pages(self) -> Iterator[list[ImageId]]:
        """The images that are known, in order; some of a page may be forgotten meanwhile."""
        for start in range(0, len(self._ids), _PAGE):
            page = slice(start, start + _PAGE)
            yield unpack_ids(self._ids[page][self._is_known[page]])

    def are(self, images: Sequence[ImageId], versions: Sequence[bytes]) -> list[bool]:
        """Whether each of these images is known to have this version."""
        if not images:
            return []
        rows = self._rows(images)
        if not len(self._ids):
            return [False] * len(images)
        same = keys(self._versions[rows]) == keys(pack_ids(versions))
        are: list[bool] = (same & (rows >= 0) & self._is_known[rows]).tolist()
        return are

    def forget(self, images: Sequence[ImageId]) -> None:
        """What these images have now is not known."""
        if images:
            rows = self._rows(images)
            self._is_known[rows[rows >= 0]] = False

    def _rows(self, images: Sequence[ImageId]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return rows_of(self._ids, pack_ids(images))
