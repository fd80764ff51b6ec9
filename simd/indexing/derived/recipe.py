"""How derived bytes come about: of a picture that is decoded for a model, or of one that is decoded for them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simd.derived.icon import ICON_SIDE, icon_of
from simd.featurize.decode.renditions import Features, Rendition, Stretched
from simd.featurize.workers.pool import DecodedFile


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind is made.

    Attributes:
        rendition: what a worker makes of a picture that is decoded for this alone.
        of: makes the bytes of what a worker made; None where they cannot be made of that.
        at_hand: whether they can be made of a model's input, so that nothing else is asked of what is decoded for one.
    """

    rendition: Rendition
    of: Callable[[DecodedFile], bytes | None]
    at_hand: bool = False


def features() -> Recipe:
    """Local features."""
    return Recipe(Features(), lambda found: found.features)


def icons() -> Recipe:
    """Icons."""
    return Recipe(Stretched((ICON_SIDE, ICON_SIDE)), _icon_of, at_hand=True)


def _icon_of(found: DecodedFile) -> bytes | None:
    stretched = (pixels for rendition, pixels in found.pictures.items() if isinstance(rendition, Stretched))
    return next(map(icon_of, stretched), None)
