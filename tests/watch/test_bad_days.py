"""What the watcher says where links, permissions, mounts and floods are in the way, with the kernel's own events."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from simd.types import Root
from simd.watch.ignore import Ignore
from simd.watch.inotify import Inotify
from simd.watch.watcher import Watcher, Watching
from simd.watch.watches import Listener
from tests.watch.listening import (
    DIRECTORY,
    OVERFLOW,
    TOUCHED,
    WRITTEN,
    Hints,
    Holding,
    root_at,
    until,
    watched,
    write_until_heard,
)


class TestLinks:
    def test_a_root_that_is_a_link_to_a_directory_is_watched_as_the_directory(
        self, watcher: Watcher, tmp_path: Path, hints: Hints
    ) -> None:
        (tmp_path / "disk/sub").mkdir(parents=True)
        (tmp_path / "link").symlink_to("disk")
        assert watcher.watch(root_at(tmp_path / "link")) == Watching("events")
        (tmp_path / "disk/a").write_bytes(b"x")
        (tmp_path / "disk/sub/b").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"), (WRITTEN, b"sub/b"))
        (tmp_path / "disk/new").mkdir()
        hints.wait((DIRECTORY, b"new"))
        write_until_heard(hints, tmp_path / "link", b"new/c")

    def test_a_link_that_leads_elsewhere_is_another_root(self, watcher: Watcher, tmp_path: Path, hints: Hints) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        (tmp_path / "link").symlink_to("one")
        watcher.watch(root_at(tmp_path / "link"))
        (tmp_path / "other link").symlink_to("two")
        os.replace(tmp_path / "other link", tmp_path / "link")
        hints.wait((OVERFLOW, b""))
        (tmp_path / "two/a").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"))


@pytest.mark.usefixtures("root")
class TestAttributes:
    def test_a_file_whose_times_or_permissions_change_is_touched(self, top: Path, hints: Hints) -> None:
        (top / "a").write_bytes(b"x")
        hints.wait((WRITTEN, b"a"))
        hints.clear()
        os.utime(top / "a", (1, 1))
        hints.wait((TOUCHED, b"a"))
        hints.clear()
        (top / "a").chmod(0o400)
        hints.wait((TOUCHED, b"a"))

    def test_attributes_of_a_directory_that_can_be_read_before_and_after_are_nobodys_business(
        self, top: Path, hints: Hints
    ) -> None:
        (top / "d").mkdir()
        hints.wait((DIRECTORY, b"d"))
        write_until_heard(hints, top, b"d/a")
        hints.clear()
        (top / "d").chmod(0o777)
        os.utime(top / "d", (1, 1))
        os.utime(top, (1, 1))
        (top / "last").write_bytes(b"x")
        hints.wait((WRITTEN, b"last"))
        assert not hints.paths() & {b"", b"d"}


def test_a_directory_that_is_not_watched_is_found_after_a_scan_met_it(top: Path, hints: Hints, mounts: Path) -> None:
    ignore = Ignore(["d/"])
    watcher = Watcher(hints, ignore, supervise_s=0.02, mounts=mounts)
    try:
        (top / "d").mkdir()
        watcher.watch(root_at(top))
        ignore.configure([])
        (top / "d/a").write_bytes(b"x")
        watcher.compare(2)
        assert watcher.pending == 0, "that is another root"
        watcher.compare(1)
        hints.wait((OVERFLOW, b""))
        until(lambda: watcher.pending == 0)
        (top / "d/b").write_bytes(b"x")
        hints.wait((WRITTEN, b"d/b"))
        hints.clear()
        watcher.compare(1)
        until(lambda: watcher.pending == 0)
        assert hints.taken() == [], "all that a scan meets is watched"
    finally:
        watcher.close()


def test_p3_an_overflow_of_a_tree_with_more_folders_than_the_queue_holds_is_told_once_and_ends(
    top: Path, hints: Hints, mounts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip(f"the queue holds {limit} events: too many to fill")
    for number in range(limit + 1000):
        (top / f"{number}").mkdir()
    holding = Holding()
    watcher = Watcher(hints, holding, supervise_s=0.05, mounts=mounts)
    try:
        assert watcher.watch(root_at(top)) == Watching("events")
        before = watched()
        (top / "hold").mkdir()
        assert holding.entered.wait(20.0)
        for number in range(limit + 1000):
            (top / f"{number}/a").touch()
        holding.release.set()
        hints.wait((OVERFLOW, b""))
        until(lambda: watcher.pending == 0)
        lines = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]
        assert len(lines) == 1 and "it is scanned" in lines[0]
        assert [hint.kind for hint in hints.taken()].count(OVERFLOW) == 1
        until(lambda: watched() == before + 1)
    finally:
        holding.release.set()
        watcher.close()


def test_the_watcher_ends_without_going_through_a_large_tree(top: Path, hints: Hints, mounts: Path) -> None:
    for number in range(1000):
        (top / f"{number}").mkdir()
    stopping = threading.Event()
    inotify = Inotify(Listener(Ignore(), lambda _, __: None, lambda _: None, lambda _: None, stopping))
    try:
        before = watched()
        stopping.set()
        inotify.watch(os.fsencode(top))
        assert watched() == before
        inotify.doubt(os.fsencode(top))
        assert not inotify.reconcile(os.fsencode(top)) and watched() == before
        stopping.clear()
        assert inotify.reconcile(os.fsencode(top)) and watched() >= before + 1000
    finally:
        inotify.close()


MOUNTED = """
    import ctypes, os, sys, threading
    from pathlib import Path
    libc = ctypes.CDLL(None, use_errno=True)
    def must(result):
        if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    from simd.watch.watcher import Watcher
    from tests.watch.listening import OVERFLOW, Hints, root_at, write_until_heard
    top = Path(sys.argv[1])
    def mount(at): must(libc.mount(b"tmpfs", os.fsencode(at), b"tmpfs", 0, None))
    mount(top)
    (top / "d/sub").mkdir(parents=True)
    hints = Hints()
    # The kernel tells that something was mounted: nobody has to look.
    watcher = Watcher(hints, supervise_s=3600.0)
    print(watcher.watch(root_at(top)).mode)
    for change in (lambda: mount(top / "d"), lambda: must(libc.umount2(os.fsencode(top / "d"), 0))):
        hints.clear()
        change()
        hints.wait((OVERFLOW, b""))
        write_until_heard(hints, top, b"d/a")
    (top / "d/a").unlink()
    watcher.close()
    print("heard")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_what_is_mounted_over_a_folder_of_a_root_is_watched_and_so_is_the_folder_afterwards(top: Path) -> None:
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", textwrap.dedent(MOUNTED), top],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout.splitlines() == ["events", "heard"], done.stderr


