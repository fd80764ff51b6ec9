"""Answers in which a picture is told once, however many copies of it there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Protocol

from simd.errors import StoreError
from simd.insight.pairs.reader import PairReader
from simd.types import ImageId

CopiesAmong = Callable[[Sequence[ImageId], int], Mapping[ImageId, ImageId]]
"""`Copies.among`, or what stands in its place."""

_NOT_DUPLICATES = "not_duplicates"
_NOTHING: frozenset[int] = frozenset()


class Decision(Protocol):
    """What a person said of some images."""

    @property
    def kind(self) -> str:
        """What."""
        ...

    @property
    def images(self) -> Sequence[ImageId]:
        """Of which."""
        ...


class Said(Protocol):
    """Everything that people said of copies."""

    @property
    def revision(self) -> int:
        """Another number after every change."""
        ...

    def all(self) -> Sequence[Decision]:
        """All of it."""
        ...


class Copies:
    """Finds copies; every method may be called from any thread.

    Args:
        pairs: which images are the same picture.
        said: what people said, which counts more.
    """

    def __init__(self, pairs: PairReader, said: Said) -> None:
        self._pairs = pairs
        self._said = said
        self._lock = Lock()
        self._read: tuple[int, Mapping[ImageId, frozenset[int]]] | None = None

    def among(self, image_ids: Sequence[ImageId], limit: int) -> Mapping[ImageId, ImageId]:
        """Which of some images are copies, and of which earlier one: each is the same picture as that one itself, and
        no chain makes a copy. Where pairs cannot be read, none is.

        Args:
            image_ids: the best first, none twice.
            limit: after so many that are no copies, the others are told of only where they are copies of those.
        """
        try:
            return self._among(image_ids, limit, self._apart())
        except StoreError:
            # Whoever keeps the file up has said so, and mends it.
            return {}

    def _among(
        self, image_ids: Sequence[ImageId], limit: int, apart: Mapping[ImageId, frozenset[int]]
    ) -> dict[ImageId, ImageId]:
        left = dict.fromkeys(image_ids)
        found: dict[ImageId, ImageId] = {}
        kept = 0
        for image_id in image_ids:
            if image_id in found:
                continue
            if kept == limit:
                break
            kept += 1
            del left[image_id]
            said = apart.get(image_id, _NOTHING)
            for pair in self._pairs.of(image_id):
                other = pair.other(image_id)
                if pair.tier.is_same and other in left and said.isdisjoint(apart.get(other, _NOTHING)):
                    found[other] = image_id
                    del left[other]
        return found

    def _apart(self) -> Mapping[ImageId, frozenset[int]]:
        """By image, which decisions say that it is no duplicate of the others that they name."""
        with self._lock:
            revision = self._said.revision
            if self._read is None or self._read[0] != revision:
                self._read = revision, _by_image(self._said.all())
            return self._read[1]


def no_copies(image_ids: Sequence[ImageId], limit: int) -> Mapping[ImageId, ImageId]:
    """Where nothing is known of copies."""
    return {}


def _by_image(decisions: Sequence[Decision]) -> Mapping[ImageId, frozenset[int]]:
    found: dict[ImageId, set[int]] = defaultdict(set)
    for number, decision in enumerate(decisions):
        if decision.kind == _NOT_DUPLICATES:
            for image_id in decision.images:
                found[image_id].add(number)
    return {image_id: frozenset(numbers) for image_id, numbers in found.items()}
