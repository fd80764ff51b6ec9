"""What chooses among candidates, whatever the strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate, by its row, and by what it was chosen, the greater the better."""

    row: int
    value: float


class Chooser(Protocol):
    """Offers candidates one after another, each once; what is taken changes the order of those that are left."""

    def next(self) -> Choice | None:
        """The best candidate that was not offered; None if all were."""
        ...

    def take(self, row: int) -> None:
        """A candidate that was offered is suggested."""
        ...


class InOrder:
    """Candidates in their order: one that is no one's choice makes them random.

    Args:
        count: how many candidates there are.
    """

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))

    def next(self) -> Choice | None:
        """The next one."""
        row = next(self._left, None)
        return None if row is None else Choice(row, 0.0)

    def take(self, row: int) -> None:
        """Nothing changes."""
