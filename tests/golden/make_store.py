"""Makes the fixture of the newest format: `python -m tests.golden.make_store tests/golden/store-v2`.

The fixture of a released version is never made anew: it is what proves that old stores can still be read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.stores import Clock, contents, embedding, image_id, open_store

DIMENSION = 8


def make(directory: Path) -> None:
    """Two segments, one with codes and one with a tombstone, and a log with puts and deletes."""
    clock = Clock()
    store = open_store(directory / "store", clock=clock, dimension=DIMENSION, code_dims=4, min_coded_rows=4)
    store.put([embedding(n, dimension=DIMENSION) for n in range(6)])
    store.flush()
    store.delete([image_id(0)])
    clock.advance(10)
    store.put([embedding(n, dimension=DIMENSION) for n in range(6, 8)])
    store.put([embedding(1, 1, dimension=DIMENSION)])
    store.flush()
    store.put([embedding(n, dimension=DIMENSION) for n in range(8, 10)])
    store.delete([image_id(2), image_id(6)])
    store.put([embedding(3, 1, dimension=DIMENSION), embedding(0, 1, dimension=DIMENSION)])
    expected = {one.hex(): vector.hex() for one, vector in sorted(contents(store).items())}
    store.close()
    (directory / "store" / "lock").unlink()
    (directory / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
