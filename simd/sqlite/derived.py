"""A database of what can be made again: where the file is damaged it is removed, and begun anew, instead of refused."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from simd.durable import Disk
from simd.errors import CorruptStore
from simd.sqlite.database import Database
from simd.sqlite.schema import Schema

log = logging.getLogger(__name__)


class DerivedDatabase:
    """The open file. Every method but `mend` may be called from any thread.

    Args:
        path: the file, made if missing; one that is damaged is removed, and made anew.
        schema: what it holds; `without` says what that costs.
        disk: where the file is.

    Raises:
        StoreVersion: a later version of simd, or another program, wrote the file.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, schema: Schema, disk: Disk | None = None) -> None:
        self.path = path
        self._schema = schema
        self._disk = disk or Disk()
        try:
            self._database = Database(path, schema)
        except CorruptStore as error:
            self._database = self._anew(error)

    @property
    def damaged(self) -> bool:
        """Whether the file was found to be damaged since it was opened: `mend` helps."""
        return self._database.damage is not None

    def mend(self) -> bool:
        """Begin anew with an empty file, where the present one is damaged; by one thread. Whether that was done.

        Raises:
            StoreError: it cannot be made; until it can, the database is closed.
        """
        damage = self._database.damage
        if damage is None:
            return False
        # First, as SQLite removes what is beside the file by its name when it is closed.
        self._database.close()
        self._database = self._anew(damage)
        return True

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """See `Database.reading`."""
        return self._database.reading()

    def writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """See `Database.writing`."""
        return self._database.writing()

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    def _anew(self, damage: CorruptStore) -> Database:
        log.error("%s; %s", damage, self._schema.without)
        for suffix in ("-wal", "-shm", ""):
            self._disk.remove(self.path.with_name(self.path.name + suffix))
        return Database(self.path, self._schema)
