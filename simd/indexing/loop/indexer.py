"""The loop: the one thread that writes the index and the catalogue.

Everything that changes them goes through it: hints of the watcher and requests (as commands, run between two batches)
and scans (via the queue). So there is nothing to lock between them, and the order of what happened is the order of what
is recorded.
"""

from __future__ import annotations

import logging
import threading

from simd.errors import NotReady, StoreError, for_callers
from simd.indexing.loop.batches import LINGER_S, Batches
from simd.indexing.loop.commands import Commands
from simd.indexing.loop.dispatcher import Dispatcher
from simd.indexing.loop.outcomes import GONE
from simd.indexing.loop.pipeline import Pipeline
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.models.backfill import Backfill
from simd.indexing.orphans import Orphans
from simd.supervision import Backoff, Threads
from simd.types import FileKey

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 1.0
"""The longest wait of the loop after an error: commands have to wait for it."""


class Indexer:
    """Runs the loop in its own thread from `start` to `stop`.

    Attributes:
        queue: the files that wait.
        batches: they count the files that were decided.
        commands: what other threads have the loop's thread run.
    """

    def __init__(
        self,
        queue: WorkQueue,
        pipeline: Pipeline,
        batches: Batches,
        dispatcher: Dispatcher,
        backfill: Backfill,
        orphans: Orphans,
        threads: Threads,
    ) -> None:
        self.queue = queue
        self.batches = batches
        self.commands = Commands(queue.wake, self._failed)
        self._dispatcher = dispatcher
        self._pipeline = pipeline
        self._backfill = backfill
        self._orphans = orphans
        self._threads = threads
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._busy = False
        self._turns = 0
        self._turns_seen = 0
        self._trouble = self._logged = ""
        self._failures = Backoff(0.1, _LONGEST_PAUSE_S)

    def start(self) -> None:
        """Begin."""
        self.commands.post(self._backfill.start)
        self._thread = self._threads.start("indexer", self._run, self._stopping)

    def end(self) -> None:
        """End after the batch under way; what is not done is found again by the next scan."""
        self.commands.close()
        self._stopping.set()
        self.queue.close()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread is not None:
            self._thread.join()
        # Commands that were accepted are run, as callers wait for them.
        self.commands.drain()
        self.queue.outcomes.fail_all(NotReady("the daemon is stopping"))

    def is_alive(self) -> bool:
        """Whether the loop moved since the last call, which wakes it: an idle loop has moved by the next one."""
        moved = self._turns != self._turns_seen
        self._turns_seen = self._turns
        self.queue.wake()
        return moved

    @property
    def trouble(self) -> str:
        """Why indexing waits before it tries again, for callers; empty while it does not."""
        return "; ".join(text for text in (self._trouble, self.batches.trouble) if text)

    @property
    def pending(self) -> int:
        """Files not yet decided; at least 1 while the loop is at work, and 0 only when there is nothing to do."""
        return self._undecided(vectors=True)

    def is_idle(self) -> bool:
        """Whether no file waits or is in flight; what only lacks a vector does not count."""
        return self._undecided(vectors=False) == 0

    def sizes(self) -> dict[str, int]:
        """How many files wait, by what for; one that moves on meanwhile may be in none of them, or in two."""
        return {
            **self.queue.sizes(),
            "decoding": len(self._pipeline),
            "committing": len(self.batches),
            "without_vector": self._backfill.pending,
        }

    def root_scanned(self) -> None:
        """A root was scanned as a whole, and may have images again that were unreachable; from any thread."""
        self.commands.post(self._backfill.begin_pass)

    def discard(self, key: FileKey) -> None:
        """Drop whatever is in flight of a file; called from a command."""
        self.queue.discard(key)
        self._pipeline.drop(key)
        self.batches.drop(key)

    def _undecided(self, *, vectors: bool) -> int:
        turns = self._turns
        waiting = len(self.queue) + len(self.commands) + int(self._orphans.pending)
        # What is missing in an index is so until it is committed, so most of what is in flight is counted there too.
        waiting += max(len(self._pipeline) + len(self.batches), self._backfill.pending if vectors else 0)
        # A file that moves from one of these to another may be in none of them for a moment, or missed by counting them
        # one by one: both only while the loop runs.
        moved = self._busy or self._turns != turns
        return max(waiting, int(moved))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._busy = True
            self._turns += 1
            try:
                self._turn()
                self._trouble = self._logged = ""
                self._failures.succeeded()
            except Exception as error:  # noqa: BLE001 - it is logged where its kind is known
                self._failed(error)
                self._stopping.wait(self._failures.failed())

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._threads.failed("indexer", error)
        elif str(error) != self._logged:
            log.error("indexing failed and goes on: %s", error)
            self._logged = str(error)
        self._trouble = for_callers(error)

    def _turn(self) -> None:
        self.queue.begin_turn()
        self.commands.drain()
        self.queue.refill()
        # First room is made, so that decoding has a full window to go on with while a batch is embedded.
        self._go_on_decoding()
        self._orphans.run()
        if self.batches.due:
            self._finish()
        elif len(self.batches):
            self._wait(self.batches.wait_s, self.queue.next_due())
        else:
            self._rest()

    def _finish(self) -> None:
        """Embed and commit what is ready, or try that again."""
        if self.batches.embed():
            try:
                # Decoding has run ahead to the end of its window, and both cores would be idle during the commit.
                self._go_on_decoding()
            finally:
                # An error with the next files affects none of these.
                self.batches.commit()

    def _go_on_decoding(self) -> None:
        self.batches.collect()
        self._dispatcher.fill()

    def _rest(self) -> None:
        """Nothing is ready: wait for decoding, for what is due next, or to be woken."""
        if len(self._pipeline) == 0:
            self._backfill.decided()
            self.batches.rate.end()
            if self.queue.is_drained():
                self.batches.recovered()
                # A file that a caller waits for and that is nowhere any more, as its root is offline, is never decided.
                self.queue.outcomes.resolve_all(GONE)
        backing_off = self.batches.backing_off
        may_backfill = not self.queue.paused and not backing_off
        if may_backfill and self._backfill.offering and self._pipeline.has_room:
            return
        self._wait(
            LINGER_S if self._pipeline.decoding else None,
            # The wait may have ended since files were held back by it, and nothing else would wake the loop for them.
            self.batches.wait_s if backing_off or self.queue.has_ready() else None,
            self._backfill.next_due() if may_backfill else None,
            self._orphans.next_due(),
            self.queue.next_due(),
        )

    def _wait(self, *seconds: float | None) -> None:
        """Until the first of these is over, None is for ever, or until woken."""
        self._busy = False
        self.queue.wait(min((wait for wait in seconds if wait is not None), default=None))
