"""How good groups of files are, where it is known which files are the same picture.

A pair of files of one group counts if one of them was planted: it is right if both are the same picture. Of files that
nobody planted it is not known well enough whether they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.planted import Copy, Planted

Group = Collection[Path]


@dataclass(frozen=True, slots=True)
class Score:
    """What groups are worth.

    Attributes:
        pairs: pairs of files of one group, one of them planted at least.
        wrong: those of them that are not the same picture.
        groups: groups with a planted file.
        wrong_groups: those of them with a pair that is wrong.
        found: for each kind of copy, how many are in a group with their original.
        planted: for each kind, how many there are.
    """

    pairs: int
    wrong: int
    groups: int
    wrong_groups: int
    found: Mapping[str, int]
    planted: Mapping[str, int]

    @property
    def precision(self) -> float:
        """Of pairs."""
        return 1 - self.wrong / self.pairs if self.pairs else 1.0

    @property
    def group_precision(self) -> float:
        """Groups in which all is right."""
        return 1 - self.wrong_groups / self.groups if self.groups else 1.0

    def recall(self, kinds: Iterable[str]) -> float:
        """Of copies of these kinds."""
        names = list(kinds)
        return sum(self.found[name] for name in names) / max(1, sum(self.planted[name] for name in names))


def score(planted: Planted, groups: Sequence[Group], copies: Sequence[Copy]) -> Score:
    """Judge groups by some of the copies: pairs that have one of them, and how many of them were found."""
    counted = {copy.path for copy in copies}
    pairs = wrong = judged = wrong_groups = 0
    of: defaultdict[Path, set[int]] = defaultdict(set)
    for number, group in enumerate(groups):
        files = set(group)
        for file in files:
            of[file].add(number)
        mine = files & counted
        if not mine:
            continue
        every = _pairs(Counter(planted.picture[file] for file in files))
        without = _pairs(Counter(planted.picture[file] for file in files - mine))
        more_pairs = every[0] - without[0]
        more_wrong = more_pairs - (every[1] - without[1])
        pairs, wrong = pairs + more_pairs, wrong + more_wrong
        judged, wrong_groups = judged + 1, wrong_groups + (more_wrong > 0)
    together = Counter(copy.kind for copy in copies if of[copy.path] & of[copy.original])
    return Score(pairs, wrong, judged, wrong_groups, together, Counter(copy.kind for copy in copies))


def _pairs(pictures: Counter[int]) -> tuple[int, int]:
    """Of files of so many pictures: all pairs, and those of one picture."""
    total = pictures.total()
    return total * (total - 1) // 2, sum(count * (count - 1) // 2 for count in pictures.values())
