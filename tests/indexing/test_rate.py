"""How fast, as `status` says it."""

from __future__ import annotations

from simd.indexing.loop.rate import Rate


class Clock:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_it_is_what_was_decided_over_the_time_that_it_took() -> None:
    clock = Clock()
    rate = Rate(30.0, clock)
    assert rate.per_second() == 0.0
    rate.begin()
    clock.now += 0.5
    rate.count(10)
    assert rate.per_second() == 0.0, "half a second says nothing yet"
    clock.now += 1.5
    rate.count(10)
    assert rate.per_second() == 10.0


def test_only_the_last_seconds_count() -> None:
    clock = Clock()
    rate = Rate(30.0, clock)
    rate.begin()
    for _ in range(100):
        clock.now += 1.0
        rate.count(3)
    assert 2.9 <= rate.per_second() <= 3.1
    clock.now += 40.0
    assert rate.per_second() == 0.0


def test_idle_time_counts_for_nothing() -> None:
    clock = Clock()
    rate = Rate(30.0, clock)
    rate.begin()
    rate.count(1000)
    rate.end()
    assert rate.per_second() == 0.0
    clock.now += 10.0
    rate.begin()
    rate.begin()
    clock.now += 2.0
    rate.count(8)
    assert rate.per_second() == 4.0
