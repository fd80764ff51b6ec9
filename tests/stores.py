"""What the tests of storage and index share: embeddings by number, stores that are checked when they are closed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import crc32c
import numpy as np

from simd.durable import Disk
from simd.errors import StoreError
from simd.storage.files import seal
from simd.storage.store import Store, StoreOptions
from simd.supervision import Threads
from simd.types import Embedding, ImageId, Vector, image_id_of
from simd.vectors.metric import half, normalise

DIMENSION = 32
FINGERPRINT = hashlib.sha256(b"a model").digest()
OPTIONS = StoreOptions(flush_rows=64, code_dims=16, min_coded_rows=24, grace_ms=1000, background=False)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now += ms


def image_id(number: int) -> ImageId:
    return image_id_of(b"image %d" % number)


def unit(number: int, version: int = 0, dimension: int = DIMENSION) -> Vector:
    """A vector as it is stored: normalised, exact in float16. The same for the same numbers."""
    return half(normalise(np.random.default_rng([number, version]).normal(size=dimension)))


def embedding(number: int, version: int = 0, dimension: int = DIMENSION) -> Embedding:
    return Embedding(image_id(number), unit(number, version, dimension))


def embeddings(*numbers: int, version: int = 0) -> list[Embedding]:
    return [embedding(number, version) for number in numbers]


def open_store(
    directory: Path,
    *,
    disk: Disk | None = None,
    clock: Clock | None = None,
    dimension: int = DIMENSION,
    threads: Threads | None = None,
    **options: int,
) -> Store:
    chosen = dataclasses.replace(OPTIONS, **options)  # type: ignore[arg-type]
    return Store(directory, dimension, FINGERPRINT, disk=disk, options=chosen, clock=clock or Clock(), threads=threads)


@contextmanager
def opened(directory: Path, **arguments: object) -> Iterator[Store]:
    """A store that must be sound when it is closed."""
    store = open_store(directory, **arguments)  # type: ignore[arg-type]
    try:
        yield store
        assert store.check() == []
    finally:
        store.close()


def contents(store: Store) -> dict[ImageId, bytes]:
    """Everything that is live."""
    found = {}
    for one in store.ids():
        vector = store.vector(one)
        assert vector is not None and one not in found
        found[one] = vector.tobytes()
    return found


def reseal_segment(path: Path) -> None:
    """Make the checksums of a changed array right again."""
    meta = path.parent / "segment.json"
    content = json.loads(meta.read_bytes())["content"]
    data = path.read_bytes()
    content["files"][path.name] = {"bytes": len(data), "crc32c": f"{crc32c.crc32c(data):08x}"}
    meta.write_bytes(seal(content))


def close_quietly(store: Store) -> None:
    try:
        store.close()
    except StoreError:
        pass


def former_store(directory: Path) -> Path:
    """A store of two segments of format 1, in which nothing is due."""
    with opened(directory) as store:
        for start in (0, 30):
            store.put(embeddings(*range(start, start + 30)))
            store.flush()
    for segment in directory.glob("segments/*"):
        _as_version_1(segment)
    return directory


def _as_version_1(segment: Path) -> None:
    """Makes what a segment with codes was before there were fine ones."""
    content = json.loads((segment / "segment.json").read_bytes())["content"]
    level = content.pop("levels")["codes"]
    components = np.load(segment / "components.npy")[: level.pop("components")]
    np.save(segment / "components.npy", components)
    (segment / "fine.npy").unlink()
    del content["files"]["fine.npy"]
    data = (segment / "components.npy").read_bytes()
    content["files"]["components.npy"] = {"bytes": len(data), "crc32c": f"{crc32c.crc32c(data):08x}"}
    (segment / "segment.json").write_bytes(seal({**content, **level, "version": 1}))
