"""Labels: what people said images are, by content.

An image has the labels that were said of any of its files. Which file that was is remembered as a number, so that
copies of one image that were labelled differently can be told from an image that has several labels.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from simd.sqlite.database import Database
from simd.types import ImageId

Said = Mapping[int, tuple[str, ...]]
"""The labels of an image, sorted, by the number of the file that they were said of."""

_AT_ONCE = 500
"""Any SQLite takes so many parameters."""
_NEVER = 1 << 63


def file_number(path: bytes) -> int:
    """What stands for a file, by its absolute path: never 0, which stands for the content alone."""
    digest = hashlib.blake2b(path, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


def of_file(said: Said, path: bytes) -> tuple[str, ...]:
    """The labels of one file of an image: those that were said of it, or else of the image."""
    return said.get(file_number(path)) or united(said)


def united(said: Said) -> tuple[str, ...]:
    """All labels of an image, sorted."""
    return tuple(sorted({label for labels in said.values() for label in labels}))


@dataclass(frozen=True, slots=True)
class Labelling:
    """What is said of an image: its labels, and the absolute path of the file that they were said of; None is the
    content alone."""

    image_id: ImageId
    labels: Collection[str]
    path: bytes | None = None


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How many labels are new to their image, how many were taken away, and when, in milliseconds since the epoch."""

    added: int
    removed: int
    at_ms: int


class Labels:
    """Every method may be called from any thread.

    Args:
        database: the file of decisions.
        clock: seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._revision = 0

    @property
    def revision(self) -> int:
        """Another number after every change; it begins anew with the daemon."""
        return self._revision

    def of(self, image_ids: Collection[ImageId]) -> dict[ImageId, tuple[str, ...]]:
        """The labels of images, sorted; an image without any is left out."""
        return {image_id: united(said) for image_id, said in self.said(image_ids).items()}

    def said(self, image_ids: Collection[ImageId]) -> dict[ImageId, Said]:
        """The labels of images, by the files that they were said of; an image without any is left out."""
        with self._database.reading() as connection:
            rows = [(image_id, label, file) for image_id, label, file, _ in _rows(connection, image_ids)]
        return _by_image(rows)

    def all(self) -> dict[ImageId, tuple[str, ...]]:
        """Every labelled image with its labels, sorted; a million take about 200 MB."""
        found: dict[ImageId, tuple[str, ...]] = {}
        # Most images share their labels with many others.
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        with self._database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT image_id, label FROM labels ORDER BY image_id, label")
            last = b""
            labels: tuple[str, ...] = ()
            for image_id, label in rows:
                labels = (*labels, label) if image_id == last else (label,)
                last = image_id
                found[image_id] = known.setdefault(labels, labels)
        return found

    def disputed(self) -> list[ImageId]:
        """The images whose files were labelled differently, in order."""
        several = "SELECT image_id FROM labels GROUP BY image_id HAVING MIN(file) <> MAX(file) ORDER BY image_id"
        with self._database.reading() as connection:
            ids = [ImageId(image_id) for (image_id,) in connection.execute(several)]
        return [image_id for image_id, said in self.said(ids).items() if len(set(said.values())) > 1]

    def page(self, after: bytes, limit: int) -> dict[ImageId, Said]:
        """The next `limit` labelled images in order, as `said` gives them; those after `after`."""
        ids = "SELECT DISTINCT image_id FROM labels WHERE image_id > ? ORDER BY image_id LIMIT ?"
        query = f"SELECT image_id, label, file FROM labels WHERE image_id IN ({ids}) ORDER BY image_id, label, file"
        with self._database.reading() as connection:
            rows = connection.execute(query, (after, limit)).fetchall()
        return _by_image(rows)

    def counts(self) -> dict[str, int]:
        """How many images carry each label, in the order of the labels."""
        query = "SELECT label, COUNT(DISTINCT image_id) FROM labels GROUP BY label ORDER BY label"
        with self._database.reading() as connection:
            return dict(connection.execute(query).fetchall())

    def count_images(self) -> int:
        """How many images are labelled."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT COUNT(DISTINCT image_id) FROM labels").fetchone()[0])

    def put(
        self, said: Sequence[Labelling], *, replace: bool = False, since_ms: int | None = None, dry_run: bool = False
    ) -> LabelChange:
        """Label images.

        Args:
            said: which, and how; what is said of one image several times is all true.
            replace: take away what labels these images have otherwise.
            since_ms: but for those that were said at this moment or later, in milliseconds since the epoch.
            dry_run: change nothing, and only tell what would change.
        """
        # The clock may be set back meanwhile, and what is said now would then be taken for older.
        now = max(int(self._clock() * 1000), since_ms or 0)
        kept_from = None if not replace else _NEVER if since_ms is None else since_ms
        if dry_run:
            with self._database.reading() as connection:
                return _Difference(connection, said, kept_from).change(now)
        with self._database.writing() as connection:
            difference = _Difference(connection, said, kept_from)
            connection.executemany("DELETE FROM labels WHERE image_id = ? AND label = ? AND file = ?", difference.gone)
            connection.executemany(
                "INSERT INTO labels VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
                [(*line, now) for line in difference.lines],
            )
        self._changed()
        return difference.change(now)

    def clear(self, image_ids: Iterable[ImageId] | None, labels: Collection[str] = ()) -> int:
        """Take labels away.

        Args:
            image_ids: of which images; None is all.
            labels: only these; none means every one.

        Returns:
            how many labels were taken away, counted once for each image.
        """
        removed = 0
        with self._database.writing() as connection:
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (label TEXT PRIMARY KEY)")
            connection.execute("DELETE FROM chosen")
            connection.executemany("INSERT OR IGNORE INTO chosen VALUES (?)", [(label,) for label in labels])
            which = "label IN (SELECT label FROM chosen)" if labels else "TRUE"
            if image_ids is None:
                count = f"SELECT COUNT(*) FROM (SELECT DISTINCT image_id, label FROM labels WHERE {which})"
                removed = connection.execute(count).fetchone()[0]
                connection.execute(f"DELETE FROM labels WHERE {which}")
            else:
                for image_id in set(image_ids):
                    gone = connection.execute(
                        f"DELETE FROM labels WHERE image_id = ? AND {which} RETURNING label", (image_id,)
                    )
                    removed += len({label for (label,) in gone.fetchall()})
        self._changed()
        return removed

    def _changed(self) -> None:
        with self._lock:
            self._revision += 1


