"""The replica in use: from the open file to the thread that publishes, and what searches are put to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.errors import ConfigError, ReplicaUnavailable
from simd.index.replica import Replica
from simd.privatefile import read_private
from simd.replica.delivery import Source
from simd.replica.publisher import Publisher
from simd.replica.publishing import Publishing
from simd.replica.store import FILE, ReplicaStore
from simd.serving.search.served import ModelInfo, Served, Serving
from simd.supervision import Threads

Make = Callable[[ModelInfo], Replica]
"""Makes the replica for a model; connects to nothing yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """Where replicas are, for people and without secrets, and what makes them."""

    address: str
    make: Make


class ReplicaInUse:
    """Opens what is kept of publishing, publishes, and closes it. The caller holds the state directory's lock.

    Args:
        settings: nothing is published unless `replica` says where.
        catalogue: tells which images there are.
        serving: the model whose vectors are published.
        threads: run the one that publishes.
        engine: what the settings name.

    Attributes:
        publishing: what may be asked of it; None where no replica is configured.
        host: the name under which this host publishes; "" where no replica is configured.

    Raises:
        ConfigError: the setting `replica` or one of its files cannot be honoured.
        StoreError: the file cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        serving: Serving,
        threads: Threads,
        engine: Callable[[Settings], Engine] | None = None,
    ) -> None:
        self._serving = serving
        self._lock = Lock()
        self._replicas: dict[str, Replica] = {}
        self._closed = False
        self._has_ended = True
        self._store: ReplicaStore | None = None
        self._publisher: Publisher | None = None
        self.host = ""
        if settings.replica:
            self._engine = (engine or milvus)(settings)
            self.host = settings.host
            self._store = ReplicaStore(settings.state_dir / FILE, catalogue.position().epoch.hex())
            self._publisher = Publisher(
                store=self._store,
                catalogue=catalogue,
                use=self._use,
                address=self._engine.address,
                host=self.host,
                searched=settings.search == "replica",
                threads=threads,
            )
        self.publishing: Publishing | None = self._publisher

    def keep_up(self) -> None:
        """Begin to publish."""
        if self._publisher is not None:
            self._publisher.start()

    @property
    def problem(self) -> str:
        """That the replica is not kept up and why, a sentence for callers; empty while it is."""
        trouble = self._publisher.problem if self._publisher else ""
        return trouble and f"the replica is not kept up, which is tried again: {trouble}"

    def replica_of(self, served: Served) -> Replica | None:
        """The replica for a model; None where none is configured. It may not be reachable.

        Raises:
            ReplicaUnavailable: the daemon is stopping.
        """
        return None if self._publisher is None else self._replica(served.model)

    def rest(self) -> None:
        """Publish no longer; the replica is still searched."""
        self._has_ended = self._publisher is None or self._publisher.close()

    def close(self) -> None:
        """Let go of the replica, and close the file."""
        with self._lock:
            self._closed = True
            # The end of a connection might have to wait for the call that is under way.
            for replica in self._replicas.values() if self._has_ended else ():
                replica.close()
        if self._store is not None:
            self._store.close()

    @contextmanager
    def _use(self) -> Iterator[Source]:
        with self._serving.use() as served:
            yield Source(served.index, served.model.fingerprint, self._replica(served.model))

    def _replica(self, model: ModelInfo) -> Replica:
        """One for each model that has answered since the start: searches end on the one that they began with."""
        with self._lock:
            if self._closed:
                raise ReplicaUnavailable("the daemon is stopping")
            if model.fingerprint not in self._replicas:
                self._replicas[model.fingerprint] = self._engine.make(model)
            return self._replicas[model.fingerprint]


def milvus(settings: Settings, installed: Callable[[str], object] = importlib.util.find_spec) -> Engine:
    """A collection of Milvus, as the settings say.

    Raises:
        ConfigError: they cannot be honoured, or the extra `milvus` is not installed.
    """
    if not installed("pymilvus"):
        raise ConfigError(
            "`replica` needs the extra `milvus`, which is not installed",
            field="replica",
            remedy="pip install 'simd-images[milvus]', or unset `replica`",
        )
    from simd.index.engine.address import parse_replica

    address = parse_replica(settings.replica)
    token_file = settings.replica_token_file
    if token_file is not None:
        read_token(token_file)
    if settings.replica_ca is not None:
        _require_readable(settings.replica_ca, "replica_ca")

    def make(model: ModelInfo) -> Replica:
        # It takes a second to import, which no start waits for.
        from simd.index.milvus import MilvusReplica

        replica: Replica = MilvusReplica(
            address.uri,
            address.collection,
            dimension=model.dimension,
            fingerprint=model.fingerprint,
            kind=settings.replica_index,
            token="" if token_file is None else lambda: read_token(token_file),
            ca=settings.replica_ca,
        )
        return replica

    return Engine(f"{address.uri.rpartition('/')[2]}/{address.collection}", make)


def read_token(path: Path) -> str:
    """What the engine asks for: USER:PASSWORD, or an API key.

    Raises:
        ConfigError: the file cannot be read, others may read it, or it does not hold one line of ASCII letters.
    """
    lines = read_private(path, "replica_token_file").decode("ascii", "replace").split()
    if len(lines) != 1 or not lines[0].isascii() or not lines[0].isprintable():
        raise ConfigError(
            f"{path} (replica_token_file) does not hold one line of printable ASCII letters without spaces",
            field="replica_token_file",
            remedy="write USER:PASSWORD or an API key into it, and nothing else",
        )
    return lines[0]


def _require_readable(path: Path, setting: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"cannot read {path} ({setting}): {error.strerror}", field=setting) from error
