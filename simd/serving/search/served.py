"""What answers searches: a model together with the index of its embeddings, replaced as one.

A search uses one `Served` from its beginning to its end, so a query's vector is never compared with another model's.
The old one can be closed once it is no longer in use, which can be waited for.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simd.featurize.decode.renditions import Stretched
from simd.featurize.engines.base import DeviceChoice
from simd.featurize.models.spec import Levels
from simd.index.base import Index
from simd.serving.ports import Featurizer
from simd.types import Size


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The network that makes the embeddings; `levels` tell what its similarities mean, if it is calibrated."""

    name: str
    dimension: int
    fingerprint: str
    licence: str
    levels: Levels | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model and its index: `featurizer` embeds queries, pictures of `size`; `device` is where indexing computes."""

    model: ModelInfo
    device: DeviceChoice
    size: Size
    featurizer: Featurizer
    index: Index

    @property
    def input(self) -> Stretched:
        """What is made of a picture for the model."""
        return Stretched(self.size)


class Serving:
    """Holds what answers searches now; safe to use from any thread."""

    def __init__(self, served: Served) -> None:
        self._now = served
        self._users: Counter[Served] = Counter()
        self._left = threading.Condition()

    @contextmanager
    def use(self) -> Iterator[Served]:
        """What answers now; it stays open until the block ends, whatever replaces it meanwhile."""
        with self._left:
            served = self._now
            self._users[served] += 1
        try:
            yield served
        finally:
            with self._left:
                self._users[served] -= 1
                if not self._users[served]:
                    del self._users[served]
                    self._left.notify_all()

    def replace(self, served: Served) -> Served:
        """From now on this one answers. Returns the one before, which may still be in use."""
        with self._left:
            before, self._now = self._now, served
            return before

    def wait_unused(self, served: Served, timeout_s: float | None = None) -> bool:
        """Return when one that was replaced is no longer in use; False after `timeout_s`."""
        with self._left:
            return self._left.wait_for(lambda: served not in self._users, timeout_s)
