"""What a watcher under test hints at, and how to wait for it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from simd.types import Root
from simd.watch.events import Hint, HintKind
from simd.watch.ignore import Ignore, Verdict
from simd.watch.roots import identify

WRITTEN, APPEARED, GONE = HintKind.WRITTEN, HintKind.APPEARED, HintKind.GONE
DIRECTORY, OVERFLOW, TOUCHED = HintKind.DIRECTORY, HintKind.OVERFLOW, HintKind.TOUCHED
DEADLINE_S = 20.0


class Hints:
    """Collects hints and waits for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.got: list[Hint] = []

    def __call__(self, hint: Hint) -> None:
        with self._changed:
            self.got.append(hint)
            self._changed.notify_all()

    def wait(self, *wanted: tuple[HintKind, bytes]) -> None:
        """Until all of these have come."""

        def come() -> bool:
            return set(wanted) <= {(hint.kind, hint.path) for hint in self.got}

        with self._changed:
            assert self._changed.wait_for(come, DEADLINE_S), f"wanted {wanted}, got {self.got}"

    def wait_for(self, condition: Callable[[Hint], bool]) -> Hint:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(condition, self.got)), DEADLINE_S), self.got
            return next(filter(condition, self.got))

    def taken(self) -> list[Hint]:
        with self._changed:
            return list(self.got)

    def clear(self) -> None:
        with self._changed:
            self.got.clear()

    def paths(self) -> set[bytes]:
        with self._changed:
            return {hint.path for hint in self.got}


class Holding(Ignore):
    """Holds up whoever asks about the directory `hold`, as the thread that reads the kernel's queue does first."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()

    def verdict(self, top: bytes, path: bytes, is_dir: bool = False) -> Verdict | None:
        if path == b"hold":
            self.entered.set()
            assert self.release.wait(DEADLINE_S)
        return super().verdict(top, path, is_dir)


def root_at(path: Path, root_id: int = 1) -> Root:
    return Root(root_id, os.fsencode(path), identify(os.fsencode(path)))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def watched() -> int:
    """How many directories the kernel watches for this process."""
    lines = [line for file in Path("/proc/self/fdinfo").iterdir() for line in read_lines(file)]
    return sum(line.startswith("inotify wd:") for line in lines)


def read_lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


def write_until_heard(hints: Hints, top: Path, name: bytes) -> None:
    """Write a file, again and again, until the watcher says so."""
    deadline = time.monotonic() + DEADLINE_S
    while (WRITTEN, name) not in {(hint.kind, hint.path) for hint in hints.taken()}:
        assert time.monotonic() < deadline
        (top / os.fsdecode(name)).write_bytes(b"x")
        threading.Event().wait(0.02)
