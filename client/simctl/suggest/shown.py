"""Suggestions as they are shown to a person."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from simctl.output import Output, counted, percent, printable
from simctl.suggest.suggested import Suggested, Suggestion

_STEPS = [step * 10**power for power in range(5) for step in (1, 2, 5)]
_SHOWN_STEPS = 3
"""After how many suggestions a person is told what labels reach, and how many such numbers beside the last."""


def show(found: Suggested, new: Sequence[Suggestion], output: Output, *, is_first: bool) -> None:
    """Print what is new in an answer, and how far labels reach: rank, how many pictures each stands for, and its path.

    Args:
        found: the answer.
        new: those of its suggestions that were not shown before.
        output: where to.
        is_first: whether no answer was shown before.
    """
    if not is_first:
        what = counted(len(new), "new suggestion") if new else "nothing new to suggest"
        output.line(f"\n{time.strftime('%X')}  {found.labelled:,} labelled, {what}")
    ranks = [str(one.rank) for one in new]
    covers = [f"{one.covers:,}" for one in new]
    width, column = max(map(len, ranks), default=0), max(map(len, [*covers, "covers"]))
    if new:
        output.line(output.style(f"{'#':>{width}}  {'covers':>{column}}  path", "dim"))
    for one, rank, count in zip(new, ranks, covers, strict=True):
        start = f"{rank:>{width}}  {count:>{column}}  "
        output.line(start + output.style(printable(one.path), "bold"))
        for text in _about(one):
            output.line(output.style(f"{'':{len(start)}}{printable(text)}", "dim"))
    output.line(reach(found))
    if found.host and is_first:
        output.line(of_one(found.host))


def _about(one: Suggestion) -> Iterator[str]:
    """Why it is suggested, and what is labelled that is like it."""
    yield one.reason
    nearest = one.nearest_labelled
    if nearest is not None:
        alike = percent(nearest.distance, 1.0 - nearest.distance**2 / 2.0)
        where = f", {nearest.path}" if nearest.path else ""
        yield f"nearest labelled, {alike} similar: {', '.join(nearest.labels)}{where}"


def of_one(host: str) -> str:
    """That there may be more elsewhere."""
    return f"this is about the pictures on {host} alone; those on other hosts are not looked at"


def reach(found: Suggested) -> str:
    """How many pictures the labels stand for, now and once these are labelled: where that grows no more, one stops."""
    if not found.images:
        return "there are no pictures to suggest from"
    of = counted(found.images, "picture")
    if found.labelled or found.coverage:
        about = "about " if found.estimated else ""
        now = f"labelled pictures stand for {about}{_percent(found.coverage)} of {of} now"
    else:
        now = f"none of {of} is labelled"
    last = len(found.suggestions)
    if not last:
        same = f", {found.same_as_labelled:,} are the same as one that is" if found.same_as_labelled else ""
        return f"{now}; nothing is left to suggest: {found.labelled:,} are labelled{same}"
    steps = [step for step in _STEPS if 2 * step <= last][-_SHOWN_STEPS:]
    shares = [f"{_percent(found.curve[step])} after {step:,}" for step in steps]
    return f"{now}; {', '.join([*shares, f'{_percent(found.curve[last])} after all {last:,}'])}"


def _percent(share: float) -> str:
    """All and nothing are kept for what is so."""
    value = 100 * share
    if 0 < value < 10 or 99 < value < 100:
        return f"{min(max(value, 0.1), 99.9):.1f} %"
    return f"{value:.0f} %"
