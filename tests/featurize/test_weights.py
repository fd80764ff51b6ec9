from __future__ import annotations

import hashlib
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simd.errors import ModelError
from simd.featurize.models.weights import lite0_file, read_weights

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def name(module: str, attribute: str) -> bytes:
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def tensor(kind: str, key: str, count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """The opcodes that PyTorch's legacy writer uses for one tensor."""
    storage = b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(count) + b"NtQ"
    arguments = storage + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + b"N"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def state(entries: dict[str, bytes]) -> bytes:
    items = b"".join(text(key) + value for key, value in entries.items())
    return b"\x80\x02" + b"}(" + items + b"u."


def legacy(entries: dict[str, bytes], storages: dict[str, bytes], counts: dict[str, int], magic: int = MAGIC) -> bytes:
    head = b"".join(pickle.dumps(value, 2) for value in (magic, PROTOCOL, SYSTEM))
    body = b"".join(struct.pack("<q", counts[key]) + storages[key] for key in storages)
    return head + state(entries) + pickle.dumps(list(storages), 2) + body


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read(path: Path, data: bytes) -> Any:
    return read_weights(path, written(path, data))


VALUES = np.arange(6, dtype="<f4").tobytes()


def test_tensors_are_read_with_their_offsets_and_strides(tmp_path: Path) -> None:
    entries = {
        "whole": tensor("FloatStorage", "1", 6, 0, (2, 3), (3, 1)),
        "turned": tensor("FloatStorage", "1", 6, 0, (3, 2), (1, 3)),
        "part": tensor("FloatStorage", "1", 6, 4, (2,), (1,)),
        "count": tensor("LongStorage", "2", 1, 0, (), ()),
    }
    data = legacy(entries, {"1": VALUES, "2": struct.pack("<q", 9)}, {"1": 6, "2": 1})
    weights = read(tmp_path / "w.pth", data)
    assert set(weights) == {"whole", "turned", "part"}
    assert weights["whole"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert weights["part"].tolist() == [4, 5]


class Payload:
    """Pickles into a call of `os.mkdir`."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with pytest.raises(ModelError, match="mkdir"):
        read(tmp_path / "w.pth", pickle.dumps(Payload(target), 2))
    inside = b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, SYSTEM, {"w": Payload(target)}))
    with pytest.raises(ModelError, match="mkdir"):
        read(tmp_path / "w.pth", inside)
    assert not target.exists()


@pytest.mark.parametrize(
    "call", [name("builtins", "eval"), name("torch", "load"), name("collections", "OrderedDict.fromkeys")]
)
def test_no_other_name_is_known(tmp_path: Path, call: bytes) -> None:
    with pytest.raises(ModelError, match="refused"):
        read(tmp_path / "w.pth", b"\x80\x02" + call + b".")


def test_a_wrong_checksum_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    target = tmp_path / "made"
    (tmp_path / "w.pth").write_bytes(pickle.dumps(Payload(target), 2))
    with pytest.raises(ModelError, match="SHA-256"):
        read_weights(tmp_path / "w.pth")
    assert not target.exists()


@pytest.mark.parametrize(
    "entry",
    [
        tensor("FloatStorage", "1", 6, 0, (7,), (1,)),
        tensor("FloatStorage", "1", 6, 5, (2,), (1,)),
        tensor("FloatStorage", "1", 6, 0, (2, 3), (3,)),
        tensor("FloatStorage", "1", 6, 0, (2,), (-1,)),
        tensor("FloatStorage", "1", 7, 0, (6,), (1,)),
        tensor("FloatStorage", "1", -1, 0, (6,), (1,)),
        text("no tensor"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(tmp_path: Path, entry: bytes) -> None:
    with pytest.raises(ModelError):
        read(tmp_path / "w.pth", legacy({"w": entry}, {"1": VALUES}, {"1": 6}))


def test_what_is_no_legacy_file_is_refused(tmp_path: Path) -> None:
    whole = legacy({"w": tensor("FloatStorage", "1", 6, 0, (6,), (1,))}, {"1": VALUES}, {"1": 6})
    wrong_magic = legacy({"w": tensor("FloatStorage", "1", 6, 0, (6,), (1,))}, {"1": VALUES}, {"1": 6}, magic=1)
    others = [b"", b"PK\x03\x04", pickle.dumps(OrderedDict(), 2) * 5, wrong_magic, whole[:-1], whole[:60]]
    for data in others:
        with pytest.raises(ModelError):
            read(tmp_path / "w.pth", data)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        read_weights(tmp_path / "gone.pth")


def test_the_packaged_weights_are_the_pinned_ones_and_whole() -> None:
    weights = read_weights(lite0_file())
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert 4_600_000 < sum(array.size for array in weights.values()) < 4_750_000
    assert all(np.isfinite(array).all() for array in weights.values())
