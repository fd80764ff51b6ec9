"""The catalogue's tables, and what tells one version of them from another.

Paths are BLOBs: SQLite then compares them byte by byte, as a scan does. `tally` is kept by triggers, so that counting
costs a few rows whatever the number of files. Integers wider than SQLite's signed 64 bits are wrapped (`signed`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from simd.errors import StoreVersion

VERSION = 4
APPLICATION_ID = 0x73696D64
"""The bytes `simd`, which name the kind of file to `file` and to us."""

_STEPS = {
    1: "ALTER TABLE roots ADD COLUMN held_since REAL;",
    2: "",
    3: "DROP INDEX IF EXISTS files_size; "
    "ALTER TABLE roots RENAME COLUMN held_since TO held_s; UPDATE roots SET held_s = 0 WHERE held_s IS NOT NULL; "
    "ALTER TABLE roots ADD COLUMN volume TEXT NOT NULL DEFAULT ''; "
    "ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0; "
    "ALTER TABLE rejected ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;",
}
"""What makes a file of each older version one of the next.

Files of version 3, and some of version 4, have an index `files_size` that nothing reads; to drop it from the latter
would take a new version, which earlier programs refuse.
"""

_TABLES = """
CREATE TABLE roots (
  root_id INTEGER PRIMARY KEY AUTOINCREMENT,
  path BLOB NOT NULL UNIQUE,
  device INTEGER NOT NULL DEFAULT 0,
  inode INTEGER NOT NULL DEFAULT 0,
  origin TEXT NOT NULL CHECK (origin IN ('config', 'added')),
  last_scan REAL,
  held_s REAL,
  volume TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE images (
  image_id BLOB PRIMARY KEY,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  format TEXT NOT NULL,
  indexed_ms INTEGER NOT NULL,
  orphaned_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX images_orphaned ON images (orphaned_ms) WHERE orphaned_ms IS NOT NULL;

CREATE TABLE files (
  root_id INTEGER NOT NULL,
  path BLOB NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  image_id BLOB NOT NULL,
  ctime_ns INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (root_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_image ON files (image_id);

CREATE TABLE rejected (
  root_id INTEGER NOT NULL,
  path BLOB NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (root_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE tally (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
"""


def _trigger(name: str, event: str, changes: list[tuple[str, str, int]], when: str = "") -> str:
    """A trigger that adds to the tally: `changes` are (kind, SQL of the name, how many)."""
    body = " ".join(
        f"INSERT INTO tally VALUES ('{kind}', {of}, {n}) ON CONFLICT DO UPDATE SET n = n + excluded.n;"
        for kind, of, n in changes
    )
    return f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW {when} BEGIN {body} END;"


_TRIGGERS = (
    _trigger("files_in", "INSERT ON files", [("files", "CAST(new.root_id AS TEXT)", 1)]),
    _trigger("files_out", "DELETE ON files", [("files", "CAST(old.root_id AS TEXT)", -1)]),
    _trigger("rejected_in", "INSERT ON rejected", [("rejected", "new.reason", 1)]),
    _trigger("rejected_out", "DELETE ON rejected", [("rejected", "old.reason", -1)]),
    _trigger(
        "rejected_other",
        "UPDATE OF reason ON rejected",
        [("rejected", "old.reason", -1), ("rejected", "new.reason", 1)],
    ),
    _trigger("images_in", "INSERT ON images", [("images", "''", 1)], "WHEN new.orphaned_ms IS NULL"),
    _trigger("images_out", "DELETE ON images", [("images", "''", -1)], "WHEN old.orphaned_ms IS NULL"),
    _trigger(
        "images_orphan",
        "UPDATE OF orphaned_ms ON images",
        [("images", "''", -1)],
        "WHEN old.orphaned_ms IS NULL AND new.orphaned_ms IS NOT NULL",
    ),
    _trigger(
        "images_back",
        "UPDATE OF orphaned_ms ON images",
        [("images", "''", 1)],
        "WHEN old.orphaned_ms IS NOT NULL AND new.orphaned_ms IS NULL",
    ),
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty file, or see that the file is one that this version reads.

    Raises:
        StoreVersion: a newer version, or another program, wrote the file.
    """
    if is_blank(connection):
        statements = f"{_TABLES} {' '.join(_TRIGGERS)}"
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        connection.executescript(f"BEGIN IMMEDIATE; {statements} {marks} COMMIT;")
        return
    version = refuse_others(connection, path)
    if version in _STEPS:
        steps = " ".join(_STEPS[older] for older in range(version, VERSION))
        connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")


def is_blank(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet: the start that was to make them may have been cut short."""
    marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
    return marks == [0, 0] and connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0] == 0


def refuse_others(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file, if it is one that this version reads or brings up to date.

    Raises:
        StoreVersion: a newer version, or another program, wrote the file.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    if kind != APPLICATION_ID:
        raise StoreVersion(f"{path} is not a catalogue of simd", remedy="choose another state directory")
    if version != VERSION and version not in _STEPS:
        raise StoreVersion(
            f"the catalogue {path} has version {version}, this simd reads version {VERSION}",
            remedy="use the simd that wrote it, or delete it: the next scan rebuilds it without embedding anew",
        )
    return int(version)


def signed(value: int) -> int:
    """An integer as SQLite's 64 signed bits hold it."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def unsigned(value: int) -> int:
    """What `signed` was given, where that was not negative (inodes, devices)."""
    return value % (1 << 64)