_Line = tuple[ImageId, str, int]
"""Image, label, number of the file."""


class _Difference:
    """What saying something changes.

    Args:
        connection: where the labels are.
        said: what is said.
        kept_from: what was said before this moment is taken away; None takes nothing away.

    Attributes:
        lines: what is said, each once.
        gone: what is taken away.
    """

    def __init__(self, connection: sqlite3.Connection, said: Sequence[Labelling], kept_from: int | None) -> None:
        self.lines: set[_Line] = {
            (one.image_id, label, 0 if one.path is None else file_number(one.path))
            for one in said
            for label in one.labels
        }
        before: dict[_Line, int] = {
            (image_id, label, file): at_ms
            for image_id, label, file, at_ms in _rows(connection, {one.image_id for one in said})
        }
        self.gone = (
            []
            if kept_from is None
            else [line for line, at_ms in before.items() if at_ms < kept_from and line not in self.lines]
        )
        self._before = {line[:2] for line in before}
        self._after = {line[:2] for line in (before.keys() - set(self.gone)) | self.lines}

    def change(self, at_ms: int) -> LabelChange:
        """How much that is."""
        return LabelChange(len(self._after - self._before), len(self._before - self._after), at_ms)


def _rows(connection: sqlite3.Connection, image_ids: Iterable[ImageId]) -> Iterator[tuple[ImageId, str, int, int]]:
    """The rows of some images, image by image in order."""
    left = iter(sorted(set(image_ids)))
    while some := list(islice(left, _AT_ONCE)):
        places = ", ".join("?" * len(some))
        query = f"SELECT image_id, label, file, at_ms FROM labels WHERE image_id IN ({places}) ORDER BY 1, 2, 3"
        yield from connection.execute(query, some)


def _by_image(rows: Iterable[tuple[ImageId, str, int]]) -> dict[ImageId, Said]:
    found: dict[ImageId, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for image_id, label, file in rows:
        found[image_id][file].append(label)
    return {image_id: {file: tuple(labels) for file, labels in said.items()} for image_id, said in found.items()}
