"""What insight searches in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from simd.featurize.models.spec import Levels
from simd.index.base import Index


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What finds images that are alike: an index, the fingerprint of the model that it is of, and what its similarities
    mean, if the model is calibrated."""

    index: Index
    fingerprint: str
    levels: Levels | None


Use = Callable[[], AbstractContextManager[Searched]]
"""What is searched in now, which stays open until the block ends."""
