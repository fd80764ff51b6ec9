"""Dividing pictures by shares, so that each label is divided by them too.

Pure: what is divided are *units*, which stay whole. The rarest label is dealt
with first, because it leaves the least choice; of its units the largest first. A unit goes where it brings what its
labels got closest to what they should get, by the sum of squares, in which each label counts the same. Where that is a
matter of less than a file, as it is with the last files of a label and with all of one that has few, it goes where
files of whatever label are wanted: many small labels would all be rounded the same way. Last, units of labels that are
far from their shares change sides as long as the sum of squares gets less.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_ROUNDS = 8
"""How often all units are looked at for a better side; each round is a pass over them, and most gain is in the
first."""

_CLOSE = 0.005
"""Labels that are closer to their shares than this part of their files, or than a file, are left as they are."""
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class Unit:
    """What stays together: how many files, and how many of them carry each label, by its number; at least one label."""

    files: int
    weights: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Division:
    """The side of each unit, and by label how many files each side got and should have got."""

    sides: list[int]
    got: list[list[int]]
    wanted: list[list[float]]


def divide(units: Sequence[Unit], labels: int, shares: Sequence[float], check: Callable[[], None]) -> Division:
    """Divide units.

    Args:
        units: in an order that is no one's choice: among equals the first goes first.
        labels: how many labels there are.
        shares: of each side; their sum is 1.
        check: called now and then; what it raises ends the work.
    """
    totals = [0] * labels
    for unit in units:
        for label, weight in unit.weights.items():
            totals[label] += weight
    wanted = [[total * share for share in shares] for total in totals]
    balance = _Balance([list(line) for line in wanted], totals, shares)
    sides = [-1] * len(units)
    for turn, number in enumerate(_order(units, totals)):
        if not turn % 1000:
            check()
        sides[number] = balance.side(units[number])
        balance.give(units[number], sides[number])
    for _ in range(_ROUNDS):
        check()
        if not balance.improve(units, sides):
            break
    got = [
        [round(w - lack) for w, lack in zip(*lines, strict=True)] for lines in zip(wanted, balance.lacks, strict=True)
    ]
    return Division(sides, got, wanted)


def _order(units: Sequence[Unit], totals: Sequence[int]) -> list[int]:
    """The units, those of the rarest label first; what is rare is what is left of a label."""
    having: list[list[int]] = [[] for _ in totals]
    for number, unit in enumerate(units):
        for label in unit.weights:
            having[label].append(number)
    left = list(totals)
    queue = [(total, label) for label, total in enumerate(left)]
    heapq.heapify(queue)
    order: list[int] = []
    done = [False] * len(units)
    while queue:
        count, label = heapq.heappop(queue)
        if count != left[label]:
            # It was entered again with what was left of it.
            continue
        now = [number for number in having[label] if not done[number]]
        # Stable, so units that weigh the same keep their order.
        now.sort(key=lambda number: -units[number].files)
        order += now
        fewer: set[int] = set()
        for number in now:
            done[number] = True
            for other, weight in units[number].weights.items():
                left[other] -= weight
                fewer.add(other)
        for other in fewer - {label}:
            heapq.heappush(queue, (left[other], other))
    return order


class _Balance:
    """What each side still lacks.

    Args:
        lacks: files of each label, by side; it changes.
        totals: files of each label.
        shares: of each side.
    """

    def __init__(self, lacks: list[list[float]], totals: Sequence[int], shares: Sequence[float]) -> None:
        self.lacks = lacks
        self._totals = totals
        self._shares = shares
        self._got = [0] * len(shares)

    def give(self, unit: Unit, side: int, sign: int = 1) -> None:
        """A side gets a unit, or gives it back."""
        for label, weight in unit.weights.items():
            self.lacks[label][side] -= sign * weight
        self._got[side] += sign * unit.files

    def side(self, unit: Unit) -> int:
        """The side that should get a unit; of equals the first."""
        needs = self._needs(unit)
        neediest = needs.index(max(needs))
        if self._excess(unit, neediest) <= 0:
            return neediest
        close = [side for side in range(len(needs)) if self._excess(unit, side) < 1]
        given = sum(self._got) + unit.files
        return max(close, key=lambda side: self._shares[side] * given - self._got[side], default=neediest)

    def improve(self, units: Sequence[Unit], sides: list[int]) -> bool:
        """Give units of labels that are far from their shares to better sides; whether there were any."""
        far = {
            label
            for label, (lack, total) in enumerate(zip(self.lacks, self._totals, strict=True))
            if max(map(abs, lack)) >= max(1.0, _CLOSE * total)
        }
        moved = False
        for number, unit in enumerate(units) if far else ():
            if far.isdisjoint(unit.weights):
                continue
            here = sides[number]
            self.give(unit, here, -1)
            needs = self._needs(unit)
            best = needs.index(max(needs))
            if needs[best] > needs[here] + _LEAST_GAIN:
                moved, sides[number] = True, best
            self.give(unit, sides[number])
        return moved

    def _needs(self, unit: Unit) -> list[float]:
        """By how much less the sum of squares gets where each side gets a unit, but for what is the same for all."""
        needs = [0.0] * len(self._shares)
        for label, weight in unit.weights.items():
            rate = weight / self._totals[label]
            for side, lack in enumerate(self.lacks[label]):
                needs[side] += lack * rate
        return needs

    def _excess(self, unit: Unit, side: int) -> float:
        """By how many files the label that is worst off exceeds its share where a side gets a unit."""
        return max(weight - self.lacks[label][side] for label, weight in unit.weights.items())
