"""The composition root: builds every room, wires them, runs until a signal, drains.

Start order: lock, decode workers, socket, then catalogue, model and index while `status` already answers; watch before
scan. Stop order is the reverse: refuse new calls, let those under way finish, end the loop within its batch, close the
store. A crash at any point loses nothing that was acknowledged, so stopping is a courtesy and not a need.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack

from simd import __version__, memory
from simd.app import sdnotify
from simd.app.atlas import AtlasInUse, why_off
from simd.app.derived import DerivedInUse
from simd.app.insight import InsightInUse
from simd.app.machine import allow_open_files
from simd.app.modelsinuse import ModelsInUse
from simd.app.page import Page, page_command
from simd.app.peers import PeersInUse
from simd.app.reload import Reload
from simd.app.replica import ReplicaInUse
from simd.app.signals import Signals, ending_within
from simd.app.statedir import prepare
from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.decisions.schema import FILE as DECISIONS
from simd.durable import DirectoryLock
from simd.errors import Abandoned, NotReady
from simd.featurize.cache import RenditionCache
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.priority import Priority
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.indexing import starvation
from simd.indexing.build import build
from simd.indexing.derived.keeper import Keeper
from simd.indexing.ingest import Ingest
from simd.indexing.loop.targets import Targets
from simd.indexing.models.switch import ModelSwitch
from simd.indexing.starvation import Starvation
from simd.indexing.summary import Summary
from simd.insight.atlas.tiles import Tiles
from simd.insight.groups.collapse import Copies
from simd.jobs.jobs import Jobs
from simd.seldom import Repeated
from simd.serving.images.originals import Originals
from simd.serving.images.thumbnails import Thumbnails
from simd.serving.readiness import Readiness, Services
from simd.serving.search.queries import Queries
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.route import Route
from simd.serving.server import Server
from simd.serving.transport.address import parse_local
from simd.serving.transport.auth import TokenFiles
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.meter import Meter, NoMeter
from simd.serving.transport.tls import Tls, TlsFiles
from simd.serving.transport.validity import ExpiryWarnings
from simd.supervision import Threads

log = logging.getLogger(__name__)

_ANSWER_WITHIN_S = 5.0
"""How long the server may take to answer the daemon's own call before it counts as dead."""
_END_WITHIN_S = 9.0
"""Calls under way have five of these seconds."""
_WALL_S = 600.0
"""A worker of lower priority may wait for the CPU at least as long, and one that hangs is ended after it."""
_CONFIGURE_WITHIN_S = 10.0
"""How long indexing may take to begin with a change of the roots."""
_WAKE_S = 0.1
"""How often the main thread wakes meanwhile, to handle signals."""


