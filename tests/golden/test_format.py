"""Reads the committed stores by `docs/format.md` alone, without any code of `simd`; and then with it."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simd.storage.check import check_directory
from simd.storage.store import Store
from tests.stores import FINGERPRINT, OPTIONS, contents

# One of each format that segments had.
_STORES = {version: Path(__file__).parent / f"store-v{version}" for version in (1, 2)}


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sealed(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    content: dict[str, Any] = json.loads(data)["content"]
    inner = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert data == b'{"crc32c":"%08x","content":%s}\n' % (crc32c(inner), inner)
    return content


def read_by_the_page(directory: Path) -> dict[bytes, np.ndarray]:
    manifest = sealed(directory / "manifest.json")
    assert manifest["version"] == 1
    live: dict[bytes, np.ndarray] = {}
    for name in manifest["segments"]:
        arrays = read_segment(directory / "segments" / name, manifest)
        rows = {row.tobytes(): vector for row, vector in zip(arrays["ids"], arrays["vectors"], strict=True)}
        dead = {stone["image_id"].tobytes() for stone in arrays["tombstones"]}
        live = {one: vector for one, vector in {**live, **rows}.items() if one not in dead}
    for seq, kind, one, vector in read_log(directory, manifest):
        if seq > manifest["checkpoint"]:
            live.pop(one, None)
            if kind == 1:
                live[one] = vector
    return live


def read_segment(directory: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    meta = sealed(directory / "segment.json")
    assert meta["version"] in _STORES and meta["name"] == directory.name
    assert meta["fingerprint"] == manifest["fingerprint"]
    arrays = {}
    for file, facts in meta["files"].items():
        data = (directory / file).read_bytes()
        assert (len(data), f"{crc32c(data):08x}") == (facts["bytes"], facts["crc32c"])
        arrays[file.removesuffix(".npy")] = np.load(directory / file, allow_pickle=False)
    assert arrays["vectors"].shape == (meta["rows"], manifest["dimension"]) and arrays["vectors"].dtype == "<f2"
    assert len(arrays["tombstones"]) == meta["tombstones"]
    order = [row.tobytes() for row in arrays["ids"]]
    assert order == sorted(set(order))
    for name, level in levels_of(meta).items():
        check_codes(arrays, arrays[name], level)
    return arrays


def levels_of(meta: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if meta["version"] == 2:
        levels: dict[str, dict[str, Any]] = meta["levels"]
        return levels
    return {"codes": {**meta, "components": meta["dims"] - 1}} if meta["quantizer_id"] else {}


def check_codes(arrays: dict[str, Any], codes: Any, level: dict[str, Any]) -> None:
    components = arrays["components"][: level["components"]]
    digest = hashlib.blake2b(digest_size=16)
    digest.update(arrays["mean"].tobytes() + components.tobytes())
    digest.update(struct.pack("<dd", level["residual"], level["scale"]))
    assert digest.hexdigest() == level["quantizer_id"]
    centred = arrays["vectors"].astype(np.float64) - arrays["mean"]
    coordinates = centred @ components.T
    if len(components) < centred.shape[1]:
        rest = np.linalg.norm(centred - coordinates @ components, axis=1) - level["residual"]
        coordinates = np.column_stack([coordinates, rest])
    coordinates = np.clip(coordinates * level["scale"], -127, 127)
    assert codes.shape == (len(centred), level["dims"])
    error = np.linalg.norm(coordinates - (codes.astype(int) - 128), axis=1)
    assert error.max() == pytest.approx(level["max_error"], abs=1e-3)


def read_log(directory: Path, manifest: dict[str, Any]) -> list[tuple[int, int, bytes, Any]]:
    dimension = manifest["dimension"]
    records = []
    for path in sorted((directory / "log").glob("*.log")):
        data = path.read_bytes()
        magic, version, length, fingerprint, first, zero, crc = struct.unpack_from("<8sII32sQII", data)
        assert (magic, version, length, zero) == (b"SIMDLOG\n", 1, dimension, 0)
        assert fingerprint.hex() == manifest["fingerprint"] and path.name == f"{first:020d}.log"
        assert crc == crc32c(data[:60])
        at, expected = 64, first
        while at < len(data):
            length, crc, kind, _, seq, _, one = struct.unpack_from("<IIB3xIQQ16s", data, at)
            assert length == {1: 48 + 2 * dimension, 2: 48}[kind]
            assert crc == crc32c(data[at : at + 4] + data[at + 8 : at + length])
            assert seq == expected
            records.append((seq, kind, one, np.frombuffer(data, "<f2", dimension, at + 48) if kind == 1 else None))
            at, expected = at + length, expected + 1
    return records


@pytest.fixture(params=_STORES)
def golden(request: pytest.FixtureRequest) -> Path:
    return _STORES[request.param]


def test_the_page_tells_how_to_read_a_store(golden: Path) -> None:
    expected = json.loads((golden / "expected.json").read_text())
    found = read_by_the_page(golden / "store")
    assert {one.hex(): vector.astype("<f4").tobytes().hex() for one, vector in sorted(found.items())} == expected


def test_this_version_reads_and_writes_on_in_it(golden: Path, tmp_path: Path) -> None:
    expected = json.loads((golden / "expected.json").read_text())
    shutil.copytree(golden / "store", tmp_path / "store")
    assert check_directory(tmp_path / "store") == []
    store = Store(tmp_path / "store", 8, FINGERPRINT, options=OPTIONS)
    assert store.recovery_notes == ()
    assert {one.hex(): vector.hex() for one, vector in sorted(contents(store).items())} == expected
    store.compact()
    assert {one.hex(): vector.hex() for one, vector in sorted(contents(store).items())} == expected
    assert store.check() == []
    store.close()
    found = read_by_the_page(tmp_path / "store")
    assert {one.hex(): vector.astype("<f4").tobytes().hex() for one, vector in sorted(found.items())} == expected
