"""The changes that a clean-up makes to the disk: none replaces a name by accident, each is durable when it returns.

Crash note: a change is made of system calls, and the hook of `Disk` runs before each of them, so that a test can end
the process, or fail the call, between any two.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from simctl.cleanup.stamp import Stamp, Unfit, digest_of

_CHUNK = 1 << 20
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_FICLONE = 0x40049409
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
"""What renameat2 fails with where the kernel or the filesystem does not have it."""


class Disk:
    """Changes files and folders. Everything raises OSError when the disk refuses.

    Args:
        hook: called with the name of each system call just before it is made.
    """

    def __init__(self, hook: Callable[[str], None] | None = None) -> None:
        self._hook = hook or (lambda name: None)
        self._libc = ctypes.CDLL(None, use_errno=True)

    def append(self, fd: int, data: bytes) -> None:
        """Write all of `data`; not durable before `sync`."""
        self._hook("write")
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        """Make what was written to `fd` durable."""
        self._hook("fsync")
        os.fsync(fd)

    def sync_dir(self, path: str) -> None:
        """Make the names in a folder durable."""
        self._hook("fsync folder")
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            # Some network filesystems cannot sync a folder; there is nothing more that could be done.
            if error.errno not in _UNSUPPORTED:
                raise
        finally:
            os.close(fd)

    def make_dir(self, path: str, mode: int = 0o777) -> None:
        """Make one folder."""
        self._hook("mkdir")
        os.mkdir(path, mode)
        self.sync_dir(os.path.dirname(path))

    def remove_dir(self, path: str) -> None:
        """Remove an empty folder."""
        self._hook("rmdir")
        os.rmdir(path)
        self.sync_dir(os.path.dirname(path))

    def write_new(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file.

        Raises:
            FileExistsError: there is something of that name.
        """
        with self._created(path, mode) as fd:
            self.append(fd, data)
            self.sync(fd)
        self.sync_dir(os.path.dirname(path))

    def copy_new(self, source: str, to: str, stamp: Stamp) -> None:
        """Copy a file, its attributes too; the mode and the time of last change are those of `stamp`.

        Raises:
            FileExistsError: there is something of that name.
            Unfit: what was written is not what `stamp` says.
        """
        from_fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with self._created(to, 0o600) as fd:
                while data := os.read(from_fd, _CHUNK):
                    self.append(fd, data)
                self.sync(fd)
        finally:
            os.close(from_fd)
        if digest_of(to) != stamp.digest:
            raise Unfit(f"the copy of {source} came out differently; the disk of {to} is not to be trusted")
        self._hook("copy attributes")
        # A filesystem without owners, modes or extended attributes is no reason to lose the file.
        with suppress(PermissionError):
            shutil.copystat(source, to, follow_symlinks=False)
        self.restore_attributes(to, stamp)

    def restore_attributes(self, path: str, stamp: Stamp) -> None:
        """Give a file the owner, the mode and the time of last change of `stamp`, as far as they can be given."""
        self._hook("attributes")
        with suppress(PermissionError):
            if os.getuid() == 0:
                os.chown(path, stamp.uid, stamp.gid, follow_symlinks=False)
        with suppress(PermissionError):
            os.chmod(path, stamp.mode)
        with suppress(PermissionError):
            os.utime(path, ns=(os.lstat(path).st_atime_ns, stamp.mtime_ns), follow_symlinks=False)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.sync(fd)
        finally:
            os.close(fd)

    def link(self, source: str, to: str) -> None:
        """Give a file another name.

        Raises:
            Unfit: it lies on another filesystem, or the filesystem has no hard links.
        """
        self._hook("link")
        try:
            os.link(source, to, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, *_UNSUPPORTED):
                raise
            raise Unfit(
                f"there can be no hard link to {source}: {error.strerror}; use --trash or --move DIR"
            ) from error

    def clone(self, source: str, to: str, stamp: Stamp) -> None:
        """Make a file that shares the storage of another one, with the attributes of `stamp`.

        Raises:
            Unfit: the filesystem has no such files.
        """
        from_fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with self._created(to, 0o600) as fd:
                self._hook("clone")
                fcntl.ioctl(fd, _FICLONE, from_fd)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.ENOTTY, *_UNSUPPORTED):
                raise
            raise Unfit(
                f"the filesystem cannot share the storage of {source}: {error.strerror}; use --hardlink, or --trash"
            ) from error
        finally:
            os.close(from_fd)
        self.restore_attributes(to, stamp)

    def rename_new(self, source: str, to: str) -> None:
        """Rename a file.

        Raises:
            FileExistsError: there is something of that name.
        """
        self._hook("rename")
        self._rename_new(source, to)
        self.sync_dir(os.path.dirname(to))
        if os.path.dirname(source) != os.path.dirname(to):
            self.sync_dir(os.path.dirname(source))

    def replace(self, source: str, to: str) -> None:
        """Rename a file to a name of the same folder, in place of what has it."""
        self._hook("replace")
        os.replace(source, to)
        self.sync_dir(os.path.dirname(to))

    def remove(self, path: str) -> None:
        """Take a file's name away."""
        self._hook("unlink")
        os.unlink(path)
        self.sync_dir(os.path.dirname(path))

    def move(self, source: str, to: str, temporary: str, stamp: Stamp) -> None:
        """Move a file that `stamp` describes, to another filesystem too: there it is copied, synced and compared before
        its first name goes.

        Args:
            source: where it is.
            to: where it shall be.
            temporary: a name in the folder of `to` that is free.
            stamp: what it is.

        Raises:
            FileExistsError: there is something at `to`.
            Unfit: the copy is not what `stamp` says.
        """
        try:
            self.rename_new(source, to)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.copy_new(source, temporary, stamp)
            self.rename_new(temporary, to)
            self.remove(source)

    @contextmanager
    def _created(self, path: str, mode: int) -> Iterator[int]:
        self._hook("create")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            yield fd
        finally:
            os.close(fd)

    def _rename_new(self, source: str, to: str) -> None:
        rename = getattr(self._libc, "renameat2", None)
        if rename is not None:
            if not rename(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(to), _RENAME_NOREPLACE):
                return
            number = ctypes.get_errno()
            if number not in _UNSUPPORTED:
                raise OSError(number, os.strerror(number), source, None, to)
        if os.path.lexists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
        os.rename(source, to)
