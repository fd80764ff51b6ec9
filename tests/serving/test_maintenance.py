"""Compare, ListFiles, GetFile, GetImage, Compact, Verify and Export over a real socket."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from simd.cancelled import NEVER
from simd.errors import InvalidRequest, Reason
from simd.index.local import LocalIndex
from simd.serving.admin.convert import verify_progress_to
from simd.serving.admin.export import Export
from simd.serving.admin.paging import MAX_PAGE, Page
from simd.serving.admin.verification import VerifyProgress
from simd.storage.store import Store
from simd.types import FileKey, ImageFacts, image_id_of
from simd.v1 import index_service_pb2 as wire
from simd.v1 import index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import DIMENSION, Bench, damage_a_segment, local_index, serving, vector_of
from tests.serving.waiting import until
from tests.stores import FINGERPRINT, OPTIONS

RED, GREEN = b"picture 200 10 10", b"picture 10 200 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def index(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield stub_of(channel)


def stub_of(channel: grpc.Channel) -> Any:
    return index_service_pb2_grpc.IndexServiceStub(channel)  # type: ignore[no-untyped-call]


def compare(bench: Bench, first: dict[str, Any], second: dict[str, Any]) -> search_service_pb2.CompareResponse:
    with grpc.insecure_channel(bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        subjects = [search_service_pb2.Subject(**subject) for subject in (first, second)]
        request = search_service_pb2.CompareRequest(first=subjects[0], second=subjects[1])
        answer: search_service_pb2.CompareResponse = stub.Compare(request, timeout=10)
        return answer


def code_and_field(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    status = rpc_status.from_call(error)
    bad = error_details_pb2.BadRequest()
    fields = [bad.field_violations[0].field for detail in status.details if detail.Unpack(bad)]
    return error.code(), fields[0] if fields else ""


def test_a_picture_is_the_same_as_itself_however_it_is_named(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    for first in ({"image": RED}, {"image_id": image_id.hex()}, {"path": f"{bench.root}/red.jpg"}):
        answer = compare(bench, first, {"image": RED})
        assert (answer.distance, answer.similarity, answer.same) == (0, 1, True)


def test_pictures_that_are_not_indexed_can_be_compared(bench: Bench) -> None:
    answer = compare(bench, {"image": b"picture 200 10 11"}, {"image": b"picture 10 200 10"})
    assert 0 < answer.distance < 2 and answer.similarity < 0.9 and not answer.same
    assert bench.featurizer.batches == 1
    again = compare(bench, {"image": b"picture 200 10 11"}, {"image": b"picture 200 10 11"})
    assert again.same and again.distance == 0


def test_a_vector_has_no_bytes_to_be_the_same(bench: Bench) -> None:
    vector = search_service_pb2.Vector(values=vector_of(200, 10, 10))
    answer = compare(bench, {"vector": vector}, {"vector": vector})
    assert answer.distance == 0 and not answer.same


@pytest.mark.parametrize(
    ("first", "second", "code", "field"),
    [
        ({}, {"image": RED}, grpc.StatusCode.INVALID_ARGUMENT, "first.query"),
        ({"image": RED}, {"image": b"text"}, grpc.StatusCode.INVALID_ARGUMENT, "second.image"),
        ({"image": b"text"}, {"image": RED}, grpc.StatusCode.INVALID_ARGUMENT, "first.image"),
        ({"image": RED}, {"image_id": "ab" * 16}, grpc.StatusCode.NOT_FOUND, "second.image_id"),
        ({"path": "relative"}, {"image": RED}, grpc.StatusCode.INVALID_ARGUMENT, "first.path"),
    ],
)
def test_an_error_says_which_of_the_two_it_is_about(
    bench: Bench, first: dict[str, Any], second: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        compare(bench, first, second)
    assert code_and_field(caught.value) == (code, field)


def list_files(index: Any, **request: Any) -> wire.ListFilesResponse:
    answer: wire.ListFilesResponse = index.ListFiles(wire.ListFilesRequest(**request), timeout=10)
    return answer


def test_a_file_is_listed_with_all_that_is_known_of_it(bench: Bench, index: Any) -> None:
    image_id = bench.put(b"caf\xe9.jpg", RED)
    bench.put("unknown.jpg", GREEN, facts=None)
    first, second = list_files(index).files
    assert first.path_bytes == os.fsencode(bench.root) + b"/caf\xe9.jpg" and "\ufffd" in first.path
    assert first.image_id == image_id.hex()
    assert (first.size, first.modified_time.seconds, first.modified_time.nanos) == (17, 1_700_000_000, 500_000_000)
    assert (first.width, first.height, first.format) == (640, 480, "TEXT")
    assert (second.path, second.path_bytes, second.width) == (f"{bench.root}/unknown.jpg", b"", 0)


@pytest.mark.parametrize("animated", [True, False, None])
def test_whether_a_file_is_animated_is_said_where_it_is_known(bench: Bench, index: Any, animated: bool | None) -> None:
    image_id = bench.put("a.gif", RED, facts=ImageFacts(640, 480, "GIF", animated)).hex()
    of_file = get(index, "GetFile", path=f"{bench.root}/a.gif").file
    for found in (list_files(index).files[0], of_file, get(index, "GetImage", image_id=image_id).image):
        assert (found.animated if found.HasField("animated") else None) is animated


def test_pages_of_files_go_on_while_files_come_and_go(bench: Bench, index: Any) -> None:
    for number in range(10):
        bench.put(f"{number}.jpg", RED)
    page = list_files(index, page_size=4)
    assert [file.path[-5:] for file in page.files] == [f"{n}.jpg" for n in range(4)]
    bench.lose("0.jpg", "3.jpg", "4.jpg")
    bench.put("00.jpg", RED)
    rest = list_files(index, page_size=100, page_token=page.next_page_token)
    assert [file.path[-5:] for file in rest.files] == [f"{n}.jpg" for n in range(5, 10)]
    assert rest.next_page_token == ""


def test_a_page_that_is_exactly_full_is_the_last_one(bench: Bench, index: Any) -> None:
    for number in range(4):
        bench.put(f"{number}.jpg", RED)
    page = list_files(index, page_size=4)
    assert len(page.files) == 4 and page.next_page_token == ""


def test_a_token_is_refused_where_it_does_not_belong(bench: Bench, index: Any) -> None:
    for number in range(4):
        bench.put(f"a/{number}.jpg", RED)
        bench.reject(f"a/{number}.txt", reason=Reason.NOT_AN_IMAGE)
    token = list_files(index, page_size=2, path_prefix=f"{bench.root}/a").next_page_token
    assert len(list_files(index, page_token=token, path_prefix_bytes=bytes(bench.root / "a")).files) == 2
    for call in (
        lambda: list_files(index, page_token=token),
        lambda: list_files(index, page_token="x" + token, path_prefix=f"{bench.root}/a"),
        lambda: index.ListErrors(wire.ListErrorsRequest(page_token=token, path_prefix=f"{bench.root}/a"), timeout=10),
        lambda: list_files(index, path_prefix="a"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        code, field = code_and_field(caught.value)
        assert code is grpc.StatusCode.INVALID_ARGUMENT and field in ("page_token", "path_prefix")


def test_a_page_token_survives_every_path_and_nothing_else_passes_for_one() -> None:
    page = Page.asked("files", b"/a", 10, "")
    for path in (b"", b"a:b", b"\xff\0\n", b"x" * 4095):
        key = FileKey((1 << 63) - 1, path)
        following = Page.asked("files", b"/a", 10, page.token(key, 7))
        assert (following.after, following.total) == (key, 7)
    forged = [page.token(FileKey(1 << 63, b"x"), 1), page.token(FileKey(-1, b"x"), 1), page.token(key, -1)]
    for bad in ("!", "AAAA", *forged, page.token(key, 1 << 63), "é", "A" * 9000):
        with pytest.raises(InvalidRequest, match="page_token"):
            Page.asked("files", b"/a", 10, bad)


def test_the_total_of_the_ledger_is_of_what_was_asked_for(bench: Bench, index: Any) -> None:
    for folder, count in (("a", 3), ("ab", 2)):
        bench.reject(*(f"{folder}/{number}.txt" for number in range(count)), reason=Reason.NOT_AN_IMAGE)
    assert index.ListErrors(wire.ListErrorsRequest(), timeout=10).total == 5
    request = wire.ListErrorsRequest(path_prefix=f"{bench.root}/a", page_size=1)
    page = index.ListErrors(request, timeout=10)
    assert (len(page.errors), page.total) == (1, 3)


def test_a_page_size_above_the_limit_is_cut(bench: Bench, index: Any) -> None:
    numbers = range(MAX_PAGE + 1)
    bench.put_all(*((f"{number:04}.jpg", RED) for number in numbers))
    bench.reject(*(f"{number:04}.txt" for number in numbers), reason=Reason.NOT_AN_IMAGE)
    errors = index.ListErrors(wire.ListErrorsRequest(page_size=(1 << 32) - 1), timeout=10)
    files = list_files(index, page_size=MAX_PAGE + 1)
    assert len(files.files) == len(errors.errors) == MAX_PAGE
    assert files.next_page_token and errors.next_page_token


def test_every_page_tells_how_many_there_are_on_all_as_the_first_counted_them(bench: Bench, index: Any) -> None:
    for number in range(5):
        bench.put(f"a/{number}.jpg", RED)
        bench.put(f"b/{number}.jpg", RED)
        bench.reject(f"a/{number}.txt", reason=Reason.NOT_AN_IMAGE)
    assert list_files(index).total_size == 10
    under = f"{bench.root}/a"
    page = list_files(index, page_size=2, path_prefix=under)
    assert page.total_size == 5
    bench.lose("a/4.jpg")
    page = list_files(index, page_size=2, path_prefix=under, page_token=page.next_page_token)
    assert (len(page.files), page.total_size, page.next_page_token) == (2, 5, "")
    errors = index.ListErrors(wire.ListErrorsRequest(page_size=2, path_prefix=under), timeout=10)
    assert errors.total_size == errors.total == 5
    assert bench.catalogue.counted == 3


def get(index: Any, method: str, **request: Any) -> Any:
    """The answer of GetFile or GetImage."""
    return getattr(index, method)(getattr(wire, f"{method}Request")(**request), timeout=10)


def test_a_file_is_known_by_its_path_however_that_is_written(bench: Bench, index: Any) -> None:
    image_id = bench.put("sub/red.jpg", RED)
    bench.put("sub/red.jpg-other", GREEN)
    path = f"{bench.root}/sub/red.jpg"
    for name in (path, f"{path}/", f"//{path[1:]}", f"{bench.root}/x/../sub//red.jpg"):
        answer = get(index, "GetFile", path=name)
        assert answer.WhichOneof("outcome") == "file" and answer.file == list_files(index).files[0]
        assert answer.file.image_id == image_id.hex()


def test_a_file_that_is_not_indexed_is_known_by_its_path_with_the_reason(bench: Bench, index: Any) -> None:
    [path] = bench.reject(b"\xff.txt", reason=Reason.NOT_AN_IMAGE, detail="it is text")
    answer = get(index, "GetFile", path="/elsewhere", path_bytes=path)
    assert (answer.error.path_bytes, answer.error.reason, answer.error.detail) == (path, "not_an_image", "it is text")
    assert answer.WhichOneof("outcome") == "error" and answer.error.failed_time.seconds == 1_700_000_100


def test_an_image_is_known_by_its_id_with_its_files(bench: Bench, index: Any) -> None:
    image_id = bench.put(b"\xff.jpg", RED).hex()
    for number in range(150):
        bench.put(f"{number:03}.jpg", RED)
    image = get(index, "GetImage", image_id=image_id).image
    assert (image.image_id, image.path, image.size) == (image_id, f"{bench.root}/000.jpg", len(RED))
    assert (image.width, image.height, image.format) == (640, 480, "TEXT")
    assert (len(image.paths), image.path_count, image.path_bytes) == (100, 151, b"")


@pytest.mark.parametrize(
    ("method", "request_", "code", "field"),
    [
        ("GetFile", {}, "INVALID_ARGUMENT", "path"),
        ("GetFile", {"path": "a.jpg"}, "INVALID_ARGUMENT", "path"),
        ("GetFile", {"path_bytes": b"/a\0b"}, "INVALID_ARGUMENT", "path"),
        ("GetFile", {"path": "/" + "x" * 4095}, "INVALID_ARGUMENT", "path"),
        ("GetFile", {"path": "/etc/passwd"}, "NOT_FOUND", "path"),
        ("GetFile", {"path": "/"}, "NOT_FOUND", "path"),
        ("GetImage", {}, "INVALID_ARGUMENT", "image_id"),
        ("GetImage", {"image_id": "ab"}, "INVALID_ARGUMENT", "image_id"),
        ("GetImage", {"image_id": "ab" * 16}, "NOT_FOUND", "image_id"),
    ],
)
def test_what_is_not_known_is_told_with_the_field(
    bench: Bench, index: Any, method: str, request_: dict[str, Any], code: str, field: str
) -> None:
    bench.put("red.jpg", RED)
    with pytest.raises(grpc.RpcError) as caught:
        get(index, method, **request_)
    assert code_and_field(caught.value) == (grpc.StatusCode[code], field)


class HeldIndex(LocalIndex):
    """The index of the daemon, verified only when a test says so."""

    def __init__(self, directory: Path) -> None:
        super().__init__(Store(directory / "index", DIMENSION, FINGERPRINT, options=OPTIONS))
        self.go_on = threading.Event()

    def check(self, pause: Callable[[int], None] = lambda count: None) -> list[str]:
        def held(count: int) -> None:
            pause(count)
            while not self.go_on.wait(0.01):
                pause(0)

        return super().check(held)


@pytest.fixture
def held() -> Iterator[tuple[HeldIndex, Any]]:
    """An index with a segment and something in its log, and a client of the server before it."""
    with serving(index=HeldIndex) as bench, grpc.insecure_channel(bench.listen) as channel:
        index = bench.index
        assert isinstance(index, HeldIndex)
        bench.put("red.jpg", RED)
        index.flush()
        bench.put("green.jpg", GREEN)
        yield index, stub_of(channel)
        index.go_on.set()


def test_compact_tells_what_it_freed() -> None:
    with serving(index=local_index) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.index.delete([bench.put("red.jpg", RED)])
        answer = stub_of(channel).Compact(wire.CompactRequest(), timeout=10)
        assert (answer.before.dead, answer.after.dead, answer.after.kind) == (1, 0, "local")


def test_verify_tells_how_far_it_is_and_last_that_all_is_well(held: tuple[HeldIndex, Any]) -> None:
    index, stub = held
    readings = stub.Verify(wire.VerifyRequest(), timeout=20)
    total = index.stats().disk_bytes
    reading = next(readings)
    while not reading.bytes_checked:
        reading = next(readings)
    assert not reading.done and reading.bytes_checked < reading.bytes_total == total
    [job] = stub.Status(wire.StatusRequest(), timeout=20).jobs
    assert (job.name, job.total, job.unit) == ("verify", total, "bytes") and job.done < total
    index.go_on.set()
    *_, last = readings
    assert last.done and last.bytes_checked == total and not last.problems and last.problem_count == 0


def test_verify_tells_the_problems_of_the_index_and_of_the_catalogue() -> None:
    with serving(index=local_index) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.put("red.jpg", RED)
        bench.index.compact()
        damaged = damage_a_segment(bench.directory / "index")
        with closing(sqlite3.connect(bench.directory / "catalogue.sqlite")) as connection, connection:
            # An index that is said to be of another column is one that does not agree with its table.
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, '(revision)', '(width)') WHERE name = 'images_revision'"
            )
            connection.execute("PRAGMA schema_version = 1000")
        *_, last = stub_of(channel).Verify(wire.VerifyRequest(), timeout=20)
        of_the_index, of_the_catalogue = last.problems
        assert last.done and last.problem_count == 2
        assert str(damaged) in of_the_index and "catalogue.sqlite" in of_the_catalogue


def test_of_very_many_problems_the_first_thousand_are_told_and_how_many_there_are() -> None:
    told = verify_progress_to(VerifyProgress(7, 7, tuple(f"problem {n}" for n in range(1500))))
    assert told.problem_count == 1500 and list(told.problems) == [f"problem {n}" for n in range(1000)]


def refused(call: Callable[[], object]) -> bool:
    """Whether a call is one too many."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return True
    return False


