"""Renditions that were made before, in files of a directory of the state: a cache, which may be lost at any time.

    <state>/renditions/<image id>.<kind>-<its fields>     the rendition's bytes, and a CRC-32 of name and bytes

A file has its name once all of it is written. Nothing is synced, as the next pictures would wait for that: what a power
cut leaves of a file, or anything else does to it, its checksum tells, and it is made again.

Nothing is kept in memory of each file. When it was asked for is its modification time, and when there is hardly any
room left a thread lists the directory and removes those that were not asked for the longest. It lists it at the start
as well, while the cache is in use already. Nothing that goes wrong here is told to whoever asks.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from simd.durable import Disk
from simd.errors import StoreError
from simd.featurize.decode.renditions import Rendition, max_bytes, to_json
from simd.supervision import Threads
from simd.types import ImageId

log = logging.getLogger(__name__)

_UNFINISHED = ".new"
_NAME = re.compile(r"[0-9a-f]{32}\.[a-z]+(-[0-9a-z.]+)+")
_CHECKSUM_BYTES = 4
_TOUCH_NS = 3600 * 10**9
"""One that was asked for within this time need not be told from one that is asked for now."""
_HIGH, _LOW = 15 / 16, 7 / 8
"""Of the room: how much may be in use before some is made, and how much is in use then."""


class RenditionCache:
    """Every method may be called from any thread.

    Args:
        state_dir: it exists, and is locked by this process.
        max_bytes: of all files together; 0 keeps none, and removes what is there.
        disk: where they are.
        threads: runs the thread that makes room.
        clock: nanoseconds since the epoch.
    """

    def __init__(
        self,
        state_dir: Path,
        max_bytes: int,
        disk: Disk | None = None,
        threads: Threads | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._directory = state_dir / "renditions"
        self._max_bytes = max_bytes
        self._disk = disk or Disk()
        self._clock = clock
        self._lock = threading.Lock()
        self._mark = secrets.token_hex(4)
        self._numbers = count()
        self._bytes = 0
        self._unfinished = 0
        self._failing = False
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._wanted.set()
        self._thread = (threads or Threads()).start("renditions", self._run, self._stopping)

    @property
    def size(self) -> int:
        """Bytes of all files together, as far as they were counted: at the start they are not yet."""
        return self._bytes

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join()

    def get(self, image_id: ImageId, rendition: Rendition) -> bytes | None:
        """What was put there; None where it was not, or is gone or damaged."""
        if not self._max_bytes:
            return None
        name = _name(image_id, rendition)
        path = self._directory / name
        try:
            with path.open("rb") as file:
                data = file.read(max_bytes(rendition) + _CHECKSUM_BYTES + 1)
                self._touch(file.fileno())
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(error)
            return None
        made = data[:-_CHECKSUM_BYTES]
        if data[-_CHECKSUM_BYTES:] != _checksum(name, made):
            self._remove(path)
            return None
        return made

    def put(self, image_id: ImageId, rendition: Rendition, data: bytes) -> None:
        """Keep it, if that can be."""
        if not self._max_bytes:
            return
        name = _name(image_id, rendition)
        size = len(data) + _CHECKSUM_BYTES
        with self._lock:
            fits = self._bytes + size <= self._max_bytes
            if fits:
                self._bytes += size
                self._unfinished += size
        if fits:
            self._place(name, data, size)
        if self._bytes > self._max_bytes * _HIGH or not fits:
            self._wanted.set()

    def _place(self, name: str, data: bytes, size: int) -> None:
        unfinished = self._directory / f"{self._mark}-{next(self._numbers)}{_UNFINISHED}"
        try:
            self._disk.make_dir(self._directory)
            self._disk.place(self._directory / name, [data, _checksum(name, data)], unfinished)
        except (OSError, StoreError) as error:
            self._tell(error)
            self._remove(unfinished)
            with self._lock:
                self._bytes -= size
        else:
            self._failing = False
        finally:
            with self._lock:
                self._unfinished -= size

    def _touch(self, fd: int) -> None:
        """It is asked for now."""
        now = self._clock()
        if abs(now - os.fstat(fd).st_mtime_ns) > _TOUCH_NS:
            try:
                os.utime(fd, ns=(now, now))
            except OSError as error:
                self._tell(error)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._stopping.is_set():
                return
            self._wanted.clear()
            self._make_room()

    def _make_room(self) -> None:
        """Count what is there, and remove the oldest of it if it is too much; what a crash left unfinished goes."""
        with self._lock:
            before = self._bytes - self._unfinished
        total = sum(size for _, size, _ in self._listed())
        if total > self._max_bytes * _HIGH:
            for _, size, name in sorted(self._listed()):
                if total <= self._max_bytes * _LOW or self._stopping.is_set():
                    break
                self._remove(self._directory / name)
                total -= size
        with self._lock:
            # What is put meanwhile may be counted twice, until the next time, and is never left out.
            self._bytes += total - before

    def _listed(self) -> Iterator[tuple[int, int, str]]:
        """When each was asked for, its bytes and its name. One that is removed meanwhile is left out."""
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    if self._stopping.is_set():
                        return
                    if _NAME.fullmatch(entry.name):
                        with suppress(FileNotFoundError):
                            status = entry.stat(follow_symlinks=False)
                            yield status.st_mtime_ns, status.st_size, entry.name
                    elif entry.name.endswith(_UNFINISHED) and not entry.name.startswith(self._mark):
                        self._remove(Path(entry.path))
        except FileNotFoundError:
            return
        except OSError as error:
            self._tell(error)

    def _remove(self, path: Path) -> None:
        try:
            self._disk.remove(path)
        except (OSError, StoreError) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        """Say it once, until it works again."""
        if not self._failing:
            log.warning("thumbnails cannot be kept, and are made again each time: %s", error)
        self._failing = True


def _checksum(name: str, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(name.encode())).to_bytes(_CHECKSUM_BYTES, "little")


def _name(image_id: ImageId, rendition: Rendition) -> str:
    kind, *fields = to_json(rendition)
    words = [str(part) for field in fields for part in (field if isinstance(field, tuple) else (field,))]
    return f"{image_id.hex()}.{'-'.join([kind, *words])}"
