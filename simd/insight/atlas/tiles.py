"""The map as it is shown: what is in the cells of a tile, and the picture of it, which is kept while memory lasts."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from simd.catalogue.catalogue import Catalogue
from simd.derived.icon import icon_pixels
from simd.derived.store import DerivedStore
from simd.errors import AtlasUnavailable, InvalidRequest, StoreError
from simd.insight.atlas.atlas import Atlas
from simd.insight.atlas.colours import Meaning
from simd.insight.atlas.drawing import CELL_SIDE, Drawn, Format, draw, encode
from simd.insight.atlas.frames import Frames, check_kind
from simd.insight.atlas.places import TILE_CELLS, Places
from simd.insight.atlas.pyramid import Pyramid, TileCells
from simd.insight.labels.pictures import Latest, Pictures
from simd.types import ImageFacts, ImageId
from simd.vectors.ids import unpack_ids

log = logging.getLogger(__name__)

TILE_SIDE = TILE_CELLS * CELL_SIDE
"""Pixels."""
SIZES = tuple(TILE_SIDE << deeper for deeper in range(5))

_KEPT_BYTES = 16 << 20
_DRAWING = b"1"
"""Another one whenever the same cells are drawn otherwise."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A tile, and how it is drawn.

    Attributes:
        level, column, row: which.
        size: its edge in pixels, one of `SIZES`: a larger one shows the cells of deeper levels.
        file_format: of the picture.
        colour: what pictures are framed by, one of `frames.KINDS`.

    Raises:
        InvalidRequest: there is no such size, format or colour.
    """

    level: int
    column: int
    row: int
    size: int = TILE_SIDE
    file_format: Format = "webp"
    colour: str = ""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise InvalidRequest(
                f"no tile is drawn {self.size} pixels large", field="size", remedy=", ".join(map(str, SIZES))
            )
        if self.file_format not in get_args(Format):
            raise InvalidRequest(f"no tile is drawn as {self.file_format!r:.40}", field="format", remedy="webp or png")
        check_kind(self.colour)

    def within(self, places: Places) -> Asked:
        """Itself, where the map has such a tile.

        Raises:
            InvalidRequest: it has none.
        """
        if self.level > places.levels:
            raise InvalidRequest(f"the map has the levels 0 to {places.levels}, not {self.level}", field="level")
        for field in ("column", "row"):
            if getattr(self, field) >= 1 << self.level:
                raise InvalidRequest(
                    f"level {self.level} has the tiles 0 to {(1 << self.level) - 1} on each side, not "
                    f"{getattr(self, field)}",
                    field=field,
                )
        return self


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is not empty: where it is in its tile, the image that it shows, how many are in it, and what is known
    of the shown one."""

    column: int
    row: int
    image_id: ImageId
    images: int
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class Tile:
    """What is shown.

    Attributes:
        data: the picture's file; b"" where there is nothing to see, or the caller has it.
        etag: names what is drawn.
        unchanged: whether the caller has it.
        cells: row by row.
        size: the edge of what is drawn, in pixels.
    """

    data: bytes
    etag: str
    unchanged: bool
    cells: Sequence[Cell]
    size: int


