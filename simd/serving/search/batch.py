"""Many searches in one stream. No gRPC here.

    requests -> reader thread: submit -> decoding ... finishers -> answers

A stream holds `IN_FLIGHT` searches at most, from before a request is read until its answer is taken, so a caller that
does not take answers is not read from. Image bytes that wait are bounded as well, together with those of all other
calls; they are let go before the answer is given out, so a slow caller holds up no other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from simd.cancelled import Cancelled
from simd.errors import NotReady, SimdError
from simd.serving.search.matcher import SearchResult
from simd.serving.search.queries import Queries, Query
from simd.serving.search.subjects import ImageBytes
from simd.serving.transport.fairsemaphore import FairSemaphore

IN_FLIGHT = 16
"""Searches of one stream at once: enough to keep decoders and backbone busy, few enough to let others in."""


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """One search of a stream, or why it cannot be one."""

    tag: int
    query: Query | SimdError


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to the search of this tag, or why there is none."""

    tag: int
    outcome: SearchResult | BaseException


class Batch:
    """The searches of one stream.

    Args:
        queries: answers them.
        held: bytes of pictures, of all calls together.
        caller: whose stream it is.
        in_flight: searches that it holds at once.
    """

    def __init__(self, queries: Queries, held: FairSemaphore, caller: str = "", in_flight: int = IN_FLIGHT) -> None:
        self._queries = queries
        self._held_bytes = held
        self._caller = caller
        self._cancelled = Cancelled()
        self._room = threading.Semaphore(in_flight)
        self._changed = threading.Condition()
        self._held: set[Future[SearchResult]] = set()
        self._answered: deque[BatchAnswer] = deque()
        self._read_all = False
        self._failure: BaseException | None = None

    def answers(self, requests: Iterator[BatchQuery]) -> Iterator[BatchAnswer]:
        """The answers, each as soon as it is there. Ends when all requests are answered, or after `close`.

        Raises:
            Whatever reading the requests raised.
        """
        threading.Thread(target=self._read, args=(requests,), name="batch-reader", daemon=True).start()
        try:
            while (answered := self._next()) is not None:
                yield answered
                self._room.release()
        finally:
            self.close()

    def close(self) -> None:
        """Read nothing more, and cancel what has begun. Safe to call from any thread, and again."""
        self._cancelled.set()
        with self._changed:
            held = list(self._held)
            self._answered.clear()
            # It holds the frames of the thread that it ended, and they hold this.
            self._failure = None
            self._changed.notify_all()
        self._room.release()
        for outcome in held:
            outcome.cancel()

    def _read(self, requests: Iterator[BatchQuery]) -> None:
        try:
            while self._enter() and self._submit(next(requests, None)):
                pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the answers are taken
            self._fail(error)
        with self._changed:
            self._read_all = True
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        """End the stream with an error, unless it has ended."""
        with self._changed:
            if not self._cancelled.is_set():
                self._failure = error

    def _enter(self) -> bool:
        """Wait until one more may be read."""
        self._room.acquire()
        return not self._cancelled.is_set()

    def _submit(self, asked: BatchQuery | None) -> bool:
        """Begin a search; false if there is none, or the caller has left."""
        if asked is None:
            return False
        size = _size(asked.query)
        if size and not self._held_bytes.acquire(self._caller, size, self._cancelled):
            return False
        outcome = self._outcome(asked.query)
        with self._changed:
            self._held.add(outcome)
        outcome.add_done_callback(partial(self._answer, asked.tag, size))
        if self._cancelled.is_set():
            outcome.cancel()
        return True

    def _outcome(self, query: Query | SimdError) -> Future[SearchResult]:
        if isinstance(query, SimdError):
            return _failed(query)
        try:
            return self._queries.submit(query, self._cancelled)
        except Exception as error:  # noqa: BLE001 - it is that search's, and is logged where it becomes a status
            return _failed(error)

    def _answer(self, tag: int, size: int, outcome: Future[SearchResult]) -> None:
        """A search is done, or cancelled."""
        if size:
            self._held_bytes.release(self._caller, size)
        with self._changed:
            self._held.discard(outcome)
            if not self._cancelled.is_set():
                self._answered.append(BatchAnswer(tag, _result_or_error(outcome)))
            self._changed.notify_all()

    def _next(self) -> BatchAnswer | None:
        """Wait for an answer; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._answered or self._ended())
            if self._failure is not None:
                raise self._failure
            return self._answered.popleft() if self._answered else None

    def _ended(self) -> bool:
        """Whether no more answers come. With the lock."""
        return self._cancelled.is_set() or self._failure is not None or (self._read_all and not self._held)


def _size(query: Query | SimdError) -> int:
    if isinstance(query, Query) and isinstance(query.subject, ImageBytes):
        return len(query.subject.data)
    return 0


def _failed(error: BaseException) -> Future[SearchResult]:
    outcome: Future[SearchResult] = Future()
    outcome.set_exception(error)
    return outcome


def _result_or_error(outcome: Future[SearchResult]) -> SearchResult | BaseException:
    if outcome.cancelled():
        return NotReady("the daemon is stopping")
    return outcome.exception() or outcome.result()
