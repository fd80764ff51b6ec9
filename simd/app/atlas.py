"""The map in use: from the open file to the thread that keeps it up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.durable import Disk
from simd.errors import StoreError
from simd.featurize.priority import Priority
from simd.indexing.ingest import Ingest
from simd.insight.atlas.atlas import Atlas
from simd.insight.atlas.kept import KeptMap
from simd.insight.atlas.layout import available
from simd.insight.atlas.layouter import DIRECTORY, TsneLayouter, remove_unfinished
from simd.insight.atlas.maker import Maker
from simd.insight.atlas.store import FILE, AtlasStore
from simd.insight.atlas.upkeep import Upkeep
from simd.insight.searched import Searched
from simd.jobs.jobs import Jobs
from simd.serving.search.served import Serving
from simd.supervision import Threads

log = logging.getLogger(__name__)


class AtlasInUse:
    """Opens what keeps the map, keeps it up, and closes it. The caller holds the state directory's lock.

    Attributes:
        atlas: the map.

    Raises:
        StoreError: the file cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        serving: Serving,
        jobs: Jobs,
        ingest: Ingest,
        threads: Threads,
    ) -> None:
        self._store: AtlasStore | None = None
        self._upkeep: Upkeep | None = None
        _remove_unfinished(settings.state_dir / DIRECTORY)
        off = why_off(settings.atlas)
        if not off:
            self._store = AtlasStore(settings.state_dir / FILE)
            layouter = TsneLayouter(
                settings.state_dir / DIRECTORY,
                # The others answer searches meanwhile.
                cores=max(1, settings.threads - 1),
                priority=Priority(settings.indexing_priority),
                paused=lambda: ingest.paused,
            )
            self._upkeep = Upkeep(
                kept=KeptMap(self._store, catalogue),
                maker=Maker(catalogue=catalogue, searched=lambda: _searched(serving), layouter=layouter),
                catalogue=catalogue,
                searched=lambda: _searched(serving),
                jobs=jobs,
                busy=lambda: ingest.progress().pending > 0,
                threads=threads,
            )
        self.atlas = Atlas(self._upkeep, off)

    def keep_up(self) -> None:
        """Begin to lay the map out, and to place what is new."""
        if self._upkeep is not None:
            self._upkeep.start()

    @property
    def problem(self) -> str:
        """That the map is not kept up and why, a sentence for callers; empty while it is."""
        trouble = self._upkeep.trouble if self._upkeep else ""
        return trouble and f"the map is not kept up, which is tried again: {trouble}"

    def rest(self) -> None:
        """Keep it up no longer; what is there is still read."""
        if self._upkeep is not None:
            self._upkeep.close()

    def close(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._store.close()


def why_off(setting: str, installed: Callable[[], bool] = available) -> str:
    """Why there is no map and what helps; empty if there can be one."""
    if setting == "off":
        return 'the setting `atlas` is "off"; set it to "auto", and start the daemon again'
    if not installed():
        return "the extra `atlas` is not installed; pip install 'simd-images[atlas]', and start the daemon again"
    return ""


def _remove_unfinished(directory: Path) -> None:
    try:
        remove_unfinished(directory, Disk())
    except StoreError as error:
        log.warning("what a layout of the map left is removed by the next one: %s", error)


@contextmanager
def _searched(serving: Serving) -> Iterator[Searched]:
    with serving.use() as served:
        yield Searched(served.index, served.model.fingerprint, served.model.levels)
