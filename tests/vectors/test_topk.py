from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.vectors.ids import pack_ids
from simd.vectors.topk import top_k

_ids = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=40, unique=True)
# Ids that differ in a zero byte at the end are what a string type could confuse.
_tricky = st.lists(
    st.tuples(st.sampled_from([0, 1, 127, 128, 255]), st.sampled_from([0, 1, 255])).map(
        lambda t: bytes([t[0]]) + bytes(14) + bytes([t[1]])
    ),
    min_size=1,
    unique=True,
)


@given(st.one_of(_ids, _tricky), st.integers(0, 50), st.randoms(use_true_random=False))
def test_top_k_is_a_stable_sort_by_distance_then_id(ids: list[bytes], k: int, random: object) -> None:
    distances = np.array([random.choice([0.0, 0.5, 1.0]) for _ in ids], np.float32)  # type: ignore[attr-defined]
    expected = sorted(range(len(ids)), key=lambda i: (distances[i], ids[i]))[:k]
    assert top_k(distances, pack_ids(ids), k).tolist() == expected


def test_top_k_of_nothing_is_nothing() -> None:
    assert top_k(np.empty(0, np.float32), np.empty((0, 16), np.uint8), 5).tolist() == []
