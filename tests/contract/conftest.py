from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.index.brute import BruteIndex
from simd.index.local import LocalIndex
from tests.contract.subjects import Subject
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, Clock


@pytest.fixture(params=["brute", "memtable", "flushed", "compacted"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "brute":
        yield Subject(BruteIndex(DIMENSION), lambda: None)
        return
    index = LocalIndex.open(tmp_path, DIMENSION, FINGERPRINT, options=OPTIONS, clock=Clock())
    settle = {"memtable": lambda: None, "flushed": index.flush, "compacted": index.compact}[request.param]
    yield Subject(index, settle)
    assert index.check() == []
    index.close()
