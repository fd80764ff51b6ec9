"""Tiles as they are drawn: pictures in their own shape, framed by what they are, on nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simd.catalogue.rows import IndexedFile
from simd.decisions.duplicates import Kind
from simd.decisions.labels import Labelling
from simd.derived.icon import ICON_SIDE, ICONS_VERSION
from simd.derived.kinds import ICONS
from simd.derived.store import DerivedStore
from simd.errors import AtlasUnavailable, InvalidRequest
from simd.insight.atlas.colours import FEW, OTHERS, OTHERS_COLOUR, PALETTE, Meaning, colours_of
from simd.insight.atlas.drawing import CELL_SIDE, Drawn, draw, encode
from simd.insight.atlas.selection import within
from simd.insight.atlas.tiles import TILE_SIDE, Asked, Tile, Tiles
from simd.insight.labels.pictures import Pictures
from simd.insight.pairs.pair import Tier
from simd.types import FileKey, ImageFacts, ImageId, Pixels, Stamp, image_id_of
from tests.insight.memoryatlas import MemoryAtlas
from tests.insight.world import World

RED, GREEN, BLUE, GREY = (image_id_of(name) for name in (b"red", b"green", b"blue", b"grey"))
FRAME = "#0072b2"


def plain(*colour: int) -> Pixels:
    return np.full((ICON_SIDE, ICON_SIDE, 3), colour, np.uint8)


def opaque(pixels: Pixels, column: int, row: int) -> tuple[int, int]:
    """Height and width of what is drawn in a cell."""
    top, left = row * CELL_SIDE, column * CELL_SIDE
    rows, columns = np.nonzero(pixels[top : top + CELL_SIDE, left : left + CELL_SIDE, 3])
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(10, 10, (30, 30)), (3000, 2000, (20, 30)), (2, 3, (30, 20)), (9000, 1, (4, 30)), (0, 0, (30, 30))],
)
@pytest.mark.parametrize("frame", ["", FRAME])
def test_a_picture_has_its_own_shape_in_the_middle_of_its_cell(
    width: int, height: int, size: tuple[int, int], frame: str
) -> None:
    pixels = draw([Drawn(1, 2, plain(200, 10, 10), width, height, frame)], 8)
    assert pixels.shape == (TILE_SIDE, TILE_SIDE, 4)
    found = opaque(pixels, 1, 2)
    assert max(abs(found[0] - size[0]), abs(found[1] - size[1])) <= (4 if frame else 0) and max(found) == 30
    middle = pixels[2 * CELL_SIDE + 16, CELL_SIDE + 16].tolist()
    assert middle == [200, 10, 10, 255]
    # There is room between two cells, and nothing where none is.
    assert not pixels[2 * CELL_SIDE, CELL_SIDE : 2 * CELL_SIDE].any() and not pixels[:, : CELL_SIDE + 1].any()
    if frame:
        edge = pixels[2 * CELL_SIDE + 16, CELL_SIDE : 2 * CELL_SIDE]
        assert [0x00, 0x72, 0xB2, 255] in edge.tolist()


def test_a_picture_is_not_turned_and_its_parts_keep_their_places() -> None:
    icon = plain(0, 0, 0).copy()
    icon[: ICON_SIDE // 2, :, 0] = 255
    icon[:, : ICON_SIDE // 2, 1] = 255
    pixels = draw([Drawn(0, 0, icon, 3, 2)], 1)
    assert pixels[8, 4].tolist() == [255, 255, 0, 255] and pixels[8, 27].tolist() == [255, 0, 0, 255]
    assert pixels[23, 4].tolist() == [0, 255, 0, 255] and pixels[23, 27].tolist() == [0, 0, 0, 255]


def test_what_has_no_icon_is_a_square_that_one_can_see_through() -> None:
    pixels = draw([Drawn(0, 0, None, 2, 1)], 1)
    assert opaque(pixels, 0, 0) == (15, 30) and 0 < pixels[16, 16, 3] < 255


def test_many_are_drawn_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    cells = [
        Drawn(n % 32, n // 32, rng.integers(0, 256, (32, 32, 3), np.uint8), 3 + n % 2, 2, FRAME * (n % 3 == 0))
        for n in range(1024)
    ]
    together = draw(cells, 32)
    for cell in cells[::97]:
        alone = draw([Drawn(0, 0, cell.icon, cell.width, cell.height, cell.frame)], 1)
        top, left = cell.row * CELL_SIDE, cell.column * CELL_SIDE
        assert np.array_equal(together[top : top + CELL_SIDE, left : left + CELL_SIDE], alone)


@pytest.mark.parametrize("file_format", ["webp", "png"])
def test_files_can_be_opened_and_seen_through(file_format: str) -> None:
    data = encode(draw([Drawn(0, 0, plain(10, 200, 10))], 8), file_format)  # type: ignore[arg-type]
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == file_format.upper() and picture.size == (256, 256)
        pixels = np.asarray(picture.convert("RGBA"))
    assert pixels[100, 100, 3] == 0 and abs(pixels[16, 16].astype(int) - [10, 200, 10, 255]).max() < 12


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 50), max_size=40))
def test_names_have_colours_of_their_own_and_the_rarest_none(counts: dict[str, int]) -> None:
    colours = colours_of(counts)
    assert len(colours) == len(set(colours.values())) == min(len(counts), len(PALETTE))
    assert set(colours.values()) <= set(PALETTE[:FEW] if len(counts) <= FEW else PALETTE)
    assert not colours or min(counts[name] for name in colours) >= max(
        (counts[name] for name in counts if name not in colours), default=0
    )


@given(st.dictionaries(st.text(max_size=4), st.integers(1, 50), max_size=len(PALETTE)), st.randoms())
def test_colours_do_not_depend_on_how_common_names_are(counts: dict[str, int], random: object) -> None:
    assert colours_of(counts) == colours_of({name: 51 - count for name, count in reversed(counts.items())})


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=3, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20),
)
def test_points_are_in_a_polygon_by_the_even_odd_rule(
    corners: list[tuple[int, int]], cells: list[tuple[int, int]]
) -> None:
    # Corners are between the points, so that none of these is on the height of one.
    polygon = np.array(corners, float)
    x, y = (np.array([cell[axis] + (0.5, 0.25)[axis] for cell in cells], float) for axis in (0, 1))
    found = within(polygon, x, y).tolist()

    def crossings(px: float, py: float) -> int:
        count = 0
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if (y1 > py) != (y2 > py) and px < x1 + (py - y1) * (x2 - x1) / (y2 - y1):
                count += 1
        return count

    assert found == [crossings(px, py) % 2 == 1 for px, py in zip(x.tolist(), y.tolist(), strict=True)]


class Room:
    """Images in two roots, a map of them, and their tiles."""

    def __init__(self, directory: Path) -> None:
        self.world = World(directory)
        self.atlas = MemoryAtlas()
        self.icons = DerivedStore(directory / ICONS.file, ICONS, ICONS_VERSION)
        pictures = Pictures(self.world.pairs, self.world.decisions)
        self.tiles = Tiles(atlas=self.atlas, catalogue=self.world.catalogue, icons=self.icons, pictures=pictures)
        for root, image_id in ((b"/p", RED), (b"/p", GREEN), (b"/q", BLUE)):
            key = FileKey(self.world.roots[root], image_id.hex().encode())
            self.world.catalogue.record([IndexedFile(key, Stamp(1, 2, 3), image_id, ImageFacts(300, 200, "JPEG"))])
        self.atlas.put({RED: (0, 0), GREEN: (1, 0), BLUE: (15, 15)})
        self.keep(RED, 200, 10, 10)
        self.keep(GREEN, 10, 200, 10)
        self.keep(BLUE, 10, 10, 200)

    def keep(self, image_id: ImageId, *colour: int) -> None:
        self.icons.put({image_id: plain(*colour).tobytes()})

    def pixels(self, asked: Asked) -> Pixels:
        with Image.open(io.BytesIO(self.tiles.get(asked).data)) as picture:
            return np.asarray(picture.convert("RGBA"))

    def close(self) -> None:
        self.icons.close()
        self.world.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()


def cells(tile: Tile) -> dict[tuple[int, int], tuple[ImageId, int]]:
    return {(cell.column, cell.row): (cell.image_id, cell.images) for cell in tile.cells}


def test_a_tile_of_the_last_level_shows_every_picture_and_one_above_one_of_four(room: Room) -> None:
    first, last = room.tiles.get(Asked(1, 0, 0)), room.tiles.get(Asked(1, 1, 1))
    assert cells(first) == {(0, 0): (RED, 1), (1, 0): (GREEN, 1)} and cells(last) == {(7, 7): (BLUE, 1)}
    whole = room.tiles.get(Asked(0, 0, 0))
    assert cells(whole) == {(0, 0): (min(RED, GREEN), 2), (7, 7): (BLUE, 1)}
    assert whole.cells[0].facts == ImageFacts(300, 200, "JPEG")
    pixels = room.pixels(Asked(1, 0, 0, file_format="png"))
    assert pixels[16, 16].tolist() == [200, 10, 10, 255] and pixels[16, 48].tolist() == [10, 200, 10, 255]


def test_a_larger_tile_shows_deeper_levels_as_large_as_they_are(room: Room) -> None:
    for size in (512, 4096):
        tile = room.tiles.get(Asked(0, 0, 0, size, "png"))
        assert tile.size == 512 and cells(tile) == {(0, 0): (RED, 1), (1, 0): (GREEN, 1), (15, 15): (BLUE, 1)}
    assert room.pixels(Asked(0, 0, 0, 4096, "png")).shape == (512, 512, 4)


def test_what_stands_still_is_not_sent_again_and_what_is_drawn_otherwise_is(room: Room) -> None:
    asked = Asked(1, 0, 0)
    tile = room.tiles.get(asked)
    again = room.tiles.get(asked, tile.etag)
    assert again.unchanged and again.data == b"" and again.cells == tile.cells
    assert room.tiles.get(asked) == tile

    def changes() -> bool:
        nonlocal tile
        before, tile = tile, room.tiles.get(asked, tile.etag)
        return tile.etag != before.etag and not tile.unchanged and tile.data != b""

    room.keep(RED, 0, 0, 0)
    assert changes(), "an icon came"
    room.atlas.put({RED: (0, 0), GREEN: (2, 0), BLUE: (15, 15)})
    assert changes(), "a picture moved"
    room.atlas.put({RED: (0, 0), BLUE: (15, 15)})
    assert changes(), "a picture went"
    room.atlas.put({RED: (0, 0), BLUE: (14, 14)})
    assert not changes() and tile.unchanged, "what is elsewhere does not matter"
    etags = {
        room.tiles.get(Asked(1, 0, 0, size, kind, colour)).etag
        for size in (256, 512)
        for kind in ("webp", "png")
        for colour in ("", "root")
    }
    assert len(etags) == 4, "a tile of the last level is never larger"


def test_an_empty_tile_has_no_picture(room: Room) -> None:
    tile = room.tiles.get(Asked(1, 1, 0))
    assert tile.data == b"" and tile.cells == [] and tile.etag and not tile.unchanged


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"level": 2}, "level"), ({"column": 2}, "column"), ({"row": 2}, "row"), ({"size": 300}, "size"),
        ({"file_format": "gif"}, "format"), ({"colour": "size"}, "colour"),
    ],
)  # fmt: skip
def test_a_tile_that_there_is_not_is_refused(room: Room, asked: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        room.tiles.get(Asked(**{"level": 1, "column": 0, "row": 0, **asked}))  # type: ignore[arg-type]
    assert refused.value.field == field


def test_without_a_map_it_is_said_why(tmp_path: Path, room: Room) -> None:
    tiles = Tiles(
        atlas=MemoryAtlas(), catalogue=room.world.catalogue, icons=None,
        pictures=Pictures(room.world.pairs, room.world.decisions),
    )  # fmt: skip
    with pytest.raises(AtlasUnavailable, match="as soon as there are pictures"):
        tiles.get(Asked(0, 0, 0))
    assert tiles.meanings("root") == []


def test_icons_that_cannot_be_read_cost_the_pictures_alone(room: Room) -> None:
    whole = room.tiles.get(Asked(1, 0, 0))
    room.icons.close()
    bare = room.tiles.get(Asked(1, 0, 0))
    assert cells(bare) == cells(whole) and bare.etag != whole.etag and bare.data


def frame_of(room: Room, kind: str, column: int) -> str:
    """The colour at the edge of a picture of the first tile; "" where nothing is around it."""
    pixels = room.pixels(Asked(1, 0, 0, file_format="png", colour=kind))
    row = pixels[16, column * CELL_SIDE : (column + 1) * CELL_SIDE]
    first, inner = row[np.flatnonzero(row[:, 3])[0]], row[16]
    return "" if np.array_equal(first, inner) else "#" + bytes(first[:3]).hex()


def test_frames_tell_roots(room: Room) -> None:
    meanings = room.tiles.meanings("root")
    assert [(one.name, one.images) for one in meanings] == [("/p", 2), ("/q", 1)]
    assert frame_of(room, "root", 0) == frame_of(room, "root", 1) == meanings[0].colour != meanings[1].colour
    assert frame_of(room, "", 0) == ""


def test_frames_tell_first_labels(room: Room) -> None:
    room.world.decisions.labels.put([Labelling(RED, ("ant", "bee")), Labelling(BLUE, ("bee",))])
    ant, bee, none = room.tiles.meanings("label")
    assert (ant.name, ant.images, bee.name, bee.images, none) == ("ant", 1, "bee", 1, Meaning("", "", 1))
    assert frame_of(room, "label", 0) == ant.colour and frame_of(room, "label", 1) == ""
    room.world.decisions.labels.put([Labelling(GREEN, (f"{number:02}",)) for number in range(30)])
    told = room.tiles.meanings("label")
    assert len(told) <= 20 and sum(one.images for one in told) == 3
    assert {one.name for one in told} <= {"ant", "bee", "00", OTHERS, ""}
    assert all(one.colour == OTHERS_COLOUR for one in told if one.name == OTHERS)


def test_frames_tell_what_is_the_same_picture_as_another(room: Room) -> None:
    room.world.pairs.add(RED, GREEN, Tier.NEAR)
    room.world.pairs.add(BLUE, GREY, Tier.PIXELS)
    meanings = room.tiles.meanings("tier")
    assert [(one.name, one.images) for one in meanings] == [("near", 2), ("pixels", 1)]
    assert frame_of(room, "tier", 0) == meanings[0].colour != meanings[1].colour
    room.world.decide(Kind.NOT_DUPLICATES, RED, GREEN)
    assert [(one.name, one.images) for one in room.tiles.meanings("tier")] == [("pixels", 1), ("", 2)]
    assert frame_of(room, "tier", 0) == ""
