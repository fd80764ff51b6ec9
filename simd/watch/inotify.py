"""The kernel's events for directory trees, through watchdog: one watch per directory, ignored ones left out.

What is ignored may change, and a directory may be moved to where it is: `refresh` takes the watches that are too many
away and adds those that are missing, and no event of the others is lost meanwhile.

By the time that an event is read, a directory may be elsewhere than it says, and another in its place: where they move
fast, watches get lost, or get others' names. So after moves, and whenever the watches may not be what the disk is, they
are compared with it (`reconcile`), while events go on being read.

The filter of watchdog's events does not know that attributes changed: they are asked for here. The pieces used are
private to watchdog 7; the tests of this room fail when a new release changes them.
"""

from __future__ import annotations

import os

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter
from watchdog.observers.inotify_c import InotifyConstants, InotifyFD, Mask

from simd.watch.watches import Descriptor, Listener, Watches

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    DirAttribEvent,
]


class Inotify:
    """One inotify instance that watches any number of trees.

    Raises:
        OSError: there is no instance to be had (EMFILE).
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._watches: dict[bytes, ObservedWatch] = {}
        self._descriptor = Descriptor()
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

    def unsure(self, path: bytes) -> bool:
        """Whether the watches of a tree may not be what the disk is: directories moved since it was reconciled, events
        were lost, or somebody said so."""
        group = self._group(path)
        return group is not None and group.unsure

    def doubt(self, path: bytes) -> None:
        """Say that the watches of a tree may not be what the disk is."""
        group = self._group(path)
        if group is not None:
            group.unsure = True

    def opened_or_closed(self, path: bytes, under: bytes) -> bool:
        """Whether a directory of a tree may be read and was not, or the reverse, when that was last asked."""
        group = self._group(path)
        return group is not None and group.opened_or_closed(under)

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

    def _group(self, path: bytes) -> Watches | None:
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


class _Emitter(InotifyFullEmitter):
    """Makes its watches through `Watches`. A full emitter, because it tells files moved in from files created."""

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
        self._inotify = Watches(self._inotify_fd, path, self.get_event_mask_from_filter(), self._listener)

    def get_event_mask_from_filter(self) -> Mask:
        return Mask(super().get_event_mask_from_filter() | InotifyConstants.IN_ATTRIB)

    @property
    def group(self) -> Watches | None:
        """Its watches, while it runs."""
        return self._inotify if isinstance(self._inotify, Watches) else None

    def queue_events(self, timeout: float, *, full_events: bool = False) -> None:
        # An event that is in hand when the watch ends is no error, and not worth a line in the log.
        group = self._inotify
        event = group.read_event() if group is not None else None
        if event is not None and self.should_keep_running():
            self.build_and_queue_event(event)
