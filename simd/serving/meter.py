"""What is counted while calls are answered, as a protocol: whoever counts is passed in, and by default nobody does.

Its methods are called in the threads that answer, and in gRPC's polling thread for calls that are refused: they take
microseconds and never wait.
"""

from __future__ import annotations

from typing import Protocol

from simd.serving.embedder import Took


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
