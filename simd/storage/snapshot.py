"""What one search sees: an immutable list of parts, published by one assignment, so that readers never lock.

A *part* is a set of rows: a segment, or the memtable as it was at one moment. Its arrays never change; which of its
rows are dead is a bitmap that is copied when it changes. Of all rows of an image in all parts at most one is live,
and it is the newest. Parts are in age order, oldest first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.storage.arrays import let_go
from simd.types import ID_BYTES, ImageId, Vector
from simd.vectors.ids import Ids, Keys, find, keys, pack_ids
from simd.vectors.metric import Half, widen
from simd.vectors.quantizer import Codes, Quantizer

Bitmap = npt.NDArray[np.uint8]
"""One bit a row, the first row in the lowest bit of the first byte; 1 = live."""

Rows = npt.NDArray[np.intp]
"""Row numbers."""


def pack_mask(mask: npt.NDArray[np.bool_]) -> Bitmap | None:
    """A mask as a bitmap; None when every row is live."""
    return None if mask.all() else np.packbits(mask, bitorder="little")


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Codes of a part's rows, the map that made them, and the largest rounding error norm in code units."""

    codes: Codes
    quantizer: Quantizer
    quantizer_id: str
    max_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows that are searched together.

    Args:
        name: unique among parts.
        ids: uint8 `(n, 16)`; sorted and unique if `in_order`, else in order of arrival, the newest of an id last.
        vectors: float16 `(n, dimension)`.
        in_order: as said.
        coded: the rows' codes, from coarse to fine; none where the vectors themselves are scanned.
        live: None when every row is live.
        dead: how many rows are not.
    """

    name: str
    ids: Ids
    vectors: Half
    in_order: bool
    coded: tuple[Coded, ...] = ()
    live: Bitmap | None = None
    dead: int = 0

    @property
    def rows(self) -> int:
        """Rows, live and dead."""
        return len(self.ids)

    @property
    def alive(self) -> int:
        """Live rows."""
        return len(self.ids) - self.dead

    def mask(self) -> npt.NDArray[np.bool_]:
        """Which rows are live."""
        if self.live is None:
            return np.ones(self.rows, dtype=np.bool_)
        return np.unpackbits(self.live, count=self.rows, bitorder="little").view(np.bool_)

    def is_live(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of these rows are live; row -1 is not."""
        found = rows >= 0
        if self.live is None or not self.rows:
            return found
        bits = (self.live[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1
        return np.asarray(found & (bits == 1))

    def locate(self, wanted: Keys) -> Rows:
        """The newest row of each id, or -1."""
        own = keys(self.ids)
        if self.in_order or not self.rows:
            return find(own, wanted)
        if wanted.size == 1:
            rows = np.flatnonzero(own == wanted[0:1])
            return rows[-1:] if rows.size else np.array([-1], dtype=np.intp)
        order = np.argsort(own, kind="stable")
        at = np.searchsorted(own[order], wanted, side="right") - 1
        rows = order[np.maximum(at, 0)]
        return np.where((at >= 0) & (own[rows] == wanted), rows, -1)

    def without(self, rows: Rows) -> Part:
        """This part with those of the rows that are live (and not -1) dead."""
        rows = np.unique(rows[self.is_live(rows)])
        if not rows.size:
            return self
        live = np.packbits(self.mask(), bitorder="little") if self.live is None else self.live.copy()
        np.bitwise_and.at(live, rows >> 3, ~(np.uint8(1) << (rows & 7).astype(np.uint8)))
        return dataclasses.replace(self, live=live, dead=self.dead + int(rows.size))


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The parts, oldest first."""

    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(part.alive for part in self.parts)

    @property
    def scanned_bytes(self) -> int:
        """Bytes of what searches read from end to end."""
        return sum(part.ids.nbytes + sum(one.codes.nbytes for one in part.coded[:1]) for part in self.parts)

    @property
    def loose_bytes(self) -> int:
        """Bytes of what is read here and there, not from end to end."""
        return sum(part.vectors.nbytes + sum(one.codes.nbytes for one in part.coded[1:]) for part in self.parts)

    def let_go(self) -> None:
        """Give back the memory that reading rows here and there made resident: of vectors and fine codes."""
        for part in self.parts:
            let_go(part.vectors)
            for coded in part.coded[1:]:
                let_go(coded.codes)

    def alive(self, image_ids: Sequence[ImageId]) -> npt.NDArray[np.bool_]:
        """Which of the images are live."""
        wanted = keys(pack_ids(list(image_ids)))
        there = np.zeros(len(image_ids), dtype=np.bool_)
        for part in self.parts:
            if part.alive:
                there |= part.is_live(part.locate(wanted))
        return there

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """The newest vector of an image, if it is live or `deleted` asks for dead ones too."""
        wanted = keys(pack_ids([image_id]))
        for part in reversed(self.parts):
            row = part.locate(wanted)
            if row[0] < 0:
                continue
            # Older rows of the image are dead whatever this one is.
            return widen(part.vectors[row])[0] if deleted or part.is_live(row)[0] else None
        return None

    def ids(self) -> Iterator[ImageId]:
        """Every live image."""
        for part in self.parts:
            together = part.ids[part.mask()].tobytes()
            for start in range(0, len(together), ID_BYTES):
                yield ImageId(together[start : start + ID_BYTES])

    def chunks(self, rows: int) -> Iterator[tuple[Ids, Half]]:
        """Every live image in the order of the ids, `rows` at a time: ids uint8 `(n, 16)`, vectors float16
        `(n, dimension)`, both of the caller's own.

        Memory is flat but for the parts that are not in order, which are small.
        """
        runs = [_Run(part) for part in self.parts]
        while True:
            heads = [run.head(rows) for run in runs]
            ids = np.concatenate([run.part.ids[head] for run, head in zip(runs, heads, strict=True)])
            # What comes next is in the heads: each has as many as are taken of all.
            order = np.argsort(keys(ids), kind="stable")[:rows]
            if not order.size:
                return
            origins = np.repeat(np.arange(len(runs)), [head.size for head in heads])[order]
            vectors = np.empty((order.size, self.parts[-1].vectors.shape[1]), dtype=np.float16)
            for number, (run, head) in enumerate(zip(runs, heads, strict=True)):
                mine = origins == number
                count = int(np.count_nonzero(mine))
                vectors[mine] = run.part.vectors[head[:count]]
                run.skip(count)
            yield ids[order], vectors


class _Run:
    """The live rows of a part in the order of their ids, taken from the front.

    Parts that are in order are read as they are stored, so maps are read from front to back.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self._order = None if part.in_order else np.argsort(keys(part.ids), kind="stable")
        self._next = 0
        self._head: Rows = np.empty(0, dtype=np.intp)

    def head(self, count: int) -> Rows:
        """The next `count` rows, or all that are left."""
        while self._head.size < count and self._next < self.part.rows:
            stored = np.arange(self._next, min(self._next + count, self.part.rows))
            self._next += stored.size
            rows = stored if self._order is None else self._order[stored]
            self._head = np.concatenate([self._head, rows[self.part.is_live(rows)]])
        return self._head[:count]

    def skip(self, count: int) -> None:
        """Go past rows of the head."""
        self._head = self._head[count:]
