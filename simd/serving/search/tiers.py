"""What two pictures are to each other, in one word. No gRPC here."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.errors import SimdError, StoreError
from simd.featurize.decode.renditions import Digest
from simd.featurize.models.spec import Levels
from simd.insight.pairs.pair import Tier
from simd.serving.ports import Decoding
from simd.serving.search.embedder import Embedded
from simd.serving.search.pictures import Pictures
from simd.serving.search.subjects import Subject
from simd.verify.verdict import Verdict

_OF_SAME_PIXELS = 0.97
"""Pictures of the same pixels are no less similar, though a JPEG is shrunk before the model sees it. It spares others
being decoded at their full size."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of two pictures: how it was named, and its embedding."""

    subject: Subject
    embedded: Embedded


class Tiers:
    """Tells tiers; safe to use from any thread.

    Args:
        catalogue: how large images are.
        pictures: has them decoded.
    """

    def __init__(self, catalogue: Catalogue, pictures: Pictures) -> None:
        self._catalogue = catalogue
        self._pictures = pictures

    def of(
        self,
        sides: tuple[Side, Side],
        similarity: float,
        verdict: Verdict | None,
        levels: Levels | None,
        cancelled: Cancelled,
    ) -> Tier | None:
        """The tier; None where it cannot be told: one is a vector, or the model is not calibrated and no more is known.

        Raises:
            Abandoned: nobody waits any more.
        """
        one, other = (side.embedded.image_id for side in sides)
        if one is None or other is None:
            return None
        if one == other:
            return Tier.EXACT
        if similarity >= _OF_SAME_PIXELS and self._are_same_pixels(sides, cancelled):
            return Tier.PIXELS
        if verdict is not None and verdict.same:
            return Tier.NEAR
        if levels is None:
            return None
        return Tier.SIMILAR if similarity >= levels.similar else Tier.DIFFERENT

    def _are_same_pixels(self, sides: tuple[Side, Side], cancelled: Cancelled) -> bool:
        sizes = {size for side in sides if (size := self._size(side.embedded)) is not None}
        if len(sizes) > 1:
            return False
        decodings = [decoding for side in sides if (decoding := self._begin(side.subject)) is not None]
        cancelled.wait(decodings)
        digests = [_digest(decoding) for decoding in decodings]
        return len(digests) == len(sides) and None not in digests and len(set(digests)) == 1

    def _size(self, embedded: Embedded) -> tuple[int, int] | None:
        """Width and height as displayed, where they are known."""
        facts, image_id = embedded.facts, embedded.image_id
        if facts is None and image_id is not None:
            try:
                facts = self._catalogue.facts_of([image_id]).get(image_id)
            except StoreError:
                return None
        return None if facts is None else (facts.width, facts.height)

    def _begin(self, subject: Subject) -> Decoding | None:
        try:
            return self._pictures.begin(subject, Digest())
        except SimdError:
            return None


def _digest(decoding: Decoding) -> bytes | None:
    try:
        return decoding.result().digest
    except (SimdError, OSError, CancelledError):
        return None
