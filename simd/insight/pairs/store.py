"""Pairs of images in one SQLite file: derived data, which may be lost at any time.

Beside the pairs it holds which images were looked at, digests of whole pictures that were decoded for a pair, and how
far the change feed of the catalogue was followed when the rows were as they are. All of it is of one set of rules (the
model, the version of the local features, what is made of both): `begin` with other rules drops everything. A row of a
pair has a checksum of what it says and of whose it is: one that does not fit is dropped, and every image is looked at
once more.

Crash note: each method that writes is one transaction. It is not synced (`Schema.derived`), so a power cut may take the
last of them, and the position with the rows that it stands for.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock

import numpy as np

from simd.catalogue import followed
from simd.catalogue.feed import Position
from simd.durable import Disk
from simd.insight.pairs.pair import Pair, Pairs
from simd.insight.pairs.rows import RECORD, alike, is_sound, packed, pair_of, to_data
from simd.sqlite.derived import DerivedDatabase
from simd.sqlite.schema import Schema
from simd.types import ID_BYTES, ImageId

log = logging.getLogger(__name__)

FILE = "pairs.sqlite"
"""Its name in the state directory."""

SCHEMA = Schema(
    name="file of pairs",
    # The bytes `simP`.
    application_id=0x73696D50,
    version=1,
    create=f"""
