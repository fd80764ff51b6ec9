"""What a map makes resident can be given back, and is there again when it is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.stores import embedding, image_id, opened, unit


def resident_kib(file: Path) -> int:
    """How much of a mapped file is resident in this process, by the kernel's account."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0] and ":" not in line.split()[0]:
            inside = line.endswith(str(file))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_vectors_are_let_go_and_read_again(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        store.put([embedding(n) for n in range(2000)])
        store.flush()
        [file] = (tmp_path / "store" / "segments").glob("*/vectors.npy")
        for number in range(2000):
            store.vector(image_id(number))
        assert resident_kib(file) >= 64
        store.snapshot.let_go()
        assert resident_kib(file) == 0
        assert np.array_equal(store.vector(image_id(7)), unit(7))  # type: ignore[arg-type]
