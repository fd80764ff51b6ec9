"""What can be asked of the catalogue: functions from a connection to rows. They change nothing.

A `Scope` is a stretch of the primary key `(root_id, path)`: everything a directory holds lies between `dir/` and
`dir0`, because `0` follows `/`. No pattern matching is involved, so no name can be mistaken for a pattern.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from simd.catalogue.rows import Counts, Known, LedgerLine, ListedFile, SearchableImage
from simd.errors import Reason
from simd.sqlite.integers import unsigned
from simd.types import ID_BYTES, FileKey, Identity, ImageFacts, ImageId, KnownFile, Rejection, Root, Stamp
from simd.vectors.ids import Ids

WITHIN = "(root_id, path) >= (?, ?) AND (root_id, path) < (?, ?)"
_FEW = 5000
"""Of so many files all may be looked at."""
_IMAGES_AT_ONCE = 500
"""Any SQLite takes so many parameters."""
_ROWS_AT_ONCE = 1000
"""So few objects are still in the caches when they are packed."""

_ROOT_OF = "(SELECT path FROM roots WHERE root_id = {}.root_id)"
"""The path of a file's root, in the statement that finds the file: roots come and go between two statements."""
_FACTS = "width, height, format, animated"
"""The columns of an image's facts."""

STAMP = "size, mtime_ns, inode, ctime_ns"
"""The columns of a file's stamp."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Files from `low` up to but without `high`."""

    low: FileKey
    high: FileKey

    @property
    def bounds(self) -> tuple[int, bytes, int, bytes]:
        """The four parameters of `WITHIN`."""
        return (self.low.root_id, self.low.path, self.high.root_id, self.high.path)

    def after(self, key: FileKey) -> Scope:
        """What of this scope follows `key`."""
        return Scope(max(self.low, FileKey(key.root_id, key.path + b"\0")), self.high)


def scopes_in(root_id: int, under: bytes) -> list[Scope]:
    """A path relative to a root: the file of that name and all that a directory of that name holds; b"" is all."""
    if not under:
        return [Scope(FileKey(root_id, b""), FileKey(root_id + 1, b""))]
    return [
        Scope(FileKey(root_id, under), FileKey(root_id, under + b"\0")),
        Scope(FileKey(root_id, under + b"/"), FileKey(root_id, under + b"0")),
    ]


def relative(root: bytes, path: bytes) -> bytes | None:
    """An absolute path as its root sees it: b"" is the root itself, None is outside of it."""
    if path == root:
        return b""
    prefix = root.rstrip(b"/") + b"/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def locate(roots: Iterable[Root], path: bytes) -> FileKey | None:
    """Where an absolute path is as the roots see it; None outside of all of them. The file need not exist."""
    for root in roots:
        inside = relative(root.path, path)
        if inside is not None:
            return FileKey(root.root_id, inside)
    return None


def outermost(paths: Iterable[bytes]) -> set[bytes]:
    """The paths that lie inside no other."""
    standing: list[bytes] = []
    for path in sorted(set(paths)):
        if all(relative(outer, path) is None for outer in standing):
            standing.append(path)
    return set(standing)


def scopes_under(roots: Iterable[Root], prefix: bytes) -> list[Scope]:
    """An absolute path, of a directory or a file, in key order; b"" is everything."""
    prefix = os.path.normpath(prefix) if prefix else b"/"
    found: list[Scope] = []
    for root in roots:
        if relative(prefix, root.path) is not None:
            found += scopes_in(root.root_id, b"")
        elif (inside := relative(root.path, prefix)) is not None:
            found += scopes_in(root.root_id, inside)
    return sorted(found, key=lambda scope: scope.low)


def roots(connection: sqlite3.Connection) -> list[Root]:
    """All roots, oldest first."""
    rows = connection.execute("SELECT root_id, path, device, inode, volume FROM roots ORDER BY root_id")
    return [
        Root(root_id, path, Identity(unsigned(device), unsigned(inode), volume) if inode else None)
        for root_id, path, device, inode, volume in rows
    ]


def known(connection: sqlite3.Connection, key: FileKey) -> Known | None:
    """What was decided about a file."""
    here = "WHERE root_id = ? AND path = ?"
    # In one statement, because each begins and ends a transaction: it is asked for every file.
    row = connection.execute(
        f"SELECT {STAMP}, image_id, NULL, NULL FROM files {here} UNION ALL "
        f"SELECT {STAMP}, NULL, reason, detail FROM rejected {here}",
        (key.root_id, key.path, key.root_id, key.path),
    ).fetchone()
    if row is None:
        return None
    *stamp, image_id, reason, detail = row
    if image_id is not None:
        return Known(_stamp(*stamp), ImageId(image_id), None)
    return Known(_stamp(*stamp), None, Rejection(Reason(reason), detail))


