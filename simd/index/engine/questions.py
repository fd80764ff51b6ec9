"""What the collection of an engine can be asked, each with the consistency that it needs.

Strong waits until the engine has taken in all that it acknowledged (about 0.2 s): what is counted, listed or proven.
Bounded answers at once and may miss the last seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simd.index.engine.candidates import Candidate, Nearest, nearest
from simd.index.engine.entities import Row, of_host
from simd.index.engine.link import Limit
from simd.types import ImageId, Vector
from simd.vectors.metric import half

MOST_HITS = 16_384
"""The most that the engine returns for a query."""

HNSW_EF = 256
"""How many candidates a search of the graph keeps at least."""

HNSW_EF_MOST = 32_768
"""The engine's limit."""

ANSWER_BYTES = 32 << 20
"""How much is asked for at a time; the engine refuses answers of 100 MiB."""

PAGE_ROWS = 8192
"""Of one page of versions, unless somebody says otherwise."""

_HIT_BYTES = 1024
"""Of a hit beside its vector, about."""


class Questions:
    """Of one collection. The engine's client is handed in, as it may be another one for each call.

    Args:
        name: the collection's.
        dimension: length of every vector.
        page_rows: of one page of versions.
    """

    def __init__(self, name: str, dimension: int, page_rows: int = PAGE_ROWS) -> None:
        self._name = name
        self._dimension = dimension
        self._page_rows = page_rows

    def nearest(
        self,
        client: Any,
        queries: Vector,
        wanted: int,
        where: str,
        limit: Limit,
        *,
        index: str,
        exact: bool,
        radius: float,
    ) -> list[Nearest]:
        """The nearest of each query among the entities that match; `index` is the type of the collection's."""

        def ask(asked: Vector, number: int) -> list[list[Candidate]]:
            together = max(1, ANSWER_BYTES // (number * (4 * self._dimension + _HIT_BYTES)))
            candidates: list[list[Candidate]] = []
            for start in range(0, len(asked), together):
                found = client.search(
                    self._name,
                    data=list(asked[start : start + together]),
                    anns_field="vector",
                    filter=where,
                    limit=number,
                    output_fields=["host", "image_id", "payload", "vector"],
                    search_params=_search_params(index, number),
                    consistency_level=consistency(exact),
                    timeout=limit.left(),
                )
                candidates += [_candidates(hits) for hits in found]
            return candidates

        return nearest(half(queries), wanted, ask, most=MOST_HITS, radius=radius)

    def count(self, client: Any, where: str, limit: Limit, *, exact: bool = True) -> int:
        """How many entities match."""
        (row,) = client.query(
            self._name,
            filter=where,
            output_fields=["count(*)"],
            consistency_level=consistency(exact),
            timeout=limit.left(),
        )
        return int(row["count(*)"])

    def versions(self, client: Any, host: str, after: str, limit: Limit) -> list[Row]:
        """The next `pk`, `image_id` and `version` of a host after a key, in the order of the keys; none at the end."""
        page: list[Row] = client.query(
            self._name,
            filter=f'{of_host(host)} and pk > "{after}"',
            output_fields=["pk", "image_id", "version"],
            limit=self._page_rows,
            # Else a page may be any rows that match, not the first. What iterates is read with the consistency of the
            # collection, which is Strong, whatever is asked for here.
            iterator="True",
            reduce_stop_for_best="True",
            timeout=limit.left(),
        )
        return sorted(page, key=lambda row: str(row["pk"]))

    def rows(self, client: Any, where: str, fields: list[str], most: int, limit: Limit) -> list[Row]:
        """Entities that match, in no particular order."""
        rows: list[Row] = client.query(
            self._name,
            filter=where,
            output_fields=fields,
            limit=most,
            consistency_level=consistency(False),
            timeout=limit.left(),
        )
        return rows


def consistency(exact: bool) -> str:
    """The engine's name of how much may be missed: nothing, or the last seconds."""
    return "Strong" if exact else "Bounded"


def _search_params(index: str, number: int) -> dict[str, Any]:
    ef = min(max(HNSW_EF, 2 * number), HNSW_EF_MOST)
    return {"metric_type": "L2", "params": {"ef": ef} if index == "HNSW" else {}}


def _candidates(hits: Sequence[Any]) -> list[Candidate]:
    """What is no image comes last, after all that is: an answer that is shorter for it is all that there is."""
    return [_candidate(hit["entity"], hit["distance"]) for hit in hits if hit["entity"]["host"]]


def _candidate(row: Row, squared: float) -> Candidate:
    vector = np.asarray(row["vector"], dtype=np.float32)
    return Candidate(row["host"], ImageId(bytes.fromhex(row["image_id"])), vector, squared, row["payload"])
