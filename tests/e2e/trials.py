"""What happens to a daemon on bad days, one trial after another: whatever was done is undone in the end.

A trial returns when the trouble is over. From then on the daemon must be at rest, and right, within half a minute.
"""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simctl import Client

from tests.e2e.churn import Churn
from tests.e2e.daemon import Daemon

_STOPS_WITHIN_S = 10.0
_PIDS = Path("/sys/fs/cgroup/pids")
_libc = ctypes.CDLL(None, use_errno=True)


class Trials:
    """The trials that this machine can do.

    Args:
        daemon: it runs; its first root is a link to `disk`, its second is a folder through which files pass.
        disk: where the first root's files are.
        churn: what uses them meanwhile; it is held where a trial would get in its way.
        chance: chooses.
        check: sees that daemon and disk agree, or notes that they do not.

    Attributes:
        restarts: how often the daemon was killed or stopped.
        problems: what should not have been.
    """

    def __init__(
        self, daemon: Daemon, disk: Path, churn: Churn, chance: random.Random, check: Callable[[str], float]
    ) -> None:
        self._daemon = daemon
        self._check = check
        self._disk = disk
        self._churn = churn
        self._chance = chance
        self._number = 0
        self.restarts = 0
        self.problems: list[str] = []
        self.all: list[Callable[[], None]] = [
            self.kill,
            self.stop,
            self.full_disk,
            self.stop_on_a_full_disk,
            self.killed_decoders,
            self.no_process_starts,
            self.root_away,
            self.closed_folder,
            self.closed_files,
            self.same_stamps,
            self.inbox,
        ]
        if can_mount(daemon.work):
            self.all.append(self.mount_over_a_folder)

    def kill(self) -> None:
        """SIGKILL, and a new start."""
        self.restarts += 1
        self._daemon.stop(signal.SIGKILL)
        self._daemon.start()

    def stop(self) -> None:
        """SIGTERM while everything is under way."""
        self._stop()
        self._daemon.start()

    def full_disk(self) -> None:
        """No room for anything for some seconds."""
        with self._no_room():
            time.sleep(self._chance.uniform(1.0, 4.0))

    def stop_on_a_full_disk(self) -> None:
        """The end comes all the same."""
        with self._no_room():
            time.sleep(1.0)
            self._stop()
        self._daemon.start()

    def killed_decoders(self) -> None:
        """Somebody kills decode workers for some seconds, as the kernel does where memory is short."""
        until = time.monotonic() + self._chance.uniform(1.0, 4.0)
        while time.monotonic() < until:
            for pid in self._children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def no_process_starts(self) -> None:
        """All workers are gone, and no process can be started for some seconds."""
        with self._no_new_process():
            for pid in self._children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(self._chance.uniform(1.0, 4.0))

    def root_away(self) -> None:
        """The root is another's for a moment."""
        with self._churn.held():
            away = self._disk.with_name("away")
            self._churn.step()
            self._disk.rename(away)
            time.sleep(self._chance.choice((0.0, 0.1, 1.0)))
            away.rename(self._disk)

    def mount_over_a_folder(self) -> None:
        """A filesystem is mounted over a folder, used, and taken away."""
        with self._churn.held():
            folder = self._churn.some_small_folder()
            if folder is None:
                return
            mount(folder)
            try:
                for _ in range(3):
                    self._number += 1
                    name = os.path.join(folder, b"mounted %d.jpg" % self._number)
                    Path(os.fsdecode(name)).write_bytes(self._churn.new_picture())
                self._check("while something is mounted over a folder")
            finally:
                unmount(folder)

    def closed_folder(self) -> None:
        """Nobody may read a folder for a moment."""
        with self._churn.held():
            folder = self._churn.some_small_folder()
            if folder is not None:
                os.chmod(folder, 0)
                time.sleep(self._chance.choice((0.0, 0.1, 2.0)))
                os.chmod(folder, 0o755)

    def closed_files(self) -> None:
        """Nobody may read some files for a while."""
        with self._churn.held():
            paths = [self._churn.some_file() for _ in range(5)]
            for path in paths:
                os.chmod(path, 0)
            self._settle()
            with Client(self._daemon.address) as client:
                if client.status().failed < len(set(paths)):
                    self.problems.append("files that nobody may read are not told")
            for path in paths:
                os.chmod(path, 0o644)

    def same_stamps(self) -> None:
        """Files are rewritten so that size, time and inode stay what they were."""
        for _ in range(20):
            self._churn.rewrite_with_the_same_stamp()
            time.sleep(0.02)

    def inbox(self) -> None:
        """Two hundred files pass through a folder; five such trials are a thousand."""
        inbox = self._daemon.roots[1]
        for _ in range(10):
            paths = []
            for _ in range(20):
                self._number += 1
                paths.append(inbox / f"{self._number}.jpg")
                paths[-1].write_bytes(self._churn.new_picture())
            self._settle()
            for path in paths:
                path.unlink()

    def _stop(self) -> None:
        self.restarts += 1
        began = time.monotonic()
        status = self._daemon.stop()
        took = time.monotonic() - began
        if status != 0 or took > _STOPS_WITHIN_S:
            self.problems.append(f"SIGTERM: status {status} after {took:.1f} s")

    def _settle(self) -> None:
        with Client(self._daemon.address) as client:
            client.wait(30.0)

    def _children(self) -> list[int]:
        assert self._daemon.process is not None
        found: list[int] = []
        for task in Path(f"/proc/{self._daemon.process.pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
        return found

    @contextmanager
    def _no_room(self) -> Iterator[None]:
        """The daemon can make no file longer: to it the disk is full."""
        assert self._daemon.process is not None
        pid, unlimited = self._daemon.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited))
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))

    @contextmanager
    def _no_new_process(self) -> Iterator[None]:
        """No process and no thread can be started; without a group for that, no channel to a process can be opened."""
        assert self._daemon.process is not None
        pid = self._daemon.process.pid
        group = _PIDS / f"simd-soak-{pid}"
        try:
            group.mkdir()
            (group / "cgroup.procs").write_text(f"{pid}\n")
            (group / "pids.max").write_text("1\n")
        except OSError:
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            most = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (most + 1, before[1]))
            yield
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            return
        try:
            yield
        finally:
            (_PIDS / "cgroup.procs").write_text(f"{pid}\n")
            for task in (group / "cgroup.procs").read_text().split():
                (_PIDS / "cgroup.procs").write_text(f"{task}\n")
            group.rmdir()


def mount(folder: bytes) -> None:
    """A small filesystem in memory over a folder."""
    if _libc.mount(b"tmpfs", folder, b"tmpfs", 0, b"size=16m"):
        raise OSError(ctypes.get_errno(), "mount")


def unmount(folder: bytes) -> None:
    """Take it away, whoever uses it."""
    if _libc.umount2(folder, 2):
        raise OSError(ctypes.get_errno(), "umount")


def can_mount(work: Path) -> bool:
    """Whether this process may."""
    try:
        mount(os.fsencode(work))
    except OSError:
        return False
    unmount(os.fsencode(work))
    return True
