"""Writing a segment: a temporary directory, its files synced, its names synced, one rename, the parent synced.

Until the manifest names it nobody looks at it, and a crash leaves at most a leftover that recovery removes. Rows are
read and written chunk by chunk, so memory does not grow with them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import crc32c
import numpy as np
import numpy.typing as npt

from simd.durable import Buffer, Disk
from simd.errors import StoreError
from simd.storage.files import seal
from simd.storage.segment import (
    LEVELS,
    META,
    TOMBSTONE,
    FileFacts,
    LevelFacts,
    Segment,
    SegmentMeta,
    Tombstones,
    open_segment,
)
from simd.vectors.ids import Ids
from simd.vectors.levels import fit_levels
from simd.vectors.metric import Half, widen
from simd.vectors.quantizer import Quantizer

CHUNK_ROWS = 4096
SAMPLE_ROWS = 16384

FetchRows = Callable[[npt.NDArray[np.intp]], Half]
"""Row numbers of the segment to be -> their vectors. Called often; may raise to stop the writing."""


@dataclass(frozen=True, slots=True)
class SegmentContents:
    """What goes into a segment. `ids` and `tombstones` are sorted and unique."""

    number: int
    first_seq: int
    last_seq: int
    ids: Ids
    fetch: FetchRows
    tombstones: Tombstones = field(default_factory=lambda: np.empty(0, TOMBSTONE))

    @property
    def name(self) -> str:
        """Name of the segment's directory."""
        return f"{self.number:08d}-{self.first_seq}-{self.last_seq}"


class SegmentWriter:
    """Writes the segments of one store.

    Args:
        parent: the `segments` directory.
        disk: how files are written.
        dimension, fingerprint: what the vectors are.
        code_dims: length of a coarse code.
        min_coded_rows: segments of fewer rows get no codes.
    """

    def __init__(
        self, parent: Path, disk: Disk, dimension: int, fingerprint: bytes, code_dims: int, min_coded_rows: int
    ) -> None:
        self._parent = parent
        self._disk = disk
        self._dimension = dimension
        self._fingerprint = fingerprint
        self._code_dims = code_dims
        self._min_coded_rows = min_coded_rows

    def write(self, contents: SegmentContents, quantizers: Sequence[Quantizer] = ()) -> Segment:
        """Write a segment and open it; durable on return.

        Args:
            contents: its rows and tombstones.
            quantizers: make the codes, coarse to fine; none: new ones are trained on some rows, if there are enough.

        Raises:
            StoreFull, StoreError: nothing is left behind but a directory that nobody names.
        """
        temporary = self._parent / f"{contents.name}.tmp"
        self._disk.make_dir(temporary)
        try:
            self._disk.failpoint("segment.made_directory")
            meta = self._write_arrays(temporary, contents, quantizers)
            self._disk.write_new(temporary / META, [seal(meta.as_json())])
            self._disk.failpoint("segment.wrote_files")
            self._disk.sync_dir(temporary)
            self._disk.failpoint("segment.before_rename")
            final = self._parent / contents.name
            self._disk.rename(temporary, final)
        except BaseException:
            remove_quietly(self._disk, temporary)
            raise
        self._disk.failpoint("segment.after_rename")
        segment = open_segment(final, self._dimension, self._fingerprint, verify_bytes=0)
        # Its checksums were made from what was written a moment ago.
        return replace(segment, unverified=())

    def _write_arrays(self, directory: Path, contents: SegmentContents, quantizers: Sequence[Quantizer]) -> SegmentMeta:
        rows, dimension = len(contents.ids), self._dimension
        files = {
            "vectors.npy": self._array(directory / "vectors.npy", "<f2", (rows, dimension), _vectors(contents)),
            "ids.npy": self._array(directory / "ids.npy", "u1", contents.ids.shape, [contents.ids]),
            "tombstones.npy": self._array(
                directory / "tombstones.npy", TOMBSTONE, contents.tombstones.shape, [contents.tombstones]
            ),
        }
        levels = {}
        if rows >= self._min_coded_rows:
            made = tuple(quantizers) or fit_levels(_sample(contents), self._code_dims)
            mean, components = made[-1].mean, made[-1].components
            for name, kind, shape, chunks in (
                ("mean.npy", "<f4", mean.shape, [mean]),
                ("components.npy", "<f4", components.shape, [components]),
            ):
                files[name] = self._array(directory / name, kind, shape, chunks)
            for name, quantizer in zip(LEVELS, made, strict=False):
                coding = _Coding(contents, quantizer)
                files[f"{name}.npy"] = self._array(directory / f"{name}.npy", "u1", (rows, quantizer.dims), coding)
                levels[name] = LevelFacts(
                    dims=quantizer.dims,
                    components=len(quantizer.components),
                    quantizer_id=quantizer.quantizer_id,
                    residual=quantizer.residual,
                    scale=quantizer.scale,
                    max_error=coding.max_error,
                )
        return SegmentMeta(
            name=contents.name,
            dimension=dimension,
            fingerprint=self._fingerprint.hex(),
            rows=rows,
            tombstones=len(contents.tombstones),
            first_seq=contents.first_seq,
            last_seq=contents.last_seq,
            files=files,
            levels=levels,
        )

    def _array(self, path: Path, kind: npt.DTypeLike, shape: tuple[int, ...], chunks: Any) -> FileFacts:
        """Write one `.npy` file from chunks of its rows."""
        counted = _Counted(np.dtype(kind), shape, chunks)
        self._disk.write_new(path, counted)
        return FileFacts(counted.bytes, f"{counted.crc:08x}")


