"""The logic of a search, without gRPC."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from simd.errors import Abandoned, ImageRejected, InvalidRequest, NotFound, NotReady, Reason
from simd.serving.queries import Found, Query
from simd.serving.subjects import GivenVector, ImageBytes, ServerPath, StoredImage
from simd.types import ImageId, Size, Stamp, Vector, image_id_of
from tests.serving.doubles import Bench, Picture, TextDecoder, short_directory, vector_of


@pytest.fixture
def bench() -> Iterator[Bench]:
    with short_directory() as directory:
        bench = Bench(directory)
        bench.put("red.jpg", b"picture 200 10 10")
        bench.put("reddish.jpg", b"picture 190 30 30")
        bench.put("green.jpg", b"picture 10 200 10")
        bench.put("blue.jpg", b"picture 10 10 200")
        yield bench


def names(found: Found) -> list[str]:
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


def test_bytes_of_an_indexed_size_may_be_another_image(bench: Bench) -> None:
    data = b"picture 201 10 10"
    assert bench.catalogue.has_size(len(data))
    found = bench.queries().search(Query(ImageBytes(data)))
    assert names(found)[0] == "red.jpg" and found.matches[0].hit.distance > 0
    assert bench.decoder.decoded == 1


def test_bytes_that_are_of_no_indexed_size_are_not_looked_up(bench: Bench) -> None:
    bench.catalogue.sizes.clear()
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10")))
    assert names(found)[0] == "red.jpg"
    assert bench.decoder.decoded == 1


def test_a_deleted_image_whose_size_is_known_costs_no_inference_and_is_not_in_the_answers(bench: Bench) -> None:
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


def test_an_indexed_link_to_a_file_outside_is_accepted_as_it_was_given_out(bench: Bench) -> None:
    outside, link = bench.directory / "outside.jpg", bench.root / "link.jpg"
    outside.write_bytes(b"picture 10 10 200")
    link.symlink_to(outside)
    bench.put("link.jpg", b"picture 10 10 200")
    bench.catalogue.stamps[os.fsencode(link)] = Stamp.of(outside.stat())
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
    bench.reject("link.txt", Reason.NOT_AN_IMAGE, "no")
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
    for path in (bench.root, bench.root / "pipe"):
        with pytest.raises(InvalidRequest):
            bench.queries().search(Query(ServerPath(os.fsencode(path))))


def test_a_file_over_the_limit_is_refused_by_size(bench: Bench) -> None:
    (bench.root / "big.jpg").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(ImageRejected, match="max_image_bytes") as caught:
        bench.queries().search(Query(ServerPath(os.fsencode(bench.root / "big.jpg"))))
    assert caught.value.reason is Reason.TOO_MANY_BYTES


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
    for name in ("red.jpg", "reddish.jpg"):
        del bench.catalogue.by_path[os.fsencode(bench.root / name)]
    found = bench.queries().search(Query(ImageBytes(b"picture 200 10 10"), limit=2))
    assert len(found.matches) == 2
    assert bench.index.asked == [2, 8]


def test_an_index_of_images_without_files_is_not_asked_for_ever(bench: Bench) -> None:
    bench.catalogue.by_path.clear()
    for i in range(200):
        image_id = bench.put("gone.jpg", b"picture %d 1 2" % i)
        del bench.catalogue.by_path[os.fsencode(bench.root / "gone.jpg")]
        assert bench.index.contains(image_id)
    assert bench.queries().search(Query(ImageBytes(b"picture 0 1 2"), limit=2)).matches == ()
    assert bench.index.asked == [2, 8, 32]


def test_an_image_without_facts_is_still_a_match(bench: Bench) -> None:
    bench.catalogue.facts.clear()
    assert bench.queries().search(Query(ImageBytes(b"picture 200 10 10"))).matches[0].facts is None


def test_a_search_that_nobody_waits_for_is_given_up_while_decoding() -> None:
    hold = threading.Event()
    with short_directory() as directory:
        bench = Bench(directory, decoder=TextDecoder(hold))
        with pytest.raises(Abandoned):
            bench.queries().search(
                Query(ImageBytes(b"picture 1 2 3")), alive=lambda: not bench.decoder.started.is_set()
            )
        assert bench.decoder.cancelled.is_set()
        assert bench.featurizer.batches == 0
        hold.set()


def test_a_search_that_nobody_waits_for_does_not_reach_the_index(bench: Bench) -> None:
    with pytest.raises(Abandoned):
        bench.queries().search(Query(ImageBytes(b"picture 200 10 10")), alive=lambda: False)
    assert bench.index.asked == []


def test_both_decodings_of_a_comparison_that_nobody_waits_for_are_cancelled() -> None:
    class Counting(TextDecoder):
        futures: list[Future[Picture]]

        def submit_bytes(self, data: bytes, size: Size) -> Future[Picture]:
            future = super().submit_bytes(data, size)
            self.futures = [*getattr(self, "futures", []), future]
            return future

    hold = threading.Event()
    with short_directory() as directory:
        decoder = Counting(hold)
        queries = Bench(directory, decoder=decoder).queries()
        with pytest.raises(Abandoned):
            queries.compare(ImageBytes(b"picture 1 2 3"), ImageBytes(b"picture 3 2 1"), lambda: False)
        assert [future.cancelled() for future in decoder.futures] == [True, True]
        hold.set()


def test_a_picture_gets_all_cores_only_while_no_other_is_on_its_way(bench: Bench) -> None:
    bench.decoder.hold = threading.Event()
    queries = bench.queries()
    waiting = [threading.Event() for _ in range(4)]

    def ask(number: int) -> Found:
        def alive() -> bool:
            waiting[number].set()
            return True

        return queries.search(Query(ImageBytes(b"picture 201 10 %d" % number)), alive)

    with ThreadPoolExecutor(len(waiting)) as pool:
        found = [pool.submit(ask, number) for number in range(len(waiting))]
        assert all(event.wait(20) for event in waiting)
        bench.decoder.hold.set()
        assert all(one.result(20).matches for one in found)
    assert bench.featurizer.alone[0] is False
    queries.search(Query(ImageBytes(b"picture 77 10 10")))
    assert bench.featurizer.alone[-1] is True
