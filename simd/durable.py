"""The only place that syncs, replaces, locks and unlinks.

What is written through here survives power loss once the call that promises it returns:

* `write_new` returns after the file's data and its name are on disk;
* `replace` returns after the new name is on disk: a reader sees the old content or the new, never a mixture;
* `sync` returns after everything written to the descriptor is on disk.

`place` alone promises nothing of the kind: it is for what can be made again.

Storage takes a `Disk` as an argument. Tests pass doubles: one fails or kills the process at a named failpoint, one
forgets whatever was not synced.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from simd.errors import StoreError, StoreFull, StoreLocked

Buffer = bytes | bytearray | memoryview

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn an OSError into a `StoreError` that names the file: `StoreFull` when it is about room.

    Raises:
        StoreFull: no space, over quota or over the file size limit.
        StoreError: any other failure of the disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"no room to write {path}: {error.strerror}", remedy="free space on that disk") from error
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


class Disk:
    """A directory tree that keeps its promises.

    Args:
        failpoints: actions by name, run where the name is passed; a test's way to crash between two steps.
    """

    def __init__(self, failpoints: Mapping[str, Callable[[], None]] | None = None) -> None:
        self._failpoints = dict(failpoints or {})

    def failpoint(self, name: str) -> None:
        """Run the action registered under `name`, if any."""
        action = self._failpoints.get(name)
        if action is not None:
            action()

    def make_dir(self, path: Path) -> None:
        """Create a directory and its missing parents; durable."""
        missing = [p for p in (path, *path.parents) if not p.exists()]
        with translated(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in reversed(missing):
            self.sync_dir(made.parent)

    def open_append(self, path: Path) -> int:
        """A descriptor that appends to `path`, created if missing. The name is durable, the data is not yet."""
        with translated(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.sync_dir(path.parent)
        return fd

    def write(self, fd: int, data: Buffer, path: Path) -> None:
        """Write all of `data`; not durable before `sync`."""
        view = memoryview(data).cast("B")
        with translated(path):
            while view:
                view = view[os.write(fd, view) :]

    def sync(self, fd: int, path: Path) -> None:
        """Make everything written to `fd` durable."""
        with translated(path):
            os.fdatasync(fd)

    def sync_dir(self, path: Path) -> None:
        """Make the names in a directory durable."""
        with translated(path):
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def write_new(self, path: Path, chunks: Iterable[Buffer]) -> None:
        """Write a file that did not exist: its data is durable, its name once `sync_dir` of the parent was called."""
        with self._made(path) as fd:
            for chunk in chunks:
                self.write(fd, chunk, path)
            self.sync(fd, path)

    def place(self, path: Path, chunks: Iterable[Buffer], unfinished: Path) -> None:
        """Give `path` new content in one step, by way of a file that did not exist. Not durable: a power cut may leave
        anything under the name."""
        with self._made(unfinished) as fd:
            for chunk in chunks:
                self.write(fd, chunk, unfinished)
        self.failpoint("durable.before_placing")
        with translated(path):
            os.replace(unfinished, path)

    def replace(self, path: Path, data: Buffer) -> None:
        """Give `path` new content in one step; durable."""
        temporary = path.with_name(path.name + ".new")
        with suppress(FileNotFoundError):
            temporary.unlink()
        self.write_new(temporary, [data])
        self.failpoint("durable.before_rename")
        with translated(path):
            os.replace(temporary, path)
        self.failpoint("durable.after_rename")
        self.sync_dir(path.parent)

    def rename(self, source: Path, target: Path) -> None:
        """Rename within one directory; durable."""
        with translated(target):
            os.rename(source, target)
        self.sync_dir(target.parent)

    @contextmanager
    def _made(self, path: Path) -> Iterator[int]:
        """A file that did not exist, open for writing."""
        with translated(path):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            yield fd
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int, path: Path) -> None:
        """Cut a file that nobody maps; durable."""
        with translated(path):
            os.ftruncate(fd, size)
        self.sync(fd, path)

    def free(self, path: Path) -> int:
        """Bytes that can still be written where a file or directory is."""
        with translated(path):
            return shutil.disk_usage(path).free

    def remove(self, path: Path) -> None:
        """Unlink a file, or a directory and all that is in it. A crash may bring it back, or leave some of it: callers
        remove what nothing names."""
        with translated(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


class DirectoryLock:
    """An exclusive lock on a directory, held until `release` or the end of the process.

    Raises:
        StoreLocked: another process holds it; the message has its process id.
        StoreError: the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / "lock"
        with translated(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreLocked(
                f"{directory} is in use by another process (pid {holder})",
                remedy="stop it, or choose another directory",
            ) from error
        with translated(path):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process take the directory."""
        os.close(self._fd)
