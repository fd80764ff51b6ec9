"""A folder that is used at random: pictures are made, rewritten, renamed, moved, copied and deleted, files and folders.

It keeps no account of what should be there: the truth is what the disk holds in the end. Every operation leaves whole
pictures only, as programs do that write in place or beside and rename.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.photographs import Maker
from simd.types import ImageId, image_id_of

_FOLDER_FILES = 40
"""About how many files a folder gets before another one is made."""


class Churn:
    """Works on the tree below `root`; folders that are moved out wait in `parked`. From any thread, one step at a time.

    Attributes:
        written: the number each distinct content was made from, and how many zeros follow it, by its id.
    """

    def __init__(self, root: Path, parked: Path, seed: int) -> None:
        self._root = os.fsencode(root)
        self._parked = os.fsencode(parked)
        self._chance = random.Random(seed)
        self._maker = Maker((64, 48))
        self._number = 0
        self._files: list[bytes] = []
        self._folders: list[bytes] = [self._root]
        self._away: list[bytes] = []
        self._turn = threading.RLock()
        self.written: dict[ImageId, tuple[int, int]] = {}
        self._operations: list[tuple[Callable[[], None], int]] = [
            (self.create, 400),
            (self._rewrite, 120),
            (self._replace, 80),
            (self._rename, 150),
            (self._copy, 60),
            (self._delete, 130),
            (self._rename_folder, 12),
            (self._delete_folder, 2),
            (self._move_out, 3),
            (self._move_in, 3),
        ]

    def step(self) -> None:
        """One operation, chosen at random."""
        with self._turn:
            operations, weights = zip(*self._operations, strict=True)
            [operation] = self._chance.choices(operations, weights)
            if self._files or operation == self.create:
                operation()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else uses the folder meanwhile."""
        with self._turn:
            yield

    def create(self) -> None:
        """A new picture, in a new folder now and then."""
        if self._chance.random() < 1 / _FOLDER_FILES:
            folder = self._new_path()
            os.mkdir(folder)
            self._folders.append(folder)
        path = self._new_path()
        self._write(path)
        self._files.append(path)

    def content(self, image_id: ImageId) -> bytes:
        """One of the contents that were written."""
        number, zeros = self.written[image_id]
        return self._maker.jpeg(number) + bytes(zeros)

    def new_picture(self, size: int = 0) -> bytes:
        """A picture that nobody has seen, of so many bytes if it is no larger."""
        number = self._next()
        picture = self._maker.jpeg(number)
        zeros = max(0, size - len(picture))
        content = picture + bytes(zeros)
        self.written[image_id_of(content)] = (number, zeros)
        return content

    def rewrite_with_the_same_stamp(self) -> None:
        """Another picture in the place of one, with its size, its time and its inode, where it is no larger."""
        with self._turn:
            path = self.some_file()
            status = os.stat(path)
            content = self.new_picture(status.st_size)
            with open(path, "r+b") as file:
                file.write(content)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _rewrite(self) -> None:
        self._write(self.some_file())

    def _replace(self) -> None:
        """As editors save: written beside, then renamed over the old one."""
        path = self.some_file()
        beside = os.path.join(os.path.dirname(path), b".saving")
        self._write(beside)
        os.rename(beside, path)

    def _rename(self) -> None:
        """To another name, in the same folder or in another."""
        at = self._chance.randrange(len(self._files))
        target = self._new_path()
        os.rename(self._files[at], target)
        self._files[at] = target

    def _copy(self) -> None:
        target = self._new_path()
        shutil.copyfile(self.some_file(), target)
        self._files.append(target)

    def _delete(self) -> None:
        at = self._chance.randrange(len(self._files))
        os.unlink(self._files[at])
        self._files[at] = self._files[-1]
        self._files.pop()

    def _rename_folder(self) -> None:
        if folder := self.some_small_folder():
            target = self._new_path(outside=folder)
            os.rename(folder, target)
            self._moved(folder, target)

    def _delete_folder(self) -> None:
        if folder := self.some_small_folder():
            shutil.rmtree(folder)
            self._forget(folder)

    def _move_out(self) -> None:
        if folder := self.some_small_folder():
            away = os.path.join(self._parked, b"%d" % self._next())
            os.rename(folder, away)
            self._away.append(away)
            self._forget(folder)

    def _move_in(self) -> None:
        if self._away:
            away, target = self._away.pop(0), self._new_path()
            os.rename(away, target)
            for folder, _, names in os.walk(target):
                self._folders.append(folder)
                self._files += [os.path.join(folder, name) for name in names]

    def _write(self, path: bytes) -> None:
        content = self.new_picture()
        with open(path, "wb") as file:
            file.write(content)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def some_file(self) -> bytes:
        """One that is there."""
        return self._chance.choice(self._files)

    def some_small_folder(self) -> bytes | None:
        """A folder below the root that holds but a small part of it."""
        folders = [f for f in self._chance.choices(self._folders, k=5) if f != self._root]
        within = {f: sum(path.startswith(f + b"/") for path in self._files) for f in folders}
        small = [f for f, count in within.items() if count <= max(20, len(self._files) // 10)]
        return small[0] if small else None

    def _new_path(self, outside: bytes | None = None) -> bytes:
        """A path that nothing has, with a name of one of the kinds that there are; not within `outside`."""
        folders = [f for f in self._folders if outside is None or not (f + b"/").startswith(outside + b"/")]
        kind = self._chance.choice((b"IMG_%06d.jpg", b"IMG_%06d.JPG", b"a b%d", b"\xff\xfe%d.jpeg", b"-%d\n.png"))
        return os.path.join(self._chance.choice(folders), kind % self._next())

    def _moved(self, old: bytes, new: bytes) -> None:
        prefix = old + b"/"
        self._files = [new + p[len(old) :] if p.startswith(prefix) else p for p in self._files]
        self._folders = [new + p[len(old) :] if p == old or p.startswith(prefix) else p for p in self._folders]

    def _forget(self, folder: bytes) -> None:
        prefix = folder + b"/"
        self._files = [p for p in self._files if not p.startswith(prefix)]
        self._folders = [p for p in self._folders if p != folder and not p.startswith(prefix)]
