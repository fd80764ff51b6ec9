"""Mapping `.npy` files that must be of a known type and shape.

NumPy's own reader believes the header and then allocates what it says; this one knows what must be there and refuses
anything else, so a header that nobody wrote is damage and nothing more. The format:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import mmap
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from simd.errors import CorruptStore
from simd.storage.files import reading

_MAGIC = b"\x93NUMPY\x01\x00"
_LENGTH_BYTES = 2


def load_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Map an array that must have this type and shape, in C order; read-only.

    Raises:
        CorruptStore: it is missing, no NumPy file, of another type or shape, or cut short.
    """
    with reading(path), path.open("rb") as stream:
        start = _data_start(path, stream, dtype, shape)
        count = int(np.prod(shape, dtype=object))
        needed, there = start + count * dtype.itemsize, os.fstat(stream.fileno()).st_size
        if needed > there:
            raise CorruptStore(path, there, f"the file ends, where {needed} bytes must be")
        if count == 0:
            array: npt.NDArray[Any] = np.empty(shape, dtype)
        else:
            mapped = mmap.mmap(stream.fileno(), needed, access=mmap.ACCESS_READ)
            array = np.frombuffer(mapped, dtype, count, start).reshape(shape)
        array.flags.writeable = False
        return array


def let_go(array: npt.NDArray[Any]) -> None:
    """Take the map of an array that `load_array` made out of this process's memory; it stays valid."""
    mapped = _map_of(array)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)


def will_need(array: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> None:
    """Have the kernel read these rows of an array that `load_array` made, all at once and without waiting for them.

    A page that is not in memory is otherwise read when it is touched, one after the other, and with much around it.
    """
    mapped = _map_of(array)
    if mapped is None:
        return
    width = array.strides[0]
    begins = len(mapped) - array.nbytes + rows * width
    first = begins // mmap.PAGESIZE * mmap.PAGESIZE
    for start, length in zip(first.tolist(), (begins + width - first).tolist(), strict=True):
        mapped.madvise(mmap.MADV_WILLNEED, start, length)


def _map_of(array: npt.NDArray[Any]) -> mmap.mmap | None:
    base: object = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base if isinstance(base, mmap.mmap) else None


def _data_start(path: Path, stream: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Where the header ends, if it says what it must."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise CorruptStore(path, 0, "not a NumPy array file of format 1.0")
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    header = stream.read(length)
    expected = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    try:
        found = ast.literal_eval(header.decode("latin-1").strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        found = None
    if len(header) != length or found != expected:
        raise CorruptStore(path, len(_MAGIC), f"its header is not that of {dtype} {shape}")
    return stream.tell()
