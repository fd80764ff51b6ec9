"""Renditions that were made before, in files of a directory of the state: a cache, which may be lost at any time.

    <state>/renditions/<image id>.<kind>-<its fields>

A file has its name once all of it is on disk, so what a crash left is whole or has the name of no rendition. Those that
were not asked for the longest go when there are more bytes than allowed; when they were is their modification time.
Nothing that goes wrong here is told to whoever asks: what cannot be kept is made again.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import OrderedDict
from itertools import count
from pathlib import Path

from simd.durable import Disk
from simd.errors import StoreError
from simd.featurize.decode.renditions import Rendition, to_json
from simd.types import ImageId

log = logging.getLogger(__name__)

_UNFINISHED = ".new"


class RenditionCache:
    """Every method may be called from any thread.

    Args:
        state_dir: it exists, and is locked by this process.
        max_bytes: of all files together.
        disk: where they are.
    """

    def __init__(self, state_dir: Path, max_bytes: int, disk: Disk | None = None) -> None:
        self._directory = state_dir / "renditions"
        self._max_bytes = max_bytes
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        self._numbers = count()
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._failing = False
        try:
            self._disk.make_dir(self._directory)
            self._look()
        except (OSError, StoreError) as error:
            self._tell(error)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        with self._lock:
            return self._bytes

    def get(self, image_id: ImageId, rendition: Rendition) -> bytes | None:
        """What was put there; None where it was not, or is gone."""
        name = _name(image_id, rendition)
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
        path = self._directory / name
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            self._forget(name)
            return None
        return data

    def put(self, image_id: ImageId, rendition: Rendition, data: bytes) -> None:
        """Keep it, if that can be. The bytes of a rendition are always the same: what is there stays."""
        name = _name(image_id, rendition)
        with self._lock:
            if name in self._kept or len(data) > self._max_bytes:
                return
        unfinished = self._directory / f"{next(self._numbers)}{_UNFINISHED}"
        try:
            self._disk.write_new(unfinished, [data])
            self._disk.failpoint("renditions.before_rename")
            self._disk.rename(unfinished, self._directory / name)
        except StoreError as error:
            self._tell(error)
            self._remove(unfinished)
            return
        self._failing = False
        with self._lock:
            self._bytes += len(data) - self._kept.pop(name, 0)
            self._kept[name] = len(data)
            self._evict()

    def _look(self) -> None:
        """Find what is there; what a crash left unfinished goes."""
        found = []
        for entry in list(os.scandir(self._directory)):
            if _NAME.fullmatch(entry.name):
                status = entry.stat()
                found.append((status.st_mtime_ns, entry.name, status.st_size))
            elif entry.name.endswith(_UNFINISHED):
                self._remove(Path(entry.path))
        with self._lock:
            self._kept.update((name, size) for _, name, size in sorted(found))
            self._bytes = sum(self._kept.values())
            self._evict()

    def _evict(self) -> None:
        """Make room. With the lock."""
        while self._bytes > self._max_bytes:
            name, size = self._kept.popitem(last=False)
            self._bytes -= size
            self._remove(self._directory / name)

    def _forget(self, name: str) -> None:
        """It cannot be read. If somebody has just put it there anew, it is found at the next start."""
        with self._lock:
            self._bytes -= self._kept.pop(name, 0)

    def _remove(self, path: Path) -> None:
        try:
            self._disk.remove(path)
        except (OSError, StoreError) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        """Say it once, until it works again."""
        if not self._failing:
            log.warning("a thumbnail cannot be kept, and is made again each time: %s", error)
        self._failing = True


_NAME = re.compile(r"[0-9a-f]{32}\.[a-z]+(-[0-9a-z.]+)+")


def _name(image_id: ImageId, rendition: Rendition) -> str:
    kind, *fields = to_json(rendition)
    words = [str(part) for field in fields for part in (field if isinstance(field, tuple) else (field,))]
    return f"{image_id.hex()}.{'-'.join([kind, *words])}"
