"""What people said of copies: that they are none, which of them is kept, that all are."""

from __future__ import annotations

import time
from collections.abc import Callable

from simd.sqlite.database import Database


class Duplicates:
    """Every method may be called from any thread.

    Args:
        database: the file of decisions.
        clock: seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
