from __future__ import annotations

import mmap
from pathlib import Path

from simd.index.residence import Residence
from simd.memory import mapped_bytes
from simd.storage.snapshot import Snapshot
from tests.stores import embeddings, opened


class Watched(Snapshot):
    """Counts how often it was let go."""

    let = 0

    def let_go(self) -> None:
        type(self).let += 1


def test_what_is_mapped_beyond_what_is_scanned_is_let_go(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(60)))
        store.flush()
        Watched.let = 0
        snapshot, mapped = Watched(store.snapshot.parts), 1000
        assert snapshot.loose_bytes == 60 * (2 * 32 + 32) and snapshot.scanned_bytes == 60 * (16 + 16)
        residence = Residence(100, lambda: mapped)
        mapped += snapshot.scanned_bytes + 100
        residence.looked(snapshot, 300)
        assert Watched.let == 0, "as much as is allowed"
        mapped += 1
        residence.looked(snapshot, 255)
        assert Watched.let == 0, "not after a few rows"
        residence.looked(snapshot, 1)
        assert Watched.let == 1
        Residence(snapshot.loose_bytes, lambda: 1 << 40).looked(snapshot, 300)
        assert Watched.let == 1, "a small index stays"


def test_what_is_mapped_is_what_was_touched(tmp_path: Path) -> None:
    size = 32 << 20
    (tmp_path / "large").write_bytes(bytes(size))
    with (tmp_path / "large").open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        before = mapped_bytes()
        assert not any(mapped[:: mmap.PAGESIZE])
        assert mapped_bytes() - before > size // 2
        mapped.madvise(mmap.MADV_DONTNEED)
        assert mapped_bytes() - before < size // 2
