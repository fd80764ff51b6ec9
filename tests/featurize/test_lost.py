"""Decode workers that are lost are counted, those that end because nobody needs them are not."""

from __future__ import annotations

import pytest

from simd.errors import ImageRejected
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from tests.featurize.drawings import INPUT, LIMITS, encoded, quadrants
from tests.featurize.hostile import hostile


def test_crashes_and_timeouts_are_counted_and_sound_pictures_are_not() -> None:
    pool = DecodePool(1, WorkerSettings(LIMITS, wall_s=2.0), hostile)
    try:
        pool.submit_bytes(encoded(quadrants(), "PNG"), INPUT).result(30.0)
        assert pool.lost == 0
        for data in (b"exit", b"hang"):
            with pytest.raises(ImageRejected):
                pool.submit_bytes(data, INPUT).result(30.0)
        assert pool.lost == 2
    finally:
        pool.close()
    assert pool.lost == 2
