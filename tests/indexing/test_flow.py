"""Pause and resume, bounded queues, order and progress: what keeps indexing from being a nuisance."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simd.indexing.loop.backlog import Priority
from simd.types import Change, ChangeKind, FileKey, PauseState, image_id_of
from tests.indexing.bench import Bench, WatchedBacklog

SOME_ENTRIES = 5_000
"""Bytes: room for seven files in a backlog."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The room, not started yet, with little room in its backlog."""
    made = Bench(tmp_path, backlog=WatchedBacklog(SOME_ENTRIES, SOME_ENTRIES))
    yield made
    made.close()


def write_some(bench: Bench, count: int, folder: str = "") -> None:
    """Files, the first one newest."""
    for number in range(count):
        path = bench.write(f"{folder}{number}.png", b"picture %s %d" % (folder.encode(), number))
        os.utime(path, ns=(0, (10_000 - number) * 10**9))


def test_f15_while_paused_nothing_is_decoded_and_nothing_is_forgotten(bench: Bench) -> None:
    write_some(bench, 3)
    bench.start().settle()
    bench.ingest.pause()
    bench.write("by event.png", b"by event")
    bench.until(lambda: bench.ingest.progress().pending > 0)
    bench.write("by scan.png", b"by scan")
    assert bench.ingest.scan([], retry_rejected=False).changed >= 1
    progress = bench.ingest.progress()
    assert progress.pause == PauseState(True) and progress.pending >= 1 and progress.eta_s == 0.0
    assert (bench.decoder.decoded, bench.backbone.embedded) == (3, 3)
    assert len(bench.files()) == 3
    assert bench.ingest.resume() and not bench.ingest.resume()
    bench.until(lambda: bench.ingest.progress().pending == 0)
    assert sorted(bench.files()) == ["0.png", "1.png", "2.png", "by event.png", "by scan.png"]


def test_while_paused_deleted_files_leave_the_answers_at_once(bench: Bench) -> None:
    write_some(bench, 4)
    bench.start().settle()
    bench.ingest.pause()
    (bench.root / "0.png").unlink()
    bench.until(lambda: "0.png" not in bench.files())
    report = bench.ingest.remove([os.fsencode(bench.root / "1.png")], [])
    assert report.files == 1 and sorted(bench.files()) == ["2.png", "3.png"]


def test_while_paused_a_file_that_is_asked_for_is_indexed(bench: Bench) -> None:
    write_some(bench, 2)
    bench.ingest.pause()
    bench.start()
    paths = [os.fsencode(bench.write(name, name.encode())) for name in ("asked for", "bad one")]
    report = bench.ingest.add(paths)
    assert report.added == 1 and len(report.rejected) == 1
    assert list(bench.files()) == ["asked for"]
    other = bench.root.parent / "other"
    other.mkdir()
    (other / "a.png").write_bytes(b"in a folder")
    assert bench.ingest.add([os.fsencode(other)]).queued == 1
    assert bench.backbone.embedded == 1, "a folder is queued, and what is queued waits"


def test_a_pause_outlasts_a_restart_and_ends_when_its_time_is_over(bench: Bench, tmp_path: Path) -> None:
    bench.ingest.pause()
    again = Bench(tmp_path)
    try:
        again.write("a.png", b"a picture")
        again.start()
        again.until(lambda: again.ingest.progress().pending > 0)
        assert again.ingest.progress().pause.paused and again.backbone.embedded == 0
        again.ingest.pause(0.2)
        again.until(lambda: list(again.files()) == ["a.png"])
        assert again.ingest.progress().pause == PauseState(False)
    finally:
        again.close()


def test_while_paused_a_scan_that_finds_more_than_there_is_room_for_ends_all_the_same(bench: Bench) -> None:
    bench.ingest.pause()
    bench.start()
    write_some(bench, 50)
    report = bench.ingest.scan([], retry_rejected=False)
    assert report.seen == 50 and bench.ingest.queues()["backlog"] < 20
    bench.ingest.resume()
    bench.until(lambda: bench.ingest.progress().pending == 0)
    assert len(bench.files()) == 50 and bench.backbone.embedded == 50


