"""The logic of a search, without gRPC."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simd.cancelled import Cancelled
from simd.errors import Abandoned, FileChanged, ImageRejected, InvalidRequest, NotFound, NotReady, Reason
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.serving.search.matcher import SearchResult
from simd.serving.search.queries import Queries, Query
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage
from simd.types import ImageId, Pixels, Vector, image_id_of
from tests.featurize.drawings import encoded
from tests.serving.doubles import Bench, Picture, TextDecoder, TinyFeaturizer, prepared, vector_of


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.put("red.jpg", b"picture 200 10 10")
        bench.put("reddish.jpg", b"picture 190 30 30")
        bench.put("green.jpg", b"picture 10 200 10")
        bench.put("blue.jpg", b"picture 10 10 200")
        yield bench


def names(found: SearchResult) -> list[str]:
    return [os.path.basename(match.paths[0]).decode() for match in found.matches]


def test_a_new_image_is_decoded_and_embedded(bench: Bench) -> None:
    found = bench.queries().search(Query(ImageBytes(b"picture 201 10 10")))
    assert names(found)[:2] == ["red.jpg", "reddish.jpg"]
    assert (bench.decoder.decoded, bench.featurizer.batches) == (1, 1)
    assert found.searched == 4
    assert found.took.decode_ms > 0 and found.took.featurize_ms > 0 and found.took.search_ms > 0
    assert found.took.total_ms >= found.took.decode_ms + found.took.featurize_ms + found.took.search_ms


def test_an_image_that_is_indexed_costs_no_inference(bench: Bench) -> None:
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10")))
    assert names(found)[0] == "red.jpg" and found.matches[0].hit.distance == 0.0
    assert (bench.decoder.decoded, bench.featurizer.batches) == (0, 0)
    assert found.took.decode_ms == found.took.featurize_ms == 0.0


def test_a_deleted_image_costs_no_inference_and_is_not_in_the_answers(bench: Bench) -> None:
    bench.index.delete([image_id_of(b"picture 200 10 10")])
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10")))
    assert names(found)[0] == "reddish.jpg"
    assert bench.decoder.decoded == 0


def test_bytes_that_are_no_image_are_refused_with_the_decoders_reason(bench: Bench) -> None:
    with pytest.raises(ImageRejected) as caught:
        bench.queries().search(Query(ImageBytes(b"not one")))
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_decoder_that_was_closed_means_that_the_daemon_stops(bench: Bench) -> None:
    with pytest.raises(NotReady, match="stopping"):
        bench.queries().search(Query(ImageBytes(b"closed")))


def test_an_indexed_path_uses_the_stored_vector(bench: Bench) -> None:
    found = bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "green.jpg"))))
    assert names(found)[0] == "green.jpg"
    assert bench.decoder.decoded == 0


@pytest.mark.parametrize("rewrite", ["in place", "by a rename"])
def test_a_file_that_was_rewritten_since_it_was_indexed_is_searched_as_it_is_now(bench: Bench, rewrite: str) -> None:
    path = bench.root / "green.jpg"
    target = path if rewrite == "in place" else bench.root / "new"
    target.write_bytes(b"picture 10 11 210")
    target.rename(path)
    found = bench.queries().search(Query(ServerPath(os.fsencode(path))))
    assert names(found)[0] == "blue.jpg"
    assert bench.decoder.decoded == 1


def test_a_file_that_was_rewritten_with_what_is_indexed_costs_no_inference(bench: Bench) -> None:
    (bench.root / "green.jpg").write_bytes(b"picture 200 10 10")
    found = bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "green.jpg"))))
    assert names(found)[0] == "red.jpg" and found.matches[0].hit.distance == 0
    assert bench.decoder.decoded == 0


def test_a_file_that_was_deleted_since_it_was_indexed_is_not_found(bench: Bench) -> None:
    (bench.root / "green.jpg").unlink()
    with pytest.raises(NotFound, match=r"there is no file .*green\.jpg"):
        bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "green.jpg"))))


def test_files_that_were_rewritten_are_compared_as_they_are_now(bench: Bench) -> None:
    red, green = ServerPath(os.fsencode(bench.root / "red.jpg")), ServerPath(os.fsencode(bench.root / "green.jpg"))
    assert not bench.queries().compare(red, green).same
    (bench.root / "green.jpg").write_bytes(b"picture 200 10 10")
    compared = bench.queries().compare(red, green)
    assert compared.same and compared.distance == 0
    (bench.root / "red.jpg").write_bytes(b"picture 10 200 10")
    assert not bench.queries().compare(red, green).same


def test_a_link_that_points_to_another_file_now_is_searched_as_that_file(bench: Bench) -> None:
    link = bench.root / "link.jpg"
    link.symlink_to(bench.root / "red.jpg")
    bench.put("link.jpg", b"picture 200 10 10")
    link.unlink()
    link.symlink_to(bench.root / "blue.jpg")
    found = bench.queries().search(Query(ServerPath(os.fsencode(link))))
    assert names(found)[0] == "blue.jpg" and bench.decoder.decoded == 0


def test_a_path_inside_a_root_that_is_not_indexed_is_read(bench: Bench) -> None:
    (bench.root / "new.jpg").write_bytes(b"picture 12 10 201")
    found = bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "new.jpg"))))
    assert names(found)[0] == "blue.jpg"
    assert bench.decoder.decoded == 1


def test_a_path_through_a_link_to_the_root_is_inside(bench: Bench) -> None:
    link = bench.directory / "link"
    link.symlink_to(bench.root)
    found = bench.queries().search(Query(ServerPath(os.fsencode(link / "red.jpg"))))
    assert names(found)[0] == "red.jpg"


@pytest.mark.parametrize("escape", ["outside.jpg", "root/../outside.jpg", "root/link.jpg", "rootling/x.jpg", "absent"])
def test_a_path_outside_the_roots_is_refused_whether_it_exists_or_not(bench: Bench, escape: str) -> None:
    (bench.directory / "outside.jpg").write_bytes(b"picture 1 2 3")
    (bench.directory / "rootling").mkdir()
    (bench.directory / "rootling/x.jpg").write_bytes(b"picture 1 2 3")
    (bench.root / "link.jpg").symlink_to(bench.directory / "outside.jpg")
    with pytest.raises(InvalidRequest, match="not inside a watched root; send the image's bytes instead") as caught:
        bench.queries().search(Query(ServerPath(os.fsencode(bench.directory / escape))))
    assert not isinstance(caught.value, NotFound) and caught.value.field == "path"


def test_a_file_that_leads_outside_by_the_time_it_is_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.jpg").write_bytes(b"secret")
    folder = tmp_path / "root" / "folder"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"picture")
    files = RootFiles(lambda: [os.fsencode(tmp_path / "root")])
    path = files.resolve(os.fsencode(folder / "a.jpg"))
    os.close(files.open(path))
    folder.rename(tmp_path / "root" / "former")
    folder.symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidRequest, match="not inside a watched root"):
        files.open(path)


def test_an_indexed_link_to_a_file_outside_is_accepted_as_it_was_given_out(bench: Bench) -> None:
    outside, link = bench.directory / "outside.jpg", bench.root / "link.jpg"
    link.symlink_to(outside)
    bench.put("link.jpg", b"picture 10 10 200")
    for name in (os.fsencode(link), os.fsencode(bench.root / "sub/../link.jpg"), os.fsencode(link) + b"/"):
        found = bench.queries().search(Query(ServerPath(name)))
        assert os.path.basename(found.matches[0].paths[0]) == b"blue.jpg" and bench.decoder.decoded == 0
    outside.write_bytes(b"picture 201 10 10")
    assert names(bench.queries().search(Query(ServerPath(os.fsencode(link)))))[0] == "red.jpg"
    assert bench.decoder.decoded == 1


def test_a_link_in_the_error_list_is_accepted_and_its_content_is_refused(bench: Bench) -> None:
    outside, link = bench.directory / "outside.txt", bench.root / "link.txt"
    outside.write_bytes(b"text")
    link.symlink_to(outside)
    bench.reject("link.txt", reason=Reason.NOT_AN_IMAGE)
    with pytest.raises(ImageRejected):
        bench.queries().search(Query(ServerPath(os.fsencode(link))))


def test_a_path_that_only_reads_like_an_indexed_link_leads_nowhere_else(bench: Bench) -> None:
    """`away/../link.jpg` is another file for the kernel than for whoever only reads the name."""
    (bench.directory / "deep").mkdir()
    (bench.directory / "link.jpg").write_bytes(b"picture 10 200 10")
    (bench.root / "away").symlink_to(bench.directory / "deep")
    (bench.root / "link.jpg").symlink_to(bench.root / "red.jpg")
    bench.put("link.jpg", b"picture 200 10 10")
    found = bench.queries().search(Query(ServerPath(os.fsencode(bench.root) + b"/away/../link.jpg")))
    assert names(found)[0] in ("link.jpg", "red.jpg")


@pytest.mark.parametrize("path", [b"relative.jpg", b"", b"/a\0b"])
def test_a_path_that_is_not_absolute_is_refused(bench: Bench, path: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not absolute"):
        bench.queries().search(Query(ServerPath(path)))


def test_a_missing_file_inside_a_root_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"there is no file .*gone\.jpg"):
        bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "gone.jpg"))))


def test_a_directory_and_a_pipe_are_no_files_and_nobody_waits_for_the_pipe(bench: Bench) -> None:
    os.mkfifo(bench.root / "pipe")
    (bench.root / "folder").mkdir()
    for name in ("folder", "pipe"):
        with pytest.raises(NotFound, match=f"{name} is not a regular file"):
            bench.queries().search(Query(ServerPath(os.fsencode(bench.root / name))))
    with pytest.raises(InvalidRequest, match="not inside a watched root"):
        bench.queries().search(Query(ServerPath(os.fsencode(bench.root))))


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    pool = DecodePool(2, WorkerSettings(DecodeLimits(1 << 29, 1_000_000), memory_bytes=1 << 30))
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("start", "size", "reason"),
    [
        (b"", 400 << 20, Reason.NOT_AN_IMAGE),
        (b"\x1aE\xdf\xa3", 400 << 20, Reason.UNSUPPORTED),
        (b"\x89PNG\r\n\x1a\n", 100 << 20, Reason.TRUNCATED),
        (b"\xff\xd8\xff", (1 << 29) + 1, Reason.TOO_MANY_BYTES),
    ],
)
def test_a_large_file_that_is_no_picture_is_never_held_here(
    bench: Bench, pool: DecodePool, start: bytes, size: int, reason: Reason
) -> None:
    path = bench.root / "large.jpg"
    path.write_bytes(start)
    os.truncate(path, size)
    queries = bench.queries(decoder=pool)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(10) as callers:
        asked = [callers.submit(queries.search, Query(ServerPath(os.fsencode(path)))) for _ in range(10)]
        for future in asked:
            error = future.exception(60)
            assert isinstance(error, ImageRejected) and error.reason is reason, error
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 << 10


def test_a_file_is_read_and_decoded_by_a_worker_unless_its_content_is_indexed(bench: Bench, pool: DecodePool) -> None:
    queries = bench.queries(decoder=pool)
    path = bench.root / "new.png"
    path.write_bytes(encoded(Image.new("RGB", (8, 8), (200, 10, 10)), "PNG"))
    found = queries.search(Query(ServerPath(os.fsencode(path))))
    assert names(found)[0] == "red.jpg" and bench.featurizer.batches == 1
    (bench.root / "copy.jpg").write_bytes(b"picture 10 10 200")
    found = queries.search(Query(ServerPath(os.fsencode(bench.root / "copy.jpg"))))
    assert names(found)[0] == "blue.jpg" and found.matches[0].hit.distance == 0 and bench.featurizer.batches == 1


def test_a_file_that_is_written_to_while_it_is_read_is_asked_for_again_later(bench: Bench) -> None:
    class Changing(TextDecoder):
        def submit_file(self, *_: object) -> Future[Picture]:
            future: Future[Picture] = Future()
            future.set_exception(FileChanged("the file was written to while it was read"))
            return future

    (bench.root / "new.jpg").write_bytes(b"picture 1 2 3")
    with pytest.raises(FileChanged) as caught:
        bench.queries(decoder=Changing()).search(Query(ServerPath(os.fsencode(bench.root / "new.jpg"))))
    assert caught.value.retry_after_s and caught.value.status == "UNAVAILABLE"


def test_an_image_id_uses_the_stored_vector(bench: Bench) -> None:
    found = bench.queries().search(Query(StoredImage(image_id_of(b"picture 10 200 10"))))
    assert names(found)[0] == "green.jpg"


def test_an_unknown_image_id_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no image " + "00" * 16):
        bench.queries().search(Query(StoredImage(ImageId(bytes(16)))))


def test_a_vector_is_normalised(bench: Bench) -> None:
    found = bench.queries().search(Query(GivenVector(1e30 * vector_of(10, 10, 200))))
    assert names(found)[0] == "blue.jpg" and found.matches[0].hit.distance == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("vector", "complaint"),
    [
        (np.ones(3, np.float32), "has 3 values, the dimension of the model tiny, which answers now, is 4"),
        (np.zeros(4, np.float32), "not all zero"),
        (np.array([1, 0, np.nan, 0], np.float32), "finite"),
        (np.array([1, 0, np.inf, 0], np.float32), "finite"),
    ],
)
def test_a_vector_that_cannot_be_is_refused(bench: Bench, vector: Vector, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        bench.queries().search(Query(GivenVector(vector)))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (Query(ImageBytes(b""), limit=1001), "limit"),
        (Query(ImageBytes(b""), limit=-1), "limit"),
        (Query(ImageBytes(b""), min_similarity=1.5), "min_similarity"),
        (Query(ImageBytes(b""), min_similarity=float("nan")), "min_similarity"),
        (Query(ImageBytes(b""), path_prefix=b"photos"), "path_prefix"),
    ],
)
def test_a_query_out_of_range_names_its_field(bench: Bench, query: Query, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bench.queries().search(query)
    assert caught.value.field == field


def test_ten_matches_are_the_default_and_limit_asks_for_another_number(bench: Bench) -> None:
    for i in range(20):
        bench.put(f"more{i}.jpg", b"picture %d 200 200" % i)
    queries = bench.queries()
    assert len(queries.search(Query(ImageBytes(b"picture 0 200 199"))).matches) == 10
    assert len(queries.search(Query(ImageBytes(b"picture 0 200 199"), limit=3)).matches) == 3
    assert len(queries.search(Query(ImageBytes(b"picture 0 200 199"), limit=1000)).matches) == 24


def test_min_similarity_cuts_the_tail(bench: Bench) -> None:
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 11"), min_similarity=0.95))
    assert names(found) == ["red.jpg", "reddish.jpg"]
    assert found.searched == 4


def test_a_path_prefix_limits_what_is_considered_and_its_paths_come_first(bench: Bench) -> None:
    bench.put("z/copy.jpg", b"picture 200 10 10")
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10"), path_prefix=os.fsencode(bench.root / "z")))
    assert [[os.path.basename(path) for path in match.paths] for match in found.matches] == [[b"copy.jpg", b"red.jpg"]]
    assert found.searched == 1


def test_a_prefix_with_nothing_under_it_gives_no_match(bench: Bench) -> None:
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10"), path_prefix=b"/nowhere"))
    assert (found.matches, found.searched) == ((), 0)


def test_copies_are_one_match_with_sorted_paths(bench: Bench) -> None:
    bench.put("a.jpg", b"picture 200 10 10")
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10"), limit=1))
    assert [os.path.basename(path) for path in found.matches[0].paths] == [b"a.jpg", b"red.jpg"]


def test_images_that_lost_their_file_are_left_out_and_made_up_for(bench: Bench) -> None:
    bench.lose("red.jpg", "reddish.jpg")
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10"), limit=2))
    assert sorted(names(found)) == ["blue.jpg", "green.jpg"]
    assert [scan.k for scan in bench.scans] == [2, 8]


def test_an_index_of_images_without_files_is_not_asked_for_ever(bench: Bench) -> None:
    gone = [f"{i}.jpg" for i in range(200)]
    bench.put_all(*((name, b"picture %d 1 2" % i) for i, name in enumerate(gone)))
    bench.lose("red.jpg", "reddish.jpg", "green.jpg", "blue.jpg", *gone)
    assert bench.queries().search(Query(ImageBytes(b"picture 0 1 2"), limit=2)).matches == ()
    assert len(bench.index) == 204
    assert [scan.k for scan in bench.scans] == [2, 8, 32]


def test_an_image_without_facts_is_still_a_match(bench: Bench) -> None:
    bench.put("unknown.jpg", b"picture 9 9 9", facts=None)
    found = bench.queries().search(Query(ImageBytes(b"picture 9 9 9")))
    assert names(found)[0] == "unknown.jpg" and found.matches[0].facts is None


def test_a_search_that_nobody_waits_for_is_given_up_while_decoding() -> None:
    hold = threading.Event()
    with prepared(decoder=TextDecoder(hold)) as bench:
        left = Cancelled()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(bench.queries().search, Query(ImageBytes(b"picture 1 2 3")), left)
            assert bench.decoder.started.wait(20)
            left.set()
            assert isinstance(asked.exception(20), Abandoned)
        assert bench.decoder.cancelled.is_set()
        assert bench.featurizer.batches == 0
        hold.set()


def test_a_search_that_nobody_waits_for_does_not_reach_the_index(bench: Bench) -> None:
    left = Cancelled()
    left.set()
    with pytest.raises(Abandoned):
        bench.queries().search(Query(ImageBytes(b"picture 200 10 10")), left)
    assert bench.scans == []


def test_both_decodings_of_a_comparison_that_nobody_waits_for_are_cancelled() -> None:
    class Counting(TextDecoder):
        futures: list[Future[Picture]]

        def submit_bytes(self, data: bytes, *wanted: Rendition) -> Future[Picture]:
            future = super().submit_bytes(data, *wanted)
            self.futures = [*getattr(self, "futures", []), future]
            return future

    hold = threading.Event()
    decoder = Counting(hold)
    with prepared(decoder=decoder) as bench:
        left = Cancelled()
        left.set()
        with pytest.raises(Abandoned):
            bench.queries().compare(ImageBytes(b"picture 1 2 3"), ImageBytes(b"picture 3 2 1"), left)
        assert [future.cancelled() for future in decoder.futures] == [True, True]
        hold.set()


def test_a_picture_gets_all_cores_only_while_no_other_is_on_its_way(bench: Bench) -> None:
    bench.decoder.hold = threading.Event()
    queries = bench.queries()
    found = [queries.submit(Query(ImageBytes(b"picture 201 10 %d" % number))) for number in range(4)]
    bench.decoder.hold.set()
    assert all(one.result(20).matches for one in found)
    assert bench.featurizer.alone[0] is False
    queries.search(Query(ImageBytes(b"picture 77 10 10")))
    assert bench.featurizer.alone[-1] is True


class BusyFeaturizer(TinyFeaturizer):
    """Embeds the first pictures when it is let go on; writes down how many it was given together."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def embed(self, pixels: Sequence[Pixels], *, alone: bool) -> Vector:
        self.sizes.append(len(pixels))
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(20)
        return super().embed(pixels, alone=alone)


