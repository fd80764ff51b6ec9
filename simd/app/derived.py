"""What is derived from pictures, in use: from the open files to the threads that keep them up."""

from __future__ import annotations

from simd.app.machine import demand_verify
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.derived.icon import ICONS_VERSION
from simd.derived.kinds import FEATURES, ICONS
from simd.derived.store import DerivedStore
from simd.featurize.workers.pool import DecodePool
from simd.indexing.derived import recipe
from simd.indexing.derived.keeper import Keeper
from simd.indexing.derived.recipe import Recipe
from simd.indexing.derived.upkeep import Upkeep
from simd.indexing.ingest import Ingest
from simd.jobs.jobs import Jobs
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.verifier import Verifier
from simd.supervision import Threads
from simd.verify.features import FEATURES_VERSION
from simd.verify.opencv import opencv


class DerivedInUse:
    """Opens what keeps it, keeps it up, and closes it. The caller holds the state directory's lock.

    Args:
        settings: local features are kept where `verify` asks for them.
        threads: run what keeps it up.
        maps: whether there are maps, which icons are kept for.

    Attributes:
        features: where local features are kept; None where `verify` is off.
        icons: where icons are kept; None without maps.
        keepers: take those of what is indexed.

    Raises:
        ConfigError: `verify` asks for what is not installed, or does not load.
        StoreError: a file cannot be opened.
    """

    def __init__(self, settings: Settings, threads: Threads, *, maps: bool) -> None:
        demand_verify(settings.verify)
        if settings.verify != "off":
            # It may be there and not load: workers could only say that no picture has any features.
            opencv()
        self._settings = settings
        self._threads = threads
        self._upkeeps: list[Upkeep] = []
        self._kept: list[tuple[DerivedStore, Recipe]] = []
        self.features: DerivedStore | None = None
        self.icons: DerivedStore | None = None
        directory = settings.state_dir
        try:
            if settings.verify != "off":
                self.features = DerivedStore(directory / FEATURES.file, FEATURES, FEATURES_VERSION)
                self._kept.append((self.features, recipe.features()))
            if maps:
                self.icons = DerivedStore(directory / ICONS.file, ICONS, ICONS_VERSION)
                self._kept.append((self.icons, recipe.icons()))
        except BaseException:
            self.close()
            raise
        self.keepers = [Keeper(store, how) for store, how in self._kept]

    def keep_up(self, catalogue: Catalogue, decoder: DecodePool, jobs: Jobs, ingest: Ingest) -> None:
        """Begin to make what is missing, and to drop what is of no image."""
        for store, how in self._kept:
            upkeep = Upkeep(
                store=store,
                recipe=how,
                catalogue=catalogue,
                decoder=decoder,
                jobs=jobs,
                paused=lambda: ingest.paused,
                at_once=self._settings.threads,
                threads=self._threads,
            )
            upkeep.start()
            self._upkeeps.append(upkeep)

    def verifier(self, catalogue: Catalogue, decoder: DecodePool, files: RootFiles) -> Verifier | None:
        """What compares pictures by their features; the caller closes it."""
        if self.features is None:
            return None
        return Verifier(
            how="search" if self._settings.verify == "search" else "pairs",
            store=self.features,
            catalogue=catalogue,
            decoder=decoder,
            files=files,
            cores=self._settings.threads,
        )

    def rest(self) -> None:
        """Keep nothing up any longer; what is there is still read."""
        for upkeep in self._upkeeps:
            upkeep.close()

    def close(self) -> None:
        """Close the files."""
        for store, _ in self._kept:
            store.close()
