"""Every image has a cell of its own: in a layout, and whatever comes and goes after that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.insight.atlas.board import Board, middles
from simd.insight.atlas.cells import Points, side_for, spread
from simd.insight.atlas.places import TILE_CELLS, Cells
from simd.types import ImageId, image_id_of
from simd.vectors.ids import Ids, pack_ids, unpack_ids


def ids_of(count: int) -> Ids:
    return pack_ids(sorted(image_id_of(b"%d" % number) for number in range(count)))


def crowded(count: int, seed: int, spots: int) -> Points:
    """Points in a few dense spots."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(spots, 2)) * 10
    points = middles[random.integers(0, spots, count)] + 0.1 * random.normal(size=(count, 2))
    return np.asarray(points, np.float32)


@pytest.mark.parametrize("count, side", [(0, 8), (1, 8), (32, 8), (33, 16), (100_000, 512), (1_000_000, 2048)])
def test_a_map_is_a_power_of_two_wide_and_at_most_half_full(count: int, side: int) -> None:
    assert side_for(count) == side >= TILE_CELLS


@given(count=st.integers(0, 400), seed=st.integers(0, 5), spots=st.integers(1, 5), full=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_point_has_a_cell_of_its_own(count: int, seed: int, spots: int, full: bool) -> None:
    side = side_for((count + 1) // 2 if full else count)
    columns, rows = spread(crowded(count, seed, spots), side)
    assert columns.dtype == rows.dtype == np.int32
    assert all(((cells >= 0) & (cells < side)).all() for cells in (columns, rows))
    assert len(set(zip(columns.tolist(), rows.tolist(), strict=True))) == count


@pytest.mark.parametrize("points", [np.zeros((64, 2), np.float32), np.full((32, 2), 7e20, np.float32)])
def test_points_in_one_place_fill_the_map_beside_each_other(points: Points) -> None:
    columns, rows = spread(points, 8)
    assert len(set(zip(columns.tolist(), rows.tolist(), strict=True))) == len(points)


def test_points_far_enough_apart_are_where_they_were() -> None:
    at = np.array([[0.01, 0.01], [7.99, 7.99], [3.5, 2.5], [1.5, 6.5], [6.5, 2.5]], np.float32)
    columns, rows = spread(at, 8)
    assert columns.tolist() == [0, 7, 3, 1, 6] and rows.tolist() == [0, 7, 2, 6, 2]
    turned = spread(10 * at - 1000, 8)
    assert turned[0].tolist() == columns.tolist() and turned[1].tolist() == rows.tolist()


def test_what_is_crowded_spreads_and_stays_together() -> None:
    points = crowded(2000, 1, 4)
    columns, rows = spread(points, 64)
    cells = np.column_stack((columns, rows))
    kept = np.mean([overlap(nearest(points, n), nearest(cells, n)) for n in range(0, 2000, 20)])
    assert kept > 0.4, "of ten neighbours"


def nearest(points: np.ndarray[tuple[int, ...], np.dtype[np.generic]], number: int) -> set[int]:
    apart = np.linalg.norm(points - points[number], axis=1)
    return set(np.argsort(apart, kind="stable")[1:11].tolist())


def overlap(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one)


def shown(board: Board) -> dict[ImageId, tuple[int, int]]:
    places = board.places(1)
    cells = zip(places.columns.tolist(), places.rows.tolist(), strict=True)
    assert unpack_ids(places.ids) == sorted(unpack_ids(places.ids))
    return dict(zip(unpack_ids(places.ids), cells, strict=True))


IDS = ids_of(70)
EVENT = st.one_of(
    st.tuples(st.just("place"), st.integers(0, 69), st.floats(-1, 9), st.floats(-1, 9)),
    st.tuples(st.just("remove"), st.integers(0, 69)),
)


@given(st.lists(EVENT, max_size=90))
@settings(max_examples=50, deadline=None)
def test_nobody_is_moved_and_the_nearest_free_cell_is_taken(
    events: list[tuple[str | float, ...]],
) -> None:
    board = Board(8, ids_of(0), np.empty(0, np.int32), np.empty(0, np.int32))
    model: dict[ImageId, tuple[int, int]] = {}
    for event in events:
        kind, number, *at = event
        ids = IDS[int(number)][None]
        (image_id,) = unpack_ids(ids)
        if kind == "remove":
            assert board.remove(ids) == (image_id in model)
            model.pop(image_id, None)
        elif image_id not in model and board.room:
            columns, rows = board.place(ids, np.array([at], np.float32))
            cell = (int(columns[0]), int(rows[0]))
            free = {(x, y) for x in range(8) for y in range(8)} - set(model.values())
            assert cell in free
            wanted = np.clip(np.array(at, np.float32), 0, 8 - 1e-3)
            far = {one: float(np.hypot(*(np.array(one) + 0.5 - wanted))) for one in free}
            assert far[cell] <= min(far.values()) + 1e-5
            model[image_id] = cell
        assert shown(board) == model and board.room == 64 - len(model) and board.added == len(model)


def test_a_snapshot_does_not_change_with_the_board() -> None:
    board = Board(8, IDS[:3], *cells_of([(0, 0), (1, 0), (2, 0)]))
    before = board.places(1)
    board.remove(IDS[:1])
    board.place(IDS[3:4], np.array([[0.5, 0.5]], np.float32))
    assert before.ids.tobytes() == IDS[:3].tobytes() and before.columns.tolist() == [0, 1, 2]
    assert np.isnan(middles(board.places(2), IDS[:1])).all()
    assert middles(board.places(2), IDS[3:4]).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("cells", [[(0, 0), (0, 0)], [(0, 0), (8, 0)], [(0, 0), (0, -1)]])
def test_a_board_that_cannot_be_is_refused(cells: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError):
        Board(8, IDS[:2], *cells_of(cells))


def cells_of(cells: list[tuple[int, int]]) -> tuple[Cells, Cells]:
    columns, rows = np.array(cells, np.int32).T
    return columns.copy(), rows.copy()