def test_p15_a_flood_of_events_is_bounded_and_nothing_of_it_is_lost(bench: Bench) -> None:
    bench.start().settle()
    bench.index.full = True
    bench.write("first.png", b"this one waits for room on the disk")
    bench.until(lambda: bench.index.refused > 0)
    write_some(bench, 300, "burst/")
    bench.index.full = False
    bench.until(lambda: len(bench.files()) == 301)
    assert bench.backbone.embedded == 301


def test_of_a_backlog_the_newest_files_are_indexed_first(tmp_path: Path) -> None:
    roomy = Bench(tmp_path)
    try:
        write_some(roomy, 30)
        roomy.ingest.pause()
        roomy.start()
        roomy.ingest.scan([], retry_rejected=False)
        roomy.until(lambda: roomy.ingest.queues()["backlog"] == 30)
        roomy.ingest.resume()
        roomy.settle()
        assert roomy.decoder.asked == [f"{number}.png" for number in range(30)]
    finally:
        roomy.close()


def test_a_file_that_is_heard_of_again_before_its_batch_is_durable_is_not_decoded_again(bench: Bench) -> None:
    write_some(bench, 1)
    [root] = bench.ingest.roots()
    key = FileKey(root.root.root_id, b"0.png")

    def hear() -> None:
        bench.backlog.push(Change(ChangeKind.UPSERT, key), Priority.EVENT)

    bench.backbone.meanwhile = hear
    bench.start().settle()
    assert bench.decoder.asked == ["0.png"] and list(bench.files()) == ["0.png"]


def test_a_file_that_is_rewritten_before_its_batch_is_durable_is_indexed_as_it_is_then(bench: Bench) -> None:
    write_some(bench, 1)

    def rewrite() -> None:
        bench.backbone.meanwhile = lambda: None
        bench.write("0.png", b"another picture")

    bench.backbone.meanwhile = rewrite
    bench.start().until(lambda: bench.files() == {"0.png": image_id_of(b"another picture")})
    assert set(bench.settle().index.ids()) == {image_id_of(b"another picture")}


def test_a_rewritten_file_that_is_taken_out_between_its_decoding_and_its_batch_stays_out(bench: Bench) -> None:
    write_some(bench, 2)
    bench.start().settle()
    bench.decoder.hold = hold = threading.Event()
    bench.write("0.png", b"this one holds the batch up")
    bench.until(lambda: bench.decoder.hold is None)
    path = bench.write("1.png", b"another picture")
    bench.until(lambda: bench.decoder.decoded == 3)
    assert bench.ingest.remove([os.fsencode(path)], []).files == 1
    hold.set()
    bench.settle()
    assert list(bench.files()) == ["0.png"]


def test_what_was_embedded_is_committed_even_if_the_next_files_cannot_be_begun(bench: Bench) -> None:
    write_some(bench, 1)
    [root] = bench.ingest.roots()
    key = FileKey(root.root.root_id, b"next.png")

    def break_down() -> None:
        bench.decoder.broken = True
        bench.write("next.png", b"the next picture")
        bench.backlog.push(Change(ChangeKind.UPSERT, key), Priority.EVENT)

    bench.backbone.meanwhile = break_down
    bench.start()
    bench.until(lambda: list(bench.files()) == ["0.png"])
    bench.decoder.broken = False
    bench.backbone.meanwhile = lambda: None
    bench.settle()
    assert sorted(bench.files()) == ["0.png", "next.png"] and bench.backbone.embedded == 2


