"""Connections to one SQLite file: a single one that writes, a pool of read-only ones.

A write is a transaction that is on disk when `writing` ends (WAL, synchronous = FULL): a crash before that leaves
nothing of it, a crash after it loses nothing; of what is derived (`Schema.derived`) a power cut may take the last ones.
Readers never wait for the writer, and each sees one consistent state per statement. Every failure of SQLite leaves here
as a `StoreError` that names the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simd.errors import CorruptStore, StoreError, StoreFull, StoreLocked
from simd.sqlite.schema import Schema

_WAL_LIMIT = 64 << 20
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """One SQLite file, used from any thread.

    Args:
        path: the file; it and its tables are made if missing, its directory must exist.
        schema: what it holds.

    Attributes:
        damage: what was found to be damaged since it was opened.

    Raises:
        StoreVersion: another version or program wrote the file.
        CorruptStore: the file is damaged.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self.damage: CorruptStore | None = None
        self._path = path
        self._schema = schema
        self._write_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        with self._translated():
            self._writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._writer.execute(f"PRAGMA synchronous = {'NORMAL' if schema.derived else 'FULL'}")
                self._writer.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
                schema.prepare(self._writer, path)
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: durable when the block ends, undone when it raises. One at a time."""
        with self._write_lock, self._translated():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection, for one short block: a long one would keep the WAL from being recycled."""
        with self._translated():
            connection = self._borrow()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def check(self) -> None:
        """Read every page and compare every index with its table.

        Raises:
            CorruptStore: something does not agree.
        """
        with self.reading() as connection:
            examine(connection, self._path, self._schema)

    def close(self) -> None:
        """Close every connection; the writer last, so that it folds the WAL into the file."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise StoreError(f"the {self._schema.name} {self._path} is closed")
            if self._idle:
                return self._idle.pop()
        return reading_only(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(self._path, self._schema):
                yield
        except CorruptStore as error:
            self.damage = error.again()
            raise


def reading_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, for use in one thread after another."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


@contextmanager
def translated(path: Path, schema: Schema) -> Iterator[None]:
    """Turn what SQLite raises into a `StoreError` that names the file."""
    try:
        yield
    except UnicodeDecodeError as error:
        # What SQLite says of a damaged file may have the damaged bytes in it.
        raise CorruptStore(path, 0, "a text in it is no UTF-8", remedy=schema.remedy) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise CorruptStore(path, 0, str(error), remedy=schema.remedy) from error
        if code == sqlite3.SQLITE_FULL:
            raise StoreFull(f"no room to write {path}: {error}", remedy="free space on that disk") from error
        if code in _LOCKED:
            raise StoreLocked(f"{path} is in use by another process: {error}", remedy="stop it") from error
        raise StoreError(f"the {schema.name} {path} cannot be used: {error}") from error


def examine(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Read every page and compare every index with its table.

    Raises:
        CorruptStore: something does not agree.
    """
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise CorruptStore(path, 0, verdict, remedy=schema.remedy)
