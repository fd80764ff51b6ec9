"""The bench that most tests of the room begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.indexing.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The room, not started yet."""
    made = Bench(tmp_path)
    yield made
    made.close()
