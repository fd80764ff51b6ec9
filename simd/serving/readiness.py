"""Whether the daemon answers yet, and with what.

The server is started before the index is open and the model loaded, so that `status` can say what is going on. Until
the services are set, and again once it stops, every other RPC is refused with `NotReady`.

Damage that is found while the daemon runs makes it one that answers no searches; everything else goes on as far as it
can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.decisions.decisions import Decisions
from simd.errors import NotReady
from simd.insight.atlas.atlas import Atlas
from simd.insight.atlas.tiles import Tiles
from simd.insight.groups.groups import Groups
from simd.insight.labels.divisions import Divisions
from simd.insight.suggest.suggestions import Suggestions
from simd.jobs.jobs import Jobs
from simd.replica.publishing import Publishing
from simd.serving.images.elsewhere import Elsewhere
from simd.serving.images.originals import Originals
from simd.serving.images.thumbnails import Thumbnails
from simd.serving.ports import Ingest
from simd.serving.search.queries import Queries
from simd.serving.search.served import Serving
from simd.types import SwitchStatus

_INDEX = (
    "the index is damaged: searches are refused. Stop the daemon and run `simd check --repair`; the next start embeds "
    "again what is lost, and nothing else"
)
_CATALOGUE = (
    "the catalogue is damaged: answers and indexing fail or are incomplete. Stop the daemon and run `simd check "
    "--repair`; the next start finds the files again and embeds nothing again"
)
"""For callers, so without the paths of the daemon's own files."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that answers RPCs. `replica` is None where none is configured, and
    so is `elsewhere`, which gives pictures of other hosts' images. `switch` tells of a model switch under way,
    `problems` what else is wrong and what helps, a sentence each for callers; `workers_lost` how many decode workers of
    each pool crashed or were killed for a limit, `thread_failures` how often each of the daemon's threads failed."""

    queries: Queries
    serving: Serving
    catalogue: Catalogue
    decisions: Decisions
    ingest: Ingest
    jobs: Jobs
    groups: Groups
    divisions: Divisions
    suggestions: Suggestions
    atlas: Atlas
    tiles: Tiles
    thumbnails: Thumbnails
    originals: Originals
    replica: Publishing | None = None
    elsewhere: Elsewhere | None = None
    switch: Callable[[], SwitchStatus | None] = lambda: None
    problems: Callable[[], Sequence[str]] = tuple
    workers_lost: Callable[[], Mapping[str, int]] = dict
    thread_failures: Callable[[], Mapping[str, int]] = dict

    @property
    def host(self) -> str:
        """The name under which this daemon publishes in the replica; "" if none is configured."""
        return "" if self.replica is None else self.replica.state().host

    def damage(self) -> dict[str, str]:
        """What searches need and is known to be damaged, "index" or "catalogue": what that means, and what helps."""
        with self.serving.use() as served:
            index = {"index": _INDEX} if served.index.damage is not None else {}
        return index | ({"catalogue": _CATALOGUE} if self.catalogue.damage is not None else {})


class Readiness:
    """Holds the services while they answer, and what the daemon is doing while they do not."""

    def __init__(self, detail: str = "starting") -> None:
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._detail = detail

    def doing(self, detail: str) -> None:
        """Say what the daemon is doing while it is not ready, such as "loading the model"."""
        with self._lock:
            self._detail = detail

    def open(self, services: Services) -> None:
        """From now on RPCs are answered."""
        with self._lock:
            self._services, self._detail = services, ""

    def close(self, detail: str) -> None:
        """From now on RPCs are refused."""
        with self._lock:
            self._services, self._detail = None, detail

    @property
    def current(self) -> tuple[Services | None, str]:
        """The services, or None and what the daemon is doing."""
        with self._lock:
            return self._services, self._detail

    def is_open(self) -> bool:
        """Whether RPCs are answered."""
        return self.current[0] is not None

    def is_searchable(self) -> bool:
        """Whether searches are answered as well: nothing that they need is known to be damaged."""
        services, _ = self.current
        return services is not None and not services.damage()

    def services(self) -> Services:
        """The services.

        Raises:
            NotReady: there are none yet, or none any more.
        """
        services, detail = self.current
        if services is None:
            raise NotReady(f"the daemon is not ready: {detail}", remedy="`simctl wait` returns when it is")
        return services
