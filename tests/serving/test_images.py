"""Pictures over a real socket."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from PIL import Image

from simd.catalogue.rows import IndexedFile
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.priority import Priority
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.types import FileKey, ImageFacts, ImageId, Stamp, image_id_of
from simd.v1 import image_service_pb2 as wire
from simd.v1 import image_service_pb2_grpc
from tests.featurize.drawings import assert_upright, encoded, quadrants
from tests.featurize.hostile import hostile
from tests.featurize.test_decode import with_orientation
from tests.featurize.test_renditions import swapped
from tests.serving.doubles import Bench, TextDecoder, serving
from tests.serving.test_maintenance import code_and_field
from tests.serving.waiting import until

RED = b"picture 200 10 10"
LARGE = RED + b" " + bytes(3 << 20)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@contextmanager
def stub_of(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield image_service_pb2_grpc.ImageServiceStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture
def images(bench: Bench) -> Iterator[Any]:
    with stub_of(bench) as stub:
        yield stub


def thumbnail(images: Any, image_id: ImageId | str, **request: Any) -> wire.GetThumbnailResponse:
    text = image_id if isinstance(image_id, str) else image_id.hex()
    answer: wire.GetThumbnailResponse = images.GetThumbnail(
        wire.GetThumbnailRequest(image_id=text, **request), timeout=20
    )
    return answer


def whole(images: Any, image_id: ImageId | str, **request: Any) -> list[wire.ImageServiceGetImageResponse]:
    text = image_id if isinstance(image_id, str) else image_id.hex()
    return list(images.GetImage(wire.ImageServiceGetImageRequest(image_id=text, **request), timeout=20))


def failure(run: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        run()
    return caught.value


def reason_of(error: grpc.RpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    [found] = [info.reason for detail in rpc_status.from_call(error).details if detail.Unpack(info)]
    return str(found)


def test_a_thumbnail_is_256_pixels_and_a_jpeg_unless_it_is_said_otherwise(bench: Bench, images: Any) -> None:
    image_id = bench.put("red.jpg", RED + b" " * 4000)
    for request, size, content_type in (
        ({}, 256, "image/jpeg"),
        ({"edge": 16}, 16, "image/jpeg"),
        ({"edge": 2048, "format": "webp"}, 2048, "image/webp"),
    ):
        answer = thumbnail(images, image_id, **request)
        assert (len(answer.data), answer.content_type) == (size, content_type)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"edge": 15}, "edge"),
        ({"edge": 2049}, "edge"),
        ({"edge": (1 << 32) - 1}, "edge"),
        ({"format": "png"}, "format"),
        ({"format": "JPEG"}, "format"),
        ({"format": "svg\0" * 1000}, "format"),
    ],
)
def test_what_is_not_made_is_refused(bench: Bench, images: Any, request_: dict[str, Any], field: str) -> None:
    image_id = bench.put("red.jpg", RED)
    error = failure(lambda: thumbnail(images, image_id, **request_))
    assert code_and_field(error) == (grpc.StatusCode.INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    "image_id",
    ["", "../" * 10 + "ab", "/etc/passwd", "0" * 31, "0" * 33, "g" * 32, "0" * 100_000, " " * 32, "\u0663" * 32],
)
def test_what_is_no_image_id_is_refused(images: Any, image_id: str) -> None:
    for ask in (thumbnail, whole):
        error = failure(lambda ask=ask: ask(images, image_id))
        assert code_and_field(error) == (grpc.StatusCode.INVALID_ARGUMENT, "image_id")


def test_an_image_that_is_not_in_the_answers_is_not_found(bench: Bench, images: Any) -> None:
    image_id = bench.put("red.jpg", RED)
    assert thumbnail(images, image_id).data and whole(images, image_id)
    bench.lose("red.jpg")
    for unknown in (image_id.hex(), "0" * 32):
        for ask in (thumbnail, whole):
            error = failure(lambda ask=ask, unknown=unknown: ask(images, unknown))
            assert code_and_field(error) == (grpc.StatusCode.NOT_FOUND, "image_id")


def test_an_image_whose_file_holds_something_else_is_told_of(bench: Bench, images: Any) -> None:
    image_id = bench.put(b"caf\xe9.jpg", RED)
    (bench.root / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"picture 1 2 3")
    for ask in (thumbnail, whole):
        error = failure(lambda ask=ask: ask(images, image_id))
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "IMAGE_UNREADABLE")
        assert "caf\ufffd.jpg" in error.details() and "simctl scan" in error.details()


def test_an_original_is_told_of_first_and_comes_in_portions(bench: Bench, images: Any) -> None:
    image_id = bench.put(b"folder/caf\xe9.png", LARGE, ImageFacts(1, 1, "PNG"))
    first, *others = whole(images, image_id)
    assert (first.size, first.content_type, first.name) == (len(LARGE), "image/png", "caf\ufffd.png")
    assert first.data + b"".join(one.data for one in others) == LARGE
    assert all(len(one.data) <= 256 << 10 and not one.size and not one.name for one in others)
    first, *others = whole(images, image_id, offset=7, length=300_000)
    assert first.size == len(LARGE) and b"".join(one.data for one in others) == LARGE[7:300_007]
    assert [one.size for one in whole(images, image_id, offset=len(LARGE))] == [len(LARGE)]
    error = failure(lambda: whole(images, image_id, offset=len(LARGE) + 1))
    assert code_and_field(error) == (grpc.StatusCode.OUT_OF_RANGE, "offset")


def test_a_caller_who_leaves_in_the_midst_of_an_original_leaves_nothing_open(bench: Bench, images: Any) -> None:
    image_id = bench.put("large.jpg", LARGE)
    answers = images.GetImage(wire.ImageServiceGetImageRequest(image_id=image_id.hex()), timeout=20)
    next(answers)
    answers.cancel()
    del answers
    path = os.fsencode(bench.root / "large.jpg")
    links = "/proc/self/fd"

    def is_open() -> bool:
        return any(os.path.exists(link) and os.readlink(link) == os.fsdecode(path) for link in
                   (f"{links}/{number}" for number in os.listdir(links)))  # fmt: skip

    until(lambda: not is_open(), "the file to be closed")
    assert b"".join(one.data for one in whole(images, image_id)) == LARGE


def test_a_page_of_many_is_not_refused_and_callers_beyond_all_measure_are() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench, stub_of(bench) as images:
        ids = bench.put_all(*((f"{n}.jpg", b"picture %d 1 1" % n) for n in range(200)))
        page = [images.GetThumbnail.future(wire.GetThumbnailRequest(image_id=one.hex()), timeout=40) for one in ids]
        assert bench.decoder.started.wait(10)
        more = wire.GetThumbnailRequest(image_id=ids[0].hex())
        flood = [images.GetThumbnail.future(more, timeout=40) for _ in range(200)]
        until(lambda: any(call.done() for call in flood), "one to be too many")
        assert {call.code() for call in flood if call.done()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        hold.set()
        assert [call.result(20).data for call in page] == [b"picture %d 1 1" % n for n in range(200)]
        assert {call.code() for call in flood} == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_what_nobody_waits_for_leaves_the_queue() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench, stub_of(bench) as images:
        image_id = bench.put("red.jpg", RED)
        call = images.GetThumbnail.future(wire.GetThumbnailRequest(image_id=image_id.hex()), timeout=20)
        assert bench.decoder.started.wait(10)
        call.cancel()
        assert bench.decoder.cancelled.wait(10)
        hold.set()


class RealPool:
    """A bench whose thumbnails are made by real workers."""

    def __init__(self, stack: ExitStack) -> None:
        settings = WorkerSettings(DecodeLimits(1 << 24, 1 << 24), priority=Priority.LOW, standby=False)
        self.pool = DecodePool(2, settings, hostile)
        stack.callback(self.pool.close)
        self.bench = stack.enter_context(serving(ready=False))
        self.cache = self.bench.cache(1 << 20)
        self.bench.thumbnails = self.bench.thumbnails_of(self.pool, self.cache)
        self.bench.server.open(self.bench.services)
        self.stub = stack.enter_context(stub_of(self.bench))

    def put(self, name: str, data: bytes) -> ImageId:
        path = self.bench.root / name
        path.write_bytes(data)
        [root] = self.bench.catalogue.roots()
        key = FileKey(root.root_id, os.fsencode(name))
        self.bench.catalogue.record(
            [IndexedFile(key, Stamp.of(os.stat(path)), image_id_of(data), ImageFacts(1, 1, "PNG"))]
        )
        return image_id_of(data)

    def shown(self, image_id: ImageId, **request: Any) -> Image.Image:
        answer = thumbnail(self.stub, image_id, **request)
        image = Image.open(io.BytesIO(answer.data))
        image.load()
        assert f"image/{str(image.format).lower()}" == answer.content_type
        return image


@pytest.fixture
def real() -> Iterator[RealPool]:
    with ExitStack() as stack:
        yield RealPool(stack)


@pytest.mark.parametrize("turn", range(1, 9))
def test_thumbnails_are_upright(real: RealPool, turn: int) -> None:
    image, exif = with_orientation(turn)
    image_id = real.put("turned.jpg", encoded(image, "JPEG", quality=95, exif=exif))
    for made_as in ("jpeg", "webp"):
        shown = real.shown(image_id, edge=48, format=made_as)
        assert shown.size == (48, 32) and not shown.getexif()
        assert_upright(np.asarray(shown))


def test_thumbnails_are_in_srgb_without_profile_and_never_enlarged(real: RealPool) -> None:
    large = encoded(Image.new("RGB", (400, 300), (200, 100, 50)), "PNG", icc_profile=swapped())
    small = encoded(quadrants(20, 30), "GIF")
    shown = real.shown(real.put("large.png", large), edge=100)
    assert shown.size == (100, 75) and "icc_profile" not in shown.info
    assert np.abs(np.asarray(shown).astype(int) - (100, 200, 50)).max() <= 6
    assert real.shown(real.put("small.gif", small), edge=2048).size == (20, 30)


def test_a_picture_that_crashes_its_decoder_does_so_once_and_harms_no_other(real: RealPool) -> None:
    bad, good = real.put("bad.jpg", b"segv"), real.put("good.png", encoded(quadrants(), "PNG"))
    for _ in range(5):
        error = failure(lambda: thumbnail(real.stub, bad))
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_REJECTED")
    assert real.pool.lost == 1
    assert real.shown(good, edge=64).size == (64, 43)


def test_a_damaged_file_of_the_cache_is_never_shown(real: RealPool) -> None:
    image_id = real.put("a.png", encoded(quadrants(), "PNG"))
    before = thumbnail(real.stub, image_id).data
    [path] = (real.bench.directory / "renditions").iterdir()
    whole_file = path.read_bytes()
    for damaged in (whole_file[:-1], whole_file[:100], b"", bytes(len(whole_file))):
        path.write_bytes(damaged)
        assert thumbnail(real.stub, image_id).data == before
        assert path.read_bytes() == whole_file


def test_thousands_are_given_and_few_are_held(real: RealPool) -> None:
    ids = [real.put(f"{n}.png", encoded(quadrants(96 + n, 64), "PNG")) for n in range(20)]
    with ThreadPoolExecutor(8) as callers:
        sizes = list(callers.map(lambda n: real.shown(ids[n % 20], edge=64).width, range(2000)))
    assert set(sizes) == {64}
    assert real.cache.size < 1 << 20 and real.pool.lost == 0
