"""What is asked of suggestions, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from simd.types import ImageId


class Strategy(StrEnum):
    """How images are chosen; the wire's contract tells what each does."""

    COVERAGE = "coverage"
    UNCERTAIN = "uncertain"
    DIVERSE = "diverse"
    OUTLIERS = "outliers"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        limit: how many are suggested at most.
        strategy: how they are chosen.
        under: only images with a file at or below this absolute path; b"" is all.
        skip: images that are not suggested, nor what is the same picture.
    """

    limit: int = 100
    strategy: Strategy = Strategy.COVERAGE
    under: bytes = b""
    skip: tuple[ImageId, ...] = ()


@dataclass(frozen=True, slots=True)
class Nearest:
    """The labelled image that is nearest to a suggestion, and its distance."""

    image_id: ImageId
    distance: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An image worth labelling.

    Attributes:
        image_id: the image.
        covers: for how many images without a label it stands, itself among them, that nothing before it stands for.
        coverage: what share of the images labelled ones stand for once this and all before it are labelled.
        nearest: the nearest labelled image; None if there is none.
        reason: why, for a person.
        value: by what the strategy chose it, the greater the better.
    """

    image_id: ImageId
    covers: int
    coverage: float
    nearest: Nearest | None
    reason: str
    value: float


@dataclass(frozen=True, slots=True)
class Suggested:
    """An answer.

    Attributes:
        images: how many images are asked about.
        labelled: how many of them are labelled.
        same_as_labelled: how many of the others are the same picture as a labelled or skipped one.
        coverage: what share of the images, but for skipped ones, labelled ones stand for already.
        estimated: whether `covers` and `coverage` were counted on a part of the images.
        suggestions: in their order; the first ones are the answer to a smaller limit.
    """

    images: int
    labelled: int
    same_as_labelled: int
    coverage: float
    estimated: bool
    suggestions: Sequence[Suggestion]