class Daemon:
    """One `simd serve`, from start to SIGTERM.

    Args:
        settings: those it starts with.
        load: reads them anew, when SIGHUP asks for it.
        show: is given the line that says where the page is, once it answers.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings], show: Callable[[str], None]) -> None:
        self._settings = settings
        self._load = load
        self._show = show
        self._readiness = Readiness()
        self._threads = Threads()
        self._jobs = Jobs()
        self._summary = Summary()
        self._call_log = CallLog()
        self._starvation = Starvation(settings.indexing_priority)
        self._certificates = TlsFiles.of(settings.tls_cert, settings.tls_key, settings.tls_client_ca)

    def run(self) -> int:
        """Serve in the foreground until SIGTERM or SIGINT; returns the exit code.

        Raises:
            SimdError: it cannot start; the message says why and what to do.
        """
        signals = Signals()
        log.info("simd %s, state in %s", __version__, self._settings.state_dir)
        with ExitStack() as stack:
            reload = self._start(stack, signals)
            while signals.next() == signal.SIGHUP:
                sdnotify.reloading()
                reload()
                sdnotify.notify("READY=1")
            log.info("stopping")
            sdnotify.notify("STOPPING=1")
            with ending_within(_END_WITHIN_S):
                stack.close()
        log.info("stopped")
        return 0

    def _start(self, stack: ExitStack, signals: Signals) -> Reload:
        settings = self._settings
        began = time.monotonic()
        allow_open_files()
        memory.give_large_back()
        expiry = ExpiryWarnings(self._certificates.certificates if self._certificates else [])
        expiry.check()
        flushes = (self._summary.flush, self._call_log.flush, expiry.check)
        stack.callback(Repeated("log", flushes, self._threads).close)
        looks = (self._starvation.look,)
        stack.callback(Repeated("starvation", looks, self._threads, starvation.PERIOD_S).close)
        prepare(settings.state_dir)
        stack.callback(DirectoryLock(settings.state_dir).release)
        derived = DerivedInUse(settings, self._threads, maps=not why_off(settings.atlas))
        stack.callback(derived.close)
        meter = self._meter(stack)
        server = self._server(meter)
        listening = server.start()
        stack.callback(server.stop)
        page = self._page(stack, listening)
        self._readiness.doing("loading the model; the first start converts it, which takes some seconds")
        query_pool = self._pool(stack, settings.threads, settings.decode_timeout_s)
        models = ModelsInUse(settings, self._threads)
        stack.callback(models.close)
        # Its first worker starts now, and takes nothing from the engines that compile.
        wall_s = max(_WALL_S, 20 * settings.decode_timeout_s)
        indexing_pool = self._pool(stack, settings.threads, wall_s, Priority(settings.indexing_priority))
        # Its workers leave the CPU to those of searches, and are not held up by indexing, which leaves it to both.
        thumbnail_pool = self._pool(stack, settings.threads, wall_s, Priority.LOW, standby=False)
        catalogue = Catalogue.open(settings.state_dir / "catalogue.sqlite")
        stack.callback(catalogue.close)

        decisions = Decisions(settings.state_dir / DECISIONS)
        stack.callback(decisions.close)
        insight = InsightInUse(settings, catalogue, decisions, self._threads)
        stack.callback(insight.close)
        switch = models.switch(catalogue)
        ingest = self._ingest(catalogue, decisions, models.targets, switch, indexing_pool, derived.keepers)
        ingest.start()
        stack.callback(ingest.stop)
        derived.keep_up(catalogue, indexing_pool, self._jobs, ingest)
        stack.callback(derived.rest)
        insight.keep_up(models.serving, derived.features, indexing_pool, self._jobs, ingest)
        stack.callback(insight.rest)
        atlas = AtlasInUse(settings, catalogue, models.serving, self._jobs, ingest, self._threads)
        stack.callback(atlas.close)
        atlas.keep_up()
        stack.callback(atlas.rest)
        replica = ReplicaInUse(settings, catalogue, models.serving, self._threads)
        stack.callback(replica.close)
        replica.keep_up()
        stack.callback(replica.rest)
        files = RootFiles(lambda: [s.root.path for s in ingest.roots()])
        renditions = RenditionCache(settings.state_dir, settings.thumbnail_cache_bytes, threads=self._threads)
        stack.callback(renditions.close)
        thumbnails = Thumbnails(catalogue=catalogue, decoder=thumbnail_pool, files=files, cache=renditions)
        tiles = Tiles(atlas=atlas.atlas, catalogue=catalogue, icons=derived.icons, pictures=insight.divisions.pictures)
        peers = PeersInUse(settings)
        stack.callback(peers.close)
        copies = Copies(insight.groups.pairs, decisions.duplicates)
        queries = Queries(
            serving=models.serving,
            catalogue=catalogue,
            decoder=query_pool,
            files=files,
            route=Route(
                replica.replica_of if settings.search == "replica" else None,
                host=replica.host,
                falls_back=settings.replica_down == "local",
            ),
            verifier=derived.verifier(catalogue, query_pool, files),
            copies_among=copies.among,
            tiers_to=copies.tiers_to,
            meter=meter,
            cores=settings.threads,
            threads=self._threads,
        )
        stack.callback(queries.close)
        # What there is by now stays. To look through it for garbage now and then would hold every thread up for 30 ms.
        gc.collect()
        gc.freeze()
        # Whoever is answered may ask for the end at once, and it is to be an orderly one.
        signals.started()
        server.open(
            Services(
                queries=queries,
                serving=models.serving,
                catalogue=catalogue,
                decisions=decisions,
                ingest=ingest,
                jobs=self._jobs,
                groups=insight.groups,
                divisions=insight.divisions,
                suggestions=insight.suggestions(models.serving, self._jobs),
                atlas=atlas.atlas,
                tiles=tiles,
                thumbnails=thumbnails,
                originals=Originals(catalogue, files),
                replica=replica.publishing,
                elsewhere=peers.elsewhere(replica, models.serving),
                switch=switch.status if switch else lambda: None,
                problems=lambda: [
                    problem
                    for problem in (insight.problem, atlas.problem, replica.problem, page and page.problem)
                    if problem
                ],
                thread_failures=lambda: self._threads.failures,
                workers_lost=lambda: {
                    "query": query_pool.lost,
                    "indexing": indexing_pool.lost,
                    "thumbnails": thumbnail_pool.lost,
                },
            )
        )
        stack.callback(self._jobs.close)
        # Once more, so that calls under way end before what they use is closed; the first one is for a failed start.
        stack.callback(server.stop)
        if page is not None:
            stack.callback(page.close)
        with models.serving.use() as served:
            images, reason = len(served.index), served.device.reason
        log.info("ready after %.2f s: %d images, %s", time.monotonic() - began, images, reason)
        sdnotify.notify("READY=1", f"STATUS=serving {images} images")
        period_s = sdnotify.watchdog_period_s(os.environ)
        stack.enter_context(
            sdnotify.Watchdog(
                lambda: ingest.is_alive() and server.answers(_ANSWER_WITHIN_S), period_s, threads=self._threads
            )
        )
        return Reload(
            settings,
            self._load,
            {
                "roots": lambda fresh: _configure(ingest, fresh, signals),
                "ignore": lambda fresh: ingest.ignore(fresh.ignore),
                "keep": insight.configure,
                "reference": insight.configure,
                "scan_interval_s": lambda fresh: ingest.scan_every(fresh.scan_interval_s),
                "log_level": lambda fresh: logging.getLogger().setLevel(fresh.log_level.upper()),
            },
        )

    def _page(self, stack: ExitStack, listening: str) -> Page | None:
        """Begins to serve the page, if that is configured."""
        if not self._settings.http:
            return None
        page = Page(page_command(self._settings, listening), self._show, self._threads)
        page.start()
        stack.callback(page.close)
        return page

    def _meter(self, stack: ExitStack) -> Meter:
        """Counts calls, for Prometheus, if that is configured."""
        if not self._settings.metrics_listen:
            return NoMeter()
        address = parse_local(self._settings.metrics_listen, field="metrics_listen")
        from simd.serving.admin.metrics import Metrics, MetricsServer

        metrics = Metrics(self._readiness)
        stack.callback(MetricsServer(metrics, address).close)
        return metrics

    def _server(self, meter: Meter) -> Server:
        settings = self._settings
        return Server(
            settings.listen,
            self._readiness,
            max_request_bytes=settings.max_request_bytes,
            max_searches=settings.max_concurrent_requests,
            cores=settings.threads,
            tls=Tls(self._certificates, self._call_log.connected) if self._certificates else None,
            authorizer=TokenFiles(settings.token_file, settings.read_token_file),
            meter=meter,
            threads=self._threads,
            call_log=self._call_log,
        )

    def _pool(
        self,
        stack: ExitStack,
        count: int,
        wall_s: float,
        priority: Priority = Priority.NORMAL,
        *,
        standby: bool = True,
    ) -> DecodePool:
        """Decode workers; queries have their own, so that they never wait behind indexing."""
        settings = self._settings
        worker = WorkerSettings(
            limits=DecodeLimits(settings.max_image_bytes, settings.max_image_pixels),
            timeout_s=settings.decode_timeout_s,
            wall_s=wall_s,
            memory_bytes=settings.decode_memory_bytes,
            priority=priority,
            standby=standby,
        )
        pool = DecodePool(count, worker, threads=self._threads)
        stack.callback(pool.close)
        return pool

    def _ingest(
        self,
        catalogue: Catalogue,
        decisions: Decisions,
        targets: Targets,
        switch: ModelSwitch | None,
        pool: DecodePool,
        keepers: Sequence[Keeper],
    ) -> Ingest:
        return build(
            self._settings,
            catalogue=catalogue,
            decisions=decisions,
            targets=targets,
            decoder=pool,
            keepers=keepers,
            summary=self._summary,
            threads=self._threads,
            is_complete=switch.finish if switch else None,
            starved=lambda: self._starvation.trouble,
        )


def _configure(ingest: Ingest, fresh: Settings, signals: Signals) -> None:
    """Watch the roots of the configuration; a request to end the daemon meanwhile does not wait for it."""
    cancelled = Cancelled()
    until = time.monotonic() + _CONFIGURE_WITHIN_S
    with ThreadPoolExecutor(1) as caller:
        configured = caller.submit(ingest.configure, [os.fsencode(path) for path in fresh.roots], cancelled=cancelled)
        # Python handles signals in the main thread alone, and not while that is blocked.
        while not configured.done() and time.monotonic() < until and not signals.ending.is_set():
            wait([configured], _WAKE_S)
        cancelled.set()
        try:
            configured.result()
        except Abandoned as error:
            raise NotReady(
                f"indexing did not take them within {_CONFIGURE_WITHIN_S:g} s", remedy="reload once more"
            ) from error
