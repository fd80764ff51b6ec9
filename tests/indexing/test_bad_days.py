"""Rooms that fail, disks that are full, roots that come and go: nothing hangs, and nothing is forgotten."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Reason, StoreFull
from simd.indexing.loop.backlog import Priority
from simd.types import Change, ChangeKind, FileKey, image_id_of
from tests.indexing.bench import QUICK, Bench, WatchedBacklog


def fill(bench: Bench, count: int, folder: str = "") -> None:
    for number in range(count):
        bench.write(f"{folder}{number}.png", b"picture %s %d" % (folder.encode(), number))


def detail(bench: Bench) -> str:
    """What people are told of the root, and of indexing."""
    return bench.ingest.roots()[0].detail + bench.ingest.progress().trouble


def at_rest(bench: Bench) -> bool:
    return bench.ingest.progress().pending == 0


class BreakingBacklog(WatchedBacklog):
    """A bug of ours, while `broken` is set."""

    broken = False

    def push(self, change: Change, priority: Priority) -> bool:
        if self.broken and priority is Priority.SCAN:
            raise RuntimeError("a bug of ours")
        return super().push(change, priority)


class TestScans:
    def test_a_scan_that_the_catalogue_fails_is_tried_again_until_then_it_is_pending_and_told(
        self, bench: Bench
    ) -> None:
        fill(bench, 1)
        bench.start().settle()
        [before] = bench.catalogue.last_scans().values()
        bench.database.full = True
        with pytest.raises(StoreFull):
            bench.ingest.scan([], retry_rejected=False)
        assert "the last scan failed and is tried again: there is no room" in detail(bench)
        bench.until(lambda: bench.database.refused > 2)
        assert not at_rest(bench)
        bench.database.full = False
        bench.until(lambda: at_rest(bench))
        assert detail(bench) == ""
        [after] = bench.catalogue.last_scans().values()
        assert after > before

    def test_a_scan_that_fails_by_a_bug_is_tried_again_as_well_and_counted(self, tmp_path: Path) -> None:
        backlog = BreakingBacklog()
        bench = Bench(tmp_path, backlog=backlog)
        try:
            fill(bench, 3)
            for path in bench.root.iterdir():
                os.utime(path, (1, 1))
            backlog.broken = True
            bench.start()
            bench.until(lambda: bench.threads.failures.get("scans", 0) > 2)
            assert "an error that only the daemon's log tells" in detail(bench) and not at_rest(bench)
            backlog.broken = False
            bench.until(lambda: at_rest(bench))
            assert len(bench.files()) == 3 and detail(bench) == ""
        finally:
            bench.close()

    def test_a_scan_that_nobody_waits_for_any_more_when_its_turn_comes_is_not_pending_for_ever(
        self, bench: Bench
    ) -> None:
        [root] = bench.ingest.roots()
        cancelled = Cancelled()
        cancelled.set()
        with pytest.raises(Abandoned):
            bench.ingest.scan([root.root.path] * 3, retry_rejected=False, cancelled=cancelled)
        assert bench.ingest.progress().scanning
        bench.start()
        bench.until(lambda: at_rest(bench))
        assert not bench.ingest.progress().scanning

    def test_a_clock_that_is_set_ten_years_ahead_ends_no_hold(self, tmp_path: Path) -> None:
        now = [time.time()]
        bench = Bench(tmp_path, clock=lambda: now[0])
        try:
            fill(bench, 150)
            bench.start().settle()
            for path in list(bench.root.iterdir())[1:]:
                path.unlink()
            bench.until(lambda: "known files are gone" in detail(bench))
            left = len(bench.settle().files())
            now[0] += 10 * 365 * 86400
            assert len(bench.settle().files()) == left and "known files are gone" in detail(bench)
        finally:
            bench.close()


class TestBackbone:
    def test_while_it_fails_nothing_else_is_held_up_and_what_it_failed_on_is_not_forgotten(self, bench: Bench) -> None:
        fill(bench, 4)
        bench.start().settle()
        bench.backbone.broken = True
        bench.write("a.png", b"a new picture")
        bench.until(lambda: "the model cannot be used" in detail(bench))
        (bench.root / "0.png").unlink()
        bench.until(lambda: "0.png" not in bench.files())
        (bench.root / "1.png").rename(bench.root / "moved.png")
        bench.until(lambda: "moved.png" in bench.files() and "1.png" not in bench.files())
        bench.write("b.png", b"bad one")
        bench.until(lambda: len(bench.catalogue.rejections()) == 1)
        assert not at_rest(bench) and "the model cannot be used" in detail(bench)
        bench.backbone.broken = False
        bench.until(lambda: at_rest(bench))
        assert sorted(bench.files()) == ["2.png", "3.png", "a.png", "moved.png"] and detail(bench) == ""
        assert bench.decoder.decoded == 5, "it was not decoded again"

    def test_who_waits_for_a_file_is_told_that_it_is_tried_again(self, bench: Bench) -> None:
        bench.start().settle()
        bench.backbone.broken = True
        path = os.fsencode(bench.write("a.png", b"a picture"))
        for _ in range(3):
            [why] = bench.ingest.add([path]).rejected
            assert why.reason is Reason.POSTPONED and "tried again: the model cannot be used" in why.detail
        bench.backbone.broken = False
        bench.until(lambda: list(bench.files()) == ["a.png"])

    def test_an_error_that_nobody_thought_of_gives_every_file_of_the_batch_back(self, bench: Bench) -> None:
        fill(bench, 4)
        bench.start().settle()

        def bug() -> None:
            raise RuntimeError("a bug of ours")

        bench.backbone.meanwhile = bug
        (bench.root / "0.png").unlink()
        bench.write("a.png", b"a new picture")
        bench.until(lambda: bench.threads.failures.get("indexer", 0) > 2)
        assert not at_rest(bench) and "an error that only the daemon's log tells" in detail(bench)
        bench.backbone.meanwhile = lambda: None
        bench.until(lambda: at_rest(bench))
        assert sorted(bench.files()) == ["1.png", "2.png", "3.png", "a.png"] and detail(bench) == ""


class TestDecoders:
    def test_files_that_come_while_no_process_can_be_started_are_indexed_when_one_can(self, bench: Bench) -> None:
        fill(bench, 1)
        bench.start().settle()
        bench.decoder.unavailable = True
        fill(bench, 40, "new/")
        bench.until(lambda: "may start no process" in detail(bench))
        (bench.root / "0.png").unlink()
        bench.until(lambda: bench.files() == {})
        assert not at_rest(bench) and bench.catalogue.rejections() == []
        bench.decoder.unavailable = False
        bench.until(lambda: at_rest(bench))
        assert len(bench.files()) == 40 and detail(bench) == ""

    def test_a_good_picture_whose_worker_is_killed_is_tried_again(self, bench: Bench) -> None:
        bench.start().settle()
        bench.decoder.kills = 3
        bench.write("a.png", b"a picture")
        bench.until(lambda: list(bench.files()) == ["a.png"])
        assert bench.settle().catalogue.rejections() == []

    def test_one_whose_worker_is_killed_again_and_again_is_told_and_tried_at_every_scan(self, bench: Bench) -> None:
        bench.decoder.kills = 10**6
        bench.write("a.png", b"a picture")
        bench.start().settle()
        [line] = bench.catalogue.rejections()
        assert line.rejection.reason is Reason.KILLED
        bench.decoder.kills = 0
        assert list(bench.settle().files()) == ["a.png"]

    def test_a_bug_with_one_file_is_told_and_tried_at_every_scan(self, bench: Bench) -> None:
        bench.write("a.png", b"bug")
        bench.write("copy.png", b"bug")
        bench.start().settle()
        assert {line.rejection.reason for line in bench.catalogue.rejections()} == {Reason.FAILED}
        bench.decoder.mended = True
        assert sorted(bench.settle().files()) == ["a.png", "copy.png"]

    def test_p1_a_disk_that_is_unmounted_while_its_files_are_read_deletes_none_of_them(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        fill(bench, 3)
        bench.start().settle()
        bench.decoder.hold_before_reading = True
        bench.decoder.hold = hold = threading.Event()
        bench.write("0.png", b"another picture")
        bench.until(lambda: bench.decoder.hold is None)
        bench.root.rename(tmp_path / "disk")
        bench.root.mkdir()
        hold.set()
        bench.until(lambda: "is empty although" in detail(bench) and at_rest(bench))
        assert len(bench.files()) == 3
        bench.root.rmdir()
        (tmp_path / "disk").rename(bench.root)
        bench.until(lambda: bench.ingest.roots()[0].online and at_rest(bench))
        assert bench.files()["0.png"] == image_id_of(b"another picture") and len(bench.files()) == 3

    def test_a_broken_file_that_is_dated_in_the_future_is_told_at_once(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, delays=replace(QUICK, growing_s=3600.0), retry_delays_s=(3600.0,))
        try:
            path = bench.write("a.png", b"bad one")
            os.utime(path, (4e9, 4e9))
            bench.start()
            bench.until(lambda: at_rest(bench) and len(bench.catalogue.rejections()) == 1)
        finally:
            bench.close()


class TestFullDisk:
    def test_whoever_asks_for_something_is_answered_within_its_deadline(self, bench: Bench) -> None:
        fill(bench, 3)
        bench.start().settle()
        bench.index.full = True
        waiting = bench.write("a.png", b"a picture")
        bench.until(lambda: bench.index.refused > 1)
        assert "no room" in detail(bench) and not at_rest(bench)
        cancelled = Cancelled()
        threading.Timer(0.3, cancelled.set).start()
        with pytest.raises(Abandoned):
            bench.ingest.add([os.fsencode(waiting)], cancelled=cancelled)
        bench.ingest.configure([os.fsencode(bench.root)])
        assert bench.ingest.scan([], retry_rejected=True).seen == 4
        assert bench.ingest.remove([os.fsencode(bench.root / "0.png")], []).files == 1
        bench.database.full = True
        with pytest.raises(StoreFull):
            bench.ingest.remove([os.fsencode(bench.root / "1.png")], [])
        bench.database.full = bench.index.full = False
        bench.until(lambda: at_rest(bench))
        assert sorted(bench.files()) == ["1.png", "2.png", "a.png"] and detail(bench) == ""

    @pytest.mark.parametrize("full", ["index", "catalogue", "both"])
    def test_the_room_ends_while_the_disk_is_full(self, bench: Bench, full: str) -> None:
        fill(bench, 1)
        bench.start().settle()
        bench.index.full, bench.database.full = full != "catalogue", full != "index"
        fill(bench, 20, "new/")
        bench.until(lambda: bench.index.refused + bench.database.refused > 2)
        ended = threading.Thread(target=bench.ingest.stop)
        ended.start()
        ended.join(10.0)
        assert not ended.is_alive()

    def test_what_happens_to_files_that_wait_for_room_is_not_undone_when_there_is_some(self, bench: Bench) -> None:
        bench.write("removed.png", b"as it was indexed")
        bench.start().settle()
        bench.index.full = True
        paths = [
            bench.write(f"{name}.png", name.encode()) for name in ("deleted", "moved", "removed", "written", "kept")
        ]
        bench.until(lambda: bench.index.refused > 1)
        deleted, moved, removed, written, kept = paths
        bench.until(lambda: bench.decoder.decoded == 6)
        assert bench.ingest.remove([os.fsencode(removed)], []).files == 1
        deleted.unlink()
        moved.rename(bench.root / "to.png")
        written.write_bytes(b"something else")
        bench.index.full = False
        bench.until(lambda: at_rest(bench))
        images = {name: image_id_of(data) for name, data in
                  {"to.png": b"moved", "written.png": b"something else", kept.name: b"kept"}.items()}  # fmt: skip
        bench.until(lambda: bench.files() == images)
        assert set(bench.index.ids()) == set(images.values()), "no vector is without a file"

    def test_a_folder_that_is_renamed_while_the_catalogue_has_no_room_is_found_at_its_new_place(
        self, bench: Bench
    ) -> None:
        fill(bench, 5, "old/")
        fill(bench, 1)
        bench.start().settle()
        bench.database.full = True
        (bench.root / "old").rename(bench.root / "new")
        bench.until(lambda: bench.database.refused > 2)
        bench.database.full = False
        bench.until(lambda: at_rest(bench))
        assert sorted(bench.files()) == ["0.png", *(f"new/{n}.png" for n in range(5))]
        assert bench.backbone.embedded == 6 and detail(bench) == ""
        assert bench.threads.failures == {}, "a full disk is no bug"


def test_a_file_that_is_deleted_just_before_its_folder_is_renamed_is_gone_however_fast_scans_are(
    bench: Bench,
) -> None:
    fill(bench, 5, "old/")
    fill(bench, 1)
    bench.start().settle()

    def let_scans_end() -> None:
        deadline = time.monotonic() + 2.0
        while (
            threading.current_thread().name == "indexer"
            and bench.ingest.queues()["scan"]
            and time.monotonic() < deadline
        ):
            time.sleep(0.001)

    bench.database.before = let_scans_end
    (bench.root / "old/3.png").unlink()
    (bench.root / "old").rename(bench.root / "new")
    bench.until(lambda: "new/0.png" in bench.files())
    bench.until(lambda: at_rest(bench))
    assert sorted(bench.files()) == ["0.png", "new/0.png", "new/1.png", "new/2.png", "new/4.png"]
    assert bench.backbone.embedded == 6


class TestReading:
    """When a file whose stamp stands still is read again."""

    def push(self, bench: Bench, heard: float | None) -> None:
        [root] = bench.ingest.roots()
        bench.backlog.push(Change(ChangeKind.UPSERT, FileKey(root.root.root_id, b"0.png"), heard=heard), Priority.EVENT)
        bench.ingest.is_alive()
        bench.until(lambda: at_rest(bench))

    def test_an_event_that_it_was_written_to_is_believed_unless_it_was_read_since(self, bench: Bench) -> None:
        fill(bench, 1)
        before = time.monotonic()
        bench.start().settle()
        read = bench.decoder.asked.count("0.png")
        self.push(bench, before)
        self.push(bench, None)
        assert bench.decoder.asked.count("0.png") == read
        self.push(bench, time.monotonic())
        assert bench.decoder.asked.count("0.png") == read + 1 and bench.backbone.embedded == 1

    def test_a_file_that_is_added_by_name_is_always_read(self, bench: Bench) -> None:
        path = os.fsencode(bench.write("0.png", b"a picture"))
        bench.start().settle()
        for number in range(3):
            read = bench.decoder.asked.count("0.png")
            report = bench.ingest.add([path])
            assert (report.added, report.unchanged) == (0, 1), number
            assert bench.decoder.asked.count("0.png") == read + 1
        assert bench.backbone.embedded == 1

    def test_a_rewrite_that_keeps_size_time_and_inode_is_noticed(self, bench: Bench) -> None:
        path = bench.write("0.png", b"before")
        bench.start().settle()
        status = path.stat()
        with path.open("r+b") as file:
            file.write(b"after!")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        bench.until(lambda: bench.files() == {"0.png": image_id_of(b"after!")})


class TestFloods:
    def test_a_tree_of_a_thousand_folders_that_is_copied_in_costs_few_scans_and_is_indexed_whole(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        for number in range(1000):
            path = tmp_path / f"tree/{number % 20}/{number}/a.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"picture %d" % number)
            os.utime(path, (1, 1))
        bench.start().settle()
        shutil.copytree(tmp_path / "tree", bench.root / "copied")
        bench.until(lambda: at_rest(bench) and len(bench.files()) == 1000, 60.0)
        assert bench.backbone.embedded == 1000
        assert len(bench.decoder.asked) <= 1100, "hardly a file is read twice"

    def test_a_folder_that_a_hundred_and_fifty_files_pass_through_holds_nothing(self, bench: Bench) -> None:
        bench.start().settle()
        for turn in range(50):
            paths = [bench.write(f"{turn} {number}.png", b"%d %d" % (turn, number)) for number in range(3)]
            bench.until(lambda paths=paths: {path.name for path in paths} <= bench.files().keys())  # type: ignore[misc]
            for path in paths:
                path.unlink()
            bench.until(lambda: bench.files() == {})
            assert detail(bench) == ""
        bench.until(lambda: at_rest(bench))
        assert detail(bench) == "" and len(bench.index) == 0


class TestRoots:
    @pytest.mark.parametrize("new", [["incoming/new.png"], [], ["new.png"]])
    def test_p1_what_is_put_where_a_disk_was_unmounted_deletes_nothing_of_it(
        self, bench: Bench, tmp_path: Path, new: list[str]
    ) -> None:
        fill(bench, 50)
        bench.start().settle()
        [root] = bench.catalogue.roots()
        bench.root.rename(tmp_path / "disk")
        (bench.root / "incoming").mkdir(parents=True)
        for name in new:
            bench.write(name, b"not on that disk")
        bench.until(lambda: "is another directory: 0 of 50 known files are there" in detail(bench))
        bench.until(lambda: at_rest(bench))
        assert len(bench.files()) == 50 and bench.backbone.embedded == 50
        assert bench.catalogue.roots() == [root], "another directory is not taken for the root"
        shutil.rmtree(bench.root)
        (tmp_path / "disk").rename(bench.root)
        bench.until(lambda: bench.ingest.roots()[0].online and at_rest(bench))
        assert len(bench.files()) == 50 and detail(bench) == "" and bench.backbone.embedded == 50

    def test_a_root_that_is_away_for_a_moment_loses_nothing_that_happened_just_before(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        fill(bench, 1)
        bench.start().settle()
        for number in range(10):
            name = bench.write(f"new {number}.png", b"new %d" % number).name
            bench.root.rename(tmp_path / "away")
            bench.until(lambda name=name: not bench.ingest.roots()[0].online or name in bench.files())  # type: ignore[misc]
            (tmp_path / "away").rename(bench.root)
            bench.until(lambda name=name: name in bench.files() and at_rest(bench))  # type: ignore[misc]
            assert bench.ingest.roots()[0].online

    def test_a_root_that_was_emptied_while_nobody_watched_is_believed_when_something_new_comes(
        self, bench: Bench
    ) -> None:
        fill(bench, 31)
        bench.start().settle()
        bench.ingest.stop()
        for path in bench.root.iterdir():
            path.unlink()
        again = Bench(bench.root.parent, index=bench.index)
        try:
            again.start()
            again.until(lambda: "is empty although files of it are known" in detail(again) and at_rest(again))
            assert len(again.files()) == 31
            again.write("new.png", b"a new one")
            again.until(lambda: "new.png" in again.files())
            again.until(lambda: at_rest(again))
            assert list(again.files()) == ["new.png"] and again.ingest.roots()[0].online and detail(again) == ""
        finally:
            again.close()

    def test_a_root_whose_only_folder_was_moved_out_is_online_again_when_a_file_comes(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        fill(bench, 5, "only/")
        bench.start().settle()
        (bench.root / "only").rename(tmp_path / "only")
        bench.until(lambda: "is empty" in detail(bench))
        bench.write("new.png", b"a new one")
        bench.until(lambda: "new.png" in bench.files())
        bench.until(lambda: at_rest(bench))
        assert list(bench.files()) == ["new.png"] and bench.ingest.roots()[0].online
