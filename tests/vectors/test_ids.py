from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.vectors.ids import find, keys, pack_ids, rows_of, unique_ids, unpack_ids

_ids = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=40, unique=True)
# Ids that differ in a zero byte at the end are what a string type could confuse.
_tricky = st.lists(
    st.tuples(st.sampled_from([0, 1, 127, 128, 255]), st.sampled_from([0, 1, 255])).map(
        lambda t: bytes([t[0]]) + bytes(14) + bytes([t[1]])
    ),
    min_size=1,
    unique=True,
)


@given(st.one_of(_ids, _tricky))
def test_keys_sort_and_search_in_byte_order(ids: list[bytes]) -> None:
    ordered = sorted(ids)
    view = keys(pack_ids(ids))
    assert [ids[i] for i in np.argsort(view, kind="stable")] == ordered
    haystack = keys(pack_ids(ordered))
    assert np.searchsorted(haystack, view).tolist() == [ordered.index(i) for i in ids]
    assert len(np.unique(view)) == len(ids)


@given(st.one_of(st.just([]), _ids, _tricky), st.integers(1, 3))
def test_unique_ids_are_in_byte_order_each_once(ids: list[bytes], times: int) -> None:
    assert unpack_ids(unique_ids(pack_ids(ids * times))) == sorted(ids)


@given(st.one_of(_ids, _tricky), st.one_of(_ids, _tricky), st.integers(1, 600))
def test_ids_are_found_where_they_are_however_many_are_sought(own: list[bytes], others: list[bytes], more: int) -> None:
    # Few are sought among many, and many among few: those ways differ.
    own = sorted({*own, *(bytes([number % 256]) * 8 + number.to_bytes(8) for number in range(more))})
    for sought in ([*others, own[len(own) // 2]], [own[-1]], own, own[::-1] * 2):
        expected = [own.index(one) if one in own else -1 for one in sought]
        assert find(keys(pack_ids(own)), keys(pack_ids(sought))).tolist() == expected
        assert rows_of(pack_ids(own), pack_ids(sought)).tolist() == expected
    assert find(keys(pack_ids([])), keys(pack_ids(others))).tolist() == [-1] * len(others)
