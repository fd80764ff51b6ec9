"""`manifest.json`: which segments are in force, and from where on the log counts.

Sealed, and replaced in one step: whoever opens the store sees the state before a flush or compaction or after it.
Segments are listed in age order, oldest first. Log records up to `checkpoint` are in the segments, so log files that
hold nothing later may go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from simd.durable import Disk
from simd.errors import ModelMismatch
from simd.storage.fields import build, check_version
from simd.storage.files import seal, unseal

MANIFEST_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of the file. `next_segment` is the number of the next segment to be written."""

    dimension: int
    fingerprint: str
    checkpoint: int = 0
    next_segment: int = 1
    segments: tuple[str, ...] = ()
    version: int = MANIFEST_VERSION

    @classmethod
    def read(cls, directory: Path, dimension: int, fingerprint: bytes) -> Manifest:
        """The manifest of the store in `directory`.

        Raises:
            CorruptStore: missing or damaged.
            StoreVersion, ModelMismatch: written by another version, or for another model.
        """
        manifest = cls.peek(directory)
        if manifest.dimension != dimension or manifest.fingerprint != fingerprint.hex():
            raise ModelMismatch(
                f"{directory} holds vectors of another model "
                f"(dimension {manifest.dimension}, fingerprint {manifest.fingerprint[:16]})",
                remedy="choose the model it was made with, or another directory",
            )
        return manifest

    @classmethod
    def peek(cls, directory: Path) -> Manifest:
        """The manifest, whatever model it is for."""
        path = directory / MANIFEST
        content = unseal(path)
        check_version(content, MANIFEST_VERSION, path)
        return build(cls, content, path)

    def write(self, directory: Path, disk: Disk) -> None:
        """Put this manifest in force; durable on return."""
        disk.replace(directory / MANIFEST, seal(asdict(self)))

    def replacing(self, old: Sequence[str], new: str | None, checkpoint: int | None = None) -> Manifest:
        """With the adjacent segments `old` replaced by `new`, or `new` put last if `old` is empty."""
        at = self.segments.index(old[0]) if old else len(self.segments)
        assert self.segments[at : at + len(old)] == tuple(old)
        segments = (*self.segments[:at], *([new] if new else []), *self.segments[at + len(old) :])
        return replace(self, segments=segments, checkpoint=self.checkpoint if checkpoint is None else checkpoint)