def test_an_image_that_is_taken_out_takes_nothing_else_with_it_that_its_file_holds_by_now(bench: Bench) -> None:
    path = bench.write("a.png", b"a picture")
    bench.start().settle()
    bench.ingest.pause()
    path.write_bytes(b"another picture")
    assert bench.ingest.remove([], [image_id_of(b"a picture")]).files == 1
    bench.ingest.resume()
    bench.settle()
    assert bench.files() == {"a.png": image_id_of(b"another picture")}


def test_an_image_that_is_taken_out_while_its_file_is_decoded_anew_leaves_the_new_one(bench: Bench) -> None:
    bench.write("a.png", b"a picture")
    bench.start().settle()
    bench.decoder.hold = hold = threading.Event()
    bench.write("a.png", b"another picture")
    bench.until(lambda: bench.decoder.hold is None)
    assert bench.ingest.remove([], [image_id_of(b"a picture")]).files == 1
    hold.set()
    bench.until(lambda: bench.files() == {"a.png": image_id_of(b"another picture")})


def test_p7_status_answers_while_a_scan_is_held_up_and_the_loop_is_stuck(bench: Bench) -> None:
    bench.index.full = True
    write_some(bench, 100)
    bench.start()
    bench.until(lambda: bench.index.refused > 1 and bench.ingest.queues()["backlog"] >= 7)
    with ThreadPoolExecutor(8) as watchers:
        answers = [watchers.submit(lambda: (bench.ingest.progress(), bench.ingest.roots())) for _ in range(50)]
        for answer in answers:
            progress, [root] = answer.result(timeout=10)
            assert progress.scanning and progress.pending > 7
            assert root.online and "no room" in progress.trouble
    bench.index.full = False
    bench.until(lambda: bench.ingest.progress().pending == 0)
    assert len(bench.files()) == 100


def test_f14_progress_tells_how_much_is_done_how_fast_and_what_is_left(bench: Bench) -> None:
    bench.start().settle()
    assert bench.ingest.progress().decided == 0
    write_some(bench, 20)
    bench.write("bad.png", b"bad one")
    bench.settle()
    (bench.root / "0.png").unlink()
    bench.settle()
    progress = bench.ingest.progress()
    assert progress.decided >= 22, "what an event and a scan both tell may count twice"
    assert (progress.pending, progress.images_per_s, progress.eta_s) == (0, 0.0, 0.0)


def test_nobody_waits_for_ever_for_a_file_that_is_taken_out_meanwhile(bench: Bench) -> None:
    write_some(bench, 2)
    bench.start().settle()
    key = FileKey(bench.ingest.roots()[0].root.root_id, b"1.png")
    bench.decoder.hold = hold = threading.Event()
    bench.write("0.png", b"this one holds the batch up")
    bench.until(lambda: bench.decoder.hold is None)
    path = os.fsencode(bench.write("1.png", b"another picture"))
    with ThreadPoolExecutor(1) as callers:
        added = callers.submit(lambda: bench.ingest.add([path]))
        bench.until(lambda: key in bench.backlog.requested)
        assert bench.ingest.remove([path], []).files == 1
        try:
            report = added.result(timeout=10)
        finally:
            hold.set()
    assert report.added == 0 and len(report.rejected) == 1
    bench.settle()
    assert list(bench.files()) == ["0.png"]


def test_nobody_waits_for_ever_for_a_file_whose_root_goes_away(bench: Bench) -> None:
    bench.start().settle()
    path = os.fsencode(bench.write("a.png", b"growing for ever"))
    key = FileKey(bench.ingest.roots()[0].root.root_id, b"a.png")
    done = threading.Event()
    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(lambda: bench.ingest.add([path]))
        answer.add_done_callback(lambda _: done.set())
        bench.until(lambda: key in bench.backlog.requested)
        bench.root.rename(bench.root.with_name("elsewhere"))
        report = answer.result(timeout=20)
        assert report.added == 0 and len(report.rejected) == 1
    assert done.is_set() and not bench.index.contains(image_id_of(b"growing for ever"))
