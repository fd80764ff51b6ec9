"""What files exist, which image each is, and why the others are none.

The catalogue is the truth for paths and for nothing else: deleted, it is rebuilt by a scan that embeds nothing anew,
because every image is named by its content. Each method that changes it is one transaction, durable on return; reads
never wait for it.

An image that loses its last file is an *orphan*: out of all answers at once, its facts kept until `purge_images`, so
that a file that returns need not be decoded again. Whoever changes the catalogue takes the orphans out of the index
afterwards; a crash between the two is mended by doing it again for `orphans()`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from simd.catalogue import changes, copies, feed, queries
from simd.catalogue.copies import Copies
from simd.catalogue.feed import Changes, Position
from simd.catalogue.queries import WITHIN, Scope, relative, scopes_in, scopes_under
from simd.catalogue.rows import Counts, IndexedFile, Known, LedgerLine, ListedFile, RejectedFile, SearchableImage
from simd.catalogue.schema import SCHEMA
from simd.catalogue.under import ImagesUnder
from simd.errors import CorruptStore, Reason, StoreError
from simd.sqlite.database import Database
from simd.sqlite.integers import signed
from simd.types import FileKey, Identity, ImageFacts, ImageId, KnownFile, Root, Stamp
from simd.vectors.ids import Ids

log = logging.getLogger(__name__)

_PAGE = 1000


class Catalogue:
    """The open catalogue. Every method may be called from any thread.

    Args:
        database: the file it lives in.
        clock: seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._counts = Counts(0, 0, {}, {})
        self._on_commit: list[Callable[[], None]] = []
        self._under = ImagesUnder()

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> Catalogue:
        """Open the catalogue at `path`, made if missing.

        Raises:
            StoreVersion: another version or program wrote the file.
            CorruptStore: the file is damaged.
            StoreError: it cannot be opened.
        """
        return cls(Database(path, SCHEMA), clock)

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    @property
    def damage(self) -> CorruptStore | None:
        """What was found to be damaged since the catalogue was opened; what is sound is still read."""
        return self._database.damage

    def check(self) -> None:
        """Read the whole file.

        Raises:
            CorruptStore: it is damaged.
        """
        self._database.check()

    def roots(self) -> list[Root]:
        """All roots, oldest first. No root lies inside another."""
        with self._database.reading() as connection:
            return queries.roots(connection)

    def sync_roots(self, configured: Sequence[bytes]) -> list[Root]:
        """Make the configured roots exist, and drop those that no longer are; roots added by hand stay.

        Of roots inside one another the outermost stands: the inner one is dropped, and its files are found again by
        the outer one's scan. What became an orphan is told by `orphans()`.
        """
        with self._writing() as connection:
            added = [path for (path,) in connection.execute("SELECT path FROM roots WHERE origin = 'added'")]
            wanted = [os.path.normpath(path) for path in configured]
            standing = queries.outermost([*wanted, *added])
            for root in queries.roots(connection):
                if root.path not in standing:
                    self._drop(connection, root.root_id)
            for path in sorted(standing.intersection(wanted)):
                connection.execute(
                    "INSERT INTO roots (path, origin) VALUES (?, 'config') ON CONFLICT DO UPDATE SET origin = 'config'",
                    (path,),
                )
            return queries.roots(connection)

    def add_root(self, path: bytes) -> Root:
        """The root that holds `path`: the one there is, or a new one, which takes the place of roots inside it."""
        path = os.path.normpath(path)
        with self._writing() as connection:
            for root in queries.roots(connection):
                if relative(root.path, path) is not None:
                    return root
                if relative(path, root.path) is not None:
                    self._drop(connection, root.root_id)
            connection.execute("INSERT INTO roots (path, origin) VALUES (?, 'added')", (path,))
            return queries.roots(connection)[-1]

    def drop_root(self, root_id: int) -> list[ImageId]:
        """Forget a root and all its files; the orphans this makes."""
        with self._writing() as connection:
            return self._drop(connection, root_id)

    def set_identity(self, root_id: int, identity: Identity) -> None:
        """Remember which directory a root is, so that another one in its place is noticed."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE roots SET device = ?, inode = ?, volume = ? WHERE root_id = ?",
                (signed(identity.device), signed(identity.inode), identity.volume, root_id),
            )

    def scanned(self, root_id: int, at: float, held_s: float | None = None) -> None:
        """Remember when a root was last scanned to the end, in seconds since the epoch, and for how many seconds its
        deletions have been held by then; None if they are not."""
        with self._writing() as connection:
            connection.execute("UPDATE roots SET last_scan = ?, held_s = ? WHERE root_id = ?", (at, held_s, root_id))

    def complete_stamps(self, root_id: int, files: Sequence[KnownFile]) -> None:
        """Add the ctime to the stamps of files that were recorded without one and are the same otherwise."""
        with self._writing() as connection:
            for file in files:
                changes.complete_stamp(connection, FileKey(root_id, file.path), file.stamp)

    def last_scans(self) -> dict[int, float]:
        """When each root was last scanned to the end; a root that never was is left out."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT root_id, last_scan FROM roots WHERE last_scan IS NOT NULL"))

    def held_s(self, root_id: int) -> float | None:
        """For how many seconds deletions of a root had been held when it was last scanned; None if they were not."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT held_s FROM roots WHERE root_id = ?", (root_id,)).fetchone()
            return None if row is None else row[0]

    def spread(self, root_id: int, count: int) -> list[bytes]:
        """The paths of at most `count` files of a root that were decided on, evenly spread over all of them."""
        with self._database.reading() as connection:
            return queries.spread(connection, root_id, count)

    def moved(self, root_id: int, paths: Iterable[bytes]) -> int:
        """Of these files of a root, how many hold an image that is also in a file which is none of them."""
        with self._database.reading() as connection:
            return queries.moved(connection, root_id, paths)

    def known(self, key: FileKey) -> Known | None:
        """What was decided about a file, and with which stamp; None if nothing was."""
        with self._database.reading() as connection:
            return queries.known(connection, key)

    def walk(self, root_id: int, under: bytes = b"") -> Iterator[KnownFile]:
        """The files of a root that were decided on, indexed or refused, in byte order of their paths.

        Args:
            root_id: the root.
            under: only the file of this relative path, and what a directory of this path holds.

        Memory is flat, and no transaction outlives a page: what changes behind the reader's back is not seen, what
        changes ahead of it is.
        """
        for scope in scopes_in(root_id, under):
            while True:
                with self._database.reading() as connection:
                    page = queries.known_files(connection, scope, _PAGE)
                yield from page
                if len(page) < _PAGE:
                    break
                scope = scope.after(FileKey(root_id, page[-1].path))

    def record(
        self, indexed: Sequence[IndexedFile], rejected: Sequence[RejectedFile] = (), deleted: Sequence[FileKey] = ()
    ) -> list[ImageId]:
        """Write down what became of files; returns the orphans this makes, sorted.

        A file is in one place only, among the indexed or in the ledger, so each line replaces whatever was there.
        Files of a root that was dropped meanwhile are passed over.

        Raises:
            StoreError: a file without facts names an image that is not known; nothing is written.
        """
        now = self._now_ms()
        with self._writing() as connection:
            live = {root.root_id for root in queries.roots(connection)}
            touched: set[ImageId] = set()
            for gone in deleted:
                touched |= changes.erase(connection, gone)
            for line in rejected:
                if line.key.root_id in live:
                    touched |= changes.erase(connection, line.key)
                    changes.write_ledger(connection, line, now)
            for file in indexed:
                changes.write_image(connection, file, now)
                touched.add(file.image_id)
                if file.key.root_id in live:
                    touched |= changes.erase(connection, file.key)
                    changes.write_file(connection, file)
            return changes.orphaned(connection, touched, now)

    def forget_rejected(self, root_id: int, under: bytes, *, removed: bool = False) -> None:
        """Strike lines at or below a path out of the ledger, so that the next scan offers their files again.

        Args:
            root_id: the root.
            under: relative to the root; b"" is all of it.
            removed: strike those that were taken out on request, instead of all others.
        """
        test = "=" if removed else "<>"
        with self._writing() as connection:
            for scope in scopes_in(root_id, under):
                connection.execute(
                    f"DELETE FROM rejected WHERE {WITHIN} AND reason {test} ?", (*scope.bounds, Reason.REMOVED.value)
                )

    def rename_under(self, root_id: int, old: bytes, new: bytes) -> list[ImageId]:
        """A file or a directory has another name now; what had that name before is gone. The orphans this makes."""
        if old == new:
            return []
        with self._writing() as connection:
            replaced = changes.delete_within(connection, scopes_in(root_id, new), self._now_ms())
            for scope in scopes_in(root_id, old):
                for table in ("files", "rejected"):
                    query = f"UPDATE {table} SET path = CAST(? || SUBSTR(path, ?) AS BLOB) WHERE {WITHIN}"
                    connection.execute(query, (new, len(old) + 1, *scope.bounds))
            return replaced

    def orphans(self) -> list[ImageId]:
        """Images that have no file now; their facts are kept until `purge_images`."""
        with self._database.reading() as connection:
            return queries.orphans(connection)

    def purge_images(self, before_ms: int) -> list[ImageId]:
        """Forget images that have had no file since before this moment (milliseconds since the epoch)."""
        with self._writing() as connection:
            gone = connection.execute("DELETE FROM images WHERE orphaned_ms < ? RETURNING image_id", (before_ms,))
            purged = sorted(ImageId(image_id) for (image_id,) in gone.fetchall())
            feed.forget_gone(connection)
            return purged

    def changes(self, since: Position | None, limit: int = _PAGE) -> Changes:
        """The images that changed after a position, or all of them: see `feed`."""
        with self._database.reading() as connection:
            return feed.changes(connection, since, limit)

    def behind(self, since: Position | None) -> int:
        """How many images changed after a position; how many have a file, where the feed starts over."""
        with self._database.reading() as connection:
            return feed.behind(connection, since)

    def position(self) -> Position:
        """Where a reader of the changes is that knows all of them."""
        with self._database.reading() as connection:
            return feed.position(connection)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have something called after every transaction that changed images, in the thread that made it: it is short,
        and raises nothing."""
        self._on_commit.append(call)

    def searchable(self, image_ids: Iterable[ImageId]) -> dict[ImageId, SearchableImage]:
        """Each image with its files and facts; an image without a file is left out."""
        with self._database.reading() as connection:
            return queries.searchable(connection, image_ids)

    def files_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, list[bytes]]:
        """The absolute paths of each image, sorted; an image without a file is left out."""
        with self._database.reading() as connection:
            return queries.files_of(connection, image_ids)

    def facts_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, ImageFacts]:
        """What decoding told about each image, orphans too; an unknown image is left out."""
        with self._database.reading() as connection:
            return queries.facts_of(connection, image_ids)

    def copies(self, image_ids: Ids) -> Copies:
        """The files of these images, uint8 `(n, 16)`, and of those that may have companions or copies: see `Copies`."""
        with self._database.reading() as connection:
            return copies.copies(connection, image_ids)

    def count_directly_in(self, folders: Sequence[bytes]) -> list[int]:
        """How many indexed files are in each folder, by its absolute path, itself."""
        with self._database.reading() as connection:
            return copies.count_directly_in(connection, folders)

    def known_at(self, absolute: bytes) -> Known | None:
        """What was decided about a file, by its absolute path; None if nothing was."""
        with self._database.reading() as connection:
            key = queries.locate(queries.roots(connection), os.path.normpath(absolute))
            return queries.known(connection, key) if key else None

    def images_at(self, paths: Iterable[bytes]) -> dict[bytes, ImageId]:
        """The images of indexed files, by their absolute paths; what is no indexed file is left out."""
        with self._database.reading() as connection:
            return queries.images_at(connection, paths)

    def images_under(self, prefix: bytes) -> Ids:
        """Read-only uint8 `(n, 16)`: the images of the files at or below an absolute path, one for each; b"" is all."""
        with self._database.reading() as connection:
            return self._under.of(connection, scopes_under(queries.roots(connection), prefix))

    def image_ids(self) -> Iterator[ImageId]:
        """All images that have a file, in order, in flat memory."""
        last = b""
        while True:
            with self._database.reading() as connection:
                page = queries.image_ids(connection, last, _PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]

    def files(self, *, after: FileKey | None = None, limit: int = _PAGE, under: bytes = b"") -> list[ListedFile]:
        """A page of the indexed files at or below an absolute path, in key order.

        Args:
            after: the last key of the page before.
            limit: the most files to return.
            under: an absolute path; b"" is everything.
        """
        with self._database.reading() as connection:
            return queries.files(connection, self._after(connection, after, under), limit)

    def rejections(self, *, after: FileKey | None = None, limit: int = _PAGE, under: bytes = b"") -> list[LedgerLine]:
        """A page of the ledger; arguments as for `files`."""
        with self._database.reading() as connection:
            return queries.ledger(connection, self._after(connection, after, under), limit)

    def removed(self) -> list[tuple[bytes, Stamp]]:
        """The absolute paths and stamps of the files that were taken out on request."""
        with self._database.reading() as connection:
            return queries.removed(connection)

    def count_files(self, under: bytes = b"") -> int:
        """How many indexed files are at or below an absolute path; b"" is everything."""
        return self._count("files", under) if under else self.counts().files

    def count_rejections(self, under: bytes = b"") -> int:
        """How many lines of the ledger are at or below an absolute path; b"" is everything."""
        return self._count("rejected", under) if under else sum(self.counts().failed_by_reason.values())

    def counts(self) -> Counts:
        """How much there is, in the same short time whatever that is."""
        with self._database.reading() as connection:
            return queries.counts(connection)

    def last_counts(self) -> Counts:
        """As `counts`; where they cannot be read now, those that were read last."""
        try:
            self._counts = self.counts()
        except StoreError as error:
            if self._counts.current:
                log.error("%s", error)
            self._counts = replace(self._counts, current=False)
        return self._counts

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._database.writing() as connection:
            before = feed.revision(connection)
            yield connection
            changed = feed.revision(connection) != before
        if changed:
            for call in self._on_commit:
                call()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _count(self, table: str, under: bytes) -> int:
        with self._database.reading() as connection:
            return queries.count(connection, table, scopes_under(queries.roots(connection), under))

    def _after(self, connection: sqlite3.Connection, after: FileKey | None, under: bytes) -> list[Scope]:
        scopes = scopes_under(queries.roots(connection), under)
        return scopes if after is None else [s.after(after) for s in scopes if after < s.high]

    def _drop(self, connection: sqlite3.Connection, root_id: int) -> list[ImageId]:
        orphans = changes.delete_within(connection, scopes_in(root_id, b""), self._now_ms())
        connection.execute("DELETE FROM roots WHERE root_id = ?", (root_id,))
        return orphans
