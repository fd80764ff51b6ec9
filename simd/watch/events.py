"""What watchdog's events say about a root, and the hints they give: something happened there.

A hint may be late, doubled or missing, and is never the truth.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from enum import Enum

from watchdog.events import (
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from simd.watch.rules import RULES_FILE


class HintKind(Enum):
    """What seems to have happened."""

    WRITTEN = "written"
    """A file was closed after writing, or renamed: it may be read now."""
    APPEARED = "appeared"
    """A file was created and may still be written to: let it settle first."""
    TOUCHED = "touched"
    """A file's attributes changed: its permissions, its times."""
    GONE = "gone"
    """A file was deleted or moved away."""
    DIRECTORY = "directory"
    """A directory came, went or was moved: scan it."""
    OVERFLOW = "overflow"
    """Events were lost or are not to be had: scan the root."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint. `path` is relative to the root; b"" is the root itself.

    `moved_from` is where a directory was before, if it was moved within the root: what is known of its files still
    holds under the new name, so the catalogue can rename them before the scan and nothing is read again. `heard` is
    when the hint came, in monotonic seconds.
    """

    kind: HintKind
    root_id: int
    path: bytes
    moved_from: bytes = b""
    heard: float = field(default_factory=time.monotonic, compare=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event. `source` and `target` are its paths relative to the root; None where it has none."""

    event: FileSystemEvent
    source: bytes | None
    target: bytes | None

    @property
    def ruled(self) -> list[bytes]:
        """The directories whose rule file came, went or changed: other things in them may be ignored than before."""
        files = [] if self.event.is_directory else [path for path in (self.source, self.target) if path]
        return sorted({os.path.dirname(path) for path in files if os.path.basename(path) == RULES_FILE})

    def hints(self, root_id: int) -> list[Hint]:
        """What is to be looked at."""
        found = self._of_directory(root_id) if self.event.is_directory else self._of_file(root_id)
        return found + [Hint(HintKind.DIRECTORY, root_id, directory) for directory in self.ruled]

    def _of_directory(self, root_id: int) -> list[Hint]:
        source, target = self.source, self.target
        moved = source if isinstance(self.event, DirMovedEvent) and source and target else b""
        found = [Hint(HintKind.DIRECTORY, root_id, target, moved or b"")] if target else []
        return found + ([Hint(HintKind.DIRECTORY, root_id, source)] if source is not None else [])

    def _of_file(self, root_id: int) -> list[Hint]:
        kinds = {
            FileClosedEvent: HintKind.WRITTEN,
            FileCreatedEvent: HintKind.APPEARED,
            FileDeletedEvent: HintKind.GONE,
            FileMovedEvent: HintKind.GONE,
            FileAttribEvent: HintKind.TOUCHED,
        }
        kind = kinds.get(type(self.event))
        found = [Hint(kind, root_id, self.source)] if kind and self.source else []
        return found + ([Hint(HintKind.WRITTEN, root_id, self.target)] if self.target else [])


def heard_in(root: bytes, event: FileSystemEvent) -> Heard:
    """An event of a root."""
    return Heard(event, _inside(root, event.src_path), _inside(root, event.dest_path))


def _inside(root: bytes, path: bytes | str) -> bytes | None:
    """A path of an event relative to its root; None where the event has no such path."""
    if not path:
        return None
    return os.fsencode(path)[len(root.rstrip(b"/")) + 1 :]
