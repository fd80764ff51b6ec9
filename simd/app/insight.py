"""Pairs and groups of copies in use: from the open file to the thread that finds pairs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.derived.store import DerivedStore
from simd.featurize.workers.pool import DecodePool
from simd.indexing.ingest import Ingest
from simd.insight.groups.groups import Groups
from simd.insight.labels.divisions import Divisions
from simd.insight.labels.pictures import Pictures
from simd.insight.pairs.comparison import Comparison
from simd.insight.pairs.finder import Finder
from simd.insight.pairs.look import Look
from simd.insight.pairs.sources import Sources
from simd.insight.pairs.store import FILE, PairStore
from simd.insight.searched import Searched
from simd.insight.suggest.suggestions import Suggestions
from simd.jobs.jobs import Jobs
from simd.serving.search.served import Serving
from simd.supervision import Threads
from simd.verify.features import FEATURES_VERSION


class InsightInUse:
    """Opens what keeps the pairs, keeps it up, and closes it. The caller holds the state directory's lock.

    Attributes:
        groups: the groups of copies.
        divisions: what groups and labels say together.

    Raises:
        ConfigError: a rule of the setting `keep` is unknown.
        StoreError: the file cannot be opened.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, decisions: Decisions, threads: Threads) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._threads = threads
        self._finder: Finder | None = None
        self._store = PairStore(settings.state_dir / FILE)
        self.groups = Groups(
            catalogue=catalogue,
            pairs=self._store,
            decisions=decisions,
            keep=settings.keep,
            reference=_reference(settings),
        )
        self._pictures = Pictures(self._store, decisions)
        self.divisions = Divisions(catalogue=catalogue, pictures=self._pictures)

    def keep_up(
        self, serving: Serving, features: DerivedStore | None, decoder: DecodePool, jobs: Jobs, ingest: Ingest
    ) -> None:
        """Begin to find pairs, and to drop those that are of no image."""
        closing = threading.Event()
        sources = Sources(self._catalogue, decoder, closing, self._settings.threads)
        comparison = Comparison(self._store, self._catalogue, features, sources)
        self._finder = Finder(
            store=self._store,
            catalogue=self._catalogue,
            look=Look(self._store, comparison, FEATURES_VERSION if features else ""),
            searched=lambda: _searched(serving),
            jobs=jobs,
            closing=closing,
            paused=lambda: ingest.paused,
            cores=self._settings.threads,
            wanted=self.groups.lacking,
            threads=self._threads,
        )
        self._finder.start()

    def suggestions(self, serving: Serving, jobs: Jobs) -> Suggestions:
        """Which images are worth labelling next."""
        return Suggestions(
            catalogue=self._catalogue, pictures=self._pictures, searched=lambda: _searched(serving), jobs=jobs
        )

    def configure(self, settings: Settings) -> None:
        """Keepers are chosen by other settings from now on.

        Raises:
            ConfigError: a rule is unknown; nothing has changed then.
        """
        self.groups.configure(settings.keep, _reference(settings))

    @property
    def problem(self) -> str:
        """That pairs are not kept up and why, a sentence for callers; empty while they are."""
        trouble = self._finder.trouble if self._finder else ""
        return trouble and f"pairs of copies are not kept up, which is tried again: {trouble}"

    def rest(self) -> None:
        """Find no more; what was found is still read."""
        if self._finder is not None:
            self._finder.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()


def _reference(settings: Settings) -> list[bytes]:
    return [os.fsencode(path) for path in settings.reference]


@contextmanager
def _searched(serving: Serving) -> Iterator[Searched]:
    with serving.use() as served:
        yield Searched(served.index, served.model.fingerprint, served.model.levels)
