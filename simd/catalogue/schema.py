"""The catalogue's tables, and what tells one version of them from another.

Paths are BLOBs: SQLite then compares them byte by byte, as a scan does. `tally` is kept by triggers, so that counting
costs a few rows whatever the number of files. Integers wider than SQLite's signed 64 bits are wrapped (`signed`).
"""

from __future__ import annotations

from simd.catalogue import feed
from simd.errors import Reason
from simd.sqlite.schema import Kept, Schema

VERSION = 6

_BY_REVISION = "CREATE INDEX images_revision ON images (revision);"

_STEPS = {
    1: "ALTER TABLE roots ADD COLUMN held_since REAL;",
    2: "",
    3: "ALTER TABLE roots RENAME COLUMN held_since TO held_s; UPDATE roots SET held_s = 0 WHERE held_s IS NOT NULL; "
    "ALTER TABLE roots ADD COLUMN volume TEXT NOT NULL DEFAULT ''; "
    "ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0; "
    "ALTER TABLE rejected ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;",
    4: "DROP INDEX IF EXISTS files_size; ALTER TABLE images ADD COLUMN revision INTEGER NOT NULL DEFAULT 0; "
    f"{_BY_REVISION} {feed.TABLES} {feed.NUMBERED}",
    5: "ALTER TABLE images ADD COLUMN animated INTEGER;",
}
"""What makes a file of each older version one of the next."""

_TABLES = f"""
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
  orphaned_ms INTEGER,
  revision INTEGER NOT NULL DEFAULT 0,
  animated INTEGER
) STRICT, WITHOUT ROWID;
{_BY_REVISION}
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


SCHEMA = Schema(
    name="catalogue",
    # The bytes `simd`.
    application_id=0x73696D64,
    version=VERSION,
    create=f"{_TABLES} {feed.TABLES} {' '.join(_TRIGGERS)}",
    steps=_STEPS,
    # What a scan finds again is not saved, but what only a person could say anew.
    kept=(Kept("roots", "roots"), Kept("rejected", "removals", f"WHERE reason = '{Reason.REMOVED.value}'")),
    without="the next scan rebuilds it without embedding anew",
    remedy="stop the daemon and run `simd check --repair`, which makes it anew; nothing is embedded again",
)
