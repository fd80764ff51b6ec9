"""The single changes that a transaction of the catalogue is made of. They run inside one, and never begin or end it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection

from simd.catalogue import queries
from simd.catalogue.queries import STAMP, WITHIN, Scope
from simd.catalogue.rows import IndexedFile, RejectedFile
from simd.errors import StoreError
from simd.sqlite.integers import signed
from simd.types import FileKey, ImageId, Stamp
from simd.vectors.ids import unpack_ids


def erase(connection: sqlite3.Connection, key: FileKey) -> set[ImageId]:
    """Take a file out of wherever it is; the image it was, if it was one."""
    at = (key.root_id, key.path)
    connection.execute("DELETE FROM rejected WHERE root_id = ? AND path = ?", at)
    rows = connection.execute("DELETE FROM files WHERE root_id = ? AND path = ? RETURNING image_id", at).fetchall()
    return {ImageId(image_id) for (image_id,) in rows}


def write_image(connection: sqlite3.Connection, file: IndexedFile, now: int) -> None:
    """Make the image known and no orphan.

    Raises:
        StoreError: it is not known, and there are no facts to make it so.
    """
    if file.facts is None:
        updated = connection.execute("UPDATE images SET orphaned_ms = NULL WHERE image_id = ?", (file.image_id,))
        if updated.rowcount == 0:
            name = os.fsdecode(file.key.path)
            raise StoreError(f"{name!r} is recorded without facts, but its image {file.image_id.hex()} is not known")
        return
    facts = file.facts
    connection.execute(
        "INSERT INTO images (image_id, width, height, format, animated, indexed_ms) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET width = excluded.width, "
        "height = excluded.height, format = excluded.format, animated = excluded.animated, orphaned_ms = NULL",
        (file.image_id, facts.width, facts.height, facts.format, facts.animated, now),
    )


def write_file(connection: sqlite3.Connection, file: IndexedFile) -> None:
    """Put a file that was erased among the indexed ones."""
    stamp = file.stamp
    connection.execute(
        f"INSERT INTO files (root_id, path, {STAMP}, image_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (file.key.root_id, file.key.path, *_columns(stamp), file.image_id),
    )


def write_ledger(connection: sqlite3.Connection, line: RejectedFile, now: int) -> None:
    """Put a file that was erased into the ledger."""
    stamp, why = line.stamp, line.rejection
    connection.execute(
        f"INSERT INTO rejected (root_id, path, {STAMP}, reason, detail, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (line.key.root_id, line.key.path, *_columns(stamp), why.reason.value, why.detail, now),
    )


def complete_stamp(connection: sqlite3.Connection, key: FileKey, stamp: Stamp) -> None:
    """Add the ctime to the stamp of a file that was recorded without one, if that is still so."""
    size, mtime_ns, inode, ctime_ns = _columns(stamp)
    for table in ("files", "rejected"):
        connection.execute(
            f"UPDATE {table} SET ctime_ns = ? WHERE root_id = ? AND path = ? "
            "AND (size, mtime_ns, inode, ctime_ns) = (?, ?, ?, 0)",
            (ctime_ns, key.root_id, key.path, size, mtime_ns, inode),
        )


def _columns(stamp: Stamp) -> tuple[int, int, int, int]:
    """What the columns `STAMP` hold."""
    return (stamp.size, signed(stamp.mtime_ns), signed(stamp.inode), signed(stamp.ctime_ns))


def orphaned(connection: sqlite3.Connection, touched: Collection[ImageId], now: int) -> list[ImageId]:
    """Mark those of the images that have lost their last file."""
    orphans = queries.without_file(connection, touched)
    connection.executemany(
        "UPDATE images SET orphaned_ms = ? WHERE image_id = ? AND orphaned_ms IS NULL", [(now, i) for i in orphans]
    )
    return orphans


def delete_within(connection: sqlite3.Connection, scopes: Collection[Scope], now: int) -> list[ImageId]:
    """Forget all that is known of the files in the scopes; the orphans this makes."""
    touched = set(unpack_ids(queries.images_in(connection, scopes)))
    for scope in scopes:
        connection.execute(f"DELETE FROM files WHERE {WITHIN}", scope.bounds)
        connection.execute(f"DELETE FROM rejected WHERE {WITHIN}", scope.bounds)
    return orphaned(connection, touched, now)
