"""A search that races the end of the index gets its answer: its snapshot outlives the store."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simd.index.local import LocalIndex
from simd.storage.store import Store
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embeddings, image_id, unit


def test_searches_on_several_cores_while_the_index_is_closed_and_removed(tmp_path: Path) -> None:
    for _ in range(20):
        directory = tmp_path / "index"
        index = LocalIndex(Store(directory, DIMENSION, FINGERPRINT, options=OPTIONS), cores=2, worth_sharing=1)
        index.put(embeddings(*range(40)))
        index.flush()
        index.put(embeddings(*range(40, 60)))
        searching = threading.Barrier(3)

        def search(index: LocalIndex = index, searching: threading.Barrier = searching) -> int:
            searching.wait(10)
            for number in range(30):
                (answer,) = index.search(unit(number)[None], 1)
                assert [hit.image_id for hit in answer.hits] == [image_id(number)]
            return 30

        with ThreadPoolExecutor(2) as pool:
            searches = [pool.submit(search) for _ in range(2)]
            searching.wait(10)
            index.close()
            shutil.rmtree(directory)
            assert [s.result(30) for s in searches] == [30, 30]