def test_a_second_verification_is_refused_while_one_is_under_way_and_one_that_is_left_ends(
    held: tuple[HeldIndex, Any],
) -> None:
    index, stub = held
    first = stub.Verify(wire.VerifyRequest(), timeout=20)
    assert not next(first).done
    assert refused(lambda: next(stub.Verify(wire.VerifyRequest(), timeout=20)))
    first.cancel()
    # It is still held, so nothing but that nobody waits for it can end it.
    second: list[Any] = []

    def begin() -> bool:
        second[:] = [stub.Verify(wire.VerifyRequest(), timeout=20)]
        return not refused(lambda: next(second[0]))

    until(begin, "the one that was left to end")
    index.go_on.set()
    *_, last = second[0]
    assert last.done


def test_export_tells_every_image_in_the_order_of_the_ids(bench: Bench, index: Any) -> None:
    data = [b"picture %d 1 1" % number for number in range(1, 6)]
    for number, one in enumerate(data):
        bench.put(f"{number}.jpg", one)
    bench.put("copy.jpg", data[0])
    bench.put(b"\xff.jpg", data[1])
    first, *rest = index.Export(wire.ExportRequest(), timeout=20)
    assert (first.model.name, first.model.dimension, first.total, len(first.images)) == ("tiny", 4, 5, 0)
    images = [image for message in rest for image in message.images]
    assert [image.image_id for image in images] == sorted(image_id_of(one).hex() for one in data)
    by_id = {image.image_id: image for image in images}
    copied = by_id[image_id_of(data[0]).hex()]
    assert list(copied.paths) == [f"{bench.root}/0.jpg", f"{bench.root}/copy.jpg"] and copied.path_count == 2
    odd = by_id[image_id_of(data[1]).hex()]
    assert bytes(bench.root) + b"/\xff.jpg" in odd.paths_bytes
    assert np.array_equal(np.array(copied.vector.values, np.float32), vector_of(1, 1, 1))


def test_export_leaves_out_what_has_no_file(bench: Bench, index: Any) -> None:
    bench.put("red.jpg", RED)
    bench.put("gone.jpg", GREEN)
    bench.lose("gone.jpg")
    first, *rest = index.Export(wire.ExportRequest(), timeout=20)
    assert first.total == 2
    assert [list(image.paths) for message in rest for image in message.images] == [[f"{bench.root}/red.jpg"]]


def test_an_export_that_has_begun_does_not_see_the_images_that_come_and_go(bench: Bench) -> None:
    red = bench.put("red.jpg", RED)
    export = Export(bench.serving, bench.catalogue)
    bench.put("green.jpg", GREEN)
    bench.index.delete([red])
    assert [image.embedding.image_id for portion in export.portions(NEVER) for image in portion] == [red]


@pytest.mark.parametrize("method", ["ListFiles", "GetFile", "GetImage", "Compact", "Verify", "Export"])
def test_before_the_daemon_is_ready_everything_is_refused(method: str) -> None:
    with serving(ready=False) as bench, grpc.insecure_channel(bench.listen) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            answer = getattr(stub_of(channel), method)(getattr(wire, f"{method}Request")(), timeout=10)
            list(answer)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
