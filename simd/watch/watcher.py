"""Watches roots and says where something happened. Hints only: the scan is the truth.

A root is watched by its events where the filesystem sends them, and polled where it does not, where the kernel has no
more watches to give, or where somebody wants it so: a polled root gets an OVERFLOW hint at a short period. A supervisor
notices what no event tells: a root that was unmounted, replaced or made again, filesystems that were mounted in it, and
threads that died; it watches anew and hints OVERFLOW. Where events were lost, or directories moved faster than their
watches, it compares the watches with the disk first, so that the scan that follows sees what they do not.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import DirAttribEvent, FileSystemEvent

from simd.supervision import Threads
from simd.types import Identity, Root
from simd.watch.events import Heard, Hint, HintKind, heard_in
from simd.watch.filesystems import MOUNTS, Mode, Mount, MountChanges, mounts_at, sends_events, tells_all
from simd.watch.ignore import Ignore
from simd.watch.inotify import Inotify
from simd.watch.roots import RootOffline, identify
from simd.watch.walk import directories
from simd.watch.watches import Listener

_LOG = logging.getLogger("simd.watch")
_RETRY_S = 600.0
_RECONCILE_SHARE = 20
"""A root may be compared with its watches for one part in so many of the time."""


@dataclass(frozen=True, slots=True)
class Watching:
    """How a root is watched, and what a person should know about it."""

    mode: Mode
    detail: str = ""


@dataclass(slots=True)
class _Watched:
    """A root under watch. `short` counts directories without a watch; `retry_at` is when to try for events again.
    `lost` says that events were lost, and the root has to be scanned."""

    root: Root
    state: Watching
    identity: Identity | None = None
    mounts: tuple[Mount, ...] = ()
    listening: bool = False
    lost: bool = False
    short: int = 0
    retry_at: float = 0.0
    poll_at: float = 0.0
    reconcile_at: float = 0.0


class Watcher:
    """Watches any number of roots, from any thread.

    Args:
        on_hint: gets each hint, from other threads; it must be quick and must not call the watcher.
        ignore: what gives no hints; ignored directories are not watched. A rule file that changes has its directory
            scanned, and other directories watched.
        polled: directories, as absolute paths; roots at or below them are polled whatever their filesystem can do.
        supervise_s: how often the supervisor looks.
        poll_s: how often a polled root is to be scanned.
        mounts: the kernel's list of mounts.
        threads: runs the supervisor.
    """

    def __init__(
        self,
        on_hint: Callable[[Hint], None],
        ignore: Ignore | None = None,
        *,
        polled: Collection[bytes] = (),
        supervise_s: float = 2.0,
        poll_s: float = 30.0,
        mounts: Path = MOUNTS,
        threads: Threads | None = None,
    ) -> None:
        self._on_hint = on_hint
        self._ignore = ignore or Ignore()
        self._polled = tuple(path.rstrip(b"/") + b"/" for path in polled)
        self._supervise_s = supervise_s
        self._poll_s = poll_s
        self._mounts = mounts
        self._lock = threading.Lock()
        self._watched: dict[bytes, _Watched] = {}
        self._inotify: Inotify | None = None
        self._looking = False
        self._changes = MountChanges(mounts)
        self._stop = threading.Event()
        self._thread = (threads or Threads()).start("simd-watch", self._supervise, self._stop)

    def watch(self, root: Root) -> Watching:
        """Begin to watch a root; what happens from the return on gives hints. A scan has to follow, not precede."""
        with self._lock:
            if self._inotify is not None:
                self._inotify.unwatch(root.path)
            entry = _Watched(root, Watching("polling", "not watched yet"))
            self._watched[root.path] = entry
            self._begin(entry)
            return entry.state

    def unwatch(self, root: Root) -> None:
        """Stop watching a root; nothing happens if it is not watched."""
        with self._lock:
            if self._watched.pop(root.path, None) is not None and self._inotify is not None:
                self._inotify.unwatch(root.path)

    def refresh(self) -> None:
        """Watch what is no longer ignored, and not what is now. Scans have to follow."""
        with self._lock:
            for entry in self._watched.values():
                if self._inotify is not None and entry.listening:
                    self._inotify.refresh(entry.root.path, b"")

    def compare(self, root_id: int) -> None:
        """A root was scanned whole: see soon whether all that the scan met is watched."""
        inotify = self._inotify
        for entry in list(self._watched.values()):
            if inotify is not None and entry.root.root_id == root_id:
                inotify.doubt(entry.root.path)
                self._changes.wake()

    def watching(self, root_id: int) -> Watching | None:
        """How a root is watched; None if it is not."""
        # Without the lock, which may be held while a large tree is walked: this answers `status`.
        return next((e.state for e in list(self._watched.values()) if e.root.root_id == root_id), None)

    @property
    def pending(self) -> int:
        """How many roots have to be looked after before all that happened was told."""
        inotify = self._inotify
        unsure = [
            entry
            for entry in list(self._watched.values())
            if entry.lost or (inotify is not None and inotify.unsure(entry.root.path))
        ]
        return max(len(unsure), int(self._looking))

    def close(self) -> None:
        """Stop all threads; no hint comes after this returns."""
        self._stop.set()
        self._changes.wake()
        self._thread.join()
        with self._lock:
            self._watched.clear()
            self._drop_inotify()
        self._changes.close()

    def _begin(self, entry: _Watched) -> None:
        """Watch a root as well as can be; the lock is held."""
        now = time.monotonic()
        path = entry.root.path
        was_short, entry.short, entry.listening, entry.lost = entry.short, 0, False, False
        entry.retry_at = entry.poll_at = float("inf")
        entry.mounts = self._mounts_of(path)
        try:
            entry.identity = identify(path)
        except RootOffline as offline:
            entry.identity = None
            entry.state = Watching("polling", offline.reason)
            return
        if (path + b"/").startswith(self._polled):
            entry.state = Watching("polling", f"polled every {self._poll_s:g} s, as the setting `poll` says")
            entry.poll_at = now + self._poll_s
            return
        kinds = [mount.kind for mount in entry.mounts]
        problem = self._listen(entry) if not kinds or sends_events(kinds[0]) else ""
        if problem:
            entry.retry_at = now + _RETRY_S
            entry.state = Watching("polling", problem)
            if not was_short:
                _LOG.warning("%r is polled every %g s: %s", os.fsdecode(path), self._poll_s, problem)
        elif deaf := next((kind for kind in kinds if not tells_all(kind)), None):
            entry.state = Watching("polling", f"{deaf.decode('ascii', 'replace')} does not report every change")
        else:
            entry.state = Watching("events")
        if entry.state.mode == "polling":
            entry.poll_at = now + self._poll_s

    def _listen(self, entry: _Watched) -> str:
        """Ask for the events of a root; what is in the way, or nothing."""
        path = entry.root.path
        try:
            if self._inotify is None:
                self._inotify = Inotify(Listener(self._ignore, self._heard, self._lost, self._ran_short, self._stop))
        except OSError as error:
            entry.short = 1
            return f"no inotify instance to be had ({error.strerror}); raise the sysctl fs.inotify.max_user_instances"
        try:
            self._inotify.watch(path)
        except OSError as error:
            self._inotify.unwatch(path)
            entry.short += 1
            return f"it cannot be watched ({error.strerror}); {_watches_needed(path, self._ignore)}"
        if entry.short:
            # What was had is given back: half a tree of watches helps nobody and starves other programs.
            self._inotify.unwatch(path)
            return f"inotify watches ran out; {_watches_needed(path, self._ignore)}"
        entry.listening = True
        return ""

    def _supervise(self) -> None:
        while True:
            self._changes.wait(self._until_next_look())
            if self._stop.is_set():
                return
            with self._lock:
                if self._inotify is not None and not self._inotify.running():
                    self._drop_inotify()
            errors = [error for root_id in self._root_ids() if (error := self._look_after(root_id)) is not None]
            self._looking = False
            if errors:
                raise errors[0]

    def _until_next_look(self) -> float:
        """Seconds; where watches are to be compared and were a moment ago, no longer than that has to wait."""
        inotify, now = self._inotify, time.monotonic()
        entries = list(self._watched.values()) if inotify is not None else []
        waits = [e.reconcile_at - now for e in entries if inotify is not None and inotify.unsure(e.root.path)]
        return max(0.0, min([self._supervise_s, *(wait for wait in waits if wait > 0)]))

    def _root_ids(self) -> list[int]:
        with self._lock:
            return [entry.root.root_id for entry in self._watched.values()]

    def _look_after(self, root_id: int) -> Exception | None:
        """See to one root, and hint if it has to be scanned. An error with one is none of the others'."""
        try:
            with self._lock:
                entry = next((e for e in self._watched.values() if e.root.root_id == root_id), None)
                hints = entry is not None and self._needs_hint(entry)
            if hints:
                self._on_hint(Hint(HintKind.OVERFLOW, root_id, b""))
        except Exception as error:  # noqa: BLE001 - it is raised when all roots were looked after
            return error
        return None

    def _needs_hint(self, entry: _Watched) -> bool:
        """Look after one root; whether it has to be scanned."""
        now = time.monotonic()
        if self._is_broken(entry) or now >= entry.retry_at:
            if self._inotify is not None:
                self._inotify.unwatch(entry.root.path)
            before = (entry.identity, entry.state)
            self._begin(entry)
            return before != (entry.identity, entry.state) or entry.listening
        if now >= entry.poll_at:
            entry.poll_at = now + self._poll_s
            return True
        return now >= entry.reconcile_at and self._has_missed(entry, now)

    def _has_missed(self, entry: _Watched, now: float) -> bool:
        """Whether events were lost, or watches were not what the disk is."""
        path = entry.root.path
        if self._inotify is None or not self._inotify.unsure(path):
            return False
        # What has to be told is pending until it was told.
        self._looking = True
        lost, entry.lost = entry.lost, False
        missed = self._inotify.reconcile(path)
        # It takes a look at every directory: in a large tree whose directories move all the time not at every turn.
        entry.reconcile_at = now + _RECONCILE_SHARE * (time.monotonic() - now)
        if missed and not lost:
            _LOG.info("not all directories of %r were watched as they are now: it is scanned", os.fsdecode(path))
        return missed or lost

    def _is_broken(self, entry: _Watched) -> bool:
        """Whether a root is not watched as it should be: gone, back, another directory, other filesystems in it, short
        of watches, dead."""
        try:
            if identify(entry.root.path) != entry.identity:
                return True
        except RootOffline:
            return entry.identity is not None
        if self._mounts_of(entry.root.path) != entry.mounts:
            return True
        if not entry.listening:
            return False
        return entry.short > 0 or self._inotify is None or not self._inotify.alive(entry.root.path)

    def _mounts_of(self, path: bytes) -> tuple[Mount, ...]:
        """The filesystem of a root, and those mounted in it where something is watched."""
        real = os.path.realpath(path)
        found = mounts_at(path, self._mounts)
        within = [m for m in found[1:] if not self._ignore.ignores(path, os.path.relpath(m.point, real), is_dir=True)]
        return (*found[:1], *within)

    def _drop_inotify(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _lost(self, path: bytes) -> None:
        entry = self._watched.get(path)
        if entry is not None and not entry.lost:
            entry.lost = True
            _LOG.warning("events of %r were lost: it is scanned", os.fsdecode(path))

    def _ran_short(self, path: bytes) -> None:
        entry = self._watched.get(path)
        if entry is not None:
            entry.short += 1

    def _heard(self, path: bytes, event: FileSystemEvent) -> None:
        """Turn an event into hints. Events made up for the content of a moved directory are covered by its scan."""
        entry = self._watched.get(path)
        if entry is None or event.is_synthetic:
            return
        heard = heard_in(path, event)
        if isinstance(event, DirAttribEvent) and not self._is_opened_or_closed(path, heard):
            return
        self._watch_others(path, heard)
        for hint in heard.hints(entry.root.root_id):
            if not hint.path or not self._ignore.ignores(path, hint.path, hint.kind is HintKind.DIRECTORY):
                self._on_hint(hint)

    def _is_opened_or_closed(self, path: bytes, heard: Heard) -> bool:
        """Whether a directory can be read now and could not before, or the reverse; whatever else changed of it says
        nothing of what is in it."""
        return self._inotify is not None and self._inotify.opened_or_closed(path, heard.source or b"")

    def _watch_others(self, path: bytes, heard: Heard) -> None:
        """Let the watches follow what may have changed: which directories are ignored, or are in the root."""
        if self._inotify is None:
            return
        for directory in heard.ruled:
            self._inotify.refresh(path, directory)
        if isinstance(heard.event, DirAttribEvent):
            self._inotify.refresh(path, heard.source or b"")
        elif heard.event.is_directory and heard.source and heard.target is None:
            self._inotify.forget(path, heard.source)
        elif heard.event.is_directory and heard.target and self._ignore.ignores(path, heard.target, is_dir=True):
            self._inotify.refresh(path, heard.target)


def _watches_needed(path: bytes, ignore: Ignore) -> str:
    """How many watches the tree takes, and what to set."""
    count = sum(1 for _ in directories(path, b"", ignore))
    return f"it has {count} directories, raise the sysctl fs.inotify.max_user_watches by as many"
