"""The wiring of indexing: every object of this room is made here, in the order in which they depend on each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.indexing.ingest import Ingest
from simd.indexing.loop.agenda import Agenda
from simd.indexing.loop.backlog import Backlog
from simd.indexing.loop.batches import Batches
from simd.indexing.loop.indexer import Indexer
from simd.indexing.loop.pipeline import FileDecoder, Pipeline
from simd.indexing.loop.targets import Targets
from simd.indexing.models.backfill import Backfill, Whole
from simd.indexing.pause import Pause
from simd.indexing.purge import Purge
from simd.indexing.removal import removal_at
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.look import looking
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.scans import Scans
from simd.indexing.summary import Summary
from simd.supervision import Threads
from simd.watch.ignore import Ignore
from simd.watch.settle import Settler


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """The waits of indexing that no setting names, in seconds; of a pair, the first and the longest.

    Attributes:
        batch_retry_s: before a batch that failed is tried again.
        scan_retry_s: before a scan that failed, or was put off, is tried again.
        offline_s: between two looks at a root that is offline.
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
    is_complete: Whole | None = None,
    starved: Callable[[], str] = lambda: "",
    backlog: Backlog | None = None,
    settler: Settler | None = None,
    clock: Callable[[], float] = time.time,
    delays: Delays | None = None,
) -> Ingest:
    """Indexing, not started yet: its door.

    Args:
        decisions: what people said of files, which outlasts the catalogue.
        targets: the indexes that are kept up to date.
        decoder: decodes files in worker processes.
        summary: counts for the log what became of files.
        threads: runs the threads.
        is_complete: judges the end of a pass of the backfill; None is content when no vector is missing.
        starved: why indexing hardly moves, for callers; empty while it does.
        backlog, settler: as the settings have them if None.
        clock: seconds since the epoch, for the age of files.

    Raises:
        ConfigError: a pattern of the setting `ignore` can match nothing.
        StoreError: the catalogue or an index cannot be written.
    """
    delays = delays or Delays()
    backlog = Backlog() if backlog is None else backlog
    settler = Settler(settings.settle_s) if settler is None else settler
    configured = [os.fsencode(path) for path in settings.roots]
    catalogue.sync_roots(configured)
    if orphans := catalogue.orphans():
        targets.delete(orphans)
    roots = Roots(catalogue.roots())
    ignore = Ignore(settings.ignore, own=os.fsencode(settings.state_dir))
    pause = Pause(settings.state_dir / "paused.json")
    agenda = Agenda(settings.scan_interval_s, delays.scan_retry_s)
    look = looking(roots, ignore)
    wake = threading.Event()
    pipeline = Pipeline(
        pool=decoder,
        targets=targets,
        catalogue=catalogue,
        window=3 * settings.batch_size,
        wake=wake.set,
        is_removed=removal_at(decisions, roots),
    )
    batches = Batches(
        pipeline=pipeline,
        backlog=backlog,
        settler=settler,
        look=look,
        where=roots.where,
        summary=summary,
        batch_size=settings.batch_size,
        young_s=delays.growing_s,
        retry_s=delays.batch_retry_s,
    )
    deletions = Deletions(
        known=catalogue.known,
        files=lambda root_id: catalogue.counts().files_by_root.get(root_id, 0) - batches.deleting(root_id),
        scan=agenda.hint,
    )
    indexer = Indexer(
        backlog=backlog,
        settler=settler,
        pause=pause,
        purge=Purge(catalogue, settings.grace_period_s, period_s=delays.purge_s),
        wake=wake,
        pipeline=pipeline,
        batches=batches,
        targets=targets,
        backfill=Backfill(targets=targets, catalogue=catalogue, roots=roots, whole=is_complete),
        roots=roots,
        known=catalogue.known,
        look=look,
        agenda=agenda,
        deletions=deletions,
        summary=summary,
        threads=threads,
    )
    scans = Scans(
        catalogue=catalogue,
        backlog=backlog,
        ignore=ignore,
        roots=roots,
        agenda=agenda,
        deletions=deletions,
        settle=indexer.settle,
        settle_s=settings.settle_s,
        news=indexer.wake,
        is_idle=indexer.is_idle,
        scanned=lambda root_id: ingest.scanned(root_id),
        threads=threads,
        clock=clock,
        hold_s=settings.grace_period_s,
        offline_s=delays.offline_s,
    )
    ingest = Ingest(
        catalogue=catalogue,
        decisions=decisions,
        roots=roots,
        indexer=indexer,
        agenda=agenda,
        scans=scans,
        settler=settler,
        ignore=ignore,
        pause=pause,
        deletions=deletions,
        threads=threads,
        configured=configured,
        polled=[os.fsencode(path) for path in settings.poll],
        poll_s=settings.poll_interval_s,
        starved=starved,
    )
    return ingest
