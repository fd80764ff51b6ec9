"""Derived bytes of images in one SQLite file, by image id: they may be lost at any time.

A row has a checksum of what it holds and of whose it is: one that does not fit is dropped, and made again. Rows that
were made in another version count as missing. b"" is kept of an image of which nothing can be made. `followed` is
how far the change feed of the catalogue was followed when the rows were as they are; without it everything is looked
through once more.

Crash note: each method that writes is one transaction. It is not synced (`Schema.derived`), so a power cut may take the
last of them, and the position with the rows that it stands for.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import crc32c

from simd.catalogue.feed import Position
from simd.derived.kinds import Kind
from simd.durable import Disk
from simd.sqlite.derived import DerivedDatabase
from simd.types import ImageId

log = logging.getLogger(__name__)

_AT_ONCE = 500
"""So many ids in one statement."""


class DerivedStore:
    """The open file. Every method may be called from any thread.

    Args:
        path: the file, made if missing; one that is damaged is removed, and made anew.
        kind: what it keeps.
        version: of what is made now; a row of another version counts as missing.
        disk: where the file is.

    Attributes:
        kind: as it was given.

    Raises:
        StoreVersion: a later version of simd, or another program, wrote the file.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, kind: Kind, version: str, disk: Disk | None = None) -> None:
        self.kind = kind
        self._version = version
        self._database = DerivedDatabase(path, kind.schema, disk)

    @property
    def damaged(self) -> bool:
        """Whether the file was found to be damaged since it was opened: `mend` helps."""
        return self._database.damaged

    def mend(self) -> None:
        """Begin anew with an empty file, where the present one is damaged; by one thread.

        Raises:
            StoreError: it cannot be made; until it can, the store is closed.
        """
        self._database.mend()

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    def put(self, made: Mapping[ImageId, bytes]) -> None:
        """Keep what was made of images in place of what was kept of them.

        Raises:
            StoreError: nothing of it was kept.
        """
        rows = [
            (image_id, self._version, _checksum(image_id, self._version, data), data) for image_id, data in made.items()
        ]
        with self._database.writing() as connection:
            connection.executemany(f"INSERT OR REPLACE INTO {self.kind.name} VALUES (?, ?, ?, ?)", rows)

    def get(self, image_ids: Collection[ImageId]) -> dict[ImageId, bytes]:
        """What is kept of images; an image of which nothing is kept is left out.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[ImageId, bytes] = {}
        damaged: list[ImageId] = []
        for image_id, checksum, data in self._select("image_id, checksum, data", image_ids):
            if _checksum(image_id, self._version, data) == checksum:
                found[ImageId(image_id)] = data
            else:
                damaged.append(ImageId(image_id))
        if damaged:
            log.warning(
                "%s: the %s of %d images are damaged, of %s first; they are made again",
                self._database.path, self.kind.noun, len(damaged), damaged[0].hex(),
            )  # fmt: skip
            self._forget(damaged)
        return found

    def missing(self, image_ids: Collection[ImageId]) -> list[ImageId]:
        """Those of the images of which nothing is kept, in their order.

        Raises:
            StoreError: the file cannot be read.
        """
        known = {image_id for (image_id,) in self._select("image_id", image_ids)}
        return [image_id for image_id in image_ids if image_id not in known]

    def image_ids(self) -> Iterator[list[ImageId]]:
        """All images that have a row, in pages, in flat memory.

        Raises:
            StoreError: the file cannot be read.
        """
        last = b""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"SELECT image_id FROM {self.kind.name} WHERE image_id > ? ORDER BY image_id LIMIT ?",
                    (last, _AT_ONCE),
                ).fetchall()
            if not rows:
                return
            yield [ImageId(image_id) for (image_id,) in rows]
            last = rows[-1][0]

    @property
    def followed(self) -> Position | None:
        """How far the change feed was followed; None where everything is to be looked through.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT epoch, revision FROM followed WHERE version = ?", (self._version,)
            ).fetchone()
        return None if row is None else Position(*row)

    def follow(self, position: Position, gone: Sequence[ImageId] = ()) -> None:
        """Drop what is kept of images that are gone, and remember how far the feed was followed.

        Raises:
            StoreError: none of it was done.
        """
        with self._database.writing() as connection:
            self._delete(connection, gone)
            connection.execute("DELETE FROM followed")
            connection.execute(
                "INSERT INTO followed VALUES (?, ?, ?)", (self._version, position.epoch, position.revision)
            )

    def look_again(self) -> None:
        """Have everything looked through once more: something is missing.

        Raises:
            StoreError: it was not done.
        """
        self._forget([])

    def drop(self, gone: Sequence[ImageId]) -> None:
        """Drop what is kept of images.

        Raises:
            StoreError: none of it was done.
        """
        with self._database.writing() as connection:
            self._delete(connection, gone)

    def _select(self, columns: str, image_ids: Collection[ImageId]) -> Iterator[tuple]:  # type: ignore[type-arg]
        ids = list(image_ids)
        for some in (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)):
            marks = ", ".join("?" * len(some))
            with self._database.reading() as connection:
                yield from connection.execute(
                    f"SELECT {columns} FROM {self.kind.name} WHERE image_id IN ({marks}) AND version = ?",
                    (*some, self._version),
                ).fetchall()

    def _delete(self, connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> None:
        gone = [(image_id,) for image_id in image_ids]
        connection.executemany(f"DELETE FROM {self.kind.name} WHERE image_id = ?", gone)

    def _forget(self, image_ids: Sequence[ImageId]) -> None:
        with self._database.writing() as connection:
            self._delete(connection, image_ids)
            connection.execute("DELETE FROM followed")


def _checksum(image_id: bytes, version: str, data: bytes) -> int:
    return int(crc32c.crc32c(data, crc32c.crc32c(image_id + version.encode())))
