"""The change feed: which images changed, for whoever derives something from them.

Every transaction that changes an image or its files gives that image the next revision, in the same transaction, by
triggers. A reader asks for what came after its position, does its work, writes the new position down with what it
derived, and so catches up after any crash. An image that changed often is told once, as it is now: what its state was
meanwhile is not kept.

A position is of one life of the catalogue: where the file was made anew, or has forgotten images that the reader may
still have, the feed starts over and says so.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from simd.types import ImageId

_KEPT = 100_000
"""So many images that are gone are remembered; a reader that was away for longer starts over."""

_OTHER = "WHEN old.orphaned_ms IS NOT new.orphaned_ms"
_NEXT = "UPDATE feed SET revision = revision + 1;"
_REVISION = "(SELECT revision FROM feed)"


def _touch(name: str, event: str, image_id: str, when: str = "") -> str:
    """A trigger that gives an image the next revision."""
    touch = f"UPDATE images SET revision = {_REVISION} WHERE image_id = {image_id};"
    return f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW {when} BEGIN {_NEXT} {touch} END;"


TABLES = f"""
CREATE TABLE feed (
  epoch BLOB NOT NULL,
  revision INTEGER NOT NULL,
  forgotten INTEGER NOT NULL
) STRICT;
INSERT INTO feed VALUES (randomblob(16), 0, 0);

CREATE TABLE gone (
  image_id BLOB PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_revision ON gone (revision);

{_touch("feed_file_in", "INSERT ON files", "new.image_id")}
{_touch("feed_file_out", "DELETE ON files", "old.image_id")}
{_touch("feed_file_moved", "UPDATE OF root_id, path ON files", "new.image_id")}
{_touch("feed_orphan", "UPDATE OF orphaned_ms ON images", "new.image_id", _OTHER)}
CREATE TRIGGER feed_image_in AFTER INSERT ON images FOR EACH ROW BEGIN
  DELETE FROM gone WHERE image_id = new.image_id; {_NEXT}
  UPDATE images SET revision = {_REVISION} WHERE image_id = new.image_id;
END;
CREATE TRIGGER feed_image_out AFTER DELETE ON images FOR EACH ROW BEGIN
  {_NEXT} INSERT INTO gone VALUES (old.image_id, {_REVISION});
END;
"""
"""What the feed needs beside the column `images.revision` and its index."""

NUMBERED = """
CREATE TEMP TABLE numbered AS SELECT image_id, row_number() OVER (ORDER BY image_id) AS n FROM images;
UPDATE images SET revision = (SELECT n FROM numbered WHERE numbered.image_id = images.image_id);
UPDATE feed SET revision = (SELECT COUNT(*) FROM numbered);
DROP TABLE numbered;
"""
"""Gives a revision to each of the images that there are."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has come. `epoch` names the life of the catalogue that `revision` counts in."""

    epoch: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """An image that changed. `present` is whether it has a file now."""

    image_id: ImageId
    present: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """Some of what changed, in the order of the last change of each.

    Attributes:
        changes: no image twice.
        position: where to go on, once they are dealt with.
        complete: whether there was no more.
        starts_over: whether they are the first of all that there is: what was derived before, and is not told again,
            is of no image.
    """

    changes: tuple[Change, ...]
    position: Position
    complete: bool
    starts_over: bool


def revision(connection: sqlite3.Connection) -> int:
    """The newest one."""
    number: int = connection.execute(f"SELECT {_REVISION}").fetchone()[0]
    return number


def position(connection: sqlite3.Connection) -> Position:
    """Where a reader is that knows everything."""
    epoch, newest = connection.execute("SELECT epoch, revision FROM feed").fetchone()
    return Position(epoch, newest)


def behind(connection: sqlite3.Connection, since: Position | None) -> int:
    """How many images changed after a position; how many have a file, where the feed starts over."""
    good = "SELECT epoch = ? AND ? BETWEEN forgotten AND revision FROM feed"
    query, of = "SELECT COUNT(*) FROM images WHERE orphaned_ms IS NULL", dict[str, int]()
    if since is not None and connection.execute(good, (since.epoch, since.revision)).fetchone()[0]:
        counts = (f"(SELECT COUNT(*) FROM {table} WHERE revision > :after)" for table in ("images", "gone"))
        query, of = f"SELECT {' + '.join(counts)}", {"after": since.revision}
    number: int = connection.execute(query, of).fetchone()[0]
    return number


def changes(connection: sqlite3.Connection, since: Position | None, limit: int) -> Changes:
    """The first `limit` images that changed after a position; None is before everything."""
    # Three statements would see three states.
    connection.execute("BEGIN")
    try:
        epoch, newest, forgotten = connection.execute("SELECT epoch, revision, forgotten FROM feed").fetchone()
        good = since is not None and since.epoch == epoch and forgotten <= since.revision <= newest
        after = since.revision if since is not None and good else 0
        rows = connection.execute(
            "SELECT image_id, revision, orphaned_ms IS NULL FROM images WHERE revision > ?1 "
            "UNION ALL SELECT image_id, revision, 0 FROM gone WHERE revision > ?1 ORDER BY 2 LIMIT ?2",
            (after, limit + 1),
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    told, complete = rows[:limit], len(rows) <= limit
    return Changes(
        changes=tuple(Change(ImageId(image_id), bool(present)) for image_id, _, present in told),
        position=Position(epoch, newest if complete else told[-1][1]),
        complete=complete,
        starts_over=not good,
    )


def forget_gone(connection: sqlite3.Connection, kept: int = _KEPT) -> None:
    """Forget the images that are gone for longest, but for so many."""
    oldest = "SELECT revision FROM gone ORDER BY revision DESC LIMIT 1 OFFSET ?"
    row = connection.execute(oldest, (kept,)).fetchone()
    if row is not None:
        connection.execute("DELETE FROM gone WHERE revision <= ?", row)
        connection.execute("UPDATE feed SET forgotten = ?", row)
