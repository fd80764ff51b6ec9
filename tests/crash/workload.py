"""A life of a store that passes every failpoint, with a journal of what was acknowledged.

`run` may end at any point: by an exception, or by the death of its process. The journal then says what must be there
(`acknowledged`) and what may (`in_flight`), and `verify` compares that with what reopening finds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from simd.durable import Disk
from simd.storage.store import Store
from simd.types import ImageId
from tests.disks import UnsyncedDisk
from tests.stores import Clock, embedding, image_id, open_store, opened, unit

Change = tuple[str, tuple[int, ...], int]
"""("put" | "delete", image numbers, version)."""


@dataclass
class Journal:
    """What happened, also on a file so that it outlives the process."""

    path: Path
    acknowledged: list[Change] = field(default_factory=list)
    in_flight: Change | None = None

    def begin(self, change: Change) -> None:
        self._write(["begin", change])

    def end(self, change: Change) -> None:
        self._write(["end", change])

    def _write(self, line: object) -> None:
        with self.path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    @classmethod
    def read(cls, path: Path) -> Journal:
        journal = cls(path)
        for line in path.read_text().splitlines() if path.exists() else ():
            event, (kind, numbers, version) = json.loads(line)
            change = (kind, tuple(numbers), version)
            if event == "begin":
                journal.in_flight = change
            else:
                journal.acknowledged.append(change)
                journal.in_flight = None
        return journal


def run(directory: Path, disk: Disk, journal: Journal) -> None:
    """The whole life: fill, flush, merge, delete, purge, tear, reopen, go on."""
    clock = Clock()

    def apply(store: Store, kind: str, numbers: range, version: int = 0) -> None:
        change = (kind, tuple(numbers), version)
        journal.begin(change)
        if kind == "put":
            store.put([embedding(n, version) for n in numbers])
        else:
            store.delete([image_id(n) for n in numbers])
        journal.end(change)

    store = open_store(directory, disk=disk, clock=clock)
    try:
        for start in range(0, 90, 30):
            apply(store, "put", range(start, start + 30))
            store.flush()
        apply(store, "delete", range(0, 60, 4))
        apply(store, "put", range(10, 20), 1)
        store.compact()
        clock.advance(5000)
        apply(store, "put", range(100, 103))
        store.compact()
        apply(store, "put", range(103, 110))
        apply(store, "delete", range(100, 102))
    finally:
        store.close()
    _tear(directory)
    store = open_store(directory, disk=disk, clock=clock)
    try:
        apply(store, "put", range(110, 115))
        apply(store, "delete", range(10, 13))
        store.compact()
        apply(store, "put", range(5), 2)
    finally:
        store.close()


def _tear(directory: Path) -> None:
    """What a crash of the machine in the middle of things leaves, for recovery to put in order."""
    last = max((directory / "log").glob("*.log"))
    with last.open("ab") as stream:
        stream.write(b"\x70\0\0\0 half a record")
    leftover = directory / "segments" / "00000099-1-1.tmp"
    leftover.mkdir()
    (leftover / "vectors.npy").write_bytes(b"half an array")
    (directory / "log" / "x.new").write_bytes(b"")


def verify(directory: Path, journal: Journal) -> None:
    """That reopening finds all that was acknowledged, nothing that was not asked for, and a store to go on with."""
    certain: dict[ImageId, tuple[int, int] | None] = {}
    for change in journal.acknowledged:
        certain.update(effect(change))
    possible = effect(journal.in_flight) if journal.in_flight else {}
    with opened(directory, disk=UnsyncedDisk()) as store:
        found = set(store.ids())
        for one in found | set(certain) | set(possible):
            allowed = {certain.get(one)} | ({possible[one]} if one in possible else set())
            assert _stored(store, one) in [None if a is None else unit(*a).tobytes() for a in allowed]
        store.put([embedding(n) for n in range(1000, 1040)])
        store.compact()
        assert len(store.snapshot) == len(found) + 40
        after = found | {image_id(n) for n in range(1000, 1040)}
    with opened(directory, disk=UnsyncedDisk()) as store:
        assert set(store.ids()) == after
        assert store.recovery_notes == ()


def effect(change: Change) -> dict[ImageId, tuple[int, int] | None]:
    """What a change makes of its images: number and version, or None for a deleted one."""
    kind, numbers, version = change
    return {image_id(n): (n, version) if kind == "put" else None for n in numbers}


def _stored(store: Store, one: ImageId) -> bytes | None:
    vector = store.vector(one)
    return None if vector is None else vector.tobytes()
