"""Rules by which the keeper of a group is chosen: the first one that tells two files apart decides.

A rule gives each file a number, the lowest is best. What no rule tells apart is decided by the path, so that the same
files have the same keeper always.
"""

from __future__ import annotations

import fnmatch
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.errors import ConfigError, InvalidRequest
from simd.insight.groups.base import Base, Ints
from simd.insight.pairs.pair import TIERS, Tier

Ranks = npt.NDArray[np.float64]
"""A number for each file, `(f,)`: less is better."""

_ALIKE = 0.98
"""Pictures are equally large if the smaller has at least this share of the pixels of the largest one: turning a JPEG
without loss cuts some off at its edges."""

_QUALITY = {"RAW": 0, "TIFF": 1, "PNG": 1, "BMP": 1, "PPM": 1, "JXL": 2, "HEIF": 2, "AVIF": 2, "JPEG2000": 2, "JPEG": 3,
            "WEBP": 4, "GIF": 5}  # fmt: skip
"""What a format loses, the least first. A picture that one of a lossy format has the pixels of was made from that."""

_LOSSLESS = 1
_OTHERS = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        name: as it is written.
        ranks: the number of each file, given which images are connected: for each the least image of those, `(n,)`.
        reason: why a file is better than another one, for a person.
    """

    name: str
    ranks: Callable[[Base, Ints], Ranks]
    reason: Callable[[Base, int, int], str]


def rules_of(names: Sequence[str], error: type[ConfigError] | type[InvalidRequest]) -> tuple[Rule, ...]:
    """The rules of these names.

    Raises:
        ConfigError, InvalidRequest: as `error` says; one is unknown.
    """
    return tuple(_rule(name, error) for name in names)


def _rule(name: str, error: type[ConfigError] | type[InvalidRequest]) -> Rule:
    kind, _, pattern = name.partition(":")
    if kind == "path" and pattern:
        return _path(name, pattern)
    if name in _RULES:
        return _RULES[name]
    raise error(
        f"{name[:80]!r} is no rule that chooses a keeper",
        field="keep",
        remedy=f"choose among path:GLOB (such as path:/photos/originals), {', '.join(_RULES)}",
    )


def _path(name: str, pattern: str) -> Rule:
    # A pattern of a folder is of all that is below it.
    matches = re.compile(f"{fnmatch.translate(pattern)}|{fnmatch.translate(pattern.rstrip('/') + '/*')}").match

    def ranks(base: Base, connected: Ints) -> Ranks:
        return np.array([matches(os.fsdecode(path)) is None for path in base.copies.paths], np.float64)

    return Rule(name, ranks, lambda base, file, other: f"its path matches {pattern}")


def _labelled(base: Base, connected: Ints) -> Ranks:
    rank = np.ones(len(base.copies.paths))
    rank[list(base.labels)] = 0
    return rank


def _why_labelled(base: Base, file: int, other: int) -> str:
    return f"it is labelled {', '.join(base.labels[file])}"


def _companions(base: Base, connected: Ints) -> Ranks:
    rank = np.zeros(len(base.copies.paths))
    for file, companions in base.companions.items():
        rank[file] = -len(companions)
    return rank


def _resolution(base: Base, connected: Ints) -> Ranks:
    """By how much smaller than the largest that it is connected with; a step for each that is not alike."""
    largest = np.zeros(base.images)
    np.maximum.at(largest, connected, base.area)
    with np.errstate(divide="ignore"):
        ratio = np.where(base.area > 0, base.area / np.maximum(largest[connected], 1), 0.0)
        steps = np.floor(np.log(ratio) / np.log(_ALIKE) + 1e-9)
    return np.asarray(steps[base.copies.image], np.float64)


def _why_resolution(base: Base, file: int, other: int) -> str:
    of_other = _pixels(base, other)
    return f"highest resolution: {_pixels(base, file)}, " + (
        f"the next has {of_other}" if of_other else "others unknown"
    )


def _pixels(base: Base, file: int) -> str:
    facts = base.copies.facts[int(base.copies.image[file])]
    return f"{facts.width} x {facts.height}" if facts else ""


def _format(base: Base, connected: Ints) -> Ranks:
    """As `_QUALITY` says; what has the pixels of a lossy picture is worth a little less than that one."""
    rank = np.array([_QUALITY.get(name, _OTHERS) for name in base.format.tolist()], np.float64)
    twins = (base.pairs.tier == TIERS.index(Tier.PIXELS)) & (base.first >= 0) & (base.second >= 0)
    given = rank.copy()
    for one, other in ((base.first, base.second), (base.second, base.first)):
        made = one[twins][(given[one[twins]] <= _LOSSLESS) & (given[other[twins]] > _LOSSLESS)]
        of = other[twins][(given[one[twins]] <= _LOSSLESS) & (given[other[twins]] > _LOSSLESS)]
        np.maximum.at(rank, made, given[of] + 0.5)
    return np.asarray(rank[base.copies.image], np.float64)


def _why_format(base: Base, file: int, other: int) -> str:
    one, another = (str(base.format[base.copies.image[number]]) for number in (file, other))
    if _QUALITY.get(one, _OTHERS) > _QUALITY.get(another, _OTHERS):
        return f"the {another} has its pixels and was made from a lossy picture, such as this {one}"
    return f"better format: {one}, the next is {another or 'unknown'}"


def _why_size(base: Base, file: int, other: int) -> str:
    return f"largest file: {base.copies.sizes[file]:,} bytes, the next has {base.copies.sizes[other]:,}"


def _why_oldest(base: Base, file: int, other: int) -> str:
    one, another = (_day(int(base.copies.mtimes[number])) for number in (file, other))
    return f"oldest: {one}, the next is of {another}" if one != another else f"oldest, by less than a second: {one}"


def _day(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ns // 1_000_000_000))


_RULES = {
    "labelled": Rule("labelled", _labelled, _why_labelled),
    "companions": Rule("companions", _companions, lambda *_: "its raw photograph is beside it"),
    "resolution": Rule("resolution", _resolution, _why_resolution),
    "format": Rule("format", _format, _why_format),
    "size": Rule("size", lambda base, _: -base.copies.sizes.astype(np.float64), _why_size),
    "oldest": Rule("oldest", lambda base, _: base.copies.mtimes.astype(np.float64), _why_oldest),
}
