"""Writing an export as a NumPy `.npz` file, without NumPy.

    image_ids    S32 (n,)            hex digits, ascending
    paths        S<longest> (n,)     the first path of each image, as bytes
    vectors      <f4 (n, dimension)  the embeddings
    model        S<length> ()        the model that made them
    fingerprint  S<length> ()        hash of its weights, preprocessing and pooling

`numpy.load` opens it. Memory is flat but for ids and paths: vectors go through a temporary file. The file appears under
its name when it is whole, and not before.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from simctl.contents import Export, ExportedImage
from simctl.wholefile import whole_file

_ALIGNMENT = 64
_CHUNK_ROWS = 4096


def write(path: str, export: Export, images: Iterable[ExportedImage]) -> int:
    """Write the images to `path`; returns how many there were.

    Raises:
        SimctlError: the file cannot be written.
    """
    with whole_file(path) as whole:
        return _write(whole, export, images)


def _write(file: IO[bytes], export: Export, images: Iterable[ExportedImage]) -> int:
    ids: list[bytes] = []
    paths: list[bytes] = []
    with tempfile.TemporaryFile(dir=os.path.dirname(file.name)) as vectors:
        for image in images:
            ids.append(image.image_id.encode())
            paths.append(os.fsencode(image.path))
            vectors.write(image.vector_bytes())
        vectors.seek(0)
        with zipfile.ZipFile(file, "w") as archive:
            _strings(archive, "image_ids", ids, (len(ids),))
            _strings(archive, "paths", paths, (len(paths),))
            with _member(archive, "vectors", "<f4", (len(ids), export.dimension)) as member:
                shutil.copyfileobj(vectors, member, 1 << 20)
            _strings(archive, "model", [export.model.encode()], ())
            _strings(archive, "fingerprint", [export.fingerprint.encode()], ())
    return len(ids)


def _strings(archive: zipfile.ZipFile, name: str, values: Sequence[bytes], shape: tuple[int, ...]) -> None:
    width = max(map(len, values), default=1)
    with _member(archive, name, f"|S{width}", shape) as member:
        for chunk in _chunks(values):
            member.write(b"".join(value.ljust(width, b"\0") for value in chunk))


def _chunks(values: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(values), _CHUNK_ROWS):
        yield values[start : start + _CHUNK_ROWS]


def _member(archive: zipfile.ZipFile, name: str, kind: str, shape: tuple[int, ...]) -> IO[bytes]:
    """A member of the archive whose header is written; format 1.0 of NumPy's array files."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode("latin-1")
    magic = b"\x93NUMPY\x01\x00"
    padding = -(len(magic) + 2 + len(header) + 1) % _ALIGNMENT
    member = archive.open(f"{name}.npy", "w", force_zip64=True)
    member.write(magic + (len(header) + padding + 1).to_bytes(2, "little") + header + b" " * padding + b"\n")
    return member