@contextmanager
def one_held_up(featurizer: BusyFeaturizer) -> Iterator[tuple[Bench, Queries, ThreadPoolExecutor]]:
    """Searches on one core, one of which is being finished until `featurizer` goes on."""
    with prepared(featurizer=featurizer) as bench, ThreadPoolExecutor(8) as pool:
        for number in range(4):
            bench.put(f"{number}.jpg", b"picture %d 200 %d" % (60 * number, 180 - 60 * number))
        queries = bench.queries()
        first = pool.submit(queries.search, Query(ImageBytes(b"picture 0 200 181")))
        assert featurizer.begun.wait(20)
        try:
            yield bench, queries, pool
        finally:
            featurizer.go_on.set()
        assert names(first.result(20))[0] == "0.jpg"


def test_the_pictures_of_several_callers_are_embedded_and_scanned_together() -> None:
    featurizer = BusyFeaturizer()
    with one_held_up(featurizer) as (bench, queries, _):
        asked = [
            queries.submit(Query(ImageBytes(b"picture %d 200 %d" % (60 * number, 181 - 60 * number))))
            for number in (1, 2, 3)
        ]
        featurizer.go_on.set()
        assert [names(one.result(20))[0] for one in asked] == ["1.jpg", "2.jpg", "3.jpg"]
        assert featurizer.sizes == [1, 3]
        assert [scan.queries for scan in bench.scans] == [1, 3]


@pytest.mark.parametrize(
    "query",
    [
        Query(ImageBytes(b"picture 60 200 121"), exact=True),
        Query(ImageBytes(b"picture 60 200 121"), path_prefix=b"/"),
        Query(ImageBytes(b"picture 60 200 120")),
        Query(GivenVector(vector_of(60, 200, 120))),
    ],
    ids=["exact", "under a path", "known picture", "vector"],
)
def test_a_search_that_takes_long_in_a_way_of_its_own_and_one_without_a_picture_wait_for_no_other(query: Query) -> None:
    with one_held_up(BusyFeaturizer()) as (_, queries, pool):
        assert names(pool.submit(queries.search, query).result(20))[0] == "1.jpg"
