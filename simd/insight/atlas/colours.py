"""Which colour stands for which name.

A name has the colour that its hash points at, or the next one that no other name has; so the colours of names depend
on which names there are, and not on how common each one is. Where there are more names than colours, the commonest have
one of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#e0d430", "#991111", "#77eedd",
    "#005566", "#7700ff", "#99bb88", "#bb66ff", "#bb3300", "#6622bb", "#bbdd99", "#99ccff", "#dd11cc",
)  # fmt: skip
"""Those of Okabe and Ito (2008) but black, then such as are farthest from all before them, to any kind of eye, and from
grey; all stand out from white and from a dark ground. So the first of them are told apart best."""
FEW = 7
"""For so many names the first colours do."""
OTHERS = "others"
OTHERS_COLOUR = "#888888"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a colour means: a name, and how many images have it; no colour for those that have no name."""

    colour: str
    name: str
    images: int


def colours_of(counts: Mapping[str, int]) -> dict[str, str]:
    """The names that have a colour of their own, and which; all others share `OTHERS_COLOUR`.

    Args:
        counts: how common each name is.
    """
    chosen = sorted(counts, key=lambda name: (-counts[name], name))[: len(PALETTE)]
    size = FEW if len(chosen) <= FEW else len(PALETTE)
    found: dict[int, str] = {}
    for name in sorted(chosen):
        at = int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest()) % size
        while at in found:
            at = (at + 1) % size
        found[at] = name
    return {name: PALETTE[at] for at, name in found.items()}


def meanings(colours: Mapping[str, str], counts: Mapping[str, int], without: int) -> list[Meaning]:
    """What the colours of a map mean: the commonest first, then the others, then what has no name.

    Args:
        colours: of the names that have one of their own.
        counts: how many images of the map have each name.
        without: how many have none.
    """
    own = [Meaning(colour, name, counts[name]) for name, colour in colours.items() if counts.get(name)]
    own.sort(key=lambda one: (-one.images, one.name))
    others = sum(count for name, count in counts.items() if name not in colours)
    return [
        *own,
        *([Meaning(OTHERS_COLOUR, OTHERS, others)] if others else []),
        *([Meaning("", "", without)] if without else []),
    ]
