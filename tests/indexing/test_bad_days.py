"""Rooms that fail, disks that are full, roots that come and go: nothing hangs, and nothing is forgotten."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.errors import StoreFull
from simd.indexing.backlog import Backlog, Urgency
from simd.types import Change
from tests.indexing.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The room, not started yet."""
    made = Bench(tmp_path)
    yield made
    made.close()


def fill(bench: Bench, count: int, folder: str = "") -> None:
    for number in range(count):
        bench.write(f"{folder}{number}.png", b"picture %s %d" % (folder.encode(), number))


def detail(bench: Bench) -> str:
    return bench.ingest.roots()[0].detail


def at_rest(bench: Bench) -> bool:
    return bench.ingest.progress().pending == 0


class BreakingBacklog(Backlog):
    """A bug of ours, while `broken` is set."""

    broken = False

    def push(self, change: Change, urgency: Urgency) -> bool:
        if self.broken and urgency is Urgency.SCAN:
            raise RuntimeError("a bug of ours")
        return super().push(change, urgency)


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
        assert "the last scan failed and is tried again: no room" in detail(bench)
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
            assert "of an error that the log tells" in detail(bench) and not at_rest(bench)
            backlog.broken = False
            bench.until(lambda: at_rest(bench))
            assert len(bench.files()) == 3 and detail(bench) == ""
        finally:
            bench.close()

    def test_a_scan_that_nobody_waits_for_any_more_when_its_turn_comes_is_not_pending_for_ever(
        self, bench: Bench
    ) -> None:
        [root] = bench.ingest.roots()
        futures = [bench.scans.request(root.root.root_id, b"%d" % number) for number in range(3)]
        assert all(future.cancel() for future in futures)
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
            bench.write(f"new {number}.png", b"new %d" % number)
            bench.root.rename(tmp_path / "away")
            bench.until(lambda: not at_rest(bench))
            (tmp_path / "away").rename(bench.root)
            bench.until(lambda n=number: f"new {n}.png" in bench.files() and at_rest(bench))  # type: ignore[misc]
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
