from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.search.searcher import search
from simd.search.shortlist import Projections, Scan
from simd.search.targets import targets_of
from simd.storage.snapshot import Coded, Part, Snapshot, pack_mask
from simd.types import Vector
from simd.vectors.ids import pack_ids
from simd.vectors.levels import fit_levels
from simd.vectors.metric import distances, half, normalise
from simd.vectors.quantizer import Quantizer
from simd.vectors.topk import top_k
from tests.stores import embedding, image_id, open_store

DIM, CODE_DIMS = 64, 32


def clustered(seed: int, count: int, spread: float = 0.4) -> Vector:
    """Vectors in groups, as edits of pictures are."""
    random = np.random.default_rng(seed)
    spectrum = np.arange(1, DIM + 1) ** -0.5
    centres = random.normal(size=(max(count // 12, 1), DIM)) * spectrum
    noise = spread * random.normal(size=(count, DIM)) * spectrum
    return half(normalise(centres[random.integers(0, len(centres), count)] + noise))


def coded_by(vectors: Vector, quantizers: Sequence[Quantizer]) -> tuple[Coded, ...]:
    return tuple(
        Coded(codes, one, one.quantizer_id, error) for one in quantizers for codes, error in [one.encode(vectors)]
    )


def part_of(vectors: Vector, name: str, first: int, levels: int, mask: np.ndarray | None = None) -> Part:
    ids = pack_ids(sorted(image_id(first + n) for n in range(len(vectors))))
    codes = coded_by(vectors, fit_levels(vectors, CODE_DIMS)[: int(levels)])
    live = None if mask is None else pack_mask(mask)
    dead = 0 if mask is None else int((~mask).sum())
    return Part(name, ids, vectors.astype(np.float16), True, codes, live, dead)


def scan_of(part: Part, queries: Vector) -> Scan:
    (target,) = targets_of(Snapshot((part,)))
    return Scan(target, Projections(queries))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.tuples(st.integers(1, 700), st.integers(0, 2)), min_size=1, max_size=4),
    k=st.integers(1, 60),
    dead=st.sampled_from([0.0, 0.1, 0.95]),
)
def test_an_exact_search_is_the_full_scan(seed: int, sizes: list[tuple[int, int]], k: int, dead: float) -> None:
    random = np.random.default_rng(seed)
    parts, rows, ids = [], [], []
    for number, (size, levels) in enumerate(sizes):
        vectors = clustered(seed + number, size)
        mask = random.random(size) >= dead
        parts.append(part_of(vectors, str(number), 1000 * number, levels, mask))
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
    parts = tuple(part_of(clustered(n, 900), str(n), 1000 * n, min(n, 2)) for n in range(4))
    queries = clustered(9, 20)
    with ThreadPoolExecutor(3) as pool:
        for exact in (False, True):
            one = search(Snapshot(parts), queries, 10, exact=exact)
            assert search(Snapshot(parts), queries, 10, exact=exact, spread=pool.map) == one


def test_a_search_that_says_it_is_exact_is() -> None:
    vectors = clustered(1, 3000)
    snapshot = Snapshot((part_of(vectors, "a", 0, 1),))
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
    part = part_of(vectors, "a", 0, 1)
    scan = scan_of(part, vectors[:1])
    before = scan.nearest(1)[0].rows.tolist()
    part.coded[0].codes[:] = part.coded[0].codes[::-1].copy()
    assert before == [0] and scan.nearest(1)[0].rows.tolist() == [499]


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.05])
def test_what_is_outside_a_shortlist_is_no_nearer_than_it_says(levels: int, share: float) -> None:
    vectors = clustered(3, 1500)
    mask = np.random.default_rng(0).random(1500) < share
    part = part_of(vectors, "a", 0, levels, mask)
    count = int(mask.sum())
    queries = vectors[:40]
    scan = scan_of(part, queries)
    for query, shortlist in zip(queries, scan.nearest(50), strict=True):
        assert min(50, count) <= shortlist.rows.size <= 90 and mask[shortlist.rows].all()
        assert (distances(query, vectors[shortlist.rows]) >= shortlist.least()).all()
        others = np.setdiff1d(np.flatnonzero(mask), shortlist.rows)
        assert distances(query, vectors[others]).min() >= shortlist.outside
    for number, query in enumerate(queries):
        apart = distances(query, vectors)
        for radius in np.quantile(apart, [0.0, 0.02, 0.5, 1.0]).tolist():
            found = scan.within(number, radius, by_vectors=True)
            assert set(np.flatnonzero(mask & (apart <= radius))) <= set(found.rows.tolist())
            assert mask[found.rows].all() and (apart[found.rows] >= found.least()).all()


def test_fine_codes_leave_little_to_be_looked_at() -> None:
    vectors, query = clustered(4, 3000, 2.0), clustered(5, 1, 2.0)
    radius = float(np.sort(distances(query[0], vectors))[10])
    scans = [scan_of(part_of(vectors, "a", 0, levels), query) for levels in (1, 2)]
    coarse, both = (scan.within(0, radius, by_vectors=False).rows for scan in scans)
    assert set(both) < set(coarse) and both.size < coarse.size / 2


def test_answers_are_proved_unasked_where_there_are_fine_codes() -> None:
    vectors, queries = clustered(6, 3000, 2.0), clustered(7, 30, 2.0)
    assert not all(one.exact for one in search(Snapshot((part_of(vectors, "a", 0, 1),)), queries, 10))
    both = Snapshot((part_of(vectors, "a", 0, 2),))
    assert all(one.exact for one in search(both, queries, 10))
    assert all(one.exact for one in search(both, queries, 10, prove_bytes=3000 * DIM))
    assert not all(one.exact for one in search(both, queries, 10, prove_bytes=3000 * DIM - 1))
    few = both.parts[0].ids[:1000]
    assert all(one.exact for one in search(both, queries, 10, any_of=few, prove_bytes=1000 * DIM))
    assert all(one.exact for one in search(both, queries, 10, exact=True, prove_bytes=0))


def test_searching_from_many_threads_gives_the_same(tmp_path: Path) -> None:

    store = open_store(tmp_path)
    store.put([embedding(n) for n in range(200)])
    store.flush()
    store.put([embedding(n) for n in range(200, 230)])
    queries = [embedding(n).vector for n in range(230)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda query: search(store.snapshot, query[None], 5)[0].hits[0].image_id, queries))
    assert found == [image_id(n) for n in range(230)]
    store.close()


def test_many_rows_that_codes_cannot_tell_apart_are_told_apart_by_the_vectors() -> None:
    vectors = np.repeat(clustered(8, 1), 3000, axis=0) + 0.001 * clustered(9, 3000)
    vectors = half(normalise(vectors))
    query = vectors[17:18]
    quantizers = fit_levels(clustered(10, 1500), CODE_DIMS)
    for levels in (1, 2):
        part = replace(part_of(vectors, "a", 0, 0), coded=coded_by(vectors, quantizers[:levels]))
        assert scan_of(part, query).within(0, 0.0, by_vectors=False).rows.size > 2000
        found = scan_of(part, query).within(0, 0.0, by_vectors=True)
        assert 17 in found.rows and found.rows.size < 10 and found.error == pytest.approx(1e-4)
        (answer,) = search(Snapshot((part,)), query, 10, exact=True)
        assert [hit.distance for hit in answer.hits] == np.sort(distances(query[0], vectors))[:10].tolist()
