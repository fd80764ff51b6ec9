"""A replica in a collection of Milvus. The only file that imports pymilvus, which it does when it first connects.

Distances are squared Euclidean (L2) in the engine. Its COSINE computes 1 minus a product in float32, in which the
distances of near duplicates drown. They are computed anew here in any case (`candidates.py`), so that distances and
order are those of a local index, bit for bit.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simd.errors import InvalidRequest, ReplicaRefused
from simd.index.engine.candidates import Candidate, Nearest
from simd.index.engine.collection import Collection
from simd.index.engine.entities import (
    EVERY_ENTITY,
    expression,
    in_batches,
    key_of,
    of_host,
    of_image,
    origin_of,
    row_of,
)
from simd.index.engine.link import EngineLink, Limit
from simd.index.engine.questions import MOST_HITS, PAGE_ROWS, Questions
from simd.index.filter import EVERYTHING, Filter
from simd.index.replica import Entity
from simd.types import Answer, Hit, ImageId, Origin, Vector
from simd.vectors.metric import check_radius, check_vectors

PUT_ROWS = 512
PUT_BYTES = 8 << 20
"""Of one call; the engine's limit is 64 MiB."""

DELETE_IDS = 1024
"""Of one call."""

_NEVER = (-float("inf"), 0)

_CHANNEL = {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_permit_without_calls": False,
}
"""An engine that was away for long is found again within seconds, instead of minutes. While nothing is asked it is not
pinged: a server that holds that for an attack hangs up, maybe just when something is asked."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For how many seconds at most an answer is waited for.

    Args:
        connect_s: to be connected.
        ask_s: for what is asked, all of it.
        change_s: for each batch that is put or deleted.
        slow_s: for making, loading, clearing and flushing the collection.
    """

    connect_s: float = 5.0
    ask_s: float = 10.0
    change_s: float = 30.0
    slow_s: float = 60.0


TIMEOUTS = Timeouts()
"""Those of the daemon."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about the collection, and when: its index's type."""

    at: float
    index: str


