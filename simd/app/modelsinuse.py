"""The models that are open: the one whose index answers searches, and during a switch the one that takes its place.

Crash note: the mark is durable before the first search is answered by the new index, and the old index is removed after
that; whatever a crash leaves undone, the next start finishes.
"""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack

from simd.app.openmodel import OpenModel
from simd.app.statedir import Indexes
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.errors import StoreError
from simd.featurize.models import model as models
from simd.featurize.models.model import Model
from simd.indexing.loop.targets import Targets
from simd.indexing.models.switch import ModelSwitch
from simd.serving.search.served import Served, Serving
from simd.supervision import Threads

log = logging.getLogger(__name__)


class ModelsInUse:
    """Opens them, switches, and closes them. The caller holds the state directory's lock.

    Args:
        threads: runs those of the indexes.

    Attributes:
        serving: what answers searches.
        targets: what is kept up.

    Raises:
        ModelError, StoreError: the configured model or an index cannot be opened.
    """

    def __init__(self, settings: Settings, threads: Threads) -> None:
        self._settings = settings
        self._threads = threads
        self._indexes = Indexes(settings.state_dir)
        self._cleaner: threading.Thread | None = None
        self._stack = ExitStack()
        self._selection = self._indexes.select_models(settings.model, self._resolve(settings.model), self._resolve)
        self._indexes.sweep(self._selection.keep)
        try:
            self._opened = [self._open(model) for model in self._selection.models]
        except BaseException:
            self.close()
            raise
        self.serving = Serving(self._opened[0].served)
        self.targets = Targets(*(opened.target for opened in self._opened))

    def switch(self, catalogue: Catalogue) -> ModelSwitch | None:
        """The switch to the configured model, if the index of another one answered so far."""
        if not self._selection.replaces:
            return None
        return ModelSwitch(
            targets=self.targets,
            catalogue=catalogue,
            serving=self._selection.replaces,
            detail=self._selection.detail,
            deadline=self._selection.since_ms / 1000 + self._settings.grace_period_s,
            install=self._install,
        )

    def close(self) -> None:
        """Close everything; searches must have ended."""
        if self._cleaner is not None:
            self._cleaner.join()
        self._stack.close()

    def _resolve(self, setting: str) -> Model:
        return models.resolve(setting, self._settings.model_cache)

    def _open(self, model: Model) -> OpenModel:
        opened = OpenModel(self._settings, model, self._indexes.directory(model.fingerprint.hex()), self._threads)
        self._stack.callback(opened.close)
        return opened

    def _install(self) -> None:
        """Let the configured model answer. Searches under way end on the old one, which is then taken away.

        Raises:
            StoreError: it cannot be made durable; nothing has changed.
        """
        new = self._opened[-1]
        self._indexes.serve(self._settings.model, new.fingerprint)
        before = self.serving.replace(new.served)
        log.info("the index of the model %s answers from now on", new.served.model.name)
        self._cleaner = threading.Thread(target=self._clean, args=(before,), name="switchover", daemon=True)
        self._cleaner.start()

    def _clean(self, before: Served) -> None:
        *old, new = self._opened
        if old:
            self.serving.wait_unused(before)
        for opened in old:
            opened.close()
        try:
            self._indexes.sweep([new.fingerprint])
        except StoreError as error:
            log.warning("the old index is removed at the next start: %s", error)
