"""What the watcher hints at, with the kernel's own events on real directories."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from simd.supervision import Backoff, Threads
from simd.types import Root
from simd.watch.events import Hint
from simd.watch.filesystems import filesystem_of, mode_of, sends_events
from simd.watch.ignore import Ignore, Verdict
from simd.watch.watcher import Watcher, Watching
from tests.watch.listening import (
    APPEARED,
    DEADLINE_S,
    DIRECTORY,
    GONE,
    OVERFLOW,
    WRITTEN,
    Hints,
    Holding,
    root_at,
    until,
    watched,
    write_until_heard,
)


@pytest.mark.usefixtures("root")
class TestFiles:
    def test_a_written_file(self, top: Path, hints: Hints) -> None:
        (top / "a").write_bytes(b"x")
        hints.wait((APPEARED, b"a"), (WRITTEN, b"a"))

    def test_a_file_written_beside_and_renamed(self, top: Path, hints: Hints) -> None:
        (top / "a.new").write_bytes(b"x")
        os.replace(top / "a.new", top / "a")
        hints.wait((GONE, b"a.new"), (WRITTEN, b"a"))

    def test_a_file_moved_in_may_be_read_now(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        (tmp_path / "a").write_bytes(b"x")
        os.rename(tmp_path / "a", top / "b")
        hints.wait((WRITTEN, b"b"))

    def test_a_file_moved_out_or_deleted_is_gone(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        (top / "a").write_bytes(b"x")
        (top / "b").write_bytes(b"x")
        hints.wait((WRITTEN, b"b"))
        os.rename(top / "a", tmp_path / "a")
        (top / "b").unlink()
        hints.wait((GONE, b"a"), (GONE, b"b"))

    def test_hard_and_symbolic_links_appear(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        (tmp_path / "a").write_bytes(b"x")
        os.link(tmp_path / "a", top / "hard")
        (top / "soft").symlink_to(tmp_path / "a")
        (top / "loop").symlink_to(top)
        hints.wait((APPEARED, b"hard"), (APPEARED, b"soft"), (APPEARED, b"loop"))
        assert not any(path.startswith(b"loop/") for path in hints.paths())

    def test_p25_names_that_are_not_text(self, top: Path, hints: Hints) -> None:
        directory = os.path.join(os.fsencode(top), b"\xff\xfe dir")
        os.mkdir(directory)
        hints.wait((DIRECTORY, b"\xff\xfe dir"))
        with open(directory + b"/\x80.jpg", "wb") as file:
            file.write(b"x")
        hints.wait((WRITTEN, b"\xff\xfe dir/\x80.jpg"))

    def test_reading_gives_no_hint_and_ignored_names_neither(self, top: Path, hints: Hints) -> None:
        (top / "a").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"))
        hints.clear()
        (top / "a").read_bytes()
        (top / ".hidden").write_bytes(b"x")
        (top / "b.part").write_bytes(b"x")
        (top / ".git").mkdir()
        (top / ".git" / "c").write_bytes(b"x")
        (top / "last").write_bytes(b"x")
        hints.wait((WRITTEN, b"last"))
        assert hints.paths() == {b"last"}


@pytest.mark.usefixtures("root")
class TestRules:
    def test_a_rule_file_that_comes_changes_and_goes_has_its_directory_scanned_and_watched_accordingly(
        self, top: Path, hints: Hints
    ) -> None:
        os.makedirs(top / "d/raw/x")
        os.makedirs(top / "d/keep")
        hints.wait((DIRECTORY, b"d"))
        write_until_heard(hints, top, b"d/raw/x/a")
        everything = watched()
        hints.clear()
        (top / "d/.simdignore").write_text("raw/\n")
        hints.wait((DIRECTORY, b"d"))
        until(lambda: watched() == everything - 2)
        (top / "d/raw/x/b").write_bytes(b"x")
        (top / "d/raw/y").mkdir()
        (top / "d/keep/last").write_bytes(b"x")
        hints.wait((WRITTEN, b"d/keep/last"))
        assert not any(path.startswith(b"d/raw") for path in hints.paths())
        hints.clear()
        (top / "d/new").write_text("nothing\n")
        os.replace(top / "d/new", top / "d/.simdignore")
        hints.wait((DIRECTORY, b"d"))
        until(lambda: watched() == everything + 1)
        (top / "d/raw/y/c").write_bytes(b"x")
        hints.wait((WRITTEN, b"d/raw/y/c"))
        hints.clear()
        (top / "d/.simdignore").unlink()
        hints.wait((DIRECTORY, b"d"))

    def test_the_rule_file_of_a_root_has_the_root_scanned(self, top: Path, hints: Hints) -> None:
        (top / ".simdignore").write_text("*.bak\n")
        hints.wait((DIRECTORY, b""))
        (top / "a.bak").write_bytes(b"x")
        (top / "last").write_bytes(b"x")
        hints.wait((WRITTEN, b"last"))
        assert hints.paths() == {b"", b"last"}

    def test_a_rule_file_in_what_is_ignored_is_of_no_account(self, top: Path, hints: Hints) -> None:
        (top / ".simdignore").write_text("raw/\n")
        (top / "raw").mkdir()
        (top / "raw/.simdignore").write_text("!*\n")
        (top / "last").write_bytes(b"x")
        hints.wait((WRITTEN, b"last"))
        assert hints.paths() == {b"", b"last"}

    def test_a_directory_that_is_renamed_to_what_is_ignored_is_no_longer_watched(self, top: Path, hints: Hints) -> None:
        os.makedirs(top / "a/sub")
        hints.wait((DIRECTORY, b"a"))
        write_until_heard(hints, top, b"a/sub/x")
        before = watched()
        hints.clear()
        (top / "a").rename(top / "#recycle")
        hints.wait((DIRECTORY, b"a"))
        until(lambda: watched() == before - 2)

    def test_a_directory_that_was_moved_out_is_no_longer_watched(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        os.makedirs(top / "a/sub")
        hints.wait((DIRECTORY, b"a"))
        write_until_heard(hints, top, b"a/sub/x")
        before = watched()
        hints.clear()
        (top / "a").rename(tmp_path / "a")
        hints.wait((DIRECTORY, b"a"))
        until(lambda: watched() == before - 2)


def test_rules_of_the_settings_that_change_change_what_is_watched(top: Path, hints: Hints, mounts: Path) -> None:
    os.makedirs(top / "raw/x")
    os.makedirs(top / "keep")
    ignore = Ignore(["raw/"])
    watcher = Watcher(hints, ignore, mounts=mounts)
    try:
        before = watched()
        watcher.watch(root_at(top))
        assert watched() == before + 2
        ignore.configure(["keep"])
        watcher.refresh()
        assert watched() == before + 3
        (top / "raw/x/a").write_bytes(b"x")
        hints.wait((WRITTEN, b"raw/x/a"))
    finally:
        watcher.close()


class TestSupervision:
    def test_a_root_that_is_deleted_and_made_again_is_watched_again(
        self, watcher: Watcher, root: Root, top: Path, hints: Hints
    ) -> None:
        shutil.rmtree(top)
        hints.wait((OVERFLOW, b""))
        top.mkdir()
        deadline = time.monotonic() + DEADLINE_S
        while watcher.watching(root.root_id) != Watching("events"):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        (top / "a").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"))

    def test_a_root_that_is_swapped_is_told(self, root: Root, top: Path, tmp_path: Path, hints: Hints) -> None:
        assert root.path == os.fsencode(top)
        (tmp_path / "other").mkdir()
        os.rename(top, tmp_path / "away")
        os.rename(tmp_path / "other", top)
        hints.wait((OVERFLOW, b""))
        (top / "a").write_bytes(b"x")
        hints.wait_for(lambda hint: hint.path == b"a" or hint.kind is OVERFLOW)

    def test_a_root_that_comes_later_is_found(self, watcher: Watcher, tmp_path: Path, hints: Hints) -> None:
        path = tmp_path / "later"
        state = watcher.watch(Root(7, os.fsencode(path)))
        assert state.mode == "polling" and "cannot be reached" in state.detail
        path.mkdir()
        hints.wait((OVERFLOW, b""))
        (path / "a").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"))

    def test_a_root_watched_twice_gives_each_hint_once(
        self, watcher: Watcher, root: Root, top: Path, hints: Hints
    ) -> None:
        assert watcher.watch(root) == Watching("events")
        (top / "a").write_bytes(b"x")
        (top / "b").write_bytes(b"x")
        hints.wait((WRITTEN, b"b"))
        assert [hint.kind for hint in hints.got if hint.path == b"a"].count(WRITTEN) == 1

    def test_an_unwatched_root_gives_no_hints(self, watcher: Watcher, root: Root, top: Path, hints: Hints) -> None:
        other = top.with_name("other")
        other.mkdir()
        watcher.watch(root_at(other, 2))
        watcher.unwatch(root)
        watcher.unwatch(root)
        (top / "a").write_bytes(b"x")
        (other / "b").write_bytes(b"x")
        hints.wait((WRITTEN, b"b"))
        assert hints.paths() == {b"b"}
        assert watcher.watching(root.root_id) is None
        assert watcher.watching(2) == Watching("events")

    def test_p6_a_root_is_polled_when_somebody_wants_it_so(self, top: Path, hints: Hints, mounts: Path) -> None:
        inner = top / "inner"
        inner.mkdir()
        watcher = Watcher(hints, polled=[os.fsencode(top)], supervise_s=0.01, poll_s=0.02, mounts=mounts)
        before = watched()
        state = watcher.watch(root_at(inner))
        assert state.mode == "polling" and "setting `poll`" in state.detail and watched() == before
        for _ in range(2):
            hints.clear()
            hints.wait((OVERFLOW, b""))
        assert watcher.watch(root_at(top.parent, 2)) == Watching("events"), "only roots at or below are meant"
        watcher.close()

    def test_the_supervisor_goes_on_after_an_error_that_nobody_thought_of(
        self, top: Path, tmp_path: Path, mounts: Path
    ) -> None:
        heard: list[int] = []

        def hear(hint: Hint) -> None:
            heard.append(hint.root_id)
            if len(heard) == 1:
                raise RuntimeError("a bug of ours")

        threads = Threads(lambda: Backoff(0.001, 0.001))
        watcher = Watcher(hear, polled=[b"/"], supervise_s=0.01, poll_s=0.01, mounts=mounts, threads=threads)
        try:
            watcher.watch(root_at(top))
            until(lambda: len(heard) > 3)
            assert threads.failures == {"simd-watch": 1}
        finally:
            watcher.close()

    def test_p6_a_polled_filesystem_is_scanned_again_and_again(self, top: Path, hints: Hints, tmp_path: Path) -> None:
        mounts = tmp_path / "nfs"
        mounts.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:40 / {top} rw - nfs4 server:/x rw\n")
        watcher = Watcher(hints, supervise_s=0.01, poll_s=0.02, mounts=mounts)
        state = watcher.watch(root_at(top))
        assert state.mode == "polling" and "nfs4" in state.detail
        for _ in range(3):
            hints.clear()
            hints.wait((OVERFLOW, b""))
        watcher.close()


class TestFilesystems:
    def test_the_innermost_and_last_mount_decides(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
            "2 1 0:1 / /mnt/a rw - nfs4 s:/a rw\n"
            "3 1 0:2 / /mnt/a\\040b rw shared:1 - fuse.sshfs s:/b rw\n"
            "4 1 0:3 / /mnt/over rw - nfs s:/c rw\n"
            "5 1 8:2 / /mnt/over rw master:2 shared:3 - xfs /dev/sdb rw\n"
            "6 1 0:4 / /mnt/c rw - overlay overlay rw\n"
            "broken line\n"
        )
        kinds = {
            path: filesystem_of(path, mounts)
            for path in (b"/", b"/mnt/ab", b"/mnt/a/x", b"/mnt/a b/x", b"/mnt/over/x", b"/mnt/c")
        }
        assert list(kinds.values()) == [b"ext4", b"ext4", b"nfs4", b"fuse.sshfs", b"xfs", b"overlay"]
        assert [mode_of(path, mounts) for path in kinds] == [
            "events", "events", "polling", "polling", "events", "polling",
        ]  # fmt: skip
        assert (
            sends_events(b"overlay")
            and sends_events(b"fuse.fuse-overlayfs")
            and sends_events(b"fuseblk")
            and not sends_events(b"cifs")
        )

    def test_without_a_list_of_mounts_events_are_believed(self, tmp_path: Path) -> None:
        assert mode_of(b"/", tmp_path / "missing") == "events"

    def test_the_list_of_this_machine_can_be_read(self) -> None:
        assert filesystem_of(b"/proc") == b"proc"


def test_p3_an_overflow_of_the_kernels_queue_is_told_and_what_came_meanwhile_is_watched(
    top: Path, hints: Hints, mounts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip(f"the queue holds {limit} events: too many to fill")
    holding = Holding()
    watcher = Watcher(hints, holding, supervise_s=0.05, mounts=mounts)
    try:
        assert watcher.watch(root_at(top)) == Watching("events")
        (top / "hold").mkdir()
        assert holding.entered.wait(DEADLINE_S)
        name = os.fsencode(top) + b"/f"
        for n in range(limit // 3 + 1000):
            # Each turn is three events: created, closed, deleted; equal neighbours would be taken as one.
            os.close(os.open(name + b"%d" % (n % 2), os.O_WRONLY | os.O_CREAT))
            os.unlink(name + b"%d" % (n % 2))
        (top / "fresh").mkdir()
        holding.release.set()
        hints.wait((OVERFLOW, b""))
        until(lambda: any("were lost" in record.message for record in caplog.records))
        write_until_heard(hints, top, b"fresh/late")
    finally:
        holding.release.set()
        watcher.close()


class Deadly(Ignore):
    """Kills, once, the thread that asks about the directory `deadly`."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = threading.Event()

    def verdict(self, top: bytes, path: bytes, is_dir: bool = False) -> Verdict | None:
        if path == b"deadly" and not self.killed.is_set():
            self.killed.set()
            raise RuntimeError("a bug")
        return super().verdict(top, path, is_dir)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watcher_whose_threads_die_is_made_anew_and_the_root_is_scanned(
    top: Path, hints: Hints, mounts: Path
) -> None:
    deadly = Deadly()
    watcher = Watcher(hints, deadly, supervise_s=0.02, mounts=mounts)
    try:
        watcher.watch(root_at(top))
        (top / "deadly").mkdir()
        assert deadly.killed.wait(DEADLINE_S)
        hints.wait((OVERFLOW, b""))
        write_until_heard(hints, top, b"deadly/a")
    finally:
        watcher.close()


