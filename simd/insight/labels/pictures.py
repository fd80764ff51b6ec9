"""Which images are one picture, as the labels' questions need it, and what they are labelled, both packed and kept
until something changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from simd.decisions.decisions import Decisions
from simd.decisions.duplicates import Kind
from simd.decisions.labels import Labels
from simd.insight.groups.components import Components, components
from simd.insight.groups.stars import Numbers
from simd.insight.pairs.pair import SAME, Tier
from simd.insight.pairs.reader import PairReader
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, rows_of

T = TypeVar("T")


class Latest(Generic[T]):
    """The last thing that was made, kept while what it was made from stands still."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: Hashable = None
        self._value: T | None = None

    def get(self, key: Hashable, make: Callable[[], T], *, afresh: bool = False) -> T:
        """What was made for a key, or is made, `afresh` in any case. Whoever else asks meanwhile waits, so that nothing
        is made twice."""
        with self._lock:
            if afresh or self._value is None or self._key != key:
                self._key, self._value = None, None
                self._value = make()
                self._key = key
            return self._value


@dataclass(frozen=True, slots=True, eq=False)
class PackedLabels:
    """What all images are labelled.

    Attributes:
        ids: the labelled images, sorted, uint8 `(n, 16)`.
        number: which of `kinds` each one carries, int32 `(n,)`.
        kinds: the labels that some image carries, each combination once.
    """

    ids: Ids
    number: Numbers
    kinds: Sequence[tuple[str, ...]]

    def of(self, image_ids: Ids) -> Numbers:
        """Which of `kinds` images carry, int32; -1 where they carry none."""
        rows = rows_of(self.ids, image_ids)
        if not self.number.size:
            return rows
        return np.where(rows >= 0, self.number[rows], -1).astype(np.int32)


class Pictures:
    """Every method may be called from any thread.

    Args:
        pairs: which images are the same picture.
        decisions: what people said of images.

    Attributes:
        pairs, labels: as they were given.
    """

    def __init__(self, pairs: PairReader, decisions: Decisions) -> None:
        self.pairs = pairs
        self.labels = decisions.labels
        self._duplicates = decisions.duplicates
        self._components: Latest[Components] = Latest()
        self._labels: Latest[PackedLabels] = Latest()

    def apart(self) -> list[tuple[ImageId, ...]]:
        """What people said to be no duplicates."""
        return [one.images for one in self._duplicates.all() if one.kind is Kind.NOT_DUPLICATES]

    def revision(self, *, decided: bool = True) -> Hashable:
        """What `components` depend on."""
        return self.pairs.revision, self._duplicates.revision if decided else None

    def components(self, tiers: frozenset[Tier] = frozenset(SAME), *, decided: bool = True) -> Components:
        """Which images are one picture.

        Args:
            tiers: pairs of which tiers count.
            decided: whether what people said counts.
        """
        # Asked for first: what changes meanwhile makes it out of date, and not unnoticed.
        key = (tiers, self.revision(decided=decided))
        return self._components.get(key, lambda: self._make(tiers, decided))

    def _make(self, tiers: frozenset[Tier], decided: bool) -> Components:
        return components(self.pairs.pairs(), tiers=tiers, apart=self.apart() if decided else ())

    def packed_labels(self) -> PackedLabels:
        """What all images are labelled; a million take 1.5 s once, and 20 MB."""
        return self._labels.get(self.labels.revision, lambda: _packed(self.labels))


def _packed(labels: Labels) -> PackedLabels:
    found = labels.all()
    numbers: dict[tuple[str, ...], int] = {}
    number = np.fromiter((numbers.setdefault(kind, len(numbers)) for kind in found.values()), np.int32, len(found))
    return PackedLabels(pack_ids(list(found)), number, list(numbers))
