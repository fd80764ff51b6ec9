"""Many searches in one stream: what is ready together is embedded and scanned together. No gRPC here.

    requests -> reader thread: begin -> decoding ... done -> ready -> finishers: several at once -> answers

There are as many finishers as cores, so that one embeds while another scans. A stream holds `IN_FLIGHT` searches at
most, from before a request is read until its answer is taken, so a caller that does not take answers is not read from.
Image bytes that wait are bounded as well, together with those of all other calls; they are let go before the answer is
given out, so a slow caller holds up no other.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from simd.errors import Abandoned, SimdError
from simd.serving.queries import Found, Queries, Query, Started
from simd.serving.shares import Shares
from simd.serving.subjects import ImageBytes
from simd.serving.together import AT_ONCE

log = logging.getLogger(__name__)

IN_FLIGHT = 16
"""So many searches of one stream at once: enough to keep decoders and backbone busy, few enough to let others in."""

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """One search of a stream, or why it cannot be one."""

    tag: int
    query: Query | SimdError


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the search of this tag, or why there is none."""

    tag: int
    outcome: Found | BaseException


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    tag: int
    search: Started | SimdError
    size: int


class Batch:
    """The searches of one stream.

    Args:
        queries: answers them.
        waiting: bytes of pictures, of all calls together.
        who: whose stream it is.
        in_flight: so many at once.
    """

    def __init__(self, queries: Queries, waiting: Shares, who: str = "", in_flight: int = IN_FLIGHT) -> None:
        self._queries = queries
        self._waiting = waiting
        self._who = who
        self._finishers = max(1, min(queries.cores, in_flight // AT_ONCE))
        self._free = in_flight
        self._held: set[_Item] = set()
        self._ready: deque[_Item] = deque()
        self._answered: deque[Answered] = deque()
        self._read_all = False
        self._closed = False
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._to_read = threading.Condition(self._lock)
        self._to_finish = threading.Condition(self._lock)
        self._to_answer = threading.Condition(self._lock)

    def answers(self, requests: Iterator[Asked]) -> Iterator[Answered]:
        """The answers, each as soon as it is there. Ends when all requests are answered, or after `close`.

        Raises:
            Whatever reading the requests, the backbone or the index raised.
        """
        threading.Thread(target=self._read, args=(requests,), name="batch-reader", daemon=True).start()
        for _ in range(self._finishers):
            threading.Thread(target=self._finish, name="batch-finisher", daemon=True).start()
        try:
            while (answered := self._next()) is not None:
                yield answered
                self._release()
        finally:
            self.close()

    def close(self) -> None:
        """Nobody waits any more: read nothing, and give up what has begun. Safe to call from any thread, and again."""
        with self._lock:
            self._closed = True
            held = list(self._held)
            for kept in (self._held, self._ready, self._answered):
                kept.clear()
            # It holds the frames of the thread that it ended, and they hold this.
            self._failure = None
            self._wake_all()
        for item in held:
            self._let_go(item)

    def _wake_all(self) -> None:
        """With the lock."""
        for condition in (self._to_read, self._to_finish, self._to_answer):
            condition.notify_all()

    def _alive(self) -> bool:
        return not self._closed

    def _read(self, requests: Iterator[Asked]) -> None:
        try:
            while self._enter() and (asked := next(requests, None)) is not None:
                if not self._begin(asked):
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised where the answers are taken
            self._fail(error)
        with self._lock:
            self._read_all = True
            self._wake_all()

    def _fail(self, error: BaseException) -> None:
        """End the stream with an error, unless it has ended."""
        with self._lock:
            if not self._closed:
                self._failure = self._failure or error
            self._wake_all()

    def _enter(self) -> bool:
        """Wait until one more may be read."""
        with self._lock:
            self._to_read.wait_for(lambda: self._free or self._closed)
            self._free -= 1
            return not self._closed

    def _release(self) -> None:
        with self._lock:
            self._free += 1
            self._to_read.notify()

    def _begin(self, asked: Asked) -> bool:
        size = _size(asked.query)
        if size and not self._waiting.take(self._who, size, self._alive):
            return False
        item = _Item(asked.tag, self._begun(asked.query), size)
        with self._lock:
            if not self._closed:
                self._held.add(item)
                size = 0
        if size:
            self._let_go(item)
        elif isinstance(item.search, Started):
            item.search.when_ready(lambda: self._is_ready(item))
        else:
            self._is_ready(item)
        return True

    def _begun(self, query: Query | SimdError) -> Started | SimdError:
        if isinstance(query, SimdError):
            return query
        try:
            return self._queries.begin(query)
        except SimdError as error:
            return error

    def _is_ready(self, item: _Item) -> None:
        with self._lock:
            self._ready.append(item)
            self._to_finish.notify()

    def _next(self) -> Answered | None:
        """Wait for an answer; None at the end."""
        with self._lock:
            self._to_answer.wait_for(lambda: self._answered or self._ended())
            if self._failure is not None:
                raise self._failure
            return self._answered.popleft() if self._answered and not self._closed else None

    def _ended(self) -> bool:
        """Whether no more answers come. With the lock."""
        return self._closed or self._failure is not None or (self._read_all and not self._held)

    def _finish(self) -> None:
        """A finisher's thread."""
        try:
            while items := self._take():
                self._give(items, self._outcomes(items))
        except Abandoned:
            return
        except BaseException as error:
            self._fail(error)
            if self._closed and not isinstance(error, SimdError):
                log.error("a stream that nobody waits for failed unexpectedly", exc_info=error)

    def _take(self) -> list[_Item]:
        """Wait for what is ready, and take some of it; nothing at the end."""
        with self._lock:
            self._to_finish.wait_for(lambda: self._ready or self._ended())
            return [] if self._ended() else [self._ready.popleft() for _ in range(min(AT_ONCE, len(self._ready)))]

    def _outcomes(self, items: list[_Item]) -> list[Found | BaseException]:
        found = iter(self._queries.finish([i.search for i in items if isinstance(i.search, Started)], self._alive))
        return [next(found) if isinstance(item.search, Started) else item.search for item in items]

    def _give(self, items: list[_Item], outcomes: list[Found | BaseException]) -> None:
        with self._lock:
            mine = [item for item in items if item in self._held]
            self._held.difference_update(mine)
            self._answered += [Answered(item.tag, one) for item, one in zip(items, outcomes, strict=True)]
            self._to_answer.notify()
            if self._ended():
                self._to_finish.notify_all()
        for item in mine:
            self._return(item.size)

    def _let_go(self, item: _Item) -> None:
        if isinstance(item.search, Started):
            item.search.cancel()
        self._return(item.size)

    def _return(self, size: int) -> None:
        if size:
            self._waiting.give_back(self._who, size)


def _size(query: Query | SimdError) -> int:
    if isinstance(query, Query) and isinstance(query.subject, ImageBytes):
        return len(query.subject.data)
    return 0
