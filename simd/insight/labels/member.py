"""A file of a picture, with what is known of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.decisions.labels import Labels, of_file
from simd.insight.pairs.pair import Pair, Tier
from simd.types import ImageFacts, ImageId

_NO_FACTS = ImageFacts(0, 0, "")


@dataclass(frozen=True, slots=True)
class Member:
    """A file, by its absolute path, its image, and what people said it is, sorted."""

    path: bytes
    image_id: ImageId
    facts: ImageFacts
    labels: tuple[str, ...]

    @property
    def pixels(self) -> int:
        """How many it has; 0 if that is not known."""
        return self.facts.width * self.facts.height


@dataclass(frozen=True, slots=True)
class Tied:
    """A file, and what it is to another one. `pair` is of their images; None if they are one image, or if nothing more
    is known than that both are the same picture as a third."""

    member: Member
    tier: Tier
    pair: Pair | None = None


def members_of(catalogue: Catalogue, labels: Labels, image_ids: Collection[ImageId]) -> dict[ImageId, list[Member]]:
    """The files of images, each one's sorted; an image without a file is left out."""
    said = labels.said(image_ids)
    return {
        image_id: [
            Member(path, image_id, image.facts or _NO_FACTS, of_file(said.get(image_id, {}), path))
            for path in image.paths
        ]
        for image_id, image in catalogue.searchable(image_ids).items()
    }


def tied(keeper: Member, member: Member, pairs: Iterable[Pair]) -> Tied:
    """What a file is to the keeper.

    Args:
        keeper: the keeper.
        member: the file.
        pairs: those that its image has with other images of the picture.
    """
    if member.image_id == keeper.image_id:
        return Tied(member, Tier.EXACT)
    best: Pair | None = None
    for pair in pairs:
        if keeper.image_id in (pair.first, pair.second):
            return Tied(member, pair.tier, pair)
        if best is None or pair.similarity > best.similarity:
            best = pair
    return Tied(member, best.tier if best else Tier.NEAR, best)
