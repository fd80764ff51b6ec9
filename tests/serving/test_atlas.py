"""The map over a real socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from PIL import Image

from simd.decisions.labels import Labelling
from simd.derived.icon import ICON_BYTES
from simd.errors import AtlasUnavailable, Overloaded
from simd.types import ImageId, image_id_of
from simd.v1 import insight_service_pb2 as wire
from simd.v1 import insight_service_pb2_grpc
from tests.serving.doubles import Bench, serving
from tests.serving.test_maintenance import code_and_field

NAMES = [f"{folder}/{number}.jpg" for folder in ("a", "b") for number in range(4)]
CONTENT = {name: f"picture {number * 30} 10 {255 - number * 30}".encode() for number, name in enumerate(NAMES)}
IDS = {name: image_id_of(content) for name, content in CONTENT.items()}
CELLS = {IDS[name]: (2 * number, number) for number, name in enumerate(NAMES)}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        for name, content in CONTENT.items():
            bench.put(name, content)
        bench.put(b"b/odd\xff.jpg", CONTENT["a/0.jpg"])
        yield bench


@pytest.fixture
def mapped(bench: Bench) -> Bench:
    bench.atlas.put(CELLS)
    bench.icons.put({image_id: bytes(ICON_BYTES) for image_id in CELLS})
    bench.decisions.labels.put([Labelling(IDS["a/0.jpg"], ("dog", "cat")), Labelling(IDS["b/0.jpg"], ("cat",))])
    return bench


@pytest.fixture
def insight(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]


def places(insight: Any, **request: Any) -> list[wire.AtlasPlace]:
    return [place for message in insight.Atlas(wire.AtlasRequest(**request), timeout=20) for place in message.places]


def ids(found: list[wire.AtlasPlace]) -> set[ImageId]:
    return {ImageId(bytes.fromhex(place.image_id)) for place in found}


def test_the_map_is_described(mapped: Bench, insight: Any) -> None:
    told = insight.DescribeAtlas(wire.DescribeAtlasRequest(colour="label"), timeout=20)
    assert (told.state, told.images, told.side, told.levels, told.revision) == ("ready", 8, 16, 1, 1)
    assert told.laid_out_time.ToMilliseconds() == 1_700_000_000_000
    assert [(one.name, one.images, bool(one.colour)) for one in told.colours] == [("cat", 2, True), ("", 6, False)]
    assert not insight.DescribeAtlas(wire.DescribeAtlasRequest(), timeout=20).colours


def test_without_a_map_it_is_said_why(bench: Bench, insight: Any) -> None:
    told = insight.DescribeAtlas(wire.DescribeAtlasRequest(colour="root"), timeout=20)
    assert (told.state, told.detail) == ("none", "it is made as soon as there are pictures")
    assert not told.HasField("laid_out_time") and not told.colours
    for call in (
        lambda: insight.GetAtlasTile(wire.GetAtlasTileRequest(), timeout=20),
        lambda: list(insight.Atlas(wire.AtlasRequest(), timeout=20)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "as soon as there are pictures" in str(refused.value.details())


def test_places_are_told_in_the_order_of_their_ids(mapped: Bench, insight: Any) -> None:
    found = places(insight)
    assert [place.image_id for place in found] == sorted(image_id.hex() for image_id in CELLS)
    by_id = {place.image_id: place for place in found}
    first, second = by_id[IDS["a/0.jpg"].hex()], by_id[IDS["a/1.jpg"].hex()]
    assert (first.place.x, first.place.y) == (0.5 / 16, 0.5 / 16) and list(first.labels) == ["cat", "dog"]
    assert (second.place.x, second.place.y) == (2.5 / 16, 1.5 / 16) and not second.labels
    assert second.path == f"{mapped.root}/a/1.jpg" and not second.path_bytes


def test_places_of_a_folder_of_a_part_of_the_map_and_of_some_images(mapped: Bench, insight: Any) -> None:
    below = places(insight, path_prefix=f"{mapped.root}/b")
    assert ids(below) == {IDS[name] for name in NAMES[4:]} | {IDS["a/0.jpg"]}
    assert {place.path_bytes for place in below} == {b"", bytes(mapped.root) + b"/b/odd\xff.jpg"}
    corners = [wire.AtlasPoint(x=x, y=y) for x, y in ((0, 0), (0.25, 0), (0.25, 1), (0, 1))]
    assert ids(places(insight, polygon=corners)) == {IDS[name] for name in NAMES[:2]}
    some = [IDS[name].hex() for name in NAMES[1:6]]
    assert ids(places(insight, image_ids=[*some, "ab" * 16])) == {IDS[name] for name in NAMES[1:6]}
    assert ids(places(insight, image_ids=some, polygon=corners, path_prefix=f"{mapped.root}/a")) == {IDS["a/1.jpg"]}
    [first, second] = insight.Atlas(wire.AtlasRequest(limit=3), timeout=20)
    assert first.total_size == 8 and len(second.places) == 3


def test_an_image_whose_last_file_went_is_left_out(mapped: Bench, insight: Any) -> None:
    mapped.atlas.put({**CELLS, image_id_of(b"gone"): (15, 15)})
    assert ids(places(insight)) == set(CELLS)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"polygon": [wire.AtlasPoint()] * 2}, "polygon"),
        ({"polygon": [wire.AtlasPoint()] * 1001}, "polygon"),
        ({"polygon": [wire.AtlasPoint(x=float("nan"))] * 3}, "polygon"),
        ({"polygon": [wire.AtlasPoint(y=1e300)] * 3}, "polygon"),
        ({"path_prefix": "a"}, "path_prefix"),
        ({"image_ids": ["x"]}, "image_ids"),
    ],
)
def test_places_that_cannot_be_are_refused(mapped: Bench, insight: Any, request_: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        places(insight, **request_)
    assert code_and_field(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, field)


def tile(insight: Any, **request: Any) -> wire.GetAtlasTileResponse:
    answer: wire.GetAtlasTileResponse = insight.GetAtlasTile(wire.GetAtlasTileRequest(**request), timeout=20)
    return answer


def test_a_tile_is_a_picture_of_its_cells(mapped: Bench, insight: Any) -> None:
    answer = tile(insight, level=1)
    assert answer.content_type == "image/webp" and answer.size == 256
    with Image.open(io.BytesIO(answer.data)) as picture:
        assert picture.size == (256, 256) and picture.format == "WEBP"
    assert [(cell.column, cell.row, cell.images) for cell in answer.cells] == [(2 * n, n, 1) for n in range(4)]
    assert (answer.cells[0].width, answer.cells[0].height) == (640, 480)
    again = tile(insight, level=1, etag=answer.etag)
    assert again.unchanged and not again.data and again.cells == answer.cells
    png = tile(insight, level=0, size=4096, format="png", colour="root")
    assert (png.content_type, png.size, len(png.cells)) == ("image/png", 512, 8)
    empty = tile(insight, level=1, column=0, row=1)
    assert not empty.data and not empty.cells and empty.etag


@pytest.mark.parametrize(
    ("request_", "field"),
    [({"level": 2}, "level"), ({"level": 1, "row": 2}, "row"), ({"size": 1}, "size"), ({"format": "gif"}, "format"),
     ({"colour": "x"}, "colour")],
)  # fmt: skip
def test_a_tile_that_there_is_not_is_refused(mapped: Bench, insight: Any, request_: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        tile(insight, **request_)
    assert code_and_field(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    if field == "colour":
        with pytest.raises(grpc.RpcError) as refused:
            insight.DescribeAtlas(wire.DescribeAtlasRequest(colour="x"), timeout=20)
        assert code_and_field(refused.value) == (grpc.StatusCode.INVALID_ARGUMENT, field)


def test_a_new_map_is_asked_for(mapped: Bench, insight: Any) -> None:
    insight.LayOutAtlas(wire.LayOutAtlasRequest(), timeout=20)
    assert mapped.atlas.layouts == 1
    for error, code in (
        (Overloaded("one is laid out already"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (AtlasUnavailable("maps are turned off"), grpc.StatusCode.FAILED_PRECONDITION),
    ):
        mapped.atlas.refusal = error
        with pytest.raises(grpc.RpcError) as refused:
            insight.LayOutAtlas(wire.LayOutAtlasRequest(), timeout=20)
        assert refused.value.code() is code
