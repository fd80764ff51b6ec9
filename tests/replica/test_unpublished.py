"""For how long something has been unpublished."""

from __future__ import annotations

from simd.replica.unpublished import Unpublished


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_as_old_as_the_first_change_that_was_not_published() -> None:
    clock = Clock()
    unpublished = Unpublished(None, clock)
    assert (unpublished.since, unpublished.age_s) == (None, 0)
    unpublished.changed()
    clock.now = 110
    unpublished.changed()
    assert unpublished.since == 100 and unpublished.age_s == 10
    unpublished.reading()
    clock.now = 120
    unpublished.changed()
    assert unpublished.since == 100
    unpublished.published()
    assert unpublished.since == 120, "it came after what was read"
    unpublished.reading()
    unpublished.published()
    assert unpublished.since is None


def test_what_was_read_and_not_published_stays_as_old_as_it_is() -> None:
    clock = Clock()
    unpublished = Unpublished(40.0, clock)
    unpublished.reading()
    clock.now = 130
    unpublished.changed()
    unpublished.reading()
    unpublished.kept_waiting()
    assert unpublished.since == 40 and unpublished.age_s == 90
    unpublished.published()
    unpublished.kept_waiting()
    assert unpublished.since == 130


def test_a_clock_that_goes_back_makes_nothing_negative() -> None:
    clock = Clock()
    unpublished = Unpublished(200.0, clock)
    assert unpublished.age_s == 0
