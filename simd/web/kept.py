"""What was answered lately and never changes, in memory: many people look at the same pictures at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_FIXED_BYTES = 400
"""What an entry takes beside its bytes, about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture, and what it is."""

    data: bytes
    content_type: str


class Kept(Generic[K]):
    """Used by one event loop. Of more than fits, what was not asked for the longest goes.

    Args:
        max_bytes: of all of it.
        for_s: seconds after which an answer is asked for anew: what is taken out of the index is to be gone some day.
        clock: seconds that only go forward.
    """

    def __init__(self, max_bytes: int, for_s: float, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._for_s = for_s
        self._clock = clock
        self._bytes = 0
        self._answers: OrderedDict[K, tuple[Answer, float]] = OrderedDict()

    def get(self, key: K) -> Answer | None:
        """What was put there; None where it was not, is gone, or is too old."""
        found = self._answers.get(key)
        if found is None:
            return None
        answer, until_s = found
        if until_s <= self._clock():
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        return answer

    def put(self, key: K, answer: Answer) -> None:
        """Keep it, if it fits at all."""
        self._drop(key)
        size = len(answer.data) + _FIXED_BYTES
        if size > self._max_bytes:
            return
        self._answers[key] = answer, self._clock() + self._for_s
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: K) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone[0].data) + _FIXED_BYTES
