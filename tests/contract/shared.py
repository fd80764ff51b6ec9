"""Collections that several replicas share, in memory and on engines."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from simd.index.milvus import MilvusReplica
from simd.index.replica import Replica
from tests.replicas import Collection, MemoryReplica
from tests.stores import DIMENSION, FINGERPRINT


class Shared:
    """One collection, as the hosts that share it see it. It is made when it is first needed, and used by many tests, as
    that takes an engine seconds.

    Attributes:
        drop: drops it, as somebody would by hand.
    """

    def __init__(self, connect: Callable[[], Replica], drop: Callable[[], None]) -> None:
        self._connect = connect
        self.drop = drop
        self._replicas: list[Replica] = []

    @cached_property
    def replica(self) -> Replica:
        """One host's, open."""
        return self.another()

    def another(self) -> Replica:
        """One more host's, open."""
        replica = self._connect()
        self._replicas.append(replica)
        replica.open()
        return replica

    def clean(self) -> None:
        """Take out what tests have put."""
        for host in HOSTS:
            self.replica.clear(host)

    def close(self) -> None:
        for replica in self._replicas:
            replica.close()


HOSTS = ("attic", "cellar")
"""Under these names tests publish."""


class Engine(Protocol):
    """Where collections are.

    Attributes:
        forgets: whether a collection that was dropped is missing until it is opened again.
    """

    forgets: bool

    @property
    def shared(self) -> Shared:
        """The one that tests share."""
        ...

    def fresh(self) -> Shared:
        """A collection that nobody has made yet."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class MemoryEngine:
    """In memory."""

    forgets = False

    @cached_property
    def shared(self) -> Shared:
        return self.fresh()

    def fresh(self) -> Shared:
        collection = Collection(DIMENSION)
        return Shared(lambda: MemoryReplica(collection), collection.drop)

    def close(self) -> None:
        """There is nothing."""


class MilvusEngine:
    """A server, or milvus-lite.

    Args:
        uri: where.
    """

    forgets = True

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._made: list[Shared] = []

    @cached_property
    def shared(self) -> Shared:
        return self.fresh()

    def fresh(self) -> Shared:
        name = f"c_{uuid.uuid4().hex}"
        shared = Shared(lambda: self.replica(name), lambda: self._drop(name))
        self._made.append(shared)
        return shared

    def replica(self, name: str) -> MilvusReplica:
        return MilvusReplica(
            self._uri,
            name,
            dimension=DIMENSION,
            fingerprint=FINGERPRINT.hex(),
            kind="flat",
            # Tests change it and ask in the next moment.
            fresh_s=0.0,
            page_rows=256,
        )

    def close(self) -> None:
        for shared in self._made:
            shared.close()

    def _drop(self, name: str) -> None:
        from pymilvus import MilvusClient

        client = MilvusClient(self._uri, dedicated=True)
        client.drop_collection(name, timeout=30)
        client.close()
