"""What may happen a thousand times a minute has one line at once and one a minute."""

from __future__ import annotations

import logging
import threading

import pytest

from simd.seldom import Repeated, Seldom

LOG = logging.getLogger("simd.test")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_the_first_is_told_at_once_and_the_others_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom(LOG)
    for number in range(1000):
        seldom.tell(logging.WARNING, "a", f"a {number}")
    seldom.tell(logging.WARNING, "b", "b")
    assert lines(caplog) == ["a 0", "b"]
    seldom.flush()
    assert lines(caplog) == ["a 999 (999 more like it)"]


def test_what_goes_on_has_a_line_a_minute_and_what_was_over_has_one_at_once(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom(LOG)
    for _ in range(3):
        seldom.tell(logging.WARNING, "a", "a")
        seldom.tell(logging.WARNING, "a", "a")
        seldom.flush()
    assert lines(caplog) == ["a", "a (1 more like it)", "a (2 more like it)", "a (2 more like it)"]
    seldom.flush()
    seldom.tell(logging.WARNING, "a", "again")
    assert lines(caplog) == ["again"]


def test_many_kinds_cost_neither_lines_nor_memory(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom(LOG, most=5)
    for number in range(1000):
        seldom.tell(logging.WARNING, number, str(number))
    assert lines(caplog) == ["0", "1", "2", "3", "4"]
    seldom.flush()
    assert lines(caplog) == ["995 more of other kinds than the 5 that are told apart"]


def test_everything_is_told_again_and_again_and_at_the_end() -> None:
    told, twice = threading.Semaphore(0), [0]

    def teller() -> None:
        twice[0] += 1
        told.release()

    repeated = Repeated("x", [teller], period_s=0.001)
    assert told.acquire(timeout=10) and told.acquire(timeout=10)
    repeated.close()
    before = twice[0]
    Repeated("x", [teller], period_s=1000).close()
    assert twice[0] == before + 1
