"""Keeping a store in shape: flush, compaction, verification of what was too large to verify when it was opened.

Flushes and compactions are each done one at a time, by whoever holds their mutex, and run beside each other: a flush
adds the newest segment, a compaction replaces older ones. What fails is logged and tried again later; the store goes on
as it was.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from simd.durable import Disk
from simd.errors import CorruptStore, StoreError
from simd.storage import compaction
from simd.storage.compaction import Policy
from simd.storage.flush import draft_of
from simd.storage.live import Live
from simd.storage.log_reader import log_paths
from simd.storage.manifest import Manifest
from simd.storage.recovery import LOG, SEGMENTS
from simd.storage.segment import SEGMENT_VERSION, Segment, verify_file
from simd.storage.segment_writer import SegmentWriter
from simd.supervision import Threads

_log = logging.getLogger(__name__)

RETRY_S = 5.0
PERIOD_S = 60.0
_POLL_S = 0.1
_OVERFULL = 8
_AMPLE = 4
"""So many times what a segment takes is room enough to rewrite it for no need."""


class _Stopping(Exception):
    """The store is closing; the work at hand is given up."""


class Maintenance:
    """Flushes and compacts one store.

    Args:
        directory, disk, live: the store's.
        writer: writes its segments.
        policy: when to compact.
        clock: milliseconds since the epoch.
        flush_rows: a memtable of this size is full.
        threads: runs its threads.

    Attributes:
        damage: what was found to be damaged since the store was opened.
    """

    def __init__(
        self,
        directory: Path,
        disk: Disk,
        live: Live,
        writer: SegmentWriter,
        policy: Policy,
        clock: Callable[[], int],
        flush_rows: int,
        threads: Threads,
    ) -> None:
        self._directory = directory
        self._disk = disk
        self._live = live
        self._writer = writer
        self._policy = policy
        self._clock = clock
        self._flush_rows = flush_rows
        self._flushing = threading.Lock()
        self._compacting = threading.Lock()
        self._full = threading.Event()
        self._grown = threading.Event()
        self._stopping = threading.Event()
        self.damage: CorruptStore | None = None
        self._verified: set[tuple[str, str]] = set()
        self._supervisor = threads
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Go on in the background until `stop`."""
        for name, work, event in (
            ("simd-flush", self._flush_if_full, self._full),
            ("simd-compact", self._verify_and_compact, self._grown),
        ):
            self._threads.append(self._supervisor.start(name, partial(self._run, work, event), self._stopping))
        self._full.set()
        self._grown.set()

    def stop(self) -> None:
        """Give up what is being written and end the threads."""
        self._stopping.set()
        self._full.set()
        self._grown.set()
        for thread in self._threads:
            thread.join()

    def wake_if_full(self) -> None:
        """Have the memtable flushed soon if it is full."""
        if self._live.unflushed >= self._flush_rows:
            self._full.set()

    def make_room(self) -> None:
        """Flush here and now if the memtable is far beyond full, so that memory stays bounded whatever goes wrong."""
        if self._threads and self._live.unflushed >= _OVERFULL * self._flush_rows:
            self.flush()

    def condemn(self, error: CorruptStore) -> None:
        """Damage was found: from now on `raise_damage` raises, and nothing is copied into new segments."""
        if self.damage is None:
            _log.critical("damage found, searches are refused: %s", error)
            self.damage = error.again()

    def raise_damage(self) -> None:
        """Raise what was found to be damaged."""
        if self.damage is not None:
            raise self.damage.again()

    @contextmanager
    def keeping_segments(self, pause: Callable[[], None]) -> Iterator[None]:
        """While inside, no compaction runs, so no segment is removed; `pause` is called while one has to end first."""
        while not self._compacting.acquire(timeout=_POLL_S):
            pause()
        try:
            yield
        finally:
            self._compacting.release()

    @contextmanager
    def keeping_logs(self) -> Iterator[None]:
        """While inside, no flush runs, so no log file is removed."""
        with self._flushing:
            yield

    def flush(self) -> None:
        """Turn the memtable into a segment."""
        with self._flushing:
            memtable = self._live.freeze()
            if memtable is None:
                return
            draft = draft_of(memtable, self._live.segment_number())
            segment = self._writer.write(draft.contents, self._live.best_quantizers())
            self._disk.failpoint("flush.before_manifest")
            with self._unless_in_force(segment):
                self._live.install_flush(memtable, segment, draft.origin)
            self._disk.failpoint("flush.after_manifest")
            self._remove_logs()
        self._grown.set()

    def compact_all(self, pause: Callable[[], None]) -> None:
        """Flush, merge all that may be merged, rewrite whatever a rewrite would free something of.

        `pause` is called between the steps; what it raises ends the work, and what is done by then stays done.

        Raises:
            CorruptStore: something is damaged. A copy would get new checksums, and nobody could tell any more.
        """
        self.flush()
        self._verify_all(lambda _: pause())
        self.raise_damage()
        with self.keeping_segments(pause):
            while run := compaction.pick_run(self._sizes(), self._policy, minimum=2):
                self._compact(run, pause)
            # From the oldest on: purging an old row can free its tombstone in a newer segment.
            for segment in self._live.segments:
                at = self._live.segments.index(segment)
                if self._reclaimable(at) or segment.meta.version != SEGMENT_VERSION:
                    self._compact(range(at, at + 1), pause)

    def compact(self) -> None:
        """Do the merges and rewrites that are due."""
        with self._compacting:
            while run := self._due():
                self._compact(run, self._pause)

    def _due(self) -> range | None:
        run = compaction.pick_run(self._sizes(), self._policy)
        if run is not None:
            return run
        for at, segment in enumerate(self._live.segments):
            part = next(p for p in self._live.snapshot.parts if p.name == segment.name)
            worth = self._policy.dead_ratio * segment.size
            if part.dead and part.dead >= worth and self._reclaimable(at) >= worth:
                return range(at, at + 1)
        return self._of_an_older_format()

    def _of_an_older_format(self) -> range | None:
        """The newest segment that could have today's codes, if there is ample room; the newest are the smaller ones.

        It serves as it is, so to rewrite it is no reason to fill the disk.
        """
        for at, segment in reversed(list(enumerate(self._live.segments))):
            if segment.meta.version != SEGMENT_VERSION:
                ample = self._disk.free(self._directory) >= _AMPLE * segment.disk_bytes
                return range(at, at + 1) if ample else None
        return None

    def _sizes(self) -> list[int]:
        return [segment.size for segment in self._live.segments]

    def _expired(self) -> int:
        return self._clock() - self._policy.grace_ms

    def _reclaimable(self, at: int) -> int:
        with self._live.lock:
            segments, snapshot = self._live.segments, self._live.snapshot
        part = next(p for p in snapshot.parts if p.name == segments[at].name)
        return compaction.reclaimable(segments[:at], segments[at], part, segments[at + 1 :], self._expired())

    def _compact(self, run: range, pause: Callable[[], None]) -> None:
        segments = self._live.segments
        inputs = segments[run.start : run.stop]
        number = self._live.segment_number()
        draft = compaction.plan(segments[: run.start], inputs, segments[run.stop :], number, self._expired(), pause)
        merged: Segment | None = None
        if len(draft.contents.ids) or len(draft.contents.tombstones):
            merged = self._writer.write(draft.contents)
            merged.let_go()
        self._disk.failpoint("compaction.before_manifest")
        with self._unless_in_force(merged):
            self._live.install_compaction(inputs, merged, draft.origin)
        self._disk.failpoint("compaction.after_manifest")
        for segment in inputs:
            self._disk.remove(self._directory / SEGMENTS / segment.name)
            self._disk.failpoint("compaction.removed_segment")

    @contextmanager
    def _unless_in_force(self, segment: Segment | None) -> Iterator[None]:
        """If what is done inside fails, remove the segment, which takes room on a disk that may be full.

        What failed may have been the last step of putting it in force: what the manifest says now, it may say for good.
        """
        try:
            yield
        except StoreError:
            with suppress(StoreError):
                if segment is not None and segment.name not in Manifest.peek(self._directory).segments:
                    self._disk.remove(segment.directory)
            raise

    def _remove_logs(self) -> None:
        paths = log_paths(self._directory / LOG)
        for path, following in itertools.pairwise(paths):
            if int(following.stem) <= self._live.manifest.checkpoint + 1:
                self._disk.remove(path)
                self._disk.failpoint("flush.removed_log")

    def _pause(self, count: int = 0) -> None:
        if self._stopping.is_set():
            raise _Stopping

    def _flush_if_full(self) -> None:
        if self._live.unflushed >= self._flush_rows:
            self.flush()

    def _verify_and_compact(self) -> None:
        self._verify_all(self._pause)
        if self.damage is None:
            self.compact()
        # What searches touched is resident until then; while nobody asks, it need not be.
        for segment in self._live.segments:
            segment.let_go()

    def _verify_all(self, pause: Callable[[int], None]) -> None:
        """Verify what was too large to be verified when the store was opened, once."""
        for segment in self._live.segments:
            for name in segment.unverified:
                self._verify(segment, name, pause)

    def _verify(self, segment: Segment, name: str, pause: Callable[[int], None]) -> None:
        with self.keeping_segments(lambda: pause(0)):
            if segment not in self._live.segments or (segment.name, name) in self._verified:
                return
            try:
                verify_file(segment.directory / name, segment.meta.files[name], pause=pause)
            except CorruptStore as error:
                self.condemn(error)
            self._verified.add((segment.name, name))

    def _run(self, work: Callable[[], None], event: threading.Event) -> None:
        wait = PERIOD_S
        while not self._stopping.is_set():
            event.wait(wait)
            event.clear()
            if self._stopping.is_set():
                return
            try:
                work()
                wait = PERIOD_S
            except _Stopping:
                return
            except StoreError as error:
                _log.error("maintenance failed, will be tried again: %s", error)
                wait = RETRY_S
            except Exception:
                # Whoever runs the thread begins again after a while, and then without waiting for anything.
                event.set()
                raise
