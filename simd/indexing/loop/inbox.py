"""Hints of the watcher on their way to the indexing thread: memory is bounded, and the watcher never waits.

With more than `limit` hints waiting, those of the root that got the last one are replaced by one: scan all of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from simd.watch.events import Hint, HintKind


class Inbox:
    """Hints in the order they came; `offer` may be called from any thread.

    Args:
        handle: called with one hint, in the indexing thread.
        post: has something run in the indexing thread, soon.
        limit: how many hints wait at most.
    """

    def __init__(
        self, handle: Callable[[Hint], None], post: Callable[[Callable[[], None]], None], limit: int = 50_000
    ) -> None:
        self._handle = handle
        self._post = post
        self._limit = limit
        self._lock = threading.Lock()
        self._hints: deque[Hint] = deque()
        self._overflowed: set[int] = set()
        self._posted = False

    def offer(self, hint: Hint) -> None:
        """Add a hint, and have it handled."""
        with self._lock:
            if hint.root_id not in self._overflowed:
                self._put(hint)
            posted, self._posted = self._posted, True
        if not posted:
            self._post(self._drain)

    def _put(self, hint: Hint) -> None:
        if len(self._hints) >= self._limit:
            self._hints = deque(h for h in self._hints if h.root_id != hint.root_id)
            self._overflowed.add(hint.root_id)
            hint = Hint(HintKind.OVERFLOW, hint.root_id, b"")
        self._hints.append(hint)

    def _drain(self) -> None:
        """Handle those that are there now; later ones have another turn, so that the indexing thread goes on."""
        try:
            for _ in range(len(self._hints)):
                if (hint := self._take()) is not None:
                    self._handle(hint)
        finally:
            with self._lock:
                self._posted = bool(self._hints)
            if self._posted:
                self._post(self._drain)

    def _take(self) -> Hint | None:
        with self._lock:
            if not self._hints:
                return None
            hint = self._hints.popleft()
            if hint.kind is HintKind.OVERFLOW:
                self._overflowed.discard(hint.root_id)
            return hint
