"""The cells of every level against a plain count of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.insight.atlas.places import TILE_CELLS, Places
from simd.insight.atlas.pyramid import Pyramid
from simd.vectors.ids import pack_ids


@st.composite
def maps(draw: st.DrawFn) -> Places:
    """A map with images in any of its cells."""
    side = TILE_CELLS << draw(st.integers(0, 4))
    cells = draw(st.sets(st.tuples(st.integers(0, side - 1), st.integers(0, side - 1)), max_size=60))
    ids = sorted(draw(st.sets(st.binary(min_size=16, max_size=16), min_size=len(cells), max_size=len(cells))))
    at = np.array(draw(st.permutations(sorted(cells))), np.int32).reshape(-1, 2)
    return Places(1, side, pack_ids(ids), at[:, 0], at[:, 1])


def plain(places: Places, level: int) -> dict[tuple[int, int], list[int]]:
    """The images of each cell of a level, by column and row."""
    shift = places.levels - level
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (column, row) in enumerate(zip(places.columns.tolist(), places.rows.tolist(), strict=True)):
        found[column >> shift, row >> shift].append(number)
    return found


@given(maps(), st.data())
def test_a_tile_shows_and_counts_what_is_in_its_cells(places: Places, data: st.DataObject) -> None:
    pyramid = Pyramid(places)
    level = data.draw(st.integers(0, places.levels))
    column, row = (data.draw(st.integers(0, (1 << level) - 1)) for _ in range(2))
    deeper = data.draw(st.integers(0, 4))
    found = pyramid.tile(level, column, row, deeper)
    shown_level = min(level + deeper, places.levels)
    assert found.across == TILE_CELLS << (shown_level - level)
    expected = {
        (x - column * found.across, y - row * found.across): images
        for (x, y), images in plain(places, shown_level).items()
        if x // found.across == column and y // found.across == row
    }
    cells = list(zip(found.columns.tolist(), found.rows.tolist(), strict=True))
    assert cells == sorted(expected, key=lambda cell: (cell[1], cell[0]))
    assert found.counts.tolist() == [len(expected[cell]) for cell in cells]
    assert found.shown.tolist() == [min(expected[cell]) for cell in cells]


@given(maps())
def test_all_images_are_on_every_level_and_each_has_a_cell_on_the_last(places: Places) -> None:
    pyramid = Pyramid(places)
    for level in range(places.levels + 1):
        assert pyramid.level(level).counts.sum() == len(places.ids)
    assert len(pyramid.level(places.levels).codes) == len(places.ids)


@given(maps())
def test_what_a_cell_shows_is_shown_below_it(places: Places) -> None:
    pyramid = Pyramid(places)
    for level in range(places.levels):
        assert set(pyramid.level(level).shown.tolist()) <= set(pyramid.level(level + 1).shown.tolist())


@given(maps(), st.data())
def test_an_image_that_goes_changes_only_what_showed_it(places: Places, data: st.DataObject) -> None:
    if not len(places.ids):
        return
    gone = data.draw(st.integers(0, len(places.ids) - 1))
    kept = np.arange(len(places.ids)) != gone
    fewer = Places(2, places.side, places.ids[kept], places.columns[kept], places.rows[kept])

    def shown(of: Places, level: int) -> dict[int, bytes]:
        cells = Pyramid(of).level(level)
        return dict(zip(cells.codes.tolist(), map(bytes, of.ids[cells.shown]), strict=True))

    for level in range(places.levels + 1):
        before, after = shown(places, level), shown(fewer, level)
        changed = {code for code in before if before[code] != after.get(code)}
        assert {before[code] for code in changed} <= {bytes(places.ids[gone])} and after.keys() <= before.keys()


def test_places_at_the_far_corner_of_the_largest_map() -> None:
    side = 1 << 20
    places = Places(1, side, pack_ids([bytes(16)]), np.array([side - 1], np.int32), np.array([side - 1], np.int32))
    last = (1 << places.levels) - 1
    found = Pyramid(places).tile(places.levels, last, last)
    assert (found.columns.tolist(), found.rows.tolist()) == ([7], [7])
    assert Pyramid(places).tile(0, 0, 0).counts.tolist() == [1]
