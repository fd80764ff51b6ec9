"""Local features in use: kept where `verify` asks for them, from the open file to the thread that keeps them up."""

from __future__ import annotations

from simd.app.machine import demand_verify
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.features.store import FILE, FeatureStore
from simd.featurize.workers.pool import DecodePool
from simd.indexing.features.keeper import Keeper
from simd.indexing.features.upkeep import Upkeep
from simd.indexing.ingest import Ingest
from simd.jobs.jobs import Jobs
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.verifier import Verifier
from simd.supervision import Threads
from simd.verify.features import FEATURES_VERSION
from simd.verify.opencv import opencv


class FeaturesInUse:
    """Opens what keeps them, keeps it up, and closes it. The caller holds the state directory's lock.

    Attributes:
        store: where they are kept; None where `verify` is off.
        keeper: takes those of what is indexed; None like the store.

    Raises:
        ConfigError: `verify` asks for what is not installed, or does not load.
        StoreError: the file cannot be opened.
    """

    def __init__(self, settings: Settings, threads: Threads) -> None:
        demand_verify(settings.verify)
        if settings.verify != "off":
            # It may be there and not load: workers could only say that no picture has any features.
            opencv()
        self._settings = settings
        self._threads = threads
        self._upkeep: Upkeep | None = None
        self.store = None if settings.verify == "off" else FeatureStore(settings.state_dir / FILE, FEATURES_VERSION)
        self.keeper = Keeper(self.store) if self.store else None

    def keep_up(self, catalogue: Catalogue, decoder: DecodePool, jobs: Jobs, ingest: Ingest) -> None:
        """Begin to make what is missing, and to drop what is of no image."""
        if self.store is not None:
            self._upkeep = Upkeep(
                store=self.store,
                catalogue=catalogue,
                decoder=decoder,
                jobs=jobs,
                paused=lambda: ingest.paused,
                at_once=self._settings.threads,
                threads=self._threads,
            )
            self._upkeep.start()

    def verifier(self, catalogue: Catalogue, decoder: DecodePool, files: RootFiles) -> Verifier | None:
        """What compares pictures by them; the caller closes it."""
        if self.store is None:
            return None
        return Verifier(
            how="search" if self._settings.verify == "search" else "pairs",
            store=self.store,
            catalogue=catalogue,
            decoder=decoder,
            files=files,
            cores=self._settings.threads,
        )

    def rest(self) -> None:
        """Keep them up no longer; what is there is still read."""
        if self._upkeep is not None:
            self._upkeep.close()

    def close(self) -> None:
        """Close the file."""
        if self.store is not None:
            self.store.close()
