"""A database that nobody has open: looked at without a change, and made anew where it is damaged.

Saved is what the schema keeps, as far as it can still be read.

    FILE.repaired    the new one, complete once the damaged one is set aside
    FILE.damaged-N   the damaged one, for a person to remove

Crash note: until the damaged file has its other name nothing has changed. A crash right after that leaves none; the
next start makes an empty one, and FILE.damaged-N still has what could be saved.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from simd.durable import Disk
from simd.errors import CorruptStore
from simd.sqlite.database import Database, examine, reading_only, translated
from simd.sqlite.schema import Kept, Schema, is_blank

_BESIDE = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Saved:
    """How many rows of each kind were saved, and the name of the damaged file now."""

    rows: Mapping[str, int]
    aside: Path


def check_file(path: Path, schema: Schema) -> None:
    """Read the whole file.

    Raises:
        CorruptStore: it is damaged.
        StoreVersion: a later version, or another program, wrote it.
        StoreError: it cannot be read.
    """
    with translated(path, schema), closing(reading_only(path)) as connection:
        if is_blank(connection):
            _demand_no_changes(path, schema)
        else:
            schema.refuse_others(connection, path)
            examine(connection, path, schema)


def repair_file(path: Path, schema: Schema, disk: Disk | None = None) -> Saved:
    """Put a new file in the place of a damaged one, which is kept beside it.

    Raises:
        StoreError: it cannot be written.
    """
    disk = disk or Disk()
    saved = {kept: list(_lines(path, kept)) for kept in schema.kept}
    fresh = path.with_name(path.name + ".repaired")
    for suffix in ("", *_BESIDE):
        disk.remove(_beside(fresh, suffix))
    database = Database(fresh, schema)
    try:
        with database.writing() as connection:
            counts = {kept.noun: _insert(connection, kept.table, lines) for kept, lines in saved.items()}
    finally:
        database.close()
    fresh.chmod(stat.S_IMODE(path.stat().st_mode))
    aside = next(p for n in count(1) if not (p := path.with_name(f"{path.name}.damaged-{n}")).exists())
    # The changes that are not yet in the file go first: left beside a new one, they would be taken for its own.
    for suffix in (*_BESIDE, ""):
        if _beside(path, suffix).exists():
            disk.rename(_beside(path, suffix), _beside(aside, suffix))
    disk.rename(fresh, path)
    return Saved(counts, aside)


def _demand_no_changes(path: Path, schema: Schema) -> None:
    changes = _beside(path, "-wal")
    if changes.exists() and changes.stat().st_size > 0:
        raise CorruptStore(
            path, 0, f"it has no tables, and those in {changes.name} cannot be read", remedy=schema.remedy
        )


def _lines(path: Path, kept: Kept) -> Iterator[dict[str, object]]:
    """The rows that can be read, up to the first that cannot."""
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(reading_only(path)) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"SELECT * FROM {kept.table} {kept.condition}"):
            yield dict(row)


def _insert(connection: sqlite3.Connection, table: str, lines: list[dict[str, object]]) -> int:
    """Write lines that may be of an older version; how many fit into the table."""
    columns = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    written = 0
    for line in lines:
        named = {name: value for name, value in line.items() if name in columns}
        with suppress(sqlite3.Error):
            marks = ", ".join("?" * len(named))
            connection.execute(f"INSERT INTO {table} ({', '.join(named)}) VALUES ({marks})", tuple(named.values()))
            written += 1
    return written


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
