"""A switch of the model: when the successor's index takes the place of the one that answers.

It does as soon as no image is missing in it. Images that are unreachable now (their root is offline) are waited for
during the grace period, because until then the old index still finds them; after it the switch goes ahead without them,
and they are embedded when their root is back. While the new model fails, nothing is switched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from simd.catalogue.catalogue import Catalogue
from simd.errors import StoreError, for_callers
from simd.indexing.loop.targets import Targets
from simd.types import SwitchStatus

log = logging.getLogger(__name__)


class ModelSwitch:
    """A switch in progress. `finish` is called by the indexing thread alone, `status` by any.

    Args:
        serving: the name of the model that is to be replaced.
        detail: added to the detail of `status`; often empty.
        deadline: seconds since the epoch from which on unreachable images are not waited for.
        install: makes the successor answer searches, durably.
    """

    def __init__(
        self,
        *,
        targets: Targets,
        catalogue: Catalogue,
        serving: str,
        detail: str,
        deadline: float,
        install: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._targets = targets
        self._catalogue = catalogue
        self._serving = serving
        self._successor = targets.newest
        self._detail = detail
        self._deadline = deadline
        self._install = install
        self._clock = clock
        self._unreachable = 0
        self._failed = 0
        self._trouble = ""
        self._done = False

    def finish(self, missing: int, unreachable: int) -> bool:
        """Switch if the time has come.

        Args:
            missing: images that the successor lacks.
            unreachable: those of them that cannot be embedded now.

        Returns:
            whether nothing is left to do.
        """
        self._unreachable, self._failed = unreachable, missing - unreachable
        late = self._clock() >= self._deadline
        damage = self._successor.index.damage
        self._trouble = damage.told if damage is not None else ""
        held = bool(damage or self._targets.trouble)
        if not self._done and not held and (missing == 0 or (late and missing <= unreachable)):
            self._switch()
        return self._done and missing == 0

    def status(self) -> SwitchStatus | None:
        """Its progress; None when it is done."""
        if self._done:
            return None
        return SwitchStatus(
            self._serving,
            self._successor.name,
            len(self._successor.index),
            self._catalogue.last_counts().images,
            self._unreachable,
            "; ".join(text for text in (self._detail, self._held()) if text),
        )

    def _switch(self) -> None:
        try:
            self._install()
        except StoreError as error:
            log.error("the switch to the model %s waits: %s", self._successor.name, error)
            self._trouble = for_callers(error)
            return
        self._done = True
        self._targets.promote()

    def _held(self) -> str:
        """What it waits for, other than the images that are still to be embedded."""
        if self._targets.trouble or self._trouble:
            return f"it waits and is tried again: {self._targets.trouble or self._trouble}"
        if self._failed > 0:
            return f"{self._failed} images could not be embedded, the log says why; they are tried again"
        if self._unreachable:
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(self._deadline))
            return f"it waits until {until} for images that cannot be read now, such as those of roots that are offline"
        return ""
