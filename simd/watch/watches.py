"""The watches of one tree: a kernel's watch for each directory, under the name that it has now.

watchdog keeps silent about what matters most to us, so its classes are extended where they do:

* a queue overflow has no event: `on_lost` tells it. The watches stay, because each that is taken away puts one more
  event into the queue;
* a root that is a link to a directory is watched as the directory;
* a watch that cannot be had for want of room is swallowed: `on_short` tells it;
* a directory that may not be read is registered under a false number: it is left out instead;
* a rename is held back for half a second to pair its two halves, which come together: a twentieth is enough;
* a directory that was made in one that is moved at once is not watched: it is looked for where it went;
* a directory that is met at its new place before its move is read keeps its old name beside the new one, which a later
  move of another directory then takes for its own: the old name is dropped.

The pieces used are private to watchdog 7; the tests of this room fail when a new release changes them.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from watchdog.events import FileSystemEvent
from watchdog.observers.inotify import InotifyWatchGroup
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from simd.watch.ignore import Ignore
from simd.watch.roots import may
from simd.watch.rules import RulesUnread
from simd.watch.walk import directories

_NO_ROOM = {errno.ENOSPC, errno.EMFILE, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Listener:
    """What is told of the events below a root; all of it is called from watchdog's threads and must not block.

    `ignore` says which directories are not watched. `on_event` gets each event, `on_lost` says that some were lost,
    `on_short` that a directory is not watched because the kernel has no room for more. Once `stopping` is set, large
    trees are not gone through to the end.
    """

    ignore: Ignore
    on_event: Callable[[bytes, FileSystemEvent], None]
    on_lost: Callable[[bytes], None]
    on_short: Callable[[bytes], None]
    stopping: threading.Event = field(default_factory=threading.Event)


class Descriptor(InotifyFD):
    """Refuses directories that may not be read, and takes one directory under two names for what it is."""

    def handle_event(self, event: InotifyEvent) -> None:
        if not event.is_queue_overflow:
            super().handle_event(event)
            return
        with self._lock:
            lost = {id(one): one for watch in self._watch_for_wd.values() for one in watch.callbacks.values()}
        for callback in lost.values():
            callback.on_queue_overflow()

    def _add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        if not may(path, os.R_OK):
            raise OSError(errno.EACCES, "not there, or not to be read", path)
        watch = self._get_or_create_watch(path, mask)
        watch.callbacks[id_] = callback
        return watch.wd


class _Pairing(InotifyMoveEventGrouper):
    delay = 0.05


class Watches(InotifyWatchGroup):
    """The watches of one tree.

    Attributes:
        unsure: see `Inotify.unsure`.
    """

    def __init__(self, descriptor: InotifyFD, path: bytes, mask: Mask, listener: Listener) -> None:
        self._listener = listener
        self._closed: set[bytes] = set()
        self.unsure = False
        super().__init__(descriptor, path, mask, is_recursive=True)

    def __post_init__(self) -> None:
        self._move_event_grouper = _Pairing()
        super().__post_init__()

    def on_queue_overflow(self) -> None:
        self.unsure = True
        self._listener.on_lost(self.path)

    def on_event(self, event: InotifyEvent) -> None:
        if event.is_directory and (event.is_moved_from or event.is_moved_to):
            self.unsure = True
        super().on_event(event)

    def reconcile(self) -> bool:
        """See `Inotify.reconcile`. Events are read meanwhile: the lock is held for one directory at a time."""
        # First, so that a move that is read from now on counts.
        self.unsure = False
        there, wrong = {self.path}, False
        for path in self._directories(self.path):
            with self._lock:
                if not self.is_active or self._listener.stopping.is_set():
                    return False
                # The root itself moves nowhere in itself; whoever watches it notices that it is gone.
                if path != self.path and not self._watch_anew(path):
                    wrong = True
            there.add(path)
        with self._lock:
            if self.is_active:
                self._forget_what_is_gone(there)
        return wrong

    def _forget_what_is_gone(self, there: set[bytes]) -> None:
        """Drop the watches of what was not met: but for what was made meanwhile, it is elsewhere or nowhere."""
        by_path = self._active_callbacks_by_path
        for path in [path for path in by_path.keys() - there if not os.path.isdir(path)]:
            del by_path[path]
        self._closed &= there
        left = [wd for wd, path in self._active_callbacks_by_watch.items() if by_path.get(path) != wd]
        self._remove_callbacks(left)

    def opened_or_closed(self, under: bytes) -> bool:
        """See `Inotify.opened_or_closed`."""
        path = os.path.join(self.path, under) if under else self.path
        with self._lock:
            was_closed = path in self._closed
            self._note_closed(path)
            return was_closed != (path in self._closed)

    def _note_closed(self, path: bytes) -> None:
        if may(path, os.R_OK | os.X_OK):
            self._closed.discard(path)
        elif os.path.isdir(path):
            self._closed.add(path)

    def _watch_anew(self, path: bytes) -> bool:
        """Whether a directory was watched under its name, or cannot be watched; from now on it is, if it can be."""
        before = self._active_callbacks_by_path.get(path)
        named = self._active_callbacks_by_watch.get(before) if before is not None else None
        self._add_callback(path)
        return self._active_callbacks_by_path.get(path) == before and (before is None or named == path)

    def refresh(self, under: bytes, *, only_gone: bool = False) -> None:
        """See `Inotify.refresh`; nothing is done if the directory is not gone although `only_gone` is asked for."""
        top = os.path.join(self.path, under) if under else self.path
        with self._lock:
            if not self.is_active or (only_gone and (top not in self._active_callbacks_by_path or os.path.exists(top))):
                return
            inside = top.rstrip(b"/") + b"/"
            before = {path for path in self._active_callbacks_by_path if path == top or path.startswith(inside)}
            wanted = set(self._directories(top)) if os.path.isdir(top) else set()
            self._remove_callbacks([self._active_callbacks_by_path[path] for path in before - wanted])
            for path in wanted - before:
                self._add_callback(path)

    def _move_watches(self, move_src_path: bytes, move_dst_path: bytes) -> bool:
        was_watched = super()._move_watches(move_src_path, move_dst_path)
        if was_watched:
            # What was made in the directory just before it moved was nowhere to be found when its own event came.
            for directory in self._directories(move_dst_path):
                if directory not in self._active_callbacks_by_path:
                    self._add_callback(directory)
        return was_watched

    def _add_all_callbacks(self, path: bytes) -> None:
        # A directory is watched before it is listed, so that what is made in it meanwhile is listed or reported.
        for directory in self._directories(path):
            if self._listener.stopping.is_set():
                return
            self._add_callback(directory)

    def _directories(self, path: bytes) -> Iterator[bytes]:
        """The directories to watch at and below one of the tree."""
        under = path[len(self.path.rstrip(b"/")) + 1 :]
        if under and self._is_ignored(under):
            return iter(())
        return directories(self.path, under, self._listener.ignore)

    def _is_ignored(self, directory: bytes) -> bool:
        try:
            return self._listener.ignore.verdict(self.path, directory, is_dir=True) is not None
        except RulesUnread:
            return False

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        # The kernel may say that a watch is gone while it is being taken away here; another may have its path by now.
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]

    def _add_callback(self, path: bytes) -> None:
        self._note_closed(path)
        # A root that is a link is the directory that it leads to; further down no link is followed.
        follows = path == self.path
        mask = Mask(self.event_mask & ~InotifyConstants.IN_DONT_FOLLOW) if follows else self.event_mask
        try:
            wd = self._inotify_fd.add_callback(path, mask, self, self._id)
        except OSError as error:
            if path == self.path:
                raise
            if error.errno in _NO_ROOM:
                self._listener.on_short(self.path)
            return
        before = self._active_callbacks_by_watch.get(wd)
        if before is not None and before != path and self._active_callbacks_by_path.get(before) == wd:
            # It was moved, and this was seen on the disk before its event came.
            del self._active_callbacks_by_path[before]
        self._active_callbacks_by_path[path] = wd
        self._active_callbacks_by_watch[wd] = path
