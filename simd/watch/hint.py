"""What the watcher says: something happened there. A hint may be late, doubled or missing, and is never the truth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum


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
