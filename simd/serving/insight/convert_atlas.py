"""Between the wire's messages and the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from simd.catalogue.catalogue import Catalogue
from simd.insight.atlas.colours import Meaning
from simd.insight.atlas.drawing import Format
from simd.insight.atlas.places import AtlasState, Places
from simd.insight.atlas.selection import Rows, Selection, middles
from simd.insight.atlas.tiles import TILE_SIDE, Asked, Tile
from simd.insight.labels.scope import below
from simd.serving.admin.convert import check_count, exact_of, image_id_of, text_of, time_to
from simd.types import ImageId
from simd.v1 import insight_service_pb2 as wire
from simd.vectors.ids import pack_ids, unique_ids, unpack_ids


def described_to(state: AtlasState, meanings: Iterable[Meaning]) -> wire.DescribeAtlasResponse:
    """How the map is."""
    return wire.DescribeAtlasResponse(
        state=state.state,
        detail=state.detail,
        revision=state.revision,
        images=state.images,
        pending=state.pending,
        added=state.added,
        side=state.side,
        levels=state.levels,
        laid_out_time=time_to(state.laid_out_ms * 1_000_000) if state.laid_out_ms else None,
        done=state.done,
        total=state.total,
        colours=[wire.AtlasColour(colour=one.colour, name=one.name, images=one.images) for one in meanings],
    )


def selection_of(request: wire.AtlasRequest, under: bytes, catalogue: Catalogue) -> Selection:
    """Which images are asked for.

    Raises:
        InvalidRequest: a polygon or an id that is none, or too many of them.
        StoreError: the catalogue cannot be read.
    """
    check_count(request.image_ids, field="image_ids")
    among = []
    if request.image_ids:
        among.append(unique_ids(pack_ids([image_id_of(text, field="image_ids") for text in request.image_ids])))
    polygon = [(point.x, point.y) for point in request.polygon]
    selection = Selection(polygon, among)
    return Selection(polygon, [*among, unique_ids(catalogue.images_under(under))]) if under else selection


def places_to(
    places: Places,
    rows: Rows,
    under: bytes,
    files: Mapping[ImageId, Sequence[bytes]],
    labels: Mapping[ImageId, Sequence[str]],
) -> Iterator[wire.AtlasPlace]:
    """Images on the map; one that has lost its last file meanwhile is left out.

    Args:
        places: the map.
        rows: which.
        under: a file below this is told, if there is one.
        files: of each.
        labels: of each.
    """
    across, down = (some.tolist() for some in middles(places, rows))
    for image_id, x, y in zip(unpack_ids(places.ids[rows]), across, down, strict=True):
        paths = files.get(image_id, ())
        path = next((path for path in paths if not under or below(path, (under,))), b"")
        if path:
            text = text_of(path)
            yield wire.AtlasPlace(
                image_id=image_id.hex(),
                path=text,
                path_bytes=exact_of(path, text),
                place=wire.AtlasPoint(x=x, y=y),
                labels=labels.get(image_id, ()),
            )


def asked_of(request: wire.GetAtlasTileRequest) -> Asked:
    """The tile that a request asks for.

    Raises:
        InvalidRequest: a size, format or colour that there is not.
    """
    return Asked(
        request.level,
        request.column,
        request.row,
        request.size or TILE_SIDE,
        cast("Format", request.format or "webp"),
        request.colour,
    )


def tile_to(tile: Tile, asked: Asked) -> wire.GetAtlasTileResponse:
    """A part of the map."""
    return wire.GetAtlasTileResponse(
        data=tile.data,
        content_type=f"image/{asked.file_format}",
        etag=tile.etag,
        unchanged=tile.unchanged,
        cells=[
            wire.AtlasCell(
                column=cell.column,
                row=cell.row,
                image_id=cell.image_id.hex(),
                images=cell.images,
                width=cell.facts.width if cell.facts else 0,
                height=cell.facts.height if cell.facts else 0,
            )
            for cell in tile.cells
        ],
        size=tile.size,
    )
