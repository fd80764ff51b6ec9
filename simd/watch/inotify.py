"""The kernel's events for directory trees, through watchdog: one watch per directory, ignored ones left out.

What is ignored may change, and a directory may be moved to where it is: `refresh` takes the watches that are too many
away and adds those that are missing, and no event of the others is lost meanwhile.

By the time that an event is read, a directory may be elsewhere than it says, and another in its place: where they move
fast, watches get lost, or get others' names. So after moves the watches are compared with the disk (`reconcile`).

watchdog keeps silent about what matters most to us, so its classes are extended where they do:

* a queue overflow has no event: `on_lost` tells it, once the watches below the root are rebuilt;
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import CallbackId, InotifyEvent, InotifyFD, Mask, WatchCallback, WatchDescriptor
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from simd.watch.ignore import Ignore
from simd.watch.rules import RulesUnread
from simd.watch.walk import directories

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
_NO_ROOM = {errno.ENOSPC, errno.EMFILE, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Listener:
    """What is told of the events below a root; all of it is called from watchdog's threads and must not block.

    `ignore` says which directories are not watched. `on_event` gets each event, `on_lost` says that some were lost,
    `on_short` that a directory is not watched because the kernel has no room for more.
    """

    ignore: Ignore
    on_event: Callable[[bytes, FileSystemEvent], None]
    on_lost: Callable[[bytes], None]
    on_short: Callable[[bytes], None]


class Inotify:
    """One inotify instance that watches any number of trees.

    Raises:
        OSError: there is no instance to be had (EMFILE).
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._watches: dict[bytes, ObservedWatch] = {}
        self._descriptor = _Descriptor()
        self._descriptor.start()
        self._observer = BaseObserver(_Emitter, inotify_fd=self._descriptor, listener=listener)
        self._observer.start()

    def watch(self, path: bytes) -> None:
        """Watch a tree; it is watched when this returns.

        Raises:
            OSError: the directory itself cannot be watched.
        """
        handler = _Handler(path, self._listener)
        self._watches[path] = self._observer.schedule(handler, os.fsdecode(path), recursive=True, event_filter=_EVENTS)

    def unwatch(self, path: bytes) -> None:
        """Stop watching a tree; nothing happens if it is not watched."""
        watch = self._watches.pop(path, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def refresh(self, path: bytes, under: bytes) -> None:
        """Watch what is to be watched at and below a directory of a tree, relative to it, and nothing else there."""
        group = self._group(path)
        if group is not None:
            group.refresh(under)

    def forget(self, path: bytes, under: bytes) -> None:
        """A directory of a tree is gone from it: if it was moved out, what is below it is no longer watched."""
        group = self._group(path)
        if group is not None:
            group.refresh(under, only_gone=True)

    def moved(self, path: bytes) -> bool:
        """Whether directories of a tree moved since it was reconciled."""
        group = self._group(path)
        return group is not None and group.moved

    def reconcile(self, path: bytes) -> bool:
        """Watch what there is on the disk. Returns whether a directory was not watched, or under another name: what
        happened in it is lost."""
        group = self._group(path)
        return group is not None and group.reconcile()

    def alive(self, path: bytes) -> bool:
        """Whether events of a tree can still arrive."""
        emitter = self._emitter(path)
        return emitter is not None and emitter.is_alive()

    def running(self) -> bool:
        """Whether the threads that all trees share are alive."""
        return self._descriptor.is_alive() and self._observer.is_alive()

    def close(self) -> None:
        """Stop all threads and give the instance back."""
        self._observer.stop()
        self._observer.join()
        self._descriptor.stop()
        self._descriptor.join()
        self._watches.clear()

    def _group(self, path: bytes) -> _Group | None:
        emitter = self._emitter(path)
        return emitter.group if emitter is not None else None

    def _emitter(self, path: bytes) -> _Emitter | None:
        watch = self._watches.get(path)
        return next((e for e in list(self._observer.emitters) if e.watch is watch and isinstance(e, _Emitter)), None)


class _Handler(FileSystemEventHandler):
    """Passes events on, with the tree they belong to."""

    def __init__(self, path: bytes, listener: Listener) -> None:
        self._path = path
        self._listener = listener

    def dispatch(self, event: FileSystemEvent) -> None:
        self._listener.on_event(self._path, event)


class _Descriptor(InotifyFD):
    """Refuses directories that may not be read, and takes one directory under two names for what it is."""

    def _add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            raise OSError(errno.EACCES, "not there, or not to be read", path)
        watch = self._get_or_create_watch(path, mask)
        watch.callbacks[id_] = callback
        return watch.wd


class _Pairing(InotifyMoveEventGrouper):
    delay = 0.05


class _Group(InotifyWatchGroup):
    """The watches of one tree.

    Attributes:
        moved: whether directories moved since it was reconciled.
    """

    def __init__(self, descriptor: InotifyFD, path: bytes, mask: Mask, listener: Listener) -> None:
        self._listener = listener
        self.moved = False
        super().__init__(descriptor, path, mask, is_recursive=True)

    def __post_init__(self) -> None:
        self._move_event_grouper = _Pairing()
        super().__post_init__()

    def on_queue_overflow(self) -> None:
        super().on_queue_overflow()
        self._listener.on_lost(self.path)

    def on_event(self, event: InotifyEvent) -> None:
        if event.is_directory and (event.is_moved_from or event.is_moved_to):
            self.moved = True
        super().on_event(event)

    def reconcile(self) -> bool:
        """See `Inotify.reconcile`."""
        with self._lock:
            # First, so that a move that is read from now on counts.
            self.moved = False
            if not self.is_active:
                return False
            there = {self.path, *self._directories(self.path)}
            # The root itself moves nowhere in itself; whoever watches it notices that it is gone.
            wrong = [path for path in there - {self.path} if not self._watch_anew(path)]
            for path in self._active_callbacks_by_path.keys() - there:
                del self._active_callbacks_by_path[path]
            by_path = self._active_callbacks_by_path
            left = [wd for wd, path in self._active_callbacks_by_watch.items() if by_path.get(path) != wd]
            self._remove_callbacks(left)
            return bool(wrong)

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
        try:
            wd = self._inotify_fd.add_callback(path, self.event_mask, self, self._id)
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


class _Emitter(InotifyFullEmitter):
    """Makes its watches through `_Group`. A full emitter, because it tells files moved in from files created."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float,
        event_filter: list[type[FileSystemEvent]] | None,
        inotify_fd: InotifyFD,
        listener: Listener,
    ) -> None:
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter, inotify_fd=inotify_fd)
        self._listener = listener

    def on_thread_start(self) -> None:
        path = os.fsencode(self.watch.path)
        self._inotify = _Group(self._inotify_fd, path, self.get_event_mask_from_filter(), self._listener)

    @property
    def group(self) -> _Group | None:
        """Its watches, while it runs."""
        return self._inotify if isinstance(self._inotify, _Group) else None

    def queue_events(self, timeout: float, *, full_events: bool = False) -> None:
        # An event that is in hand when the watch ends is no error, and not worth a line in the log.
        group = self._inotify
        event = group.read_event() if group is not None else None
        if event is not None and self.should_keep_running():
            self.build_and_queue_event(event)
