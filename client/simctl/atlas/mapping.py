"""The calls of InsightService about the map.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from simctl.connection import Connection, Path, absolute

if TYPE_CHECKING:
    from simctl.atlas import mapped


class Mapping(Connection):
    """The map of all images."""

    def atlas(self, colour: str = "", *, timeout: float | None = None) -> mapped.AtlasStatus:
        """How the map is.

        Args:
            colour: what frames mean that are asked about: "root", "label", "tier", or nothing.
            timeout: seconds this call may take.
        """
        from simctl.atlas import mapped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.DescribeAtlasRequest(colour=colour)
        return mapped.status(self._call(self._insight_stub().DescribeAtlas, request, timeout, reads=True))

    def atlas_places(
        self,
        *,
        polygon: Iterable[tuple[float, float]] = (),
        path_prefix: Path | None = None,
        image_ids: Iterable[str] = (),
        limit: int = 0,
        timeout: float | None = None,
    ) -> Iterator[mapped.AtlasPlace]:
        """Where images are on the map, in the order of their ids.

        Args:
            polygon: only images within it; each point from the left and from the top, 0 to 1.
            path_prefix: only images with a file under this path.
            image_ids: only these.
            limit: how many at most; 0 is all.
            timeout: seconds that all of it may take.
        """
        from simctl.atlas import mapped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.AtlasRequest(
            polygon=[wire.AtlasPoint(x=x, y=y) for x, y in polygon],
            path_prefix_bytes=b"" if path_prefix is None else absolute(path_prefix),
            image_ids=image_ids,
            limit=limit,
        )
        for message in self._stream(self._insight_stub().Atlas, request, timeout):
            yield from map(mapped.place, message.places)

    def atlas_tile(
        self,
        level: int = 0,
        column: int = 0,
        row: int = 0,
        *,
        size: int = 256,
        format: str = "webp",
        colour: str = "",
        etag: str = "",
        timeout: float | None = None,
    ) -> mapped.AtlasTile:
        """A part of the map as a picture; without arguments all of it, a quarter of a thousand pixels wide.

        Args:
            level: the map has 2^level tiles on each side, each of 8 cells.
            column: the tile, from the left.
            row: the tile, from the top.
            size: its edge in pixels, 256 to 4096, a power of two; a larger one shows more pictures, of the same size.
            format: "webp" or "png".
            colour: what pictures are framed by: "root", "label", "tier", or nothing.
            etag: of the tile that the caller has: if it is still so, it is not sent again.
            timeout: seconds this call may take.
        """
        from simctl.atlas import mapped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.GetAtlasTileRequest(
            level=level, column=column, row=row, size=size, format=format, colour=colour, etag=etag
        )
        return mapped.tile(self._call(self._insight_stub().GetAtlasTile, request, timeout, reads=True))

    def lay_out_atlas(self, *, timeout: float | None = None) -> None:
        """Have the map laid out anew in the background; the old one stays until that is done."""
        from simd.v1 import insight_service_pb2 as wire

        self._call(self._insight_stub().LayOutAtlas, wire.LayOutAtlasRequest(), timeout)
