"""Calls go in lanes, each with threads and a limit of its own: a flood in one leaves the others free.

So `status` and health checks are answered while searches are refused. Whoever comes to a lane that is full is told so
at once, and when to try again; no queue grows without end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class LaneName(StrEnum):
    """What calls of a lane have in common: SEARCH computes, LOOK answers at once, CHANGE waits for indexing, STREAM
    stays for long."""

    SEARCH = "search"
    LOOK = "look"
    CHANGE = "change"
    STREAM = "stream"


class Lane(ThreadPoolExecutor):
    """A pool of threads that knows how many calls it holds.

    Args:
        name: what its calls are, for the names of its threads and for messages.
        threads: so many calls are worked on at once.
        limit: so many it may hold, those that wait for a thread included.
    """

    def __init__(self, name: str, *, threads: int, limit: int) -> None:
        super().__init__(max_workers=min(threads, limit), thread_name_prefix=f"rpc-{name}")
        self.name = name
        self.limit = limit
        self._held = 0
        self._counting = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether another call would be one too many."""
        return self._held >= self.limit

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have a call worked on; one that comes after `shutdown` is called off.

        An error would end the thread in which gRPC takes calls, and the server would never be done with stopping.
        """
        self._count(1)
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:
            future = Future()
            future.cancel()
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _count(self, step: int) -> None:
        with self._counting:
            self._held += step


def lanes(*, searches: int, search_threads: int) -> Mapping[LaneName, Lane]:
    """The lanes of a server.

    Args:
        searches: how many searches may be held.
        search_threads: how many of them are worked on at once.
    """
    return {
        LaneName.SEARCH: Lane(LaneName.SEARCH, threads=search_threads, limit=searches),
        LaneName.LOOK: Lane(LaneName.LOOK, threads=4, limit=64),
        LaneName.CHANGE: Lane(LaneName.CHANGE, threads=8, limit=32),
        # A stream that waits for a thread might wait for ever, so none does.
        LaneName.STREAM: Lane(LaneName.STREAM, threads=32, limit=32),
    }
