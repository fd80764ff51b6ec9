"""What is kept of work that is done, without the garbage collector's help."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_kept(limit: int = 1 << 20) -> Iterator[None]:
    """What the block leaves in memory is less than `limit` bytes, and nothing waits for the garbage collector."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert kept < limit, f"{kept:,} bytes are kept"