def test_p6_a_root_with_a_deaf_filesystem_mounted_in_it_is_polled_as_well(
    top: Path, hints: Hints, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    line = "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:40 / {} rw - nfs4 server:/x rw\n"
    for inside, mode in (("nas", "polling"), (".hidden/nas", "events"), ("../elsewhere", "events")):
        mounts.write_text(line.format(os.path.normpath(top / inside)))
        watcher = Watcher(hints, supervise_s=0.01, poll_s=0.02, mounts=mounts)
        try:
            state = watcher.watch(root_at(top))
            assert state.mode == mode and ("nfs4" in state.detail) == (mode == "polling")
            hints.clear()
            (top / "a").write_bytes(b"x")
            hints.wait((WRITTEN, b"a"), *[(OVERFLOW, b"")] * (mode == "polling"))
        finally:
            watcher.close()


def test_the_list_of_mounts_is_read_for_a_root_that_is_a_link(top: Path, hints: Hints, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    (tmp_path / "link").symlink_to(top)
    mounts.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:40 / {top}/nas rw - cifs server:/x rw\n")
    watcher = Watcher(hints, mounts=mounts)
    try:
        assert "cifs" in watcher.watch(Root(1, os.fsencode(tmp_path / "link"))).detail
    finally:
        watcher.close()
