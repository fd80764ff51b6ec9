from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.search.searcher import search
from simd.search.shortlist import Projections, Scan
from simd.storage.snapshot import Coded, Part, Snapshot, pack_mask
from simd.types import Vector
from simd.vectors.metric import distances, half, normalise
from simd.vectors.quantizer import Quantizer
from simd.vectors.topk import pack_ids, top_k
from tests.stores import embedding, image_id, open_store

DIM = 48


def clustered(seed: int, count: int, spread: float = 0.4) -> Vector:
    """Vectors in groups, as edits of pictures are."""
    random = np.random.default_rng(seed)
    spectrum = np.arange(1, DIM + 1) ** -0.5
    centres = random.normal(size=(max(count // 12, 1), DIM)) * spectrum
    noise = spread * random.normal(size=(count, DIM)) * spectrum
    return half(normalise(centres[random.integers(0, len(centres), count)] + noise))


def part_of(vectors: Vector, name: str, first: int, coded: bool, mask: np.ndarray | None = None) -> Part:
    ids = pack_ids(sorted(image_id(first + n) for n in range(len(vectors))))
    codes = None
    if coded:
        quantizer = Quantizer.fit(vectors, 16)
        made = quantizer.encode(vectors)
        codes = Coded(made, quantizer, quantizer.quantizer_id, quantizer.max_error(vectors, made))
    live = None if mask is None else pack_mask(mask)
    dead = 0 if mask is None else int((~mask).sum())
    return Part(name, ids, vectors.astype(np.float16), True, codes, live, dead)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.tuples(st.integers(1, 700), st.booleans()), min_size=1, max_size=4),
    k=st.integers(1, 60),
    dead=st.sampled_from([0.0, 0.1, 0.95]),
)
def test_an_exact_search_is_the_full_scan(seed: int, sizes: list[tuple[int, bool]], k: int, dead: float) -> None:
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
    for query, found in zip(queries, search(Snapshot(tuple(parts)), queries, k, exact=True), strict=True):
        apart = distances(query, everything)
        best = top_k(apart, names, k)
        assert [hit.image_id for hit in found.hits] == [names[i].tobytes() for i in best]
        assert [hit.distance for hit in found.hits] == apart[best].tolist()
        assert found.exact and found.searched == len(everything)


def test_several_cores_find_what_one_finds() -> None:
    parts = tuple(part_of(clustered(n, 900), str(n), 1000 * n, coded=n > 0) for n in range(4))
    queries = clustered(9, 20)
    with ThreadPoolExecutor(3) as pool:
        assert search(Snapshot(parts), queries, 10, spread=pool.map) == search(Snapshot(parts), queries, 10)


def test_a_search_that_says_it_is_exact_is() -> None:
    vectors = clustered(1, 3000)
    snapshot = Snapshot((part_of(vectors, "a", 0, True),))
    queries = vectors[::30]
    plain, exact = search(snapshot, queries, 10), search(snapshot, queries, 10, exact=True)
    assert any(one.exact for one in plain)
    for one, other in zip(plain, exact, strict=True):
        if one.exact:
            assert one.hits == other.hits
    pairs = zip(plain, exact, strict=True)
    same = np.mean([len({h.image_id for h in a.hits} & {h.image_id for h in b.hits}) for a, b in pairs])
    assert same >= 9.9


def test_the_scan_reads_codes_where_they_lie() -> None:
    vectors = clustered(2, 500)
    part = part_of(vectors, "a", 0, True)
    assert part.coded is not None
    scan = Scan(part, None, 500, Projections(vectors[:1]))
    before = scan.nearest(1)[0].rows.tolist()
    part.coded.codes[:] = part.coded.codes[::-1].copy()
    assert before == [0] and scan.nearest(1)[0].rows.tolist() == [499]


@pytest.mark.parametrize("coded", [False, True])
def test_what_is_outside_a_shortlist_is_no_nearer_than_it_says(coded: bool) -> None:
    vectors = clustered(3, 1500)
    part = part_of(vectors, "a", 0, coded)
    queries = vectors[:40]
    scan = Scan(part, None, 1500, Projections(queries))
    for query, shortlist in zip(queries, scan.nearest(50), strict=True):
        others = np.setdiff1d(np.arange(1500), shortlist.rows)
        assert distances(query, vectors[others]).min() >= shortlist.outside
    for number, query in enumerate(queries):
        apart = distances(query, vectors)
        radius = float(np.sort(apart)[30])
        assert set(np.flatnonzero(apart <= radius)) <= set(scan.within(number, radius).rows.tolist())


def test_searching_from_many_threads_gives_the_same(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = open_store(tmp_path)
    store.put([embedding(n) for n in range(200)])
    store.flush()
    store.put([embedding(n) for n in range(200, 230)])
    queries = [embedding(n).vector for n in range(230)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda query: search(store.snapshot, query[None], 5)[0].hits[0].image_id, queries))
    assert found == [image_id(n) for n in range(230)]
    store.close()
