"""The map in one SQLite file: derived data, which may be lost at any time.

Beside the cell of each image it holds which images wait for one, how large the map is, by which model's vectors it was
laid out and when, and how far the change feed of the catalogue was followed when it was so. A row has a checksum of
what it says and of whose it is: one that does not fit is dropped, and everything is looked through once more.

Crash note: each method that writes is one transaction. It is not synced (`Schema.derived`), so a power cut may take the
last of them, and the position with the rows that it stands for.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import crc32c
import numpy as np

from simd.catalogue import followed
from simd.catalogue.feed import Position
from simd.durable import Disk
from simd.insight.atlas.board import Board
from simd.insight.atlas.places import TILE_CELLS, Cells
from simd.sqlite.derived import DerivedDatabase
from simd.sqlite.schema import Schema
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, unpack_ids

log = logging.getLogger(__name__)

FILE = "atlas.sqlite"
"""Its name in the state directory."""

SCHEMA = Schema(
    name="map",
    # The bytes `simA`.
    application_id=0x73696D41,
    version=1,
    create=f"""
CREATE TABLE places (
  image_id BLOB PRIMARY KEY NOT NULL,
  data BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE layout (
  side INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  laid_out_ms INTEGER NOT NULL
) STRICT;
{followed.TABLE}
""",
    without="the map is laid out again",
    remedy="it is made anew by the next start of the daemon, which lays the map out again",
    derived=True,
)

_RULES = "1"
"""What the rows mean: those of another version are dropped."""
_DATA = struct.Struct("<iiBI")
"""Column, row, whether it has come since the layout, checksum."""
_CHECKED = _DATA.size - 4
_NOWHERE = -1
"""The column of an image that waits for a cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A map that was laid out.

    Attributes:
        board: which image has which cell.
        waiting: images that have none yet.
        fingerprint: of the model whose vectors it is of.
        laid_out_ms: when, in milliseconds since the epoch.
        position: how far the change feed was followed; None where everything is to be looked through.
    """

    board: Board
    waiting: frozenset[ImageId]
    fingerprint: str
    laid_out_ms: int
    position: Position | None


class AtlasStore:
    """The open file. Every method may be called from any thread.

    Args:
        path: the file, made if missing; one that is damaged is removed, and made anew.
        disk: where the file is.

    Raises:
        StoreVersion: a later version of simd, or another program, wrote the file.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._database = DerivedDatabase(path, SCHEMA, disk)

    def mend(self) -> bool:
        """Begin anew with an empty file, where the present one is damaged; by one thread. Whether that was done.

        Raises:
            StoreError: it cannot be made; until it can, the store is closed.
        """
        return self._database.mend()

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    def load(self) -> Laid | None:
        """The map; None if there is none. A million images take about two seconds.

        Raises:
            StoreError: the file cannot be read, or what does not fit in it not be dropped.
        """
        with self._database.reading() as connection:
            connection.execute("BEGIN")
            try:
                layout = connection.execute("SELECT * FROM layout").fetchone()
                sound = layout is not None and followed.is_of(connection, _RULES) and _is_side(layout[0])
                records = connection.execute("SELECT * FROM places ORDER BY image_id").fetchall() if sound else []
                position = followed.position(connection)
            finally:
                connection.execute("COMMIT")
        if not sound:
            if layout is not None:
                self.clear()
            return None
        damaged = [image_id for image_id, data in records if not _is_sound(image_id, data)]
        if damaged:
            log.warning("%s: %d places are damaged; these images are placed again", self._database.path, len(damaged))
            self._drop_damaged(damaged)
            records, position = [record for record in records if _is_sound(*record)], None
        side, fingerprint, laid_out_ms = layout
        try:
            board, waiting = _read(side, records)
        except ValueError as error:
            log.error("%s: %s; the map is laid out again", self._database.path, error)
            self.clear()
            return None
        return Laid(board, waiting, fingerprint, laid_out_ms, position)

    def renew(self, laid: Laid) -> None:
        """Keep a map that was laid out, in place of what was kept.

        Raises:
            StoreError: nothing has changed.
        """
        places = laid.board.places(0)
        rows = _rows(places.ids, places.columns, places.rows, added=False)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM places")
            connection.executemany("INSERT INTO places VALUES (?, ?)", rows)
            connection.executemany("INSERT INTO places VALUES (?, ?)", _waiting(laid.waiting))
            connection.execute("DELETE FROM layout")
            connection.execute(
                "INSERT INTO layout VALUES (?, ?, ?)", (laid.board.side, laid.fingerprint, laid.laid_out_ms)
            )
            followed.begin(connection, _RULES)
            if laid.position is not None:
                followed.follow(connection, laid.position)

    def put(
        self,
        placed: Ids,
        columns: Cells,
        rows: Cells,
        *,
        waiting: Iterable[ImageId] = (),
        gone: Sequence[ImageId] = (),
        position: Position | None = None,
    ) -> None:
        """Keep what has changed.

        Args:
            placed: images that got a cell.
            columns, rows: of their cells.
            waiting: images that wait for one.
            gone: images that are on the map no more.
            position: how far the feed was followed with that; None says nothing about it.

        Raises:
            StoreError: nothing of it was kept.
        """
        changed = [*_rows(placed, columns, rows, added=True), *_waiting(waiting)]
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM places WHERE image_id = ?", [(image_id,) for image_id in gone])
            connection.executemany("INSERT OR REPLACE INTO places VALUES (?, ?)", changed)
            if position is not None:
                followed.follow(connection, position)

    def clear(self) -> None:
        """There is no map.

        Raises:
            StoreError: nothing has changed.
        """
        with self._database.writing() as connection:
            for table in ("places", "layout", "followed"):
                connection.execute(f"DELETE FROM {table}")

    def _drop_damaged(self, damaged: Sequence[bytes]) -> None:
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM places WHERE image_id = ?", [(image_id,) for image_id in damaged])
            # Whose place it was cannot be known: the id may be what is damaged.
            followed.look_again(connection)


def _is_side(side: int) -> bool:
    return side >= TILE_CELLS and side.bit_count() == 1


def _read(side: int, records: Sequence[tuple[bytes, bytes]]) -> tuple[Board, frozenset[ImageId]]:
    """The board of sound rows, and the images that wait.

    Raises:
        ValueError: they cannot be so.
    """
    data = np.array([_DATA.unpack(data)[:3] for _, data in records], np.int32).reshape(-1, 3)
    placed = data[:, 0] != _NOWHERE
    ids = pack_ids([image_id for image_id, _ in records])
    board = Board(side, ids[placed], data[placed, 0].copy(), data[placed, 1].copy(), data[placed, 2] != 0)
    return board, frozenset(unpack_ids(ids[~placed]))


def _rows(ids: Ids, columns: Cells, rows: Cells, *, added: bool) -> Iterator[tuple[bytes, bytes]]:
    for image_id, column, row in zip(unpack_ids(ids), columns.tolist(), rows.tolist(), strict=True):
        yield image_id, _data(image_id, column, row, added)


def _waiting(image_ids: Iterable[ImageId]) -> Iterator[tuple[bytes, bytes]]:
    for image_id in image_ids:
        yield image_id, _data(image_id, _NOWHERE, _NOWHERE, False)


def _data(image_id: ImageId, column: int, row: int, added: bool) -> bytes:
    said = _DATA.pack(column, row, added, 0)[:_CHECKED]
    return said + crc32c.crc32c(image_id + said).to_bytes(4, "little")


def _is_sound(image_id: bytes, data: bytes) -> bool:
    whole = len(data) == _DATA.size
    return whole and crc32c.crc32c(image_id + data[:_CHECKED]) == int.from_bytes(data[_CHECKED:], "little")
