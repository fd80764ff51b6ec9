"""Thumbnails without gRPC: made once, kept, of whichever file still is the image, and for nobody who has left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, DecoderUnavailable, ImageRejected, ImageUnreadable, NotFound, NotReady, Reason
from simd.featurize.decode.renditions import Rendition, Thumbnail
from simd.types import ImageId
from tests.leftovers import nothing_kept
from tests.serving.doubles import Bench, Picture, TextDecoder, prepared

RED, GREEN, BLUE = b"picture 200 10 10", b"picture 10 200 10", b"picture 10 10 200"
SMALL = Thumbnail(16)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


def test_a_thumbnail_is_decoded_once_and_kept_beyond_a_restart(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    assert bench.thumbnails.get(image_id, SMALL) == bench.thumbnails.get(image_id, SMALL) == RED[:16]
    assert bench.thumbnails.get(image_id, Thumbnail(17)) == RED
    assert bench.decoder.decoded == 2
    again = bench.thumbnails_of(bench.decoder, bench.cache(1 << 20))
    assert again.get(image_id, SMALL) == RED[:16] and bench.decoder.decoded == 2


def test_without_a_cache_it_is_decoded_each_time(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    made = bench.thumbnails_of(bench.decoder)
    assert made.get(image_id, SMALL) == made.get(image_id, SMALL) == RED[:16]
    assert bench.decoder.decoded == 2


def test_a_cache_that_cannot_be_written_is_nobodys_trouble(bench: Bench) -> None:
    place = bench.directory / "state"
    place.mkdir()
    (place / "renditions").write_bytes(b"in the way")
    image_id = bench.put("red.jpg", RED)
    assert bench.thumbnails_of(bench.decoder, bench.cache(1 << 20, place)).get(image_id, SMALL) == RED[:16]


def test_an_image_without_a_file_has_none_though_it_is_in_the_cache(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    assert bench.thumbnails.get(image_id, SMALL)
    bench.lose("red.jpg")
    for unknown in (image_id, ImageId(bytes(16))):
        with pytest.raises(NotFound, match="is indexed"):
            bench.thumbnails.get(unknown, SMALL)


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def test_a_second_file_is_used_where_the_first_is_something_else_or_gone(bench: Bench) -> None:
    image_id = bench.put("1.jpg", RED)
    for name in ("2.jpg", "3.jpg", "4.jpg", "5.jpg"):
        bench.put(name, RED)
    (bench.root / "1.jpg").write_bytes(GREEN)
    (bench.root / "2.jpg").unlink()
    (bench.root / "3.jpg").unlink()
    os.mkfifo(bench.root / "3.jpg")
    (bench.root / "4.jpg").write_bytes(b"no picture any more")
    assert bench.thumbnails.get(image_id, SMALL) == RED[:16]


@pytest.mark.parametrize(
    ("become", "why"),
    [
        (lambda path: path.write_bytes(GREEN), "something else"),
        (lambda path: path.unlink(), "no such file"),
        (become_pipe, "not a regular file"),
        (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "something else"),
        (lambda path: (path.unlink(), path.symlink_to(path)), "no such file"),
    ],
)
def test_an_image_whose_only_file_is_something_else_cannot_be_shown(
    bench: Bench, become: Callable[[Path], object], why: str
) -> None:
    image_id = bench.put("red.jpg", RED)
    become(bench.root / "red.jpg")
    with pytest.raises(ImageUnreadable, match=rf"red.jpg cannot be shown: .*{why}.*simctl scan"):
        bench.thumbnails.get(image_id, SMALL)


class Counting(TextDecoder):
    """Counts the files that it reads; what is to become of the next image can be said.

    Attributes:
        read: files that were read.
        failure: what reading ends with, once the image is known.
    """

    def __init__(self, hold: threading.Event | None = None) -> None:
        super().__init__(hold)
        self.read = 0
        self.failure: Exception | None = None

    def submit_file(
        self,
        path: bytes,
        wanted: Callable[[ImageId], Collection[Rendition]],
        opening: Callable[[bytes], int],
    ) -> Future[Picture]:
        self.read += 1
        made = super().submit_file(path, wanted, opening)
        if self.failure is None:
            return made
        failed: Future[Picture] = Future()
        failed.set_exception(self.failure)
        return failed


def test_what_a_decoder_refused_is_not_tried_again_while_the_file_stands(bench: Bench) -> None:
    decoder = Counting()
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)
    decoder.failure = ImageRejected(Reason.CRASHED, "the decoder crashed on this file")
    for _ in range(3):
        with pytest.raises(ImageRejected, match="crashed") as caught:
            made.get(image_id, SMALL)
        assert caught.value.reason is Reason.CRASHED
    assert decoder.read == 1
    decoder.failure = None
    (bench.root / "red.jpg").touch()
    assert made.get(image_id, SMALL) == RED[:16] and decoder.read == 2


def test_a_file_that_is_something_else_is_not_read_again_while_it_stands(bench: Bench) -> None:
    decoder = Counting()
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)
    for content in (GREEN, b"no picture"):
        before = decoder.read
        (bench.root / "red.jpg").write_bytes(content)
        for _ in range(3):
            with pytest.raises(ImageUnreadable):
                made.get(image_id, SMALL)
        assert decoder.read == before + 1
    (bench.root / "red.jpg").write_bytes(RED)
    assert made.get(image_id, SMALL) == RED[:16]


@pytest.mark.parametrize(
    "error", [DecoderUnavailable("no more files"), ImageRejected(Reason.KILLED, "too little memory?")]
)
def test_what_is_no_fault_of_the_image_is_tried_again(bench: Bench, error: Exception) -> None:
    decoder = Counting()
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)
    decoder.failure = error
    with pytest.raises(type(error)):
        made.get(image_id, SMALL)
    decoder.failure = None
    assert made.get(image_id, SMALL) == RED[:16]


def test_nothing_is_kept_of_what_failed(bench: Bench) -> None:
    decoder = Counting()
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)

    def fail() -> None:
        decoder.failure = DecoderUnavailable(str(bytes(1 << 20)))
        with pytest.raises(DecoderUnavailable):
            made.get(image_id, SMALL)
        decoder.failure = None

    fail()
    with nothing_kept(1 << 20):
        for _ in range(4):
            fail()


def test_a_decoder_that_was_closed_means_that_the_daemon_stops(bench: Bench) -> None:
    decoder = Counting()
    image_id = bench.put("red.jpg", RED)

    class Closed(Counting):
        def submit_file(self, *arguments: object) -> Future[Picture]:
            future: Future[Picture] = Future()
            future.cancel()
            return future

    with pytest.raises(NotReady, match="stopping"):
        bench.thumbnails_of(Closed()).get(image_id, SMALL)
    assert decoder.read == 0


def test_callers_who_want_the_same_at_once_have_it_decoded_once(bench: Bench) -> None:
    hold = threading.Event()
    decoder = Counting(hold)
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)
    with ThreadPoolExecutor(8) as callers:
        calls = [callers.submit(made.get, image_id, SMALL) for _ in range(8)]
        assert decoder.started.wait(10)
        hold.set()
        assert {call.result(10) for call in calls} == {RED[:16]}
    assert decoder.read <= 2, "all but those who came when it was done"


def test_what_nobody_waits_for_any_more_leaves_the_decoders_queue(bench: Bench) -> None:
    hold = threading.Event()
    decoder = Counting(hold)
    made = bench.thumbnails_of(decoder)
    image_id = bench.put("red.jpg", RED)
    leaving = Cancelled()
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(made.get, image_id, SMALL, leaving)
        assert decoder.started.wait(10)
        leaving.set()
        with pytest.raises(Abandoned):
            call.result(10)
    assert decoder.cancelled.wait(10)
    hold.set()
    assert made.get(image_id, SMALL) == RED[:16]
