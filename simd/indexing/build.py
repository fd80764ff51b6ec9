"""The wiring of indexing: every object of this room is made here, in the order in which they depend on each other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.featurize.workers.pool import FileDecoder
from simd.indexing.derived.keeper import Keeper
from simd.indexing.explain import Explainer
from simd.indexing.ingest import Ingest
from simd.indexing.ledger import Ledger
from simd.indexing.loop.backlog import Backlog
from simd.indexing.loop.batches import Batches
from simd.indexing.loop.dispatcher import Dispatcher
from simd.indexing.loop.hints import Hints
from simd.indexing.loop.inbox import Inbox
from simd.indexing.loop.indexer import Indexer
from simd.indexing.loop.pipeline import Pipeline
from simd.indexing.loop.targets import Targets
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.models.backfill import Backfill, IsComplete
from simd.indexing.orphans import Orphans
from simd.indexing.pause import Pause
from simd.indexing.removal import Removal
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.held import HeldDeletions
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.scans import Scans
from simd.indexing.roots.schedule import Schedule
from simd.indexing.roots.watched import WatchedRoots
from simd.indexing.summary import Summary
from simd.supervision import Threads
from simd.watch.ignore import Ignore
from simd.watch.settle import Settler
from simd.watch.watcher import Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """The waits of indexing that no setting names, in seconds; of a pair, the first and the longest.

    Attributes:
        batch_retry_s: before a batch that failed is tried again.
        scan_retry_s: before a scan that failed, or was put off, is tried again.
        offline_s: between two checks of a root that is offline.
        growing_s: a file modified so recently may still be growing: a failure to decode it is not final.
        purge_s: between two purges of images without a file.
    """

    batch_retry_s: tuple[float, float] = (1.0, 60.0)
    scan_retry_s: tuple[float, float] = (1.0, 60.0)
    offline_s: float = 10.0
    growing_s: float = 3.0
    purge_s: float = 3600.0


def build(
    settings: Settings,
    *,
    catalogue: Catalogue,
    decisions: Decisions,
    targets: Targets,
    decoder: FileDecoder,
    summary: Summary,
    threads: Threads,
    is_complete: IsComplete | None = None,
    keepers: Sequence[Keeper] = (),
    starved: Callable[[], str] = lambda: "",
    backlog: Backlog | None = None,
    settler: Settler | None = None,
    clock: Callable[[], float] = time.time,
    delays: Delays | None = None,
) -> Ingest:
    """Wire indexing for the roots of the settings and those that were added; it is started by `Ingest.start`.

    Args:
        targets: the indexes that are written.
        is_complete: judges the end of a pass of the backfill; see `Backfill`.
        keepers: keep what else is made of pictures.
        starved: why indexing hardly moves, for callers; empty while it does.
        backlog, settler: None makes those of the settings.
        clock: seconds since the epoch, for the age of files and to say when a scan was.

    Raises:
        ConfigError: a pattern of the setting `ignore` can match nothing.
        StoreError: the catalogue or the decisions cannot be written.
    """
    delays = delays or Delays()
    configured = [os.fsencode(path) for path in settings.roots]
    catalogue.sync_roots(configured)
    orphans = Orphans(catalogue, targets, grace_s=settings.grace_period_s, period_s=delays.purge_s)
    orphans.delete(catalogue.orphans())
    ignore = Ignore(settings.ignore, own=os.fsencode(settings.state_dir))
    roots = Roots(catalogue.roots(), ignore, catalogue.last_scans())
    ledger = Ledger(catalogue, decisions, roots)
    ledger.import_removed()

    schedule = Schedule(settings.scan_interval_s, delays.scan_retry_s, delays.offline_s)
    queue = WorkQueue(
        Backlog() if backlog is None else backlog,
        Settler(settings.settle_s) if settler is None else settler,
        Pause(settings.state_dir / "paused.json"),
        roots,
        schedule,
        summary,
        settle_s=settings.settle_s,
        clock=clock,
    )
    pipeline = Pipeline(
        decoder=decoder,
        targets=targets,
        catalogue=catalogue,
        window=3 * settings.batch_size,
        wake=queue.wake,
        is_removed=ledger.is_removed,
        keepers=keepers,
    )
    batches = Batches(
        queue,
        pipeline,
        roots,
        summary,
        batch_size=settings.batch_size,
        growing_s=delays.growing_s,
        retry_s=delays.batch_retry_s,
        clock=clock,
    )
    deletions = Deletions(
        known=catalogue.known,
        files=lambda root_id: catalogue.counts().files_by_root.get(root_id, 0) - batches.deleting(root_id),
        scan=schedule.enqueue,
    )
    backfill = Backfill(targets=targets, catalogue=catalogue, roots=roots, is_complete=is_complete)
    dispatcher = Dispatcher(queue, pipeline, batches, backfill, catalogue, roots, deletions)
    indexer = Indexer(queue, pipeline, batches, dispatcher, backfill, orphans, threads)

    hints = Hints(queue, roots, schedule, ledger, orphans)
    watcher = Watcher(
        Inbox(hints.handle, indexer.commands.post).offer,
        ignore,
        polled=[os.fsencode(path) for path in settings.poll],
        poll_s=settings.poll_interval_s,
        threads=threads,
    )
    held = HeldDeletions(catalogue, deletions, schedule, hold_s=settings.grace_period_s)
    scans = Scans(catalogue, roots, schedule, held, indexer, watcher, threads, clock=clock)
    watched = WatchedRoots(catalogue, roots, watcher, schedule, orphans, configured)
    removal = Removal(catalogue, ledger, roots, watched, indexer, orphans, deletions)
    explainer = Explainer(catalogue, roots, queue)
    return Ingest(indexer, scans, watched, roots, ledger, removal, explainer, starved)
