"""Searches whose pictures are decoded are finished several at once, by one of the callers who wait.

    begun -> decoding ... decoded -> in line -> the first of the line leads: it finishes itself and those behind it

Between two steps of one search decoders and backbone fill the caches with their own; several searches in one go pay
for that once. It is flat combining (Hendler, Incze, Shavit, Tzafrir: Flat Combining and the Synchronization-Parallelism
Tradeoff, SPAA 2010), so there is no thread that would have to be woken first, and a search that is alone waits for
nobody.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from simd.errors import Abandoned

AT_ONCE = 4
"""More save little, and the cores run dry while so many searches are in one hand."""

_POLL_S = 0.2

_Outcome = TypeVar("_Outcome")


class Begun(Protocol):
    """A search that has begun."""

    def when_ready(self, call: Callable[[], None], /) -> None:
        """Have something called once it need not wait; that may be now, or in another thread."""
        ...

    def cancel(self) -> None:
        """Say that nobody waits for it."""
        ...


_Search = TypeVar("_Search", bound=Begun)


@dataclass(eq=False, slots=True)
class _Turn(Generic[_Search, _Outcome]):
    """A caller who waits. What comes into `inbox` is an outcome, or None: it is this caller's turn to lead."""

    search: _Search
    alive: Callable[[], bool]
    inbox: queue.SimpleQueue[_Outcome | BaseException | None] = field(default_factory=queue.SimpleQueue)
    is_ready: bool = False
    has_left: bool = False


class Together(Generic[_Search, _Outcome]):
    """Finishes searches; safe to use from any thread.

    Args:
        finish: gives the outcomes of several searches, in the same order. It is told whether anybody still waits for
            one, and whether nobody but them has begun.
        leaders: so many callers finish searches at the same time.
    """

    def __init__(
        self,
        finish: Callable[[Sequence[_Search], Callable[[], bool], bool], Sequence[_Outcome | BaseException]],
        leaders: int,
    ) -> None:
        self._finish = finish
        self._leaders = leaders
        self._line: deque[_Turn[_Search, _Outcome]] = deque()
        self._held = 0
        self._lock = threading.Lock()

    def outcome(self, search: _Search, alive: Callable[[], bool]) -> _Outcome | BaseException:
        """Wait until a search is finished: its outcome, or its error.

        Args:
            search: what has begun.
            alive: whether somebody still waits for it; asked now and then.

        Raises:
            Abandoned: `alive` said no; the search is cancelled.
        """
        turn: _Turn[_Search, _Outcome] = _Turn(search, alive)
        with self._lock:
            self._held += 1
        try:
            search.when_ready(lambda: self._stand_in_line(turn))
            return self._wait(turn)
        finally:
            with self._lock:
                self._held -= 1

    def _wait(self, turn: _Turn[_Search, _Outcome]) -> _Outcome | BaseException:
        while True:
            try:
                outcome = turn.inbox.get(timeout=_POLL_S)
            except queue.Empty:
                if not turn.alive() and self._leave(turn):
                    turn.search.cancel()
                    raise Abandoned("nobody waits for the answer any more") from None
            else:
                return self._lead(turn) if outcome is None else outcome

    def _stand_in_line(self, turn: _Turn[_Search, _Outcome]) -> None:
        with self._lock:
            turn.is_ready = True
            if not turn.has_left:
                self._line.append(turn)
                self._appoint()

    def _leave(self, turn: _Turn[_Search, _Outcome]) -> bool:
        """Whether it could: not once somebody finishes it, or it leads."""
        with self._lock:
            if turn.is_ready and turn not in self._line:
                return False
            turn.has_left = True
            if turn.is_ready:
                self._line.remove(turn)
            return True

    def _appoint(self) -> None:
        """Let the first of the line lead, if it may. With the lock."""
        if self._line and self._leaders:
            self._leaders -= 1
            self._line.popleft().inbox.put(None)

    def _lead(self, turn: _Turn[_Search, _Outcome]) -> _Outcome | BaseException:
        turns = [turn]
        with self._lock:
            while self._line and len(turns) < AT_ONCE:
                turns.append(self._line.popleft())
            alone = self._held == len(turns)
        outcomes = self._outcomes(turns, alone)
        with self._lock:
            self._leaders += 1
            self._appoint()
        # Nothing of it may stay in this frame, which an error among it holds.
        for other in reversed(turns[1:]):
            other.inbox.put(outcomes.pop())
        return outcomes.pop()

    def _outcomes(self, turns: Sequence[_Turn[_Search, _Outcome]], alone: bool) -> list[_Outcome | BaseException]:
        try:
            return list(self._finish([one.search for one in turns], lambda: any(one.alive() for one in turns), alone))
        except BaseException as error:  # noqa: BLE001 - it is the outcome of each
            return [error] * len(turns)
