"""The loop: the one thread that writes the index and the catalogue.

Everything that changes them goes through it: hints of the watcher and requests (as commands, run between two batches)
and scans (via the backlog). So there is nothing to lock between them, and the order of what happened is the order of
what is recorded.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, Full, Queue

from simd.catalogue.rows import Known
from simd.errors import Reason, StoreError, for_callers
from simd.indexing.loop.agenda import Agenda
from simd.indexing.loop.backlog import Backlog, Urgency
from simd.indexing.loop.batches import LINGER_S, Batches
from simd.indexing.loop.commands import Commands
from simd.indexing.loop.outcomes import Outcome
from simd.indexing.loop.pipeline import Pipeline
from simd.indexing.loop.targets import Targets
from simd.indexing.models.backfill import Backfill
from simd.indexing.pause import Pause
from simd.indexing.purge import Purge
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.look import Look
from simd.indexing.roots.roots import Roots
from simd.indexing.summary import Summary
from simd.supervision import Backoff, Threads
from simd.types import Change, ChangeKind, FileKey, ImageId, Stamp
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread
from simd.watch.settle import Settler

log = logging.getLogger(__name__)

_SETTLING = 1000
"""So many files that scans found just written wait for the loop to look at them; then the scan waits."""
_POSTPONED_S = 1.0
"""After so long a file that could not be begun is looked at again."""
_LONGEST_PAUSE_S = 1.0
"""So long the loop pauses at most after an error: commands wait for it."""


class Indexer:
    """Runs the loop in its own thread from `start` to `stop`.

    Args:
        settler: files that must come to rest first; used by the loop's thread alone.
        pause: while it says so, only requests and deletions are worked on.
        purge: forgets what has had no file for long; used by the loop's thread alone.
        wake: wakes the loop when it is set.
        batches: made of what comes out of the pipeline.
        targets: the indexes.
        backfill: gives files to index when nothing else waits; used by the loop's thread alone.
        known: what the catalogue says of a file.
        look: the file as it is now.
        agenda: has scans where files cannot be judged one by one, or were put off.
        deletions: which files may be taken for gone without a scan.
        summary: tells the log what became of files.
        threads: runs the thread.
    """

    def __init__(
        self,
        *,
        backlog: Backlog,
        settler: Settler,
        pause: Pause,
        purge: Purge,
        wake: threading.Event,
        pipeline: Pipeline,
        batches: Batches,
        targets: Targets,
        backfill: Backfill,
        roots: Roots,
        known: Callable[[FileKey], Known | None],
        look: Look,
        agenda: Agenda,
        deletions: Deletions,
        summary: Summary,
        threads: Threads,
    ) -> None:
        self._backlog = backlog
        self._settler = settler
        self._pause = pause
        self._purge = purge
        self._paused = False
        self._targets = targets
        self._backfill = backfill
        self._roots = roots
        self._known = known
        self._look = look
        self._agenda = agenda
        self._deletions = deletions
        self._wake = wake
        self._stopping = threading.Event()
        self._pipeline = pipeline
        self._threads = threads
        self.commands = Commands(self._wake.set, self._is_in_trouble)
        self._unsettled: Queue[FileKey] = Queue(_SETTLING)
        self._busy = False
        self._turns = 0
        self._turns_seen = 0
        self._trouble = self._logged = ""
        self._unmended = False
        self._summary = summary
        self._failures = Backoff(0.1, _LONGEST_PAUSE_S)
        self._thread: threading.Thread | None = None
        self.batches = batches
        self.outcomes = batches.outcomes

    def start(self) -> None:
        """Begin."""
        self.commands.post(self._backfill.start)
        self._thread = self._threads.start("indexer", self._run, self._stopping)

    def end(self) -> None:
        """End after the batch under way; what is not done is found again by the next scan."""
        self.commands.close()
        self._stopping.set()
        self._backlog.close()
        self._wake.set()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread is not None:
            self._thread.join()
        # What was accepted is done, as somebody waits for it.
        self.commands.drain()

    def wake(self) -> None:
        """Say that there is news in the backlog or the settler."""
        self._wake.set()

    def turned(self) -> bool:
        """Whether the loop moved since this was last asked, which wakes it: an idle loop has moved the next time."""
        moved = self._turns != self._turns_seen
        self._turns_seen = self._turns
        self._wake.set()
        return moved

    @property
    def trouble(self) -> str:
        """Why indexing waits, and is tried again, for callers; empty while it does not."""
        return "; ".join(text for text in (self._trouble, self.batches.trouble) if text)

    @property
    def pending(self) -> int:
        """Files not yet decided; at least 1 while the loop is at work, and 0 only when there is nothing to do."""
        return self._undecided(vectors=True)

    def is_idle(self) -> bool:
        """Whether no file waits for the loop or is in its hands; what only lacks a vector does not count."""
        return self._undecided(vectors=False) == 0

    def _undecided(self, *, vectors: bool) -> int:
        turns = self._turns
        waiting = len(self._backlog) + len(self._settler) + len(self.commands) + self._unsettled.qsize()
        # What is missing in an index is so until it is committed, so most of what is under way is counted there too.
        waiting += int(self._unmended)
        waiting += max(len(self._pipeline) + len(self.batches), self._backfill.pending if vectors else 0)
        # A file on its way from one of these to another may be in none of them for a moment, or was missed by counting
        # them one by one: both only while the loop turns.
        moved = self._busy or self._turns != turns
        return max(waiting, int(moved))

    def queues(self) -> dict[str, int]:
        """How many files wait, by what for; one on its way may be in none of them, or in two."""
        return {
            "backlog": len(self._backlog),
            "settling": len(self._settler) + self._unsettled.qsize(),
            "decoding": len(self._pipeline),
            "committing": len(self.batches),
            "without_vector": self._backfill.pending,
        }

    def settle(self, key: FileKey) -> None:
        """Index a file once it has come to rest; from any thread but the loop's, which it waits for."""
        while not self._stopping.is_set():
            try:
                self._unsettled.put(key, timeout=1.0)
                self._wake.set()
                return
            except Full:
                continue

    def request(self, key: FileKey) -> Future[Outcome]:
        """Read a file and index it before all others, and even if it is paused; called from a command."""
        future = self.outcomes.expect(key)
        self._backlog.push(Change(ChangeKind.UPSERT, key, heard=time.monotonic()), Urgency.REQUEST)
        return future

    def scanned(self) -> None:
        """A root was scanned to its end: images that were out of reach may be there again; from any thread."""
        self.commands.post(self._backfill.again)

    def take_out(self, image_ids: Sequence[ImageId]) -> None:
        """Take images that have lost their last file out of every index; called from a command.

        They are in no answer already, as answers show files: where the store refuses it now, it is done later.
        """
        try:
            self._targets.delete(image_ids)
        except StoreError as error:
            log.error("%d images without a file stay in the index for now: %s", len(image_ids), error)
            self._unmended = True

    def forget(self, key: FileKey) -> None:
        """Drop whatever is under way for a file; called from a command."""
        self._backlog.discard(key)
        self._settler.forget(key)
        self._pipeline.drop(key)
        self.batches.drop(key)
        self.outcomes.tell(key, Outcome(None, None))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._busy = True
            self._turns += 1
            try:
                self._turn()
                self._trouble = self._logged = ""
                self._failures.succeeded()
            except Exception as error:  # noqa: BLE001 - it is logged where its kind is known
                self._is_in_trouble(error)
                self._stopping.wait(self._failures.failed())

    def _is_in_trouble(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._threads.failed("indexer", error)
        elif str(error) != self._logged:
            log.error("indexing failed and goes on: %s", error)
            self._logged = str(error)
        self._trouble = for_callers(error)

    def _turn(self) -> None:
        self._wake.clear()
        self._paused = self._pause.state.paused
        self._backlog.pause(self._paused)
        self._take_news()
        # First room is made, so that decoding has a full window to go on with while a batch is embedded.
        self._go_on_decoding()
        if self._unmended:
            self._backfill.mend()
            self._unmended = False
        if self.batches.due:
            self._finish()
        elif len(self.batches):
            self._wait(_soonest(self.batches.wait_s, self._settler.next_due(), self._pause.seconds_left))
        else:
            self._rest()

    def _finish(self) -> None:
        """Embed and commit what is ready, or try that again."""
        if self.batches.embed():
            try:
                # Decoding has run ahead to the end of its window, and both cores would be idle during the commit.
                self._go_on_decoding()
            finally:
                # What goes wrong with the next files costs none of these.
                self.batches.commit()

    def _go_on_decoding(self) -> None:
        self.batches.collect()
        self._fill()

    def _take_news(self) -> None:
        """Commands, files that have come to rest, roots of which too much was heard."""
        self.commands.drain()
        self._purge.run()
        with suppress(Empty):
            for _ in range(_SETTLING):
                self._settler.note(self._unsettled.get_nowait())
        for change in self._settler.due(self._look):
            self._backlog.push(change, self.outcomes.urgency(change.key))
        for where in self._settler.take_scans():
            self._agenda.hint(where.root_id, where.path)
        for root_id in self._backlog.take_scans():
            self._agenda.hint(root_id)

    def _rest(self) -> None:
        """Nothing is ready: wait for decoding, for what is due next, or for news."""
        backfill_due = None
        if len(self._pipeline) == 0:
            self._backfill.decided()
            self.batches.rate.end()
            if len(self._settler) == 0 and (self._paused or len(self._backlog) == 0):
                self.batches.recovered()
                # What is asked for and is nowhere any more, because its root is offline, will not be decided.
                self.outcomes.tell_rest(Outcome(None, None))
        if not self._paused and not self.batches.resting:
            if self._backfill.offering and self._pipeline.room:
                return
            backfill_due = self._backfill.next_due()
        decoded_due = LINGER_S if self._pipeline.decoding else None
        # The rest may have ended since the backlog was asked, and what is in it must not wait for news.
        held_back = self.batches.resting or (len(self._backlog) > 0 and not self._paused)
        rested = self.batches.wait_s if held_back else None
        settled_due, purge_due = self._settler.next_due(), self._purge.next_due()
        self._wait(_soonest(decoded_due, rested, settled_due, backfill_due, self._pause.seconds_left, purge_due))

    def _wait(self, seconds: float | None) -> None:
        self._busy = False
        if not self._stopping.is_set() and (seconds is None or seconds > 0):
            self._wake.wait(seconds)

    def _fill(self) -> None:
        """Start as many files as the window holds; while something that failed is not to be tried again yet, only those
        that somebody waits for, and deletions."""
        while self._pipeline.room and self.batches.room:
            resting = self.batches.resting
            change = self._backlog.pop(all_may_come=not resting)
            if change is None and not self._paused and not resting:
                change = self._backfill.next(self._look)
            if change is None:
                return
            try:
                self._start(change)
            except BaseException:
                self._settler.postpone(change.key, _POSTPONED_S)
                raise

    def _start(self, change: Change) -> None:
        key = change.key
        path = self._roots.where(key)
        if path is None:
            self.outcomes.tell(key, Outcome(None, None))
            return
        try:
            stamp = self._look(key)
        except RootOffline as offline:
            self._summary.put_off(key.root_id, offline)
            self.outcomes.tell(key, Outcome(None, None))
            self._agenda.owe(key.root_id)
            return
        except RulesUnread as unread:
            self._summary.put_off(key.root_id, unread)
            self.outcomes.tell(key, Outcome(None, None))
            self._agenda.hint(key.root_id, os.path.dirname(key.path))
            return
        except OSError:
            # It is there and cannot be looked at: opening it will say why, and that goes into the ledger.
            stamp = change.stamp or Stamp(0, 0, 0)
        if stamp is None:
            self._pipeline.drop(key)
            if self._deletions.believe(change):
                self.batches.delete(key)
            else:
                self.outcomes.tell(key, Outcome(None, None))
        elif not self.batches.holds(change, stamp) and not self._is_settled(change, stamp):
            self.batches.rate.begin()
            self._pipeline.start(change, stamp, path)

    def _is_settled(self, change: Change, stamp: Stamp) -> bool:
        """Whether the file as it stands is in every index, or was taken out on request."""
        key = change.key
        known = self._known(key)
        if known is None or known.stamp != stamp:
            return False
        if change.heard is not None and not self.batches.was_read_since(key, change.heard):
            return False
        if known.image_id is not None and not self._pipeline.complete(known.image_id):
            return False
        if known.image_id is None and (known.rejection is None or known.rejection.reason is not Reason.REMOVED):
            return False
        self.outcomes.tell(key, Outcome(known.image_id, known.rejection))
        return True


def _soonest(*waits: float | None) -> float | None:
    """The shortest of the waits; None is for ever."""
    return min((wait for wait in waits if wait is not None), default=None)