CREATE TABLE pairs (
  first BLOB NOT NULL,
  second BLOB NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (first, second)
) STRICT, WITHOUT ROWID;
CREATE INDEX pairs_second ON pairs (second);
CREATE TABLE images (
  image_id BLOB PRIMARY KEY NOT NULL,
  state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
  left_out TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX images_later ON images (image_id) WHERE state = 1;
CREATE INDEX images_left_out ON images (left_out) WHERE left_out <> '';
CREATE TABLE digests (
  image_id BLOB PRIMARY KEY NOT NULL,
  digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
{followed.TABLE}
""",
    without="the pairs are found again",
    remedy="it is made anew by the next start of the daemon, which finds the pairs again",
    derived=True,
)

_LOOKED_AT, _LATER, _AWAY = range(3)
"""States of an image: its pairs are found; they are to be found once that can be, or once it has a file again."""

_AT_ONCE = 500
"""So many ids in one statement."""
_ROWS = 8192
"""So many pairs are unpacked together."""


class PairStore:
    """The open file: a `PairReader`, and what the finder writes. Every method may be called from any thread.

    Args:
        path: the file, made if missing; one that is damaged is removed, and made anew.
        disk: where the file is.

    Attributes:
        pending: how many images have not been looked at yet, as far as the finder knows.
        settled_at: the revision at which no further pair was wanted.

    Raises:
        StoreVersion: a later version of simd, or another program, wrote the file.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.pending = 0
        self.settled_at = -1
        self._lock = Lock()
        self._revision = 0
        self._database = DerivedDatabase(path, SCHEMA, disk)

    @property
    def damaged(self) -> bool:
        """Whether the file was found to be damaged since it was opened: `mend` helps."""
        return self._database.damaged

    def mend(self) -> None:
        """Begin anew with an empty file, where the present one is damaged; by one thread.

        Raises:
            StoreError: it cannot be made; until it can, the store is closed.
        """
        if self._database.mend():
            self._changed()

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    @property
    def revision(self) -> int:
        """Another number after every change of the pairs; it begins anew with the daemon."""
        return self._revision

    def pairs(self) -> Pairs:
        """All pairs that are the same picture or look alike, packed; a million take about 50 MB and two seconds.

        Raises:
            StoreError: the file cannot be read.
        """
        parts = [np.empty(0, RECORD)]
        damaged: list[bytes] = []
        with (
            self._database.reading() as connection,
            closing(connection.execute("SELECT first, second, data FROM pairs")) as rows,
        ):
            while page := [b"".join(row) for row in rows.fetchmany(_ROWS)]:
                damaged += [record for record in page if not is_sound(record)]
                parts.append(alike(filter(is_sound, page)))
        if damaged:
            self._drop_damaged(damaged)
        return packed(np.concatenate(parts))

    def of(self, image_id: ImageId) -> list[Pair]:
        """The pairs that have an image, those that are `different` among them.

        Raises:
            StoreError: the file cannot be read.
        """
        return self.of_any([image_id])

    def of_any(self, image_ids: Collection[ImageId]) -> list[Pair]:
        """The pairs that have any of these images, each once.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[bytes, None] = {}
        for some, marks in _portions(image_ids):
            with self._database.reading() as connection:
                for column in ("first", "second"):
                    found |= dict.fromkeys(
                        b"".join(row)
                        for row in connection.execute(
                            f"SELECT first, second, data FROM pairs WHERE {column} IN ({marks})", some
                        )
                    )
        damaged = [record for record in found if not is_sound(record)]
        if damaged:
            self._drop_damaged(damaged)
        return [pair_of(record) for record in found if is_sound(record)]

    def left_out(self) -> Mapping[str, int]:
        """How many images were not looked at for near copies, by why.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._database.reading() as connection:
            return dict(
                connection.execute(
                    "SELECT left_out, COUNT(*) FROM images WHERE left_out <> '' GROUP BY left_out"
                ).fetchall()
            )

    def counts(self) -> tuple[int, int]:
        """How many images were looked at, and how many are to be looked at later.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._database.reading() as connection:
            looked_at, later = (
                connection.execute(f"SELECT COUNT(*) FROM images WHERE state = {state}").fetchone()[0]
                for state in (_LOOKED_AT, _LATER)
            )
        return looked_at, later

    def not_looked_at(self, image_ids: Collection[ImageId]) -> list[ImageId]:
        """Those of the images that were not looked at yet, in their order.

        Raises:
            StoreError: the file cannot be read.
        """
        known: set[bytes] = set()
        for some, marks in _portions(image_ids):
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"SELECT image_id FROM images WHERE image_id IN ({marks}) AND state = {_LOOKED_AT}", some
                )
                known.update(image_id for (image_id,) in rows)
        return [image_id for image_id in image_ids if image_id not in known]

    def image_ids(self, *, later: bool = False) -> Iterator[list[ImageId]]:
        """All images of which anything is known, or only those to be looked at later, in pages, in flat memory.

        Raises:
            StoreError: the file cannot be read.
        """
        which = f"state = {_LATER} AND" if later else ""
        last = b""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"SELECT image_id FROM images WHERE {which} image_id > ? ORDER BY image_id LIMIT ?",
                    (last, _AT_ONCE),
                ).fetchall()
            if not rows:
                return
            yield [ImageId(image_id) for (image_id,) in rows]
            last = rows[-1][0]

    def begin(self, rules: str) -> None:
        """Hold what these rules make from now on; what others made is dropped.

        Raises:
            StoreError: it was not done.
        """
        with self._database.reading() as connection:
            if followed.is_of(connection, rules):
                return
        with self._database.writing() as connection:
            for table in ("pairs", "images", "digests"):
                connection.execute(f"DELETE FROM {table}")
            followed.begin(connection, rules)
        self._changed()

    @property
    def followed(self) -> Position | None:
        """How far the change feed was followed; None where everything is to be looked through.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._database.reading() as connection:
            return followed.position(connection)

    def is_behind(self, position: Position) -> bool:
        """Whether the change feed was not followed to there, or pairs are wanted that are not judged yet.

        Raises:
            StoreError: the file cannot be read.
        """
        return self.settled_at != self._revision or self.followed != position

    def follow(self, position: Position, gone: Sequence[ImageId] = (), away: Sequence[ImageId] = ()) -> None:
        """Remember how far the feed was followed.

        Args:
            position: where to go on.
            gone: images of which all that is known is dropped.
            away: images that cannot be found now: they are looked at again when they are back.

        Raises:
            StoreError: none of it was done.
        """
        with self._database.writing() as connection:
            dropped = _delete(connection, gone)
            connection.executemany(
                f"UPDATE images SET state = {_AWAY} WHERE image_id = ?", [(image_id,) for image_id in away]
            )
            followed.follow(connection, position)
        if dropped:
            self._changed()

    def drop(self, gone: Sequence[ImageId]) -> None:
        """Drop what is known of images.

        Raises:
            StoreError: none of it was done.
        """
        with self._database.writing() as connection:
            dropped = _delete(connection, gone)
        if dropped:
            self._changed()

    def put(
        self, pairs: Iterable[Pair], looked_at: Mapping[ImageId, str] | None = None, later: Iterable[ImageId] = ()
    ) -> None:
        """Keep pairs, in place of what was kept of the same two, and which images were looked at.

        Args:
            pairs: what was found.
            looked_at: why an image was not looked at for near copies; "" if it was.
            later: images that are to be looked at later.

        Raises:
            StoreError: nothing of it was kept.
        """
        rows = [(pair.first, pair.second, to_data(pair)) for pair in pairs]
        images = [(image_id, _LOOKED_AT, why) for image_id, why in (looked_at or {}).items()]
        images += [(image_id, _LATER, "") for image_id in later]
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", rows)
            connection.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", images)
        if rows:
            self._changed()

    def digests(self, image_ids: Collection[ImageId]) -> dict[ImageId, bytes]:
        """The digests of images; b"" where a picture has none, and nothing where it is not known.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[ImageId, bytes] = {}
        for some, marks in _portions(image_ids):
            with self._database.reading() as connection:
                found |= connection.execute(f"SELECT * FROM digests WHERE image_id IN ({marks})", some).fetchall()
        return found

    def put_digests(self, made: Mapping[ImageId, bytes]) -> None:
        """Keep digests of images.

        Raises:
            StoreError: nothing of it was kept.
        """
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", made.items())

    def _changed(self) -> None:
        with self._lock:
            self._revision += 1

    def _drop_damaged(self, records: Sequence[bytes]) -> None:
        log.warning("%s: %d pairs are damaged; they are found again", self._database.path, len(records))
        ids = [(record[:ID_BYTES], record[ID_BYTES : 2 * ID_BYTES]) for record in records]
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM pairs WHERE first = ? AND second = ?", ids)
            # Whose pair it was cannot be known: its ids may be what is damaged.
            connection.execute(f"UPDATE images SET state = {_LATER} WHERE state = {_LOOKED_AT}")
        self._changed()


def _portions(image_ids: Collection[ImageId]) -> Iterator[tuple[list[ImageId], str]]:
    """As many ids as one statement takes, and the marks for them."""
    ids = list(image_ids)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        yield some, ", ".join("?" * len(some))


def _delete(connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> int:
    """Of how many pairs an image is among these; they are gone, and so are the images."""
    before = connection.total_changes
    ids = [(image_id,) for image_id in image_ids]
    connection.executemany("DELETE FROM pairs WHERE first = ?", ids)
    connection.executemany("DELETE FROM pairs WHERE second = ?", ids)
    dropped = connection.total_changes - before
    for table in ("images", "digests"):
        connection.executemany(f"DELETE FROM {table} WHERE image_id = ?", ids)
    return dropped