class _Counted:
    """The bytes of a `.npy` file, with their number and checksum once they were taken."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], chunks: Any) -> None:
        self.bytes = 0
        self.crc = 0
        self._dtype = dtype
        self._shape = shape
        self._chunks = chunks

    def __iter__(self) -> Iterator[Buffer]:
        header = io.BytesIO()
        descr = np.lib.format.dtype_to_descr(self._dtype)
        np.lib.format.write_array_header_1_0(
            header, {"descr": descr, "fortran_order": False, "shape": tuple(int(n) for n in self._shape)}
        )
        yield self._count(header.getvalue())
        for chunk in self._chunks:
            if len(chunk):
                yield self._count(np.ascontiguousarray(chunk, dtype=self._dtype).view(np.uint8).reshape(-1).data)

    def _count(self, data: Buffer) -> Buffer:
        self.bytes += len(data)
        self.crc = crc32c.crc32c(data, self.crc)
        return data


class _Coding:
    """The codes of a segment's rows, chunk by chunk, and the largest rounding error once they were taken."""

    def __init__(self, contents: SegmentContents, quantizer: Quantizer) -> None:
        self.max_error = 0.0
        self._contents = contents
        self._quantizer = quantizer

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        for rows in _vectors(self._contents):
            codes, error = self._quantizer.encode(widen(rows))
            self.max_error = max(self.max_error, error)
            yield codes


def _vectors(contents: SegmentContents) -> Iterator[Half]:
    for start in range(0, len(contents.ids), CHUNK_ROWS):
        yield contents.fetch(np.arange(start, min(start + CHUNK_ROWS, len(contents.ids))))


def _sample(contents: SegmentContents) -> npt.NDArray[np.float32]:
    """Rows spread evenly over the ids, which are hashes: as good as random, and the same every time."""
    count = len(contents.ids)
    rows = np.unique(np.linspace(0, count - 1, min(count, SAMPLE_ROWS)).astype(np.intp))
    return widen(contents.fetch(rows))


def remove_quietly(disk: Disk, path: Path) -> None:
    """Remove what nobody names; if that fails recovery will."""
    with suppress(StoreError):
        if path.exists():
            disk.remove(path)
