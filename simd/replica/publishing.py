"""The door: what may be asked of publishing, from any thread."""

from __future__ import annotations

from typing import Protocol

from simd.replica.state import ReplicaState


class Publishing(Protocol):
    """Keeps the replica in step with what this host has indexed."""

    def state(self) -> ReplicaState:
        """How it stands; never waits for the engine."""
        ...

    def rebuild(self) -> None:
        """Have everything published anew and what should not be there taken out, from now on, and under this host's
        name, whoever had it. `state` is not current again until that is done.

        Raises:
            StoreError: that cannot be written down; nothing has changed.
        """
        ...

    def drop(self) -> int:
        """Publish nothing more, until `rebuild`, and take all that is there out. Returns how many images that were.

        Raises:
            ReplicaUnavailable, ReplicaRefused: they are taken out as soon as that is possible.
            NotReady: the daemon is stopping; they are taken out after the next start.
            StoreError: it cannot be written down; nothing has changed.
        """
        ...
