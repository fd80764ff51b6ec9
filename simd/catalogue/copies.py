"""Files of many images at once, packed: what groups of copies are made of.

All of it is read as of one moment; 100,000 files take about half a second.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.catalogue import feed, queries
from simd.catalogue.feed import Position
from simd.sqlite.integers import unsigned
from simd.types import ID_BYTES, ImageFacts, ImageId
from simd.vectors.ids import Ids, keys, pack_ids, unique_ids, unpack_ids

RAW = "RAW"
"""The format of a raw photograph, whoever made the camera."""


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Files of some images.

    Attributes:
        position: of the change feed, when they were read.
        ids: the images, sorted, uint8 `(n, 16)`.
        facts: of each image; None where decoding told nothing.
        paths: of the files, absolute, in byte order.
        image: row of `ids` of each file, int32 `(f,)`.
        sizes: in bytes, int64 `(f,)`.
        mtimes: in nanoseconds since the epoch, int64 `(f,)`.
        inodes: with `roots` what tells one file under two names, uint64 `(f,)`.
        roots: ids of the files' roots, int64 `(f,)`.
        partner: of each file that is a raw photograph, the number of the picture beside it that has the same name but
            for its ending; -2 if that is none of these files, and -1 if there is none, int32 `(f,)`.
    """

    position: Position
    ids: Ids
    facts: list[ImageFacts | None]
    paths: list[bytes]
    image: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    mtimes: npt.NDArray[np.int64]
    inodes: npt.NDArray[np.uint64]
    roots: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int32]


def copies(connection: sqlite3.Connection, image_ids: Ids) -> Copies:
    """The files of these images, of all raw photographs, and of all images that have several files.

    Args:
        connection: to read from.
        image_ids: which, uint8 `(n, 16)`; of one without a file there is nothing to tell.
    """
    # Several statements would see several states.
    connection.execute("BEGIN")
    try:
        position = feed.position(connection)
        more = [image_ids, _ids(connection, _REPEATED), _ids(connection, _OF_FORMAT, RAW)]
        wanted = unpack_ids(unique_ids(np.concatenate(more)))
        tops = {root.root_id: root.path for root in queries.roots(connection)}
        select = "SELECT image_id, root_id, path, size, mtime_ns, inode FROM files"
        rows = sorted(
            (os.path.join(tops[root_id], path), root_id, path, image_id, *rest)
            for image_id, root_id, path, *rest in queries.of_images(connection, select, wanted)
            if root_id in tops
        )
        # Many images have the same facts, which then need memory once.
        shared: dict[ImageFacts, ImageFacts] = {}
        known = {
            image_id: shared.setdefault(facts, facts)
            for image_id, facts in queries.facts_of(connection, wanted).items()
        }
        partner = _partners(connection, rows, known)
    finally:
        connection.execute("COMMIT")
    packed = pack_ids([row[3] for row in rows])
    ids = unique_ids(packed)
    return Copies(
        position=position,
        ids=ids,
        facts=[known.get(image_id) for image_id in unpack_ids(ids)],
        paths=[row[0] for row in rows],
        image=np.searchsorted(keys(ids), keys(packed)).astype(np.int32),
        sizes=np.array([row[4] for row in rows], np.int64),
        mtimes=np.array([row[5] for row in rows], np.int64),
        inodes=np.array([unsigned(row[6]) for row in rows], np.uint64),
        roots=np.array([row[1] for row in rows], np.int64),
        partner=partner,
    )


def count_directly_in(connection: sqlite3.Connection, folders: Sequence[bytes]) -> list[int]:
    """How many indexed files are in each folder, by its absolute path, itself: none in folders below it."""
    roots = queries.roots(connection)
    query = f"SELECT COUNT(*) FROM files WHERE {queries.WITHIN} AND INSTR(SUBSTR(path, ?), ?) = 0"
    counts = []
    for folder in folders:
        key = queries.locate(roots, folder)
        if key is None:
            counts.append(0)
            continue
        scope = queries.scopes_in(key.root_id, key.path)[-1]
        below = len(key.path) + 2 if key.path else 1
        counts.append(connection.execute(query, (*scope.bounds, below, b"/")).fetchone()[0])
    return counts


_REPEATED = "SELECT image_id FROM files GROUP BY image_id HAVING COUNT(*) > 1"
_OF_FORMAT = "SELECT image_id FROM images WHERE format = ? AND orphaned_ms IS NULL"


def _ids(connection: sqlite3.Connection, query: str, *values: object) -> Ids:
    # In a damaged file one of another length would shift all that follow it.
    return pack_ids([image_id for (image_id,) in connection.execute(query, values) if len(image_id) == ID_BYTES])


def _partners(
    connection: sqlite3.Connection, rows: Sequence[Any], known: Mapping[ImageId, ImageFacts]
) -> npt.NDArray[np.int32]:
    """See `Copies.partner`."""
    found = np.full(len(rows), -1, np.int32)
    raws = [number for number, row in enumerate(rows) if row[3] in known and known[row[3]].format == RAW]
    if not raws:
        return found
    stems = {_stem(rows[number][0]) for number in raws}
    pictures: dict[bytes, int] = {}
    for number, row in enumerate(rows):
        if (row[3] not in known or known[row[3]].format != RAW) and (stem := _stem(row[0])) in stems:
            # Of several the first: a raw photograph belongs to one.
            pictures.setdefault(stem, number)
    beside = (
        "SELECT 1 FROM files JOIN images USING (image_id) WHERE root_id = ? AND path >= ? AND path < ? "
        "AND INSTR(SUBSTR(path, ?), ?) = 0 AND format != ? LIMIT 1"
    )
    for number in raws:
        path, root_id, inside = rows[number][:3]
        at = pictures.get(_stem(path))
        if at is not None:
            found[number] = at
            continue
        start = _stem(inside) + b"."
        bounds = (root_id, start, start[:-1] + b"/", len(start) + 1, b".", RAW)
        if connection.execute(beside, bounds).fetchone() is not None:
            found[number] = -2
    return found


def _stem(path: bytes) -> bytes:
    """A path without the ending of its name."""
    return os.path.splitext(path)[0]
