"""Labels: what people said images are, by content."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from threading import Lock

from simd.sqlite.database import Database
from simd.types import ImageId


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
        wanted, found = list(image_ids), dict[ImageId, list[str]]()
        with self._database.reading() as connection:
            for start in range(0, len(wanted), 500):
                some = wanted[start : start + 500]
                query = f"SELECT image_id, label FROM labels WHERE image_id IN ({', '.join('?' * len(some))})"
                for image_id, label in connection.execute(query, some):
                    found.setdefault(ImageId(image_id), []).append(label)
        return {image_id: tuple(sorted(labels)) for image_id, labels in found.items()}

    def all(self) -> dict[ImageId, tuple[str, ...]]:
        """Every labelled image with its labels, sorted; a million take about 200 MB."""
        raise NotImplementedError