class MilvusReplica:
    """The contract of `simd.index.replica`.

    Args:
        uri: `http(s)://HOST:PORT`; for tests, a milvus-lite file ending in .db.
        collection: its name there.
        dimension: length of every vector.
        fingerprint: of the model, hex.
        kind: how the collection is indexed if it is made here, "hnsw" or "flat"; one that is there stays as it is.
        token: `USER:PASSWORD` or an API key, or what gives it whenever a connection is made; "" for none.
        ca: the authority of `https://`, PEM; the system's if None.
        timeouts: how long is waited.
        fresh_s: for so many seconds what was found out about the collection, and how many entities it has, is taken to
            be so still when it is searched.
        page_rows: how many versions are read at a time.
        clock: monotonic seconds.
    """

    knows_paths = True

    def __init__(
        self,
        uri: str,
        collection: str,
        *,
        dimension: int,
        fingerprint: str,
        kind: str = "hnsw",
        token: Callable[[], str] | str = "",
        ca: Path | None = None,
        timeouts: Timeouts = TIMEOUTS,
        fresh_s: float = 5.0,
        page_rows: int = PAGE_ROWS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = collection
        self._kind = kind.upper()
        self._timeouts = timeouts
        self._fresh_s = fresh_s
        self._clock = clock
        self._known: _Known | None = None
        self._counted = _NEVER
        address = f"{uri.rpartition('/')[2]}/{collection}"
        self._collection = Collection(collection, address, dimension, fingerprint)
        self._questions = Questions(collection, dimension, page_rows)
        self._link = EngineLink(
            address,
            lambda seconds: connect(uri, token() if callable(token) else token, ca, seconds),
            connect_s=timeouts.connect_s,
            lost=self._forget,
            clock=clock,
        )

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._collection.dimension

    @property
    def proves(self) -> bool:
        """Whether the collection is one that compares all; before it was first seen, whether one made here would be."""
        known = self._known
        return (known.index if known else self._kind) == "FLAT"

    @property
    def address(self) -> str:
        """Where it is: HOST:PORT/COLLECTION."""
        return self._collection.address

    def open(self) -> str:
        """Make the collection if it is not there, and have it answer. Returns what names this life of it."""
        limit = self._limit(self._timeouts.slow_s)
        with self._link.calling() as client:
            life, index = self._collection.open(client, pymilvus().DataType, self._kind, limit)
        self._known = _Known(self._clock(), index)
        return life

    def claim(self, host: str, owner: str, *, take_over: bool = False) -> None:
        """Take a host's name for one state directory."""
        limit = self._limit(self._timeouts.change_s)
        with self._link.calling() as client:
            self._collection.claim(client, host, owner, take_over, limit)

    def put(self, entities: Sequence[Entity]) -> None:
        """Add or replace."""
        if not entities:
            return
        for entity in entities:
            check_vectors(entity.vector[None], self.dimension)
        # Of two rows with one key in a call the engine would keep both.
        rows = {row["pk"]: row for row in map(row_of, entities)}
        with self._changing() as client:
            for batch in in_batches(list(rows.values()), PUT_ROWS, PUT_BYTES):
                client.upsert(self._name, batch, timeout=self._timeouts.change_s)

    def delete(self, host: str, image_ids: Sequence[ImageId]) -> None:
        """Take images of a host out."""
        keys = [key_of(host, image_id) for image_id in dict.fromkeys(image_ids)]
        if not keys:
            return
        with self._changing() as client:
            for start in range(0, len(keys), DELETE_IDS):
                batch = keys[start : start + DELETE_IDS]
                client.delete(self._name, ids=batch, timeout=self._timeouts.change_s)

    def clear(self, host: str) -> None:
        """Take all images of a host out, and give its name up."""
        limit = self._limit(self._timeouts.slow_s)
        with self._link.calling() as client:
            owner = self._collection.owner(client, host, limit)
            # A deletion by an expression may miss what came lately, so it is looked whether any are left.
            while self._questions.count(client, of_host(host), limit):
                client.delete(self._name, filter=of_host(host), timeout=limit.left())
            if owner:
                self._collection.disown(client, host, limit)

    def versions(self, host: str) -> Iterator[tuple[ImageId, bytes]]:
        """Every image of a host with the version of its entity, in the order of the ids."""
        last = ""
        while True:
            limit = self._limit(self._timeouts.change_s)
            with self._link.calling() as client:
                self._collection.verified(client, limit)
                page = self._questions.versions(client, host, last, limit)
            if not page:
                return
            yield from ((ImageId(bytes.fromhex(row["image_id"])), bytes.fromhex(row["version"])) for row in page)
            last = page[-1]["pk"]

    def count(self, host: str = "") -> int:
        """How many entities there are, of one host or of all."""
        limit = self._limit(self._timeouts.ask_s)
        with self._link.calling() as client:
            self._collection.verified(client, limit)
            return self._questions.count(client, of_host(host), limit)

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image that any host has, float32 `(dimension,)`, or None."""
        limit = self._limit(self._timeouts.ask_s)
        with self._link.calling() as client:
            self._seen(client, limit)
            rows = self._questions.rows(client, of_image(image_id), ["vector"], 1, limit)
        return np.asarray(rows[0]["vector"], dtype=np.float32) if rows else None

    def origins(self, image_id: ImageId) -> list[Origin]:
        """Where an image is, by host."""
        limit = self._limit(self._timeouts.ask_s)
        with self._link.calling() as client:
            self._seen(client, limit)
            rows = self._questions.rows(client, of_image(image_id), ["host", "payload"], MOST_HITS, limit)
        return sorted((origin_of(row["host"], row["payload"]) for row in rows), key=lambda origin: origin.host)

    def settle(self) -> None:
        """Have the engine write what came lately as segments, which it then indexes in its own time."""
        limit = self._limit(self._timeouts.slow_s)
        with self._link.calling() as client:
            client.flush(self._name, timeout=limit.left())

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query. Unless it is `exact`, which only a collection that compares all can be, an
        answer may miss what came in the last seconds, and `searched` may be as old.

        Raises:
            InvalidRequest: besides those of every searcher, `k` or the ids of a filter are more than the engine takes.
        """
        if k < 0:
            raise InvalidRequest(f"k is {k}; it must not be negative", field="limit")
        if k > MOST_HITS:
            raise InvalidRequest(
                f"{k:,} hits are asked for, and the replica gives at most {MOST_HITS:,}",
                field="limit",
                remedy="ask for fewer, or search locally",
            )
        answered, searched = self._nearest(queries, k, among, exact=exact)
        return [Answer(_hits(one.found), searched, exact and one.settled) for one in answered]

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first, of a collection that compares all. The engine
        gives `MOST_HITS` at most: an answer that this cuts is not `exact` either."""
        check_radius(radius, limit)
        # One more than the limit tells whether there are more.
        answered, searched = self._nearest(queries, min(limit + 1, MOST_HITS), among, exact=True, radius=radius)
        return [Answer(_hits(one.found[:limit]), searched, one.settled and len(one.found) <= limit) for one in answered]

    def _nearest(
        self, queries: Vector, wanted: int, among: Filter, *, exact: bool, radius: float = np.inf
    ) -> tuple[list[Nearest], int]:
        """The nearest of each query, and how many entities were considered."""
        check_vectors(queries, self.dimension)
        where = expression(among)
        nothing = among.any_of is not None and not len(among.any_of)
        limit = self._limit(self._timeouts.ask_s)
        with self._link.calling() as client:
            index = self._seen(client, limit).index
            if exact and index != "FLAT":
                raise InvalidRequest(
                    f"the index of the replica at {self.address} is approximate and cannot prove that nothing was "
                    "missed",
                    field="exact",
                    remedy='search locally, or have a new collection made with `replica_index = "flat"`',
                )
            searched = 0 if nothing else self._searched(client, where, exact, limit)
            if not wanted or nothing:
                return [Nearest([], True)] * len(queries), searched
            found = self._questions.nearest(
                client, queries, wanted, where, limit, index=index, exact=exact, radius=radius
            )
            return found, searched

    def _searched(self, client: Any, where: str, exact: bool, limit: Limit) -> int:
        """How many entities match; where all do and it need not be exact, as they were counted lately."""
        if where or exact:
            return self._questions.count(client, where or EVERY_ENTITY, limit, exact=exact)
        at, count = self._counted
        if self._clock() - at >= self._fresh_s:
            count = self._questions.count(client, EVERY_ENTITY, limit, exact=False)
            self._counted = (self._clock(), count)
        return count

    @contextmanager
    def _changing(self) -> Iterator[Any]:
        """The client, once the collection is known to be one in which something may be changed."""
        with self._link.calling() as client:
            self._collection.verified(client, self._limit(self._timeouts.change_s))
            yield client

    def _seen(self, client: Any, limit: Limit) -> _Known:
        """What is known of the collection, found out anew every few seconds."""
        known = self._known
        if known is None or self._clock() - known.at >= self._fresh_s:
            self._collection.verified(client, limit)
            known = self._known = _Known(self._clock(), self._collection.index(client, limit))
        return known

    def _limit(self, seconds: float) -> Limit:
        return Limit(self.address, seconds, self._clock)

    def _forget(self) -> None:
        self._known = None
        self._counted = _NEVER


def available() -> bool:
    """Whether the extra `milvus` is installed."""
    return importlib.util.find_spec("pymilvus") is not None


def connect(uri: str, token: str, ca: Path | None, seconds: float) -> Any:
    """A client, connected.

    Raises:
        ReplicaRefused: pymilvus is not installed.
    """
    if not available():
        raise ReplicaRefused(
            "a replica needs the extra `milvus`", field="replica", remedy="pip install 'simd-images[milvus]'"
        )
    arguments: dict[str, Any] = {"uri": uri, "token": token, "timeout": seconds, "dedicated": True}
    arguments["grpc_options"] = _CHANNEL
    if authorities := ca or _authorities():
        arguments["server_pem_path"] = str(authorities)
    client = pymilvus().MilvusClient(**arguments)
    # Else each call would try to connect anew, one thread after the other, for as long as it may take.
    client._handler._on_rpc_error = _give_up
    return client


def pymilvus() -> Any:
    """The library, silent: what it logs is raised as well. It would set variables of any `.env` file that it finds."""
    off = "PYTHON_DOTENV_DISABLED"
    before = os.environ.get(off)
    os.environ[off] = "1"
    try:
        import pymilvus as library
    finally:
        if before is None:
            del os.environ[off]
        else:
            os.environ[off] = before
    for name in ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return library


def _give_up(error: Exception) -> bool:
    raise error


def _authorities() -> Path | None:
    """The certificates that this system trusts; None if they are not where they usually are."""
    usual = (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem")
    return next((Path(file) for file in usual if file and Path(file).is_file()), None)


def _hits(found: Sequence[tuple[float, Candidate]]) -> list[Hit]:
    return [Hit(one.image_id, distance, origin_of(one.host, one.payload)) for distance, one in found]
