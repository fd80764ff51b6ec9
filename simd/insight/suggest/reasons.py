"""Why an image is suggested, for a person."""

from __future__ import annotations

from collections.abc import Sequence

from simd.insight.suggest.suggestion import Strategy

_OPPOSITE = 2.0
"""The greatest distance that there is, which is that to nothing."""


def reason(
    strategy: Strategy,
    value: float,
    covers: int,
    *,
    estimated: bool,
    any_labelled: bool,
    between: Sequence[tuple[str, ...]] = (),
) -> str:
    """A sentence without a subject, which is the image.

    Args:
        strategy: how it was chosen.
        value: by what.
        covers: for how many images it stands that nothing before it does.
        estimated: whether that is so but roughly.
        any_labelled: whether anything is labelled.
        between: the labels of the two labelled images that it can be told from least, if they tell why.
    """
    if strategy is Strategy.DIVERSE:
        if value >= _OPPOSITE and not any_labelled:
            return "nothing is labelled yet, and one is the first"
        return f"is at most {_alike(value)} like anything labelled or suggested before"
    if strategy is Strategy.OUTLIERS:
        unlabelled = ", none of them labelled" if any_labelled else ""
        return f"is alone: few pictures are more than {_alike(value)} like it{unlabelled}"
    if strategy is Strategy.RANDOM:
        return "was drawn at random"
    stands = _stands_for(covers, estimated, any_labelled)
    if len(between) == 2:
        one, other = (" + ".join(f"`{label}`" for label in labels) for labels in between)
        return f"lies between {one} and {other}" + (f", and {stands}" if covers > 1 else "")
    return stands


def _stands_for(covers: int, estimated: bool, any_labelled: bool) -> str:
    if covers == 0:
        return "is like pictures that labels stand for least"
    if covers == 1:
        return "is like nothing that is labelled or suggested before"
    about = "about " if estimated else ""
    like = " that nothing labelled is like" if any_labelled else ""
    return f"stands for {about}{covers:,} pictures{like}"


def _alike(distance: float) -> str:
    return f"{max(0.0, 1.0 - distance**2 / 2.0):.0%}"
