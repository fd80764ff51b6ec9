"""What people said: the only state that neither a scan nor the model can make again.

A file that was taken out of the answers is remembered by its path and its content, so it stays out whatever happens to
the catalogue, which may be deleted, and to other files. Content that nobody had read by then is known by the stamp.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from simd.decisions.duplicates import Duplicates
from simd.decisions.labels import Labels
from simd.decisions.schema import SCHEMA
from simd.errors import Reason
from simd.sqlite.database import Database
from simd.sqlite.integers import signed
from simd.types import ImageId, Rejection, Stamp

REMOVED = Rejection(Reason.REMOVED, "taken out on request; add it again to have it back")
"""Why a file that was taken out is not indexed."""

_UNDER = "(path = ?1 OR (path > ?2 AND path < ?3))"


@dataclass(frozen=True, slots=True)
class Removed:
    """A file that was taken out. `image_id` is None where its content had not been read."""

    path: bytes
    stamp: Stamp
    image_id: ImageId | None


class Decisions:
    """The open file. Every method may be called from any thread.

    Args:
        path: the file, made if missing.
        clock: seconds since the epoch.

    Attributes:
        duplicates: what was said of groups of copies.
        labels: what people said images are.

    Raises:
        StoreVersion: another version or program wrote the file.
        CorruptStore: it is damaged.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._database = Database(path, SCHEMA)
        self.duplicates = Duplicates(self._database, clock)
        self.labels = Labels(self._database, clock)
        with self._database.reading() as connection:
            self._any = connection.execute("SELECT 1 FROM removed LIMIT 1").fetchone() is not None

    def close(self) -> None:
        """Close the file; reads and writes after this are refused."""
        self._database.close()

    def remove(self, files: Iterable[Removed], *, again: bool = True) -> None:
        """Remember that files, by their absolute paths, were taken out.

        Args:
            files: which.
            again: whether this counts more than what is remembered of the same paths.
        """
        now = int(self._clock() * 1000)
        rows = [(f.path, f.image_id, f.stamp.size, signed(f.stamp.mtime_ns), now) for f in files]
        if rows:
            with self._database.writing() as connection:
                how = "REPLACE" if again else "IGNORE"
                connection.executemany(f"INSERT OR {how} INTO removed VALUES (?, ?, ?, ?, ?)", rows)
            self._any = True

    def restore(self, under: bytes) -> None:
        """Forget removals at or below an absolute path."""
        if self._any:
            with self._database.writing() as connection:
                connection.execute(f"DELETE FROM removed WHERE {_UNDER}", _bounds(under))

    def moved(self, old: bytes, new: bytes) -> None:
        """A file or folder has another absolute path now."""
        if self._any:
            with self._database.writing() as connection:
                connection.execute(
                    f"UPDATE OR REPLACE removed SET path = CAST(?4 || SUBSTR(path, LENGTH(?1) + 1) AS BLOB) "
                    f"WHERE {_UNDER}",
                    (*_bounds(old), new),
                )

    def is_removed(self, path: bytes, image_id: ImageId, stamp: Stamp) -> bool:
        """Whether the file at an absolute path was taken out as it is now."""
        if not self._any:
            return False
        with self._database.reading() as connection:
            row = connection.execute("SELECT image_id, size, mtime_ns FROM removed WHERE path = ?", (path,)).fetchone()
        if row is None:
            return False
        content, *rest = row
        return bool(content == image_id) if content is not None else rest == [stamp.size, signed(stamp.mtime_ns)]


def _bounds(path: bytes) -> tuple[bytes, bytes, bytes]:
    """The parameters of `_UNDER`: a path and what a folder of that name holds."""
    return path, path + b"/", path + b"0"
