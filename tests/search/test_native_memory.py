"""What the native kernel is lent must outlive its use: seen with an allocator that fills what is freed with rubbish."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SEARCHES = """
import sys
from pathlib import Path
from simd.index.filter import EVERYTHING, Filter
from simd.index.local import LocalIndex
from simd.vectors.ids import pack_ids
from tests.stores import FINGERPRINT, OPTIONS, DIMENSION, embeddings, image_id, unit

index = LocalIndex.open(Path(sys.argv[1]), DIMENSION, FINGERPRINT, options=OPTIONS)
index.put(embeddings(*range(200)))
index.flush()
index.put(embeddings(*range(200, 220)))
index.delete([image_id(7)])
for number in (3, 7, 210):
    for exact in (False, True):
        for among in (EVERYTHING, Filter(any_of=pack_ids([image_id(n) for n in range(100, 215)]))):
            (answer,) = index.search(unit(number)[None], 5, among=among, exact=exact)
            print(number, answer.hits[0].image_id == image_id(number), len(answer.hits))
index.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator's switches are those of glibc")
def test_searches_read_nothing_that_was_freed(tmp_path: Path) -> None:
    hostile = {"MALLOC_PERTURB_": "165", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    done = subprocess.run(
        [sys.executable, "-c", _SEARCHES, str(tmp_path / "index")],
        env={**os.environ, **hostile}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert {found for number, found, _ in told if number == "3"} == {"True", "False"}
    assert {found for number, found, _ in told if number == "7"} == {"False"}
    assert {count for _, _, count in told} == {"5"}


_MANY = """
import numpy as np
from simd.search.kernel import Kernel

codes = np.random.default_rng(0).integers(1, 256, (64, 512)).astype(np.uint8)
kernel, query, allowed = Kernel(codes), np.zeros(512, np.float32), np.full(8, 255, np.uint8)

def resident():
    for _ in range(10_000):
        kernel.nearest(query, 10)
        kernel.nearest(query, 10, allowed)
        kernel.within(query, 1500.0)
    return int(open("/proc/self/statm").read().split()[1]) * 4

before = resident()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_searches_leave_no_memory_behind() -> None:
    done = subprocess.run([sys.executable, "-c", _MANY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Kilobytes; a scanner has 2.7 of them, and 30,000 were made.
    assert int(done.stdout) < 5_000
