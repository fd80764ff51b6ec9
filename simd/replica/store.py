"""What publishing must know after a restart, in one SQLite file: what people ordered, how far the change feed of the
catalogue was followed, and which images wait for their vector.

The position is of one set of rules: the life of the collection, the model, the host's name and the schema of entities.
With other rules everything is to be published again. What was ordered is no derived data: where the file is damaged, it
is made anew with what can still be read of it, or with the orders that are in memory.

Crash note: each method that writes is one transaction, durable on return. A page of the feed is published before its
position is written, so a crash between the two publishes it once more.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from simd.catalogue import followed
from simd.catalogue.feed import Position
from simd.durable import Disk
from simd.errors import CorruptStore
from simd.sqlite.database import Database
from simd.sqlite.repair import repair_file
from simd.sqlite.schema import Kept, Schema
from simd.types import ImageId

log = logging.getLogger(__name__)

FILE = "replica.sqlite"
"""Its name in the state directory."""

SCHEMA = Schema(
    name="file of what was published",
    # The bytes `simR`.
    application_id=0x73696D52,
    version=1,
    create=f"""
CREATE TABLE orders (
  owner TEXT NOT NULL,
  host TEXT NOT NULL,
  number INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  cleared INTEGER NOT NULL,
  anew INTEGER NOT NULL
) STRICT;
CREATE TABLE progress (
  since REAL,
  audited REAL
) STRICT;
INSERT INTO progress VALUES (NULL, NULL);
CREATE TABLE waiting (
  image_id BLOB PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
{followed.TABLE}
""",
    kept=(Kept("orders", "orders"),),
    without="everything is compared with the replica, and what was dropped from it is published again",
    remedy="it is made anew by the next start of the daemon, which compares everything with the replica",
)

_AT_ONCE = 500
"""So many images in one page."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What people want.

    Attributes:
        owner: names this state directory to the other hosts.
        host: the name under which entities may be in the collection; "" before the first were published.
        number: another one after every order.
        dropped: whether nothing is to be published.
        cleared: whether what was published has been taken out since.
        anew: whether everything is to be published again, under the host's name whoever had it.
    """

    owner: str
    host: str = ""
    number: int = 0
    dropped: bool = False
    cleared: bool = False
    anew: bool = False


class ReplicaStore:
    """The open file. Every method but `mend` may be called from any thread; those that read or write it raise
    `StoreError` if that fails, and have changed nothing then.

    Args:
        path: the file, made if missing; one that is damaged is made anew, and kept beside it.
        owner: names this state directory to the other hosts, unless the file says otherwise.
        disk: where the file is.

    Raises:
        StoreVersion: a later version of simd, or another program, wrote the file.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, owner: str, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._lock = Lock()
        try:
            self._database, self._orders = self._opened(owner)
        except CorruptStore as error:
            self._set_aside(error)
            self._database, self._orders = self._opened(owner)

    @property
    def orders(self) -> Orders:
        """What is ordered now; from memory."""
        return self._orders

    def mend(self) -> bool:
        """Make the file anew where it is damaged; by one thread. Whether that was done.

        Raises:
            StoreError: it cannot be made; until it can, the store is closed.
        """
        damage = self._database.damage
        if damage is None:
            return False
        with self._lock:
            self._database.close()
            self._set_aside(damage)
            fresh = Database(self._path, SCHEMA)
            with fresh.writing() as connection:
                _write_orders(connection, self._orders)
            self._database = fresh
        return True

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    def rebuild(self) -> None:
        """Order that everything be published anew."""
        self._order(dropped=False, cleared=False, anew=True)

    def drop(self) -> Orders:
        """Order that nothing be published, and what is there be taken out; the orders from now on."""
        return self._order(dropped=True, cleared=False, anew=False)

    def cleared(self, number: int) -> None:
        """What was published was taken out, by the orders with this number."""
        self._change(number, host="", cleared=True)

    def began(self, number: int, host: str) -> None:
        """Entities are published under this name from now on, by the orders with this number."""
        if self._orders.host != host:
            self._change(number, host=host)

    def begin(self, rules: str) -> None:
        """Follow by these rules from now on; a position of other ones is forgotten."""
        with self._database.reading() as connection:
            if followed.is_of(connection, rules):
                return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM waiting")
            followed.begin(connection, rules)

    @property
    def position(self) -> Position | None:
        """How far the change feed was followed; None where everything is to be published."""
        with self._database.reading() as connection:
            return followed.position(connection)

    def follow(self, number: int, position: Position, images: Sequence[ImageId], waiting: Sequence[ImageId]) -> bool:
        """Remember that a page of the feed was dealt with.

        Args:
            number: of the orders by which it was.
            position: where to go on.
            images: those of the page.
            waiting: those of them that have no vector yet.

        Returns:
            False if there are other orders by now; nothing has changed then.
        """
        with self._lock:
            if self._orders.number != number:
                return False
            orders = replace(self._orders, anew=False)
            with self._database.writing() as connection:
                _keep_waiting(connection, images, waiting)
                followed.follow(connection, position)
                if orders != self._orders:
                    _write_orders(connection, orders)
            self._orders = orders
            return True

    def keep_waiting(self, images: Sequence[ImageId], waiting: Sequence[ImageId]) -> None:
        """Remember which of these images have no vector yet."""
        with self._database.writing() as connection:
            _keep_waiting(connection, images, waiting)

    def waiting(self) -> Iterator[list[ImageId]]:
        """The images that have no vector yet, in pages."""
        last = b""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    "SELECT image_id FROM waiting WHERE image_id > ? ORDER BY image_id LIMIT ?", (last, _AT_ONCE)
                ).fetchall()
            if not rows:
                return
            yield [ImageId(image_id) for (image_id,) in rows]
            last = rows[-1][0]

    def count_waiting(self) -> int:
        """How many images have no vector yet."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM waiting").fetchone()[0])

    @property
    def since(self) -> float | None:
        """Since when something is unpublished, in seconds since the epoch; None if nothing was when that was written
        last."""
        return self._progress("since")

    def set_since(self, since: float | None) -> None:
        """Remember since when something is unpublished."""
        self._set_progress("since", since)

    @property
    def audited(self) -> float | None:
        """When the collection was last compared with everything, in seconds since the epoch; None if it never was."""
        return self._progress("audited")

    def set_audited(self, at: float) -> None:
        """Remember that the collection was compared with everything."""
        self._set_progress("audited", at)

    def _progress(self, column: str) -> float | None:
        with self._database.reading() as connection:
            found: float | None = connection.execute(f"SELECT {column} FROM progress").fetchone()[0]
            return found

    def _set_progress(self, column: str, at: float | None) -> None:
        with self._database.writing() as connection:
            connection.execute(f"UPDATE progress SET {column} = ?", (at,))

    def _order(self, *, dropped: bool, cleared: bool, anew: bool) -> Orders:
        with self._lock:
            number = self._orders.number + 1
            orders = replace(self._orders, number=number, dropped=dropped, cleared=cleared, anew=anew)
            with self._database.writing() as connection:
                _write_orders(connection, orders)
                # Whatever is published next, everything is.
                connection.execute("DELETE FROM waiting")
                followed.look_again(connection)
            self._orders = orders
            return orders

    def _change(self, number: int, *, host: str, cleared: bool = False) -> None:
        """Write down what came of the orders with this number, unless there are others by now."""
        with self._lock:
            if self._orders.number == number:
                orders = replace(self._orders, host=host, cleared=cleared)
                with self._database.writing() as connection:
                    _write_orders(connection, orders)
                self._orders = orders

    def _opened(self, owner: str) -> tuple[Database, Orders]:
        """The file, and the orders in it; the first ones, where there are none yet.

        Raises:
            CorruptStore: it is damaged.
            StoreError: it cannot be opened.
        """
        database = Database(self._path, SCHEMA)
        try:
            database.check()
            with database.reading() as connection:
                row = connection.execute("SELECT * FROM orders").fetchone()
            if row is not None:
                named, host, number, *flags = row
                return database, Orders(named, host, number, *map(bool, flags))
            orders = Orders(owner)
            with database.writing() as connection:
                _write_orders(connection, orders)
            return database, orders
        except BaseException:
            database.close()
            raise

    def _set_aside(self, damage: CorruptStore) -> None:
        """Put a new file in the place of the damaged one, with what can still be read of the orders."""
        aside = repair_file(self._path, SCHEMA, self._disk).aside
        log.error("%s; it is %s now, and everything is compared with the replica", damage, aside.name)


def _write_orders(connection: sqlite3.Connection, orders: Orders) -> None:
    connection.execute("DELETE FROM orders")
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)",
        (orders.owner, orders.host, orders.number, orders.dropped, orders.cleared, orders.anew),
    )


def _keep_waiting(connection: sqlite3.Connection, images: Sequence[ImageId], waiting: Sequence[ImageId]) -> None:
    connection.executemany("DELETE FROM waiting WHERE image_id = ?", [(image_id,) for image_id in images])
    connection.executemany("INSERT OR REPLACE INTO waiting VALUES (?)", [(image_id,) for image_id in waiting])
