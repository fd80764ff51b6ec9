"""Steps in both directions. Each is taken back from any state in which a crash can leave it, by what the disk says.

| step | while it is made | taken back |
|---|---|---|
| trash | note written, then the file moved | moved to its path, then the note removed |
| move | file renamed, or copied, compared and removed | the same, the other way |
| hardlink, reflink | made beside the file, then put in its place | a copy of its own put in its place |
| copy | made under a temporary name, then renamed | removed, if its source is back and it is unchanged |
| mkdir | made | removed, if it is empty |
| labels | added | those that were new removed |

What stands in the way is never overwritten: the file is restored beside it.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from simctl.cleanup.disk import Disk
from simctl.cleanup.labels import Labels
from simctl.cleanup.stamp import Stamp, Unfit, holds, look
from simctl.cleanup.undolog import Step


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of a step that was taken back.

    Args:
        done: whether nothing of it is left; otherwise another try may help.
        why: what a person should know; empty if all is as it was.
        restored: whether a file is back, or its own again.
    """

    done: bool
    why: str = ""
    restored: bool = False


class Steps:
    """Makes steps and takes them back.

    Args:
        disk: for files.
        labels: for labels.
    """

    def __init__(self, disk: Disk, labels: Labels) -> None:
        self._disk = disk
        self._labels = labels

    def do(self, step: Step) -> None:
        """Make a step that the log has.

        Raises:
            OSError: the disk refuses it.
            Unfit: a copy came out differently.
            SimctlError: the daemon refuses it.
        """
        match step.do:
            case "trash":
                self._disk.write_new(step.info, step.text.encode())
                self._move(step, _stamp(step))
            case "move":
                self._move(step, _stamp(step))
            case "hardlink" | "reflink":
                temporary = _temporary(step, step.path)
                if step.do == "hardlink":
                    self._disk.link(step.source, temporary)
                else:
                    self._disk.clone(step.source, temporary, _stamp(step))
                self._disk.replace(temporary, step.path)
            case "copy":
                temporary = _temporary(step, step.path)
                self._disk.copy_new(step.source, temporary, _stamp(step))
                self._disk.rename_new(temporary, step.path)
            case "mkdir":
                self._disk.make_dir(step.path)
            case "labels":
                self._labels.add(step.image_id, step.labels)

    def beside(self, step: Step) -> str:
        """Where the file of a step is restored to, if something else has its path by now; else empty."""
        if step.do not in ("trash", "move") or not os.path.lexists(step.path) or holds(step.path, _stamp(step)):
            return ""
        stem, ending = os.path.splitext(step.path)
        number = 1
        while True:
            mark = " (restored)" if number == 1 else f" (restored {number})"
            if not os.path.lexists(found := f"{stem}{mark}{ending}"):
                return found
            number += 1

    def undo(self, step: Step, beside: str = "") -> TakenBack:
        """Take back a step, or what an interruption left of it; again and again with the same result.

        Args:
            step: which.
            beside: what `beside` told when that was begun.

        Raises:
            OSError: the disk refuses it.
            Unfit: a copy came out differently.
            SimctlError: the daemon refuses it.
        """
        for folder in {os.path.dirname(path) for path in (step.path, step.to, beside) if path}:
            left = os.path.join(folder, step.temporary)
            if step.temporary and os.path.lexists(left):
                self._disk.remove(left)
        match step.do:
            case "trash" | "move":
                return self._bring_back(step, beside or step.path)
            case "hardlink" | "reflink":
                return self._part(step)
            case "copy":
                return self._remove_copy(step)
            case "mkdir":
                return self._remove_dir(step)
            case _:
                self._labels.remove(step.image_id, step.labels)
                return TakenBack(True)

    def _move(self, step: Step, stamp: Stamp) -> None:
        self._disk.move(step.path, step.to, _temporary(step, step.to), stamp)

    def _bring_back(self, step: Step, place: str) -> TakenBack:
        stamp = _stamp(step)
        if holds(place, stamp):
            if not _is_as(place, stamp):
                self._disk.restore_attributes(place, stamp)
            if holds(step.to, stamp):
                self._disk.remove(step.to)
        elif not os.path.lexists(step.to):
            self._remove_info(step)
            return TakenBack(False, f"{step.path} cannot be restored: {step.to} is gone")
        elif not holds(step.to, stamp):
            return TakenBack(False, f"{step.path} is not restored: {step.to} was changed since, and stays there")
        else:
            self._make_dirs(os.path.dirname(place))
            self._disk.move(step.to, place, _temporary(step, place), stamp)
            if not _is_as(place, stamp):
                self._disk.restore_attributes(place, stamp)
        self._remove_info(step)
        if place != step.path:
            return TakenBack(True, f"{step.path} is something else now; restored as {place}", True)
        return TakenBack(True, restored=True)

    def _remove_info(self, step: Step) -> None:
        """Remove the trash's note, if it is this step's and speaks of nothing any more."""
        if not step.info or os.path.lexists(step.to):
            return
        try:
            with open(step.info, "rb") as stream:
                text = stream.read()
        except FileNotFoundError:
            return
        # An interrupted step may have written a part of it.
        if step.text.encode().startswith(text):
            self._disk.remove(step.info)

    def _part(self, step: Step) -> TakenBack:
        """Give a path a file of its own again."""
        stamp = _stamp(step)
        source = step.path
        if not os.path.lexists(source):
            source = step.source
        if not holds(source, stamp):
            return TakenBack(
                False,
                f"{step.path} is not made a file of its own: {source} has other bytes now"
                if os.path.lexists(source)
                else f"{step.path} cannot be restored: it and {source} are gone",
            )
        if source == step.path and _is_untouched(step.path, stamp, step.do):
            return TakenBack(True, restored=True)
        temporary = _temporary(step, step.path)
        self._make_dirs(os.path.dirname(step.path))
        self._disk.copy_new(source, temporary, stamp)
        self._disk.replace(temporary, step.path)
        return TakenBack(True, restored=True)

    def _remove_copy(self, step: Step) -> TakenBack:
        stamp = _stamp(step)
        if not os.path.lexists(step.path):
            return TakenBack(True)
        if not holds(step.path, stamp):
            return TakenBack(True, f"{step.path} was carried over and changed since; it stays")
        if not holds(step.source, stamp):
            return TakenBack(False, f"{step.path} stays: {step.source}, of which it is a copy, is not restored")
        self._disk.remove(step.path)
        return TakenBack(True)

    def _remove_dir(self, step: Step) -> TakenBack:
        try:
            self._disk.remove_dir(step.path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        return TakenBack(True)

    def _make_dirs(self, folder: str) -> None:
        if not os.path.isdir(folder):
            self._make_dirs(os.path.dirname(folder))
            self._disk.make_dir(folder)


def _stamp(step: Step) -> Stamp:
    if step.stamp is None:
        raise Unfit(f"step {step.number} of the log does not say what {step.path} was")
    return step.stamp


def _temporary(step: Step, path: str) -> str:
    return os.path.join(os.path.dirname(path), step.temporary)


def _is_as(path: str, stamp: Stamp) -> bool:
    """Whether a file has the time and the mode of the stamp."""
    found = look(path)
    return found.st_mtime_ns == stamp.mtime_ns and found.st_mode & 0o7777 == stamp.mode


def _is_untouched(path: str, stamp: Stamp, do: str) -> bool:
    """Whether a file is the one of before the step, or one of its own like it."""
    found = look(path)
    return _is_as(path, stamp) and (found.st_ino == stamp.inode or (do == "reflink" and found.st_nlink == 1))