def known_files(connection: sqlite3.Connection, scope: Scope, limit: int) -> list[KnownFile]:
    """The first `limit` files of a scope that were decided on, indexed or refused, in order of their paths."""
    rows = connection.execute(
        f"SELECT root_id, path, {STAMP}, NULL FROM files WHERE {WITHIN} UNION ALL "
        f"SELECT root_id, path, {STAMP}, reason FROM rejected WHERE {WITHIN} ORDER BY 1, 2 LIMIT ?",
        (*scope.bounds, *scope.bounds, limit),
    )
    return [
        KnownFile(path, _stamp(*stamp), reason is not None and Reason(reason).is_passing)
        for _, path, *stamp, reason in rows
    ]


def spread(connection: sqlite3.Connection, root_id: int, count: int) -> list[bytes]:
    """The paths of at most `count` files of a root that were decided on, spread over all of them."""
    of_root = (
        "SELECT path FROM files WHERE root_id = ?1 UNION ALL SELECT path FROM rejected WHERE root_id = ?1 LIMIT ?2"
    )
    first = [path for (path,) in connection.execute(of_root, (root_id, _FEW))]
    if len(first) < _FEW:
        step = max(1, -(-len(first) // count))
        return sorted(first)[::step]
    # Ids are hashes: the files at even steps through them are as good as chosen at random, and each is found at once.
    at = "SELECT path FROM files INDEXED BY files_image WHERE image_id >= ? AND root_id = ? ORDER BY image_id LIMIT 1"
    steps = [(number << 8 * ID_BYTES) // count for number in range(count)]
    rows = [connection.execute(at, (step.to_bytes(ID_BYTES, "big"), root_id)).fetchone() for step in steps]
    return sorted({row[0] for row in rows if row is not None})


def moved(connection: sqlite3.Connection, root_id: int, paths: Iterable[bytes]) -> int:
    """Of these files of a root, how many hold an image that is also in a file which is none of them."""
    gone: Counter[bytes] = Counter()
    for path in paths:
        row = connection.execute(
            "SELECT image_id FROM files WHERE root_id = ? AND path = ?", (root_id, path)
        ).fetchone()
        if row is not None:
            gone[row[0]] += 1
    everywhere = "SELECT COUNT(*) FROM files WHERE image_id = ?"
    return sum(n for image_id, n in gone.items() if connection.execute(everywhere, (image_id,)).fetchone()[0] > n)


def searchable(connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> dict[ImageId, SearchableImage]:
    """Each image with its files and facts; an image without a file is left out."""
    paths: dict[ImageId, list[bytes]] = defaultdict(list)
    facts: dict[ImageId, ImageFacts | None] = {}
    root = _ROOT_OF.format("files")
    select = f"SELECT image_id, {root}, path, {_FACTS} FROM files LEFT JOIN images USING (image_id)"
    for found, top, path, *of_image in of_images(connection, select, image_ids):
        image_id = ImageId(found)
        paths[image_id].append(os.path.join(top, path))
        facts[image_id] = None if of_image[0] is None else _facts(*of_image)
    return {image_id: SearchableImage(sorted(paths[image_id]), facts[image_id]) for image_id in paths}


def files_of(connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> dict[ImageId, list[bytes]]:
    """The absolute paths of each image, sorted; an image without a file is left out."""
    return {image_id: one.paths for image_id, one in searchable(connection, image_ids).items()}


def facts_of(connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> dict[ImageId, ImageFacts]:
    """What decoding told about each image, whether it has a file now or not."""
    rows = of_images(connection, f"SELECT image_id, {_FACTS} FROM images", image_ids)
    return {ImageId(image_id): _facts(*facts) for image_id, *facts in rows}


def _facts(width: int, height: int, format_name: str, animated: int | None) -> ImageFacts:
    return ImageFacts(width, height, format_name, None if animated is None else bool(animated))


def of_images(connection: sqlite3.Connection, select: str, image_ids: Iterable[ImageId]) -> Iterator[Any]:
    """Rows of some images, in no particular order. Each statement lets go of the interpreter and waits to have it back,
    so there are few of them."""
    left = iter(dict.fromkeys(image_ids))
    while some := list(islice(left, _IMAGES_AT_ONCE)):
        yield from connection.execute(f"{select} WHERE image_id IN ({', '.join('?' * len(some))})", some)


def images_at(connection: sqlite3.Connection, paths: Iterable[bytes]) -> dict[bytes, ImageId]:
    """The images of indexed files, by their absolute paths; what is no indexed file is left out."""
    tops = roots(connection)
    found: dict[bytes, ImageId] = {}
    for path in paths:
        key = locate(tops, os.path.normpath(path))
        if key is None:
            continue
        row = connection.execute(
            "SELECT image_id FROM files WHERE root_id = ? AND path = ?", (key.root_id, key.path)
        ).fetchone()
        if row is not None:
            found[path] = ImageId(row[0])
    return found


def images_in(connection: sqlite3.Connection, scopes: Iterable[Scope]) -> Ids:
    """The images of the files in the scopes, uint8 `(n, 16)`: one for each file; a million take 0.4 s."""
    # In a damaged file one of another length would shift all that follow it.
    query = f"SELECT image_id FROM files WHERE {WITHIN} AND LENGTH(image_id) = {ID_BYTES}"
    packed = bytearray()
    for scope in scopes:
        rows = connection.execute(query, scope.bounds)
        while some := rows.fetchmany(_ROWS_AT_ONCE):
            packed += b"".join([image_id for (image_id,) in some])
    return np.frombuffer(packed, dtype=np.uint8).reshape(-1, ID_BYTES)


def image_ids(connection: sqlite3.Connection, after: bytes, limit: int) -> list[ImageId]:
    """The next `limit` images that have a file, in order."""
    rows = connection.execute(
        "SELECT image_id FROM images WHERE image_id > ? AND orphaned_ms IS NULL ORDER BY image_id LIMIT ?",
        (after, limit),
    )
    return [ImageId(image_id) for (image_id,) in rows]


def orphans(connection: sqlite3.Connection) -> list[ImageId]:
    """Images that have no file now, the longest without one first."""
    rows = connection.execute(
        "SELECT image_id FROM images WHERE orphaned_ms IS NOT NULL ORDER BY orphaned_ms, image_id"
    )
    return [ImageId(image_id) for (image_id,) in rows]


def files(connection: sqlite3.Connection, scopes: Iterable[Scope], limit: int) -> list[ListedFile]:
    """The first `limit` indexed files of the scopes, in key order."""
    columns = f"root_id, path, {_ROOT_OF.format('files')}, {STAMP}, image_id FROM files"
    return [
        ListedFile(FileKey(root_id, path), os.path.join(root, path), _stamp(*stamp), ImageId(image_id))
        for root_id, path, root, *stamp, image_id in _page(connection, columns, scopes, limit)
    ]


def ledger(connection: sqlite3.Connection, scopes: Iterable[Scope], limit: int) -> list[LedgerLine]:
    """The first `limit` refused files of the scopes, in key order."""
    root_of = _ROOT_OF.format("rejected")
    columns = f"root_id, path, {root_of}, {STAMP}, reason, detail, at_ms FROM rejected"
    return [
        LedgerLine(
            FileKey(root_id, path), os.path.join(root, path), _stamp(*stamp), Rejection(Reason(reason), detail), at_ms
        )
        for root_id, path, root, *stamp, reason, detail, at_ms in _page(connection, columns, scopes, limit)
    ]


def removed(connection: sqlite3.Connection) -> list[tuple[bytes, Stamp]]:
    """The absolute paths and stamps of the files that were taken out on request."""
    rows = connection.execute(
        f"SELECT {_ROOT_OF.format('rejected')}, path, {STAMP} FROM rejected WHERE reason = ?", (Reason.REMOVED.value,)
    )
    return [(os.path.join(root, path), _stamp(*stamp)) for root, path, *stamp in rows]


def count(connection: sqlite3.Connection, table: str, scopes: Iterable[Scope]) -> int:
    """How many files of a table, `files` or `rejected`, the scopes hold; a million take 0.3 s."""
    query = f"SELECT COUNT(*) FROM {table} WHERE {WITHIN}"
    return sum(connection.execute(query, scope.bounds).fetchone()[0] for scope in scopes)


def counts(connection: sqlite3.Connection) -> Counts:
    """How much there is."""
    by_root: dict[int, int] = {}
    failed: dict[str, int] = {}
    images = 0
    for kind, name, n in connection.execute("SELECT kind, name, n FROM tally WHERE n > 0"):
        if kind == "files":
            by_root[int(name)] = n
        elif kind == "rejected":
            failed[name] = n
        else:
            images = n
    return Counts(images, sum(by_root.values()), by_root, failed)


def without_file(connection: sqlite3.Connection, image_ids: Collection[ImageId]) -> list[ImageId]:
    """Those of the images that no file names, sorted."""
    query = "SELECT 1 FROM files WHERE image_id = ? LIMIT 1"
    return [i for i in sorted(image_ids) if connection.execute(query, (i,)).fetchone() is None]


def _page(connection: sqlite3.Connection, columns: str, scopes: Iterable[Scope], limit: int) -> Iterator[Any]:
    """Up to `limit` rows over the scopes, one after the other."""
    for scope in scopes:
        if limit <= 0:
            return
        query = f"SELECT {columns} WHERE {WITHIN} ORDER BY root_id, path LIMIT ?"
        for row in connection.execute(query, (*scope.bounds, limit)):
            limit -= 1
            yield row


def _stamp(size: int, mtime_ns: int, inode: int, ctime_ns: int) -> Stamp:
    return Stamp(size, mtime_ns, unsigned(inode), ctime_ns)