class Tiles:
    """Every method may be called from any thread.

    Args:
        atlas: where images are.
        catalogue: what is known of them.
        icons: their small pictures; None draws squares.
        pictures: what they are labelled, and which are the same picture.
        kept_bytes: of tiles that are kept; those that were not asked for the longest go.
    """

    def __init__(
        self,
        *,
        atlas: Atlas,
        catalogue: Catalogue,
        icons: DerivedStore | None,
        pictures: Pictures,
        kept_bytes: int = _KEPT_BYTES,
    ) -> None:
        self._atlas = atlas
        self._catalogue = catalogue
        self._icons = icons
        self._frames = Frames(catalogue, pictures)
        self._pyramid: Latest[Pyramid] = Latest()
        self._kept = _Kept(kept_bytes)

    def places(self) -> Places:
        """Where images are now.

        Raises:
            AtlasUnavailable: there is no map.
        """
        places = self._atlas.places()
        if places is None:
            state = self._atlas.state()
            raise AtlasUnavailable(state.detail or "there is no map yet", remedy=_REMEDIES.get(state.state, ""))
        return places

    def meanings(self, colour: str) -> list[Meaning]:
        """What the colours of frames mean on the map, if there is one.

        Raises:
            InvalidRequest: no picture is framed by that.
            StoreError: it cannot be read.
        """
        places = self._atlas.places()
        return [] if places is None else self._frames.meanings(check_kind(colour), places)

    def get(self, asked: Asked, etag: str = "") -> Tile:
        """A tile as it is now.

        Args:
            asked: which.
            etag: of the one that the caller has.

        Raises:
            InvalidRequest: the map has no such tile.
            AtlasUnavailable: there is no map.
            StoreError: the catalogue, the labels or the pairs cannot be read.
        """
        places = self.places()
        asked.within(places)
        pyramid = self._pyramid.get(places.revision, lambda: Pyramid(places))
        deeper = SIZES.index(asked.size)
        return self._tile(pyramid, pyramid.tile(asked.level, asked.column, asked.row, deeper), asked, etag)

    def _tile(self, pyramid: Pyramid, found: TileCells, asked: Asked, etag: str) -> Tile:
        image_ids = unpack_ids(pyramid.places.ids[found.shown])
        facts = self._catalogue.facts_of(image_ids)
        cells = [
            Cell(column, row, image_id, count, facts.get(image_id))
            for column, row, image_id, count in zip(
                found.columns.tolist(), found.rows.tolist(), image_ids, found.counts.tolist(), strict=True
            )
        ]
        images = self._catalogue.searchable(image_ids) if asked.colour == "root" else {}
        frames = self._frames.of(asked.colour, image_ids, images)
        icons = self._icons_of(image_ids)
        now = _etag(asked, found.across, cells, icons, frames)
        size = found.across * CELL_SIDE
        if now == etag or not cells:
            return Tile(b"", now, now == etag, cells, size)
        data = self._kept.get(now)
        if data is None:
            drawn = [_drawn(cell, icons.get(cell.image_id, b""), frames.get(cell.image_id, "")) for cell in cells]
            data = encode(draw(drawn, found.across), asked.file_format)
            self._kept.put(now, data)
        return Tile(data, now, False, cells, size)

    def _icons_of(self, image_ids: Sequence[ImageId]) -> dict[ImageId, bytes]:
        """Those that there are; a map without pictures is better than none."""
        if self._icons is None:
            return {}
        try:
            return self._icons.get(image_ids)
        except StoreError as error:
            log.warning("the map is drawn without pictures: %s", error)
            return {}


class _Kept:
    """Files by their name, of so many bytes together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, name: str) -> bytes | None:
        with self._lock:
            data = self._files.get(name)
            if data is not None:
                self._files.move_to_end(name)
            return data

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._bytes += len(data) - len(self._files.pop(name, b""))
            self._files[name] = data
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._files.popitem(last=False)[1])


_REMEDIES = {
    "none": "it is made in the background; `simctl atlas` tells how far that is",
    "laying_out": "`simctl atlas` tells how far it is",
}


def _drawn(cell: Cell, icon: bytes, frame: str) -> Drawn:
    width, height = (cell.facts.width, cell.facts.height) if cell.facts else (0, 0)
    return Drawn(cell.column, cell.row, icon_pixels(icon), width, height, frame)


def _etag(
    asked: Asked, across: int, cells: Sequence[Cell], icons: dict[ImageId, bytes], frames: dict[ImageId, str]
) -> str:
    """Of all that is drawn."""
    found = hashlib.blake2b(_DRAWING + f"{asked.file_format} {across} {asked.colour}".encode(), digest_size=12)
    for cell in cells:
        size = (cell.facts.width, cell.facts.height) if cell.facts else (0, 0)
        found.update(f"\n{cell.column} {cell.row} {size} {frames.get(cell.image_id)} ".encode())
        found.update(icons.get(cell.image_id, b""))
    return found.hexdigest()
