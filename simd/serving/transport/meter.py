"""What is counted while calls are answered, as a protocol: what counts is passed in, and by default nothing does.

Its methods are called in the threads that answer, and in gRPC's polling thread for calls that are refused: they take
microseconds and never wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds by stage; 0 for a stage that was not needed."""

    decode_ms: float = 0.0
    featurize_ms: float = 0.0
    search_ms: float = 0.0
    total_ms: float = 0.0


class Meter(Protocol):
    """Counts calls and searches."""

    def answered(self, method: str, code: str, seconds: float, /) -> None:
        """A call of `/package.Service/Method` ended with a gRPC status, such as "OK"."""
        ...

    def searched(self, took: Took, /) -> None:
        """A search was answered."""
        ...


class NoMeter:
    """Counts nothing."""

    def answered(self, method: str, code: str, seconds: float, /) -> None:
        """Nothing."""

    def searched(self, took: Took, /) -> None:
        """Nothing."""
