"""An immutable directory of arrays: `segments/<id, 8 digits>-<first seq>-<last seq>/`.

    vectors.npy      float16 (n, dimension)  the rows, memory-mapped
    ids.npy          uint8 (n, 16)           their images, sorted, unique
    tombstones.npy   structured (m,)         deletes still needed: image_id, seq, time_ms; sorted by image_id, unique
    codes.npy        uint8 (n, d)            excess-128 codes of the rows        } only where there are enough
    fine.npy         uint8 (n, f)            longer ones, if `codes` leave out   } rows for a scan of codes
    mean.npy         float32 (dimension,)    the quantizers that made them; the  } to be worth it
    components.npy   float32 (c, dimension)  first have the first components     }
    segment.json     sealed: counts, seq range, model fingerprint, quantizers, length and CRC32C of each file

Format 2. In format 1, which is read as well and rewritten when there is time, there is no `fine.npy`.

Plain `numpy.load` opens every array. A tombstone whose image has a row in the same segment is newer than that row.
A segment's files are never written again; it is removed when the manifest no longer names it, and maps that are still
open stay valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.errors import CorruptStore, ModelMismatch
from simd.storage.arrays import let_go, load_array
from simd.storage.fields import build, check_version
from simd.storage.files import checksum, size, unseal
from simd.storage.snapshot import Bitmap, Coded, Part
from simd.types import ID_BYTES
from simd.vectors.ids import Ids
from simd.vectors.metric import Half
from simd.vectors.quantizer import Quantizer

SEGMENT_VERSION = 2
OLDEST_VERSION = 1
META = "segment.json"

TOMBSTONE = np.dtype([("image_id", "u1", (ID_BYTES,)), ("seq", "<u8"), ("time_ms", "<u8")])
Tombstones = npt.NDArray[np.void]
"""An array of `TOMBSTONE`."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file must be."""

    bytes: int
    crc32c: str


LEVELS = ("codes", "fine")
"""Names of the arrays of codes, from coarse to fine."""


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """Of an array of codes and of the quantizer that made them, which has the first `components` of the segment's."""

    dims: int
    components: int
    quantizer_id: str
    residual: float
    scale: float
    max_error: float


@dataclass(frozen=True, slots=True)
class SegmentMeta:
    """`segment.json`. `levels` are the arrays of codes by name; none where there are too few rows."""

    name: str
    dimension: int
    fingerprint: str
    rows: int
    tombstones: int
    first_seq: int
    last_seq: int
    files: Mapping[str, FileFacts]
    levels: Mapping[str, LevelFacts]
    version: int = SEGMENT_VERSION

    def as_json(self) -> dict[str, Any]:
        """The content of the sealed file."""
        return asdict(self)

    @classmethod
    def read(cls, directory: Path) -> SegmentMeta:
        """The metadata of the segment in `directory`."""
        path = directory / META
        content = unseal(path)
        if check_version(content, SEGMENT_VERSION, path, OLDEST_VERSION) == 1:
            content = _with_levels(content)
        meta = build(cls, content, path)
        if tuple(meta.levels) not in (LEVELS[:count] for count in range(len(LEVELS) + 1)):
            raise CorruptStore(
                path, 0, f"it has the levels {', '.join(meta.levels)}, where {', '.join(LEVELS)} must be"
            )
        if meta.name != directory.name:
            raise CorruptStore(path, 0, f"it describes the segment {meta.name}")
        return meta

    def arrays(self) -> dict[str, tuple[npt.DTypeLike, tuple[int, ...]]]:
        """Type and shape of every array the segment must have."""
        arrays: dict[str, tuple[npt.DTypeLike, tuple[int, ...]]] = {
            "vectors.npy": ("<f2", (self.rows, self.dimension)),
            "ids.npy": ("u1", (self.rows, ID_BYTES)),
            "tombstones.npy": (TOMBSTONE, (self.tombstones,)),
        }
        for name, level in self.levels.items():
            arrays[f"{name}.npy"] = ("u1", (self.rows, level.dims))
        if self.levels:
            arrays["mean.npy"] = ("<f4", (self.dimension,))
            most = max(level.components for level in self.levels.values())
            arrays["components.npy"] = ("<f4", (most, self.dimension))
        return arrays


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An open segment. `unverified` are the files whose checksum has not been compared since it was opened."""

    directory: Path
    meta: SegmentMeta
    ids: Ids
    vectors: Half
    tombstones: Tombstones
    coded: tuple[Coded, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the directory and in the manifest."""
        return self.meta.name

    @property
    def size(self) -> int:
        """Rows and tombstones held."""
        return self.meta.rows + self.meta.tombstones

    @property
    def verified_bytes(self) -> int:
        """Bytes of the arrays whose checksums were compared when it was opened."""
        return sum(facts.bytes for name, facts in self.meta.files.items() if name not in self.unverified)

    @property
    def disk_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(facts.bytes for facts in self.meta.files.values())

    def let_go(self) -> None:
        """Take what is read here and there, vectors and fine codes, out of this process's memory; what is needed again
        is mapped again by itself.

        The kernel maps 16 pages around each one that is touched, so a re-rank here and there makes a large file
        resident in no time, though nobody needs it to be.
        """
        let_go(self.vectors)
        for coded in self.coded[1:]:
            let_go(coded.codes)

    def part(self, live: Bitmap | None = None, dead: int = 0) -> Part:
        """The segment's rows as a part of a snapshot."""
        return Part(self.name, self.ids, self.vectors, True, self.coded, live, dead)