SHORT = """
    import logging, os, sys, threading
    from pathlib import Path
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    from simd.types import Root
    from simd.watch.events import HintKind
    from simd.watch.watcher import Watcher
    kind = sys.argv[2]
    Path("/proc/sys/user/max_inotify_" + kind).write_text(sys.argv[3])
    polled = threading.Event()
    watcher = Watcher(lambda h: polled.set() if h.kind is HintKind.OVERFLOW else None, supervise_s=0.02, poll_s=0.05,
                      mounts=Path("/nonexistent"))
    print(watcher.watch(Root(1, os.fsencode(sys.argv[1]))).mode, flush=True)
    print(polled.wait(20))
    watcher.close()
"""


@pytest.mark.parametrize(
    ("kind", "limit", "remedy"), [("watches", 5, "max_user_watches"), ("instances", 0, "max_user_instances")]
)
def test_p2_without_room_in_the_kernel_a_root_is_polled_and_the_remedy_is_logged_once(
    top: Path, kind: str, limit: int, remedy: str
) -> None:
    for n in range(20):
        (top / f"d{n}").mkdir()
    done = subprocess.run(
        ["unshare", "-Ur", sys.executable, "-c", textwrap.dedent(SHORT), str(top), kind, str(limit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    if done.returncode and ("unshare" in done.stderr or "PermissionError" in done.stderr):
        pytest.skip("no user namespaces here")
    warning, mode, polled = done.stdout.splitlines()
    assert "is polled every" in warning and remedy in warning, done.stderr
    assert kind == "instances" or "21 directories" in warning
    assert (mode, polled) == ("polling", "True")


def test_nothing_is_logged_by_a_quiet_watch(
    watcher: Watcher, root: Root, top: Path, hints: Hints, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        os.makedirs(top / "a/b")
        (top / "a/b/c").write_bytes(b"x")
        hints.wait((DIRECTORY, b"a"))
        shutil.rmtree(top / "a")
        hints.wait_for(lambda hint: hint.path == b"a" and hint.kind is DIRECTORY)
        watcher.unwatch(root)
    assert caplog.records == []
