"""Waiting for work of another thread no longer than somebody waits for its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from simd.errors import Abandoned, NotReady

T = TypeVar("T")

_POLL_S = 0.1

Alive = Callable[[], bool]
"""Whether somebody still waits."""


def always() -> bool:
    """Somebody who does not leave."""
    return True


def results_of(futures: Sequence[Future[T]], alive: Alive) -> list[T]:
    """The results, in order. What has not begun when nobody waits any more never begins.

    Raises:
        Abandoned: `alive` said no.
        NotReady: the daemon stops.
    """
    try:
        return [_result_of(future, alive) for future in futures]
    except Abandoned:
        for future in futures:
            future.cancel()
        raise
    except CancelledError as error:
        raise NotReady("the daemon is stopping") from error


def _result_of(future: Future[T], alive: Alive) -> T:
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                raise
            if not alive():
                raise Abandoned("nobody waits for the answer any more") from None