def open_segment(
    directory: Path,
    dimension: int,
    fingerprint: bytes,
    verify_bytes: int,
    pause: Callable[[int], None] | None = None,
) -> Segment:
    """Open and map a segment; its smallest files, up to `verify_bytes` together, have their checksums compared.

    `pause` is told how many bytes were read since the last time; what it raises ends the work.

    Raises:
        CorruptStore: a file is missing, of another length, or damaged.
        StoreVersion, ModelMismatch: written by another version, or for another model.
    """
    meta = SegmentMeta.read(directory)
    if meta.dimension != dimension or meta.fingerprint != fingerprint.hex():
        raise ModelMismatch(f"{directory} holds vectors of another model ({meta.fingerprint[:16]})")
    arrays = meta.arrays()
    if set(meta.files) != set(arrays):
        raise CorruptStore(directory / META, 0, f"it lists {sorted(meta.files)}, where {sorted(arrays)} must be")
    by_size = sorted(arrays, key=lambda name: meta.files[name].bytes)
    totals = accumulate(meta.files[name].bytes for name in by_size)
    verified = [name for name, total in zip(by_size, totals, strict=True) if total <= verify_bytes]
    for name in arrays:
        verify_file(directory / name, meta.files[name], content=name in verified, pause=pause)
    loaded = {name: load_array(directory / name, np.dtype(kind), shape) for name, (kind, shape) in arrays.items()}
    coded = _coded(directory, meta, loaded) if meta.levels else ()
    unverified = tuple(name for name in arrays if name not in verified)
    return Segment(
        directory, meta, loaded["ids.npy"], loaded["vectors.npy"], loaded["tombstones.npy"], coded, unverified
    )


def _coded(directory: Path, meta: SegmentMeta, loaded: Mapping[str, npt.NDArray[Any]]) -> tuple[Coded, ...]:
    # Quantizers are copied: they are small and every query reads all of one.
    mean, components = np.array(loaded["mean.npy"]), np.array(loaded["components.npy"])
    coded = []
    for name, level in meta.levels.items():
        quantizer = Quantizer(mean, components[: level.components], level.residual, level.scale)
        if quantizer.quantizer_id != level.quantizer_id or quantizer.dims != level.dims:
            raise CorruptStore(directory / META, 0, f"the quantizer of {name}.npy is not that of its id")
        coded.append(Coded(loaded[f"{name}.npy"], quantizer, level.quantizer_id, level.max_error))
    return tuple(coded)


def _with_levels(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a `segment.json` of format 1 in the form of format 2, whose only level it has."""
    quantizer = ("dims", "quantizer_id", "residual", "scale", "max_error")
    level = {name: content.get(name, 0) for name in quantizer}
    levels = {}
    if level["quantizer_id"]:
        levels[LEVELS[0]] = {**level, "components": level["dims"] - 1 if type(level["dims"]) is int else None}
    return {**{name: value for name, value in content.items() if name not in quantizer}, "levels": levels}


def verify_file(
    path: Path, facts: FileFacts, *, content: bool = True, pause: Callable[[int], None] | None = None
) -> None:
    """Compare a file's length, and its checksum if `content`, with what they must be.

    Raises:
        CorruptStore: they differ.
    """
    actual = size(path)
    if actual != facts.bytes:
        raise CorruptStore(path, min(actual, facts.bytes), f"it has {actual} bytes, where {facts.bytes} must be")
    if content and f"{checksum(path, pause):08x}" != facts.crc32c:
        raise CorruptStore(path, 0, "the checksum does not match")
