"""How many large images may be decoded at once, by the memory that they take."""

from __future__ import annotations


class MemoryBudget:
    """Keeps count of what is taken. One thread at a time.

    Args:
        total: bytes that all may take together. An image that needs more goes alone.
        at_once: how many images; the rest of the workers is left to small ones.
    """

    def __init__(self, total: int, at_once: int) -> None:
        self._total = total
        self._at_once = at_once
        self._taken = 0
        self._count = 0

    def take(self, memory: int) -> bool:
        """Take so many bytes, if they are there."""
        if self._count and (self._count >= self._at_once or self._taken + memory > self._total):
            return False
        self._taken += memory
        self._count += 1
        return True

    def give_back(self, memory: int) -> None:
        """Return what was taken."""
        self._taken -= memory
        self._count -= 1
