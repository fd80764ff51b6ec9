"""What is told of indexing while index or catalogue are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.errors import CorruptStore
from simd.indexing.loop.targets import Target
from simd.indexing.models.switch import ModelSwitch
from tests.catalogue.test_damaged import damage
from tests.indexing.bench import SIZE, Backbone, Bench, FillingIndex


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Three files that are indexed, while a new model's index that has none of them is built."""
    first = Bench(tmp_path)
    for number in range(3):
        first.write(f"{number}.png", b"picture %d" % number)
    first.start().settle()
    first.close()
    bench = Bench(tmp_path, Target("new", SIZE, Backbone(), FillingIndex(16)), index=first.index)
    yield bench
    bench.close()


def test_files_come_and_go_while_the_index_is_damaged(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        for name in ("stays", "goes", "is back"):
            bench.write(name, b"picture " + name.encode())
        bench.start().settle()
        (bench.root / "is back").unlink()
        bench.settle()
        bench.index.found = CorruptStore("/state/index/vectors.npy", 7, "bad checksum")
        bench.write("is back", b"picture is back")
        bench.write("comes", b"picture comes")
        bench.write("a copy", b"picture stays")
        (bench.root / "goes").unlink()
        bench.settle()
        assert set(bench.files()) == {"stays", "is back", "comes", "a copy"}
        assert bench.backbone.embedded == 5, "what is kept cannot be had, and what is there need not be computed"
    finally:
        bench.close()


def test_progress_roots_and_switch_are_told_while_the_catalogue_is_damaged(bench: Bench, tmp_path: Path) -> None:
    bench.ingest.pause()
    bench.start()
    switch = ModelSwitch(
        targets=bench.targets,
        catalogue=bench.catalogue,
        serving="old",
        detail="",
        deadline=0.0,
        install=lambda: None,
    )
    bench.until(lambda: bench.ingest.progress().pending == 3)
    # What changed has to be read anew; what has not is still in memory.
    bench.catalogue.scanned(1, 1_700_000_000.0)
    damage(tmp_path / "catalogue.sqlite")
    with pytest.raises(CorruptStore):
        bench.catalogue.counts()
    assert bench.ingest.progress().pending == 3
    assert bench.ingest.queues()["without_vector"] == 3
    assert [root.files for root in bench.ingest.roots()] == [3]
    status = switch.status()
    assert status is not None and (status.done, status.total) == (0, 3)
