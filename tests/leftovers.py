"""What is kept of work that is done, without the garbage collector's help."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from tests.serving.waiting import until


@contextmanager
def nothing_kept(limit: int) -> Iterator[None]:
    """What the block leaves in memory soon is less than `limit` bytes, with the collector off."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
        # Threads may still be letting go.
        until(lambda: tracemalloc.get_traced_memory()[0] < limit, "all but so few bytes to be let go")
    finally:
        tracemalloc.stop()
        gc.enable()
