"""What became of files, for the log: a line a minute instead of one for each file."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter

from simd.errors import Reason
from simd.seldom import Seldom
from simd.types import Rejection

log = logging.getLogger(__name__)


class Summary:
    """Every method may be called from any thread. Each file has a line of its own at the level `debug`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seldom = Seldom(log)
        self._begin()

    def _begin(self) -> None:
        self._indexed = self._embedded = self._deleted = 0
        self._rejected: Counter[Reason] = Counter()
        self._examples: dict[Reason, str] = {}

    def recorded(self, indexed: int, embedded: int, deleted: int) -> None:
        """A batch was recorded: how many files are indexed, pictures were embedded, and files are gone."""
        if indexed:
            log.debug("indexed %d files: %d embedded", indexed, embedded)
        with self._lock:
            self._indexed += indexed
            self._embedded += embedded
            self._deleted += deleted

    def rejected(self, path: bytes, why: Rejection) -> None:
        """A file, by its absolute path, is not indexed."""
        name = f"{os.fsdecode(path)!r}: {why.detail}"
        log.debug("not indexed: %s: %s", why.reason, name)
        with self._lock:
            self._rejected[why.reason] += 1
            self._examples.setdefault(why.reason, name)

    def postponed(self, root_id: int, why: Exception) -> None:
        """A file of a root cannot be judged now."""
        self._seldom.tell(logging.WARNING, (root_id, type(why)), str(why))

    def flush(self) -> None:
        """Log what became of files since the last call, if anything did."""
        with self._lock:
            parts = [f"indexed: {self._indexed}, with {self._embedded} new vectors"] if self._indexed else []
            parts += [f"gone: {self._deleted}"] if self._deleted else []
            parts += [
                f"refused as {reason}: {count}, such as {self._examples[reason]}"
                for reason, count in self._rejected.most_common()
            ]
            self._begin()
        self._seldom.flush()
        if parts:
            log.info("%s", "; ".join(parts))
