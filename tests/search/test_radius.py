"""What is within a radius, held against the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.index.base import Index
from simd.index.brute import BruteIndex
from simd.index.filter import Filter
from simd.index.local import LocalIndex
from simd.search.radius import within
from simd.storage.snapshot import Snapshot
from simd.types import Embedding
from simd.vectors.ids import pack_ids
from simd.vectors.metric import distances, half, normalise
from simd.vectors.topk import top_k
from tests.search.test_searcher import DIM, clustered, part_of
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, image_id, unit


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.tuples(st.integers(1, 700), st.booleans()), min_size=1, max_size=4),
    place=st.floats(0, 1),
    limit=st.sampled_from([0, 1, 17, 10_000]),
    dead=st.sampled_from([0.0, 0.1, 0.95]),
)
def test_it_is_the_full_scan(seed: int, sizes: list[tuple[int, bool]], place: float, limit: int, dead: float) -> None:
    random = np.random.default_rng(seed)
    parts, rows, ids = [], [], []
    for number, (size, coded) in enumerate(sizes):
        vectors = clustered(seed + number, size)
        mask = random.random(size) >= dead
        parts.append(part_of(vectors, str(number), 1000 * number, coded, mask))
        rows.append(vectors[mask])
        ids.append(parts[-1].ids[mask])
    everything, names = np.concatenate(rows), np.concatenate(ids)
    queries = half(normalise(clustered(seed, 3) + 0.05 * random.normal(size=(3, DIM)).astype(np.float32)))
    for query in queries:
        apart = distances(query, everything)
        radius = float(np.sort(apart)[int(place * (apart.size - 1))]) if apart.size else place
        [found] = within(Snapshot(tuple(parts)), query[None], radius, limit=limit)
        near = top_k(apart, names, int((apart <= radius).sum()))
        assert [hit.image_id for hit in found.hits] == [names[i].tobytes() for i in near[:limit]]
        assert [hit.distance for hit in found.hits] == apart[near[:limit]].tolist()
        assert found.exact == (near.size <= limit) and found.searched == len(everything)


_STEP = st.one_of(
    st.tuples(st.just("put"), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 12)), min_size=1, max_size=40)),
    st.tuples(st.just("delete"), st.lists(st.integers(0, 80), min_size=1, max_size=20)),
    st.tuples(st.sampled_from(["flush", "compact"]), st.none()),
)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(_STEP, max_size=12),
    radius=st.sampled_from([0.0, 0.3, 1.0, 1.4, 2.0, 2.5]),
    limit=st.sampled_from([1, 5, 1000]),
)
def test_whatever_the_history_it_is_what_the_oracle_finds(
    steps: list[tuple[str, list[tuple[int, int]] | list[int] | None]], radius: float, limit: int
) -> None:
    """Few vectors for many images, so that many are equally far."""
    with tempfile.TemporaryDirectory() as directory:
        local, brute = LocalIndex.open(Path(directory), DIMENSION, FINGERPRINT, options=OPTIONS), BruteIndex(DIMENSION)
        indexes: tuple[Index, ...] = (local, brute)
        for act, what in steps:
            for index in indexes:
                if act == "put":
                    index.put([Embedding(image_id(n), unit(vector)) for n, vector in what])  # type: ignore[union-attr, misc]
                elif act == "delete":
                    index.delete([image_id(n) for n in what])  # type: ignore[union-attr, arg-type]
            if act in ("flush", "compact"):
                getattr(local, act)()
        queries = np.stack([unit(0), unit(5), unit(1000)])
        among = Filter(any_of=pack_ids([image_id(n) for n in range(0, 80, 3)]))
        assert local.within(queries, radius, limit=limit) == brute.within(queries, radius, limit=limit)
        assert local.within(queries, radius, limit=limit, among=among) == brute.within(
            queries, radius, limit=limit, among=among
        )
        local.close()


def test_a_limit_spares_reading_what_is_further_than_it() -> None:
    vectors = clustered(1, 20_000)
    read: list[int] = []
    snapshot = Snapshot((part_of(vectors, "a", 0, True),))
    [found] = within(snapshot, vectors[:1], 2.5, limit=10, looked=read.append)
    assert len(found.hits) == 10 and not found.exact
    assert sum(read) < 10_000
