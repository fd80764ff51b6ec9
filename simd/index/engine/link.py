"""The connection to an engine: made when it is first needed, given time to come back, its errors in our words.

The engine's client library is not known here: `connect` makes a client, and errors are told apart by their codes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simd.errors import ReplicaRefused, ReplicaUnavailable, SimdError

RECONNECT_S = 1.0
"""After a failed attempt nobody tries again for so long: who asks meanwhile is told the same at once, so that many
callers do not wait for each other's attempts."""

_MISSING = 100
_NOT_LOADED = (101, 103)
_CREDENTIALS = {"UNAUTHENTICATED", "PERMISSION_DENIED", 1400, 1401}
_TEXT = 200


class Limit:
    """How much of a call's time is left.

    Args:
        address: of the engine.
        seconds: what the call may take.
        clock: monotonic seconds.
    """

    def __init__(self, address: str, seconds: float, clock: Callable[[], float]) -> None:
        self._address = address
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds, more than 0.

        Raises:
            ReplicaUnavailable: there are none.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise ReplicaUnavailable(f"the replica at {self._address} did not answer within {self._seconds:g} s")
        return left


class EngineLink:
    """One client for all threads.

    Args:
        address: of the engine, for people.
        connect: makes a client within so many seconds.
        connect_s: how many.
        lost: called when a call failed: what was known of the engine may not hold.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        address: str,
        connect: Callable[[float], Any],
        *,
        connect_s: float,
        lost: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._address = address
        self._connect = connect
        self._connect_s = connect_s
        self._lost = lost
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False
        self._failed: tuple[float, SimdError] | None = None

    @contextmanager
    def calling(self) -> Iterator[Any]:
        """The client, whose errors become ours.

        Raises:
            ReplicaUnavailable: the engine cannot be reached, does not answer in time, or has no such collection.
            ReplicaRefused: it does not accept the token.
        """
        client = self._made()
        try:
            yield client
        except SimdError:
            raise
        except Exception as error:
            self._lost()
            told = told_of(error, self._address)
            if isinstance(told, ReplicaRefused):
                # The token is read when a connection is made.
                self._drop(client)
            raise told from error

    def close(self) -> None:
        """End the connection; no other is made."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _made(self) -> Any:
        with self._lock:
            if self._closed:
                raise ReplicaUnavailable(f"the connection to the replica at {self._address} was closed")
            if self._client is None:
                self._client = self._attempted()
            return self._client

    def _attempted(self) -> Any:
        if self._failed is not None and self._clock() < self._failed[0] + RECONNECT_S:
            raise self._failed[1].again()
        try:
            client = self._connect(self._connect_s)
        except Exception as error:
            told = told_of(error, self._address)
            self._failed = (self._clock(), told)
            raise told from error
        self._failed = None
        return client

    def _drop(self, client: Any) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()


def told_of(error: Exception, address: str) -> SimdError:
    """An error of the engine, or of the way there, in our words."""
    if isinstance(error, ReplicaUnavailable | ReplicaRefused):
        return error
    if isinstance(error, SimdError):
        why = error.told or str(error)
        return ReplicaRefused(f"the replica at {address} cannot be asked: {why} (`{error.field}`)", field=error.field)
    codes = _codes(error)
    if codes & _CREDENTIALS:
        return ReplicaRefused(
            f"the replica at {address} does not accept this daemon: {_text(error)}",
            field="replica_token_file",
            remedy="the file that `replica_token_file` names must hold USER:PASSWORD or an API key that may read and "
            "write there",
        )
    if _MISSING in codes:
        return ReplicaUnavailable(f"the collection at {address} is not there; whoever publishes next makes it")
    if codes & set(_NOT_LOADED):
        return ReplicaUnavailable(f"the collection at {address} is not loaded yet")
    return ReplicaUnavailable(f"the replica at {address} does not answer: {_text(error)}")


def _codes(error: Exception) -> set[int | str]:
    """Codes of an error and of those that led to it: numbers of the engine's, names of gRPC's."""
    codes: set[int | str] = set()
    for one in _chain(error):
        code = getattr(one, "code", None)
        code = code() if callable(code) else code
        if isinstance(code, int):
            codes.add(code)
        elif name := getattr(code, "name", None):
            codes.add(name)
    return codes


def _text(error: Exception) -> str:
    """The first line of what an error says, cut; of the transport's, where that led to it."""
    said = getattr(error, "message", None) or str(error)
    for one in _chain(error):
        details = getattr(one, "details", None)
        said = (details() if callable(details) else None) or said
    line = str(said).strip().partition("\n")[0] or type(error).__name__
    return line if len(line) <= _TEXT else line[:_TEXT] + "…"


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and those that led to it. The client raises errors from themselves."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain
