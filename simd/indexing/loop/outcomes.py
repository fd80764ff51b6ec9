"""The callers that wait for a file, and what became of it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass

from simd.types import FileKey, ImageId, Rejection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its image, or why it was refused, or neither when it is gone."""

    image_id: ImageId | None
    rejection: Rejection | None


GONE = Outcome(None, None)


class Outcomes:
    """Futures by file, for requests that wait until a file is decided. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[FileKey, list[Future[Outcome]]] = {}

    def expect(self, key: FileKey) -> Future[Outcome]:
        """A future of the next outcome for this file."""
        future: Future[Outcome] = Future()
        with self._lock:
            self._waiting.setdefault(key, []).append(future)
        return future

    def __contains__(self, key: FileKey) -> bool:
        """Whether a caller waits for this file."""
        with self._lock:
            return key in self._waiting

    def resolve(self, key: FileKey, outcome: Outcome) -> None:
        """Answer all who wait for this file."""
        with self._lock:
            futures = self._waiting.pop(key, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(outcome)

    def resolve_all(self, outcome: Outcome) -> None:
        """Answer all who still wait, for whatever file."""
        with self._lock:
            keys = list(self._waiting)
        for key in keys:
            self.resolve(key, outcome)

    def fail_all(self, error: Exception) -> None:
        """Answer all who still wait with an error."""
        with self._lock:
            futures = [future for waiting in self._waiting.values() for future in waiting]
            self._waiting.clear()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
