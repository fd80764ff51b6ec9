"""One model with all that it takes to index and to search with it: engines, featurizers, its index."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from simd.config import Settings
from simd.featurize.engines.base import DeviceChoice
from simd.featurize.engines.choose import open_engine, open_query_engines
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import Model
from simd.featurize.models.registry import levels_of
from simd.featurize.priority import Priority
from simd.index.local import LocalIndex
from simd.indexing.loop.targets import Target
from simd.serving.search.served import ModelInfo, Served
from simd.storage.store import StoreOptions
from simd.supervision import Threads

log = logging.getLogger(__name__)


class OpenModel:
    """Opened by the constructor; `close` may be called again.

    Queries have an engine of their own, so that they never wait behind indexing.

    Args:
        directory: its index, made if missing. Every model has its own, so vectors of two are never mixed.
        threads: runs those of the index.

    Raises:
        ModelError, StoreError: an engine or the index cannot be opened.
    """

    def __init__(self, settings: Settings, model: Model, directory: Path, threads: Threads) -> None:
        self._stack = ExitStack()
        try:
            self._open(settings, model, directory, threads)
        except BaseException:
            self.close()
            raise

    def _open(self, settings: Settings, model: Model, directory: Path, threads: Threads) -> None:
        # The index is read from the disk while the engines compile.
        with ThreadPoolExecutor(1, "open-index") as beside:
            opening = beside.submit(_open_index, settings, model, directory, threads)
            self._stack.callback(_close, opening)
            queries, indexing, choice = self._open_engines(settings, model)
            self.index = opening.result()
        for note in self.index.recovery_notes:
            log.warning("%s", note)
        spec = model.spec
        self.fingerprint = model.fingerprint.hex()
        self.target = Target(spec.name, spec.size, indexing, self.index)
        self.served = Served(
            ModelInfo(spec.name, spec.dimension, self.fingerprint, spec.licence, levels_of(model)),
            choice,
            spec.size,
            queries,
            self.index,
        )

    def _open_engines(self, settings: Settings, model: Model) -> tuple[Featurizer, Featurizer, DeviceChoice]:
        """Those for queries and for indexing, checked, and where the latter computes."""
        query_engines = open_query_engines(model, threads=settings.threads)
        queries = Featurizer(query_engines.many, model, query_engines.alone)
        self._stack.callback(queries.close)
        queries.self_check()
        priority = Priority(settings.indexing_priority)
        opened = open_engine(model, settings.device, threads=settings.threads, priority=priority)
        indexing = Featurizer(opened.engine, model)
        self._stack.callback(indexing.close)
        if opened.choice.engine != query_engines.many.name:
            indexing.self_check()
        return queries, indexing, opened.choice

    def close(self) -> None:
        """Close engines and index."""
        self._stack.close()


def _open_index(settings: Settings, model: Model, directory: Path, threads: Threads) -> LocalIndex:
    return LocalIndex.open(
        directory,
        model.spec.dimension,
        model.fingerprint,
        options=store_options(settings),
        threads=threads,
        cores=settings.threads,
    )


def _close(opening: Future[LocalIndex]) -> None:
    if opening.exception() is None:
        opening.result().close()


def store_options(settings: Settings) -> StoreOptions:
    """How the store keeps itself."""
    return StoreOptions(flush_rows=settings.flush_rows, grace_ms=int(settings.grace_period_s * 1000))
