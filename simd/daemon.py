"""The composition root: builds every room, wires them, runs until told to stop, drains.

Start order: lock, decode workers, socket, then catalogue, model and index while `status` already answers; watch before
scan. Stop order is the reverse: refuse new calls, let those under way finish, end the loop within its batch, close the
store. A crash at any point loses nothing that was acknowledged, so stopping is a courtesy and not a need.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from simd import __version__, sdnotify
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.durable import DirectoryLock, Disk
from simd.errors import ConfigError, StoreError
from simd.featurize import models
from simd.featurize.decode import DecodeLimits
from simd.featurize.engines.choose import open_engine
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models import Model
from simd.featurize.workers import DecodePool, WorkerSettings
from simd.index.base import Index
from simd.index.local import LocalIndex
from simd.indexing.backlog import Backlog
from simd.indexing.indexer import Indexer
from simd.indexing.ingest import Ingest
from simd.indexing.pipeline import Pipeline, reconcile
from simd.indexing.roots import Roots
from simd.indexing.scans import Scans
from simd.serving.ports import DeviceInfo, ModelInfo
from simd.serving.queries import Queries
from simd.serving.readiness import Readiness, Services
from simd.serving.rootfiles import RootFiles
from simd.serving.server import Server
from simd.storage.check import check_directory
from simd.storage.store import StoreOptions
from simd.watch.ignore import Ignore
from simd.watch.settle import Settler

log = logging.getLogger(__name__)


class Daemon:
    """One `simd serve`, from start to SIGTERM."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._readiness = Readiness()

    def run(self) -> int:
        """Serve in the foreground until SIGTERM or SIGINT; returns the exit code.

        Raises:
            SimdError: it cannot start; the message says why and what to do.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        log.info("simd %s, state in %s", __version__, self._settings.state_dir)
        with ExitStack() as stack:
            self._start(stack)
            self._stop.wait()
            log.info("stopping")
            sdnotify.notify("STOPPING=1")
        log.info("stopped")
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self, stack: ExitStack) -> None:
        settings = self._settings
        began = time.monotonic()
        prepare_state_dir(settings)
        stack.callback(DirectoryLock(settings.state_dir).release)
        server = Server(
            settings.listen,
            self._readiness,
            max_request_bytes=settings.max_request_bytes,
            max_concurrent=settings.max_concurrent_requests,
        )
        server.start()
        stack.callback(server.stop)
        self._readiness.doing("loading the model; the first start converts it, which takes some seconds")
        model = models.resolve(settings.model, settings.model_cache)
        query_pool = self._pool(stack, model, 1, 0)
        indexing_pool = self._pool(stack, model, settings.threads, 10)
        query_featurizer = Featurizer(OpenVinoEngine(model, threads=settings.threads, throughput=False), model)
        stack.callback(query_featurizer.close)
        query_featurizer.self_check()
        opened = open_engine(model, settings.device, threads=settings.threads)
        indexing_featurizer = Featurizer(opened.engine, model)
        stack.callback(indexing_featurizer.close)
        if opened.choice.engine != OpenVinoEngine.name:
            indexing_featurizer.self_check()

        self._readiness.doing("opening the index")
        catalogue = Catalogue.open(settings.state_dir / "catalogue.sqlite")
        stack.callback(catalogue.close)
        index = open_index(settings, model)
        stack.callback(index.close)
        for note in index.recovery_notes:
            log.warning("%s", note)
        homeless, lost = reconcile(index, catalogue)
        if homeless or lost:
            log.info("mended after a crash: %d vectors without a file, %d images without a vector", homeless, lost)

        ingest = self._ingest(catalogue, index, indexing_pool, indexing_featurizer)
        ingest.start()
        stack.callback(ingest.stop)
        queries = Queries(
            index=index,
            catalogue=catalogue,
            decoder=query_pool,
            featurizer=query_featurizer,
            files=RootFiles(lambda: [s.root.path for s in ingest.roots()], settings.max_image_bytes),
        )
        server.open(
            Services(
                queries=queries,
                index=index,
                ledger=catalogue,
                ingest=ingest,
                model=ModelInfo(model.spec.name, model.spec.dimension, model.fingerprint.hex(), model.spec.licence),
                device=DeviceInfo(opened.choice.device, opened.choice.engine, opened.choice.reason),
            )
        )
        # Once more, so that calls under way end before what they use is closed; the first one is for a failed start.
        stack.callback(server.stop)
        log.info("ready after %.2f s: %d images, %s", time.monotonic() - began, len(index), opened.choice.reason)
        sdnotify.notify("READY=1", f"STATUS=serving {len(index)} images")

    def _pool(self, stack: ExitStack, model: Model, count: int, niceness: int) -> DecodePool:
        """Decode workers; queries have their own, so that they never wait behind indexing."""
        settings = self._settings
        worker = WorkerSettings(
            size=model.spec.size,
            limits=DecodeLimits(settings.max_image_bytes, settings.max_image_pixels),
            timeout_s=settings.decode_timeout_s,
            memory_bytes=settings.decode_memory_bytes,
            niceness=niceness,
        )
        pool = DecodePool(count, worker)
        stack.callback(pool.close)
        return pool

    def _ingest(self, catalogue: Catalogue, index: Index, pool: DecodePool, featurizer: Featurizer) -> Ingest:
        settings = self._settings
        configured = [os.fsencode(path) for path in settings.roots]
        catalogue.sync_roots(configured)
        catalogue.purge_images(int((time.time() - settings.grace_period_s) * 1000))
        index.delete(catalogue.orphans())
        roots = Roots(catalogue.roots())
        ignore = Ignore()
        backlog = Backlog()
        settler = Settler(settings.settle_s)
        indexer = Indexer(
            backlog=backlog,
            settler=settler,
            make_pipeline=lambda wake: Pipeline(
                pool=pool,
                featurizer=featurizer,
                index=index,
                catalogue=catalogue,
                window=3 * settings.batch_size,
                wake=wake,
            ),
            roots=roots,
            known=catalogue.known,
            scan=lambda root_id: scans.hint(root_id),
            batch_size=settings.batch_size,
        )
        scans = Scans(
            catalogue=catalogue,
            backlog=backlog,
            ignore=ignore,
            roots=roots,
            settle=indexer.settle,
            settle_s=settings.settle_s,
            news=indexer.wake,
            interval_s=settings.scan_interval_s,
        )
        return Ingest(
            catalogue=catalogue,
            index=index,
            roots=roots,
            indexer=indexer,
            scans=scans,
            backlog=backlog,
            settler=settler,
            ignore=ignore,
            configured=configured,
        )


def prepare_state_dir(settings: Settings) -> None:
    """Make the state directory, or say why it cannot be.

    Raises:
        ConfigError: it cannot be made or written.
    """
    path = settings.state_dir
    try:
        Disk().make_dir(path)
    except StoreError as error:
        raise ConfigError(
            f"cannot make the state directory {path}: {error}", field="state_dir", remedy="choose one with --state-dir"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(
            f"the state directory {path} is not writable", field="state_dir", remedy="choose one with --state-dir"
        )


def open_index(settings: Settings, model: Model) -> LocalIndex:
    """The index of this model; every model has its own directory, so vectors of two are never mixed."""
    return LocalIndex.open(
        index_directory(settings, model),
        model.spec.dimension,
        model.fingerprint,
        options=store_options(settings),
        cores=settings.threads,
    )


def index_directory(settings: Settings, model: Model) -> Path:
    """Where a model's index is."""
    return settings.state_dir / "index" / model.fingerprint.hex()[:16]


def store_options(settings: Settings) -> StoreOptions:
    """How the store keeps itself."""
    return StoreOptions(flush_rows=settings.flush_rows, grace_ms=int(settings.grace_period_s * 1000))


def check(settings: Settings, *, repair: bool = False) -> list[str]:
    """Read the whole index; every problem found, one sentence each.

    Args:
        repair: put an index of everything that is sound in its place if there are problems. What is lost is embedded
            again by the next start, and nothing else is.

    Raises:
        StoreLocked: the daemon is running.
    """
    prepare_state_dir(settings)
    lock = DirectoryLock(settings.state_dir)
    try:
        model = models.resolve(settings.model, settings.model_cache)
        directory = index_directory(settings, model)
        problems = check_directory(directory) if directory.exists() else []
        if problems and repair:
            options = store_options(settings)
            saved = LocalIndex.repair(directory, model.spec.dimension, model.fingerprint, options=options)
            problems += [f"repaired: {saved.images} images saved", *saved.losses]
        return problems
    finally:
        lock.release()
