"""What is worth labelling next, as plain Python values. Paths are as in `answers`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simd.v1 import insight_service_pb2


@dataclass(frozen=True, slots=True)
class NearestLabelled:
    """The labelled image that is nearest to a suggestion: its Euclidean distance, and what it is labelled. `path` is
    empty if it has no file now."""

    image_id: str
    path: str
    distance: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An image worth labelling.

    Attributes:
        rank: its place in the answer, from 1.
        path: where a file of it is.
        image_id: 32 hex digits.
        covers: for how many images without a label it stands, itself among them, that nothing before it stands for.
        coverage: what share of the images labelled ones stand for once this and all before it are labelled, 0 to 1.
        nearest_labelled: None if nothing is labelled.
        reason: why it is suggested, for a person.
        value: by what the strategy chose it, the greater the better; comparable within one answer.
        width, height: in pixels, 0 if they are not known.
    """

    rank: int
    path: str
    image_id: str
    covers: int
    coverage: float
    nearest_labelled: NearestLabelled | None
    reason: str
    value: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """An answer.

    Attributes:
        suggestions: in their order; the first ones are the answer to a smaller limit.
        images: how many images were asked about.
        labelled: how many of them are labelled.
        same_as_labelled: how many of the others are the same picture as a labelled or skipped one.
        coverage: what share of the images labelled ones stand for already, 0 to 1.
        estimated: whether coverage was counted on a part of the images.
        host: of which they are, if the daemon publishes in a replica: those of other hosts, and what is labelled there,
            are not looked at; else "".
    """

    suggestions: tuple[Suggestion, ...]
    images: int
    labelled: int
    same_as_labelled: int
    coverage: float
    estimated: bool
    host: str = ""

    @property
    def curve(self) -> list[float]:
        """What share of the images labelled ones stand for: now, and once each suggestion is labelled as well."""
        return [self.coverage, *(one.coverage for one in self.suggestions)]


Progress = Callable[[int, int], object]
"""Is called with how much is done, and of how much."""


def answers(messages: Iterator[insight_service_pb2.SuggestResponse], progress: Progress | None) -> Iterator[Suggested]:
    """From the wire; each answer as soon as it is whole."""
    found: list[Suggestion] = []
    for message in messages:
        if message.total and progress is not None:
            progress(message.done, message.total)
        found += [suggestion(one, rank) for rank, one in enumerate(message.suggestions, len(found) + 1)]
        if message.HasField("summary"):
            about = message.summary
            yield Suggested(
                suggestions=tuple(found),
                images=about.images,
                labelled=about.labelled,
                same_as_labelled=about.same_as_labelled,
                coverage=about.coverage,
                estimated=about.estimated,
                host=about.host,
            )
            found = []


def suggestion(one: insight_service_pb2.Suggestion, rank: int) -> Suggestion:
    """From the wire; `rank` is its place in the answer, from 1."""
    return Suggestion(
        rank=rank,
        path=_path_of(one),
        image_id=one.image_id,
        covers=one.covers,
        coverage=one.coverage,
        nearest_labelled=_nearest(one.nearest_labelled) if one.HasField("nearest_labelled") else None,
        reason=one.reason,
        value=one.value,
        width=one.width,
        height=one.height,
    )


def _nearest(one: insight_service_pb2.NearestLabelled) -> NearestLabelled:
    return NearestLabelled(one.image_id, _path_of(one), one.distance, tuple(one.labels))


def _path_of(message: insight_service_pb2.Suggestion | insight_service_pb2.NearestLabelled) -> str:
    return os.fsdecode(message.path_bytes or message.path.encode())
