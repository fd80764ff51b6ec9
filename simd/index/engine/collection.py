"""One collection of the engine: whether it is one that may be used, how it is indexed, who publishes in it.

Its properties say what it is: `simd.schema` and `simd.fingerprint`, without which nothing is put or searched, and
`simd.life`, made anew with each collection. Who publishes as a host is a row of its own.

The engine's client is handed in, as it may be another one for each call.

Several hosts may make a collection at once: all of them find the one that came to be, or its index, and go on with it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from simd.errors import ReplicaRefused
from simd.index.engine.entities import FOLDERS, owner_key, owner_row
from simd.index.engine.link import Limit
from simd.index.replica import SCHEMA_VERSION

HNSW_M = 24
HNSW_EF_CONSTRUCTION = 200
"""Neighbours of a node of the graph, and how many candidates are kept while it is built."""

TEXT_BYTES = 65_535
"""The longest text of a field that the engine takes."""

_APPEARS_S = 3.0
"""What another host is making is there within so many seconds."""

_TOLD = 12
"""So many digits tell models apart."""

_SCHEMA = "simd.schema"
_FINGERPRINT = "simd.fingerprint"
_LIFE = "simd.life"


class Collection:
    """What of a collection is beside its entities.

    Args:
        name: its name.
        address: where it is, for people.
        dimension: length of every vector.
        fingerprint: of the model, hex.
    """

    def __init__(self, name: str, address: str, dimension: int, fingerprint: str) -> None:
        self.name = name
        self.address = address
        self.dimension = dimension
        self.fingerprint = fingerprint

    def open(self, client: Any, kinds: Any, index: str, limit: Limit) -> tuple[str, str]:
        """Make it if it is not there, and have it loaded. Returns its life and the type of its index.

        Args:
            client: the engine's.
            kinds: the types of fields, as the client names them.
            index: the type of the index, FLAT or HNSW, if it has none.
            limit: how long it may take.
        """
        if not self._is_there(client, limit):
            _attempt(lambda: self._make(client, kinds, limit), lambda: self._is_there(client, limit))
        life = self.verified(client, limit)
        if not self.index(client, limit):
            _attempt(lambda: self._make_index(client, index, limit), lambda: bool(self.index(client, limit)))
        if client.get_load_state(self.name, timeout=limit.left())["state"].name != "Loaded":
            client.load_collection(self.name, timeout=limit.left())
        return life, self.index(client, limit)

    def verified(self, client: Any, limit: Limit) -> str:
        """Its life.

        Raises:
            ReplicaRefused: it is not simd's, or holds what does not go with what this daemon has.
        """
        described = client.describe_collection(self.name, timeout=limit.left())
        properties: dict[str, str] = described.get("properties") or {}
        dimensions = [f["params"].get("dim") for f in described["fields"] if f["name"] == "vector"]
        if _LIFE not in properties or not dimensions:
            raise ReplicaRefused(
                f"the collection at {self.address} was not made by simd", remedy="name another one in `replica`"
            )
        for what, theirs, ours in (
            ("entities of version", properties.get(_SCHEMA, "none"), str(SCHEMA_VERSION)),
            ("vectors of the model", properties.get(_FINGERPRINT, "none"), self.fingerprint),
            ("vectors of the dimension", str(dimensions[0]), str(self.dimension)),
        ):
            if theirs != ours:
                raise ReplicaRefused(
                    f"the collection at {self.address} holds {what} {theirs[:_TOLD]}, and this daemon "
                    f"publishes those of {ours[:_TOLD]}",
                    remedy="have all daemons that share it use one model and one version of simd, or name another "
                    "collection in `replica`",
                )
        return properties[_LIFE]

    def index(self, client: Any, limit: Limit) -> str:
        """The type of the index of the vectors, such as FLAT; "" if they have none yet."""
        for name in client.list_indexes(self.name, field_name="vector", timeout=limit.left()):
            found = client.describe_index(self.name, name, timeout=limit.left())
            return str(found["index_type"]).upper() if found else ""
        return ""

    def claim(self, client: Any, host: str, owner: str, take_over: bool, limit: Limit) -> None:
        """Write down who publishes as a host.

        The engine cannot compare and set: of two that claim in the same moment the later one has the name, and the
        other is told when it claims again.

        Raises:
            ReplicaRefused: another owner does, and it is not to be taken over.
        """
        owned = self.owner(client, host, limit)
        if owned != owner and (take_over or not owned):
            self.own(client, host, owner, limit)
            owned = self.owner(client, host, limit)
        if owned != owner:
            raise ReplicaRefused(
                f"the daemon of another state directory publishes as {host} in the replica at {self.address}",
                field="replica_host",
                remedy="give each daemon a name of its own; if that one is gone, `simctl replica rebuild` takes its "
                "name over",
            )

    def owner(self, client: Any, host: str, limit: Limit) -> str:
        """Who publishes as a host; "" if nobody does."""
        self.verified(client, limit)
        rows = client.query(
            self.name,
            filter=f'pk == "{owner_key(host)}"',
            output_fields=["version"],
            consistency_level="Strong",
            timeout=limit.left(),
        )
        return str(rows[0]["version"]) if rows else ""

    def own(self, client: Any, host: str, owner: str, limit: Limit) -> None:
        """Write down who publishes as a host."""
        client.upsert(self.name, [owner_row(host, owner, self.dimension)], timeout=limit.left())

    def disown(self, client: Any, host: str, limit: Limit) -> None:
        """Nobody publishes as a host."""
        client.delete(self.name, ids=[owner_key(host)], timeout=limit.left())

    def _is_there(self, client: Any, limit: Limit) -> bool:
        return bool(client.has_collection(self.name, timeout=limit.left()))

    def _make(self, client: Any, kinds: Any, limit: Limit) -> None:
        """Make it without an index."""
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("pk", kinds.VARCHAR, is_primary=True, max_length=128)
        for field, length in (("host", 64), ("image_id", 32), ("version", 64)):
            schema.add_field(field, kinds.VARCHAR, max_length=length)
        for field in ("root", "path", "payload"):
            schema.add_field(field, kinds.VARCHAR, max_length=TEXT_BYTES)
        schema.add_field("folders", kinds.ARRAY, element_type=kinds.INT64, max_capacity=FOLDERS)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=self.dimension)
        properties = {_SCHEMA: str(SCHEMA_VERSION), _FINGERPRINT: self.fingerprint, _LIFE: uuid.uuid4().hex}
        # The consistency of what does not name one: the pages of `versions`.
        client.create_collection(
            self.name, schema=schema, properties=properties, consistency_level="Strong", timeout=limit.left()
        )

    def _make_index(self, client: Any, index: str, limit: Limit) -> None:
        """Make the index of the vectors; nothing waits for it to be built."""
        parameters = {"M": HNSW_M, "efConstruction": HNSW_EF_CONSTRUCTION} if index == "HNSW" else {}
        indexes = client.prepare_index_params()
        indexes.add_index("vector", index_name="vector", index_type=index, metric_type="L2", params=parameters)
        client.create_index(self.name, indexes, timeout=limit.left(), sync=False)


def _attempt(make: Callable[[], None], is_there: Callable[[], bool]) -> None:
    """Make something, or find it made by somebody else in the meantime."""
    try:
        make()
    except Exception:
        end = time.monotonic() + _APPEARS_S
        while not is_there():
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
