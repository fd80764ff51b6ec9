"""What callers share: how much each may have, and who is next."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.cancelled import NEVER, Cancelled
from simd.serving.transport.fairsemaphore import FairSemaphore
from tests.serving.waiting import until


def test_one_has_seven_eighths_and_the_rest_is_for_others() -> None:
    semaphore = FairSemaphore(16)
    assert [semaphore.try_acquire("one") for _ in range(16)] == [True] * 14 + [False] * 2
    assert semaphore.try_acquire("other") and semaphore.try_acquire("third") and not semaphore.try_acquire("fourth")
    semaphore.release("one")
    assert semaphore.used == 15 and semaphore.try_acquire("fourth")


@pytest.mark.parametrize("limit", range(1, 8))
def test_of_few_one_may_have_all(limit: int) -> None:
    semaphore = FairSemaphore(limit)
    assert [semaphore.try_acquire("one") for _ in range(limit + 1)] == [True] * limit + [False]


def test_what_is_greater_than_all_there_is_is_given_when_nothing_else_is() -> None:
    semaphore = FairSemaphore(100)
    assert semaphore.try_acquire("one", 1000) and not semaphore.try_acquire("other", 1)
    semaphore.release("one", 1000)
    assert semaphore.try_acquire("other", 1) and not semaphore.try_acquire("one", 1000)


def test_who_leaves_takes_nothing_and_the_next_is_served() -> None:
    semaphore, leaves = FairSemaphore(1), Cancelled()
    assert semaphore.acquire("one", 1, NEVER)
    with ThreadPoolExecutor(2) as pool:
        left = pool.submit(semaphore.acquire, "one", 1, leaves)
        until(lambda: left.running(), "the first to wait")
        waits = pool.submit(semaphore.acquire, "other", 1, NEVER)
        leaves.set()
        assert left.result(10) is False and not waits.done()
        semaphore.release("one")
        assert waits.result(10) is True
    semaphore.release("other")
    assert semaphore.used == 0


def test_those_who_wait_are_served_in_order_and_a_full_share_lets_others_pass() -> None:
    semaphore, order = FairSemaphore(8), []
    taken = [semaphore.acquire("flood", 1, NEVER) for _ in range(7)]
    assert all(taken)

    def waits(who: str) -> None:
        semaphore.acquire(who, 1, NEVER)
        order.append(who)

    with ThreadPoolExecutor(4) as pool:
        futures: list[Future[None]] = []
        futures.append(pool.submit(waits, "flood"))
        until(futures[0].running, "it to begin")
        futures.append(pool.submit(waits, "other"))
        futures[1].result(10)
        assert order == ["other"] and not futures[0].done()
        semaphore.release("flood")
        futures[0].result(10)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), max_size=40), st.integers(1, 10))
def test_never_more_is_given_than_there_is_unless_it_is_one_thing(wanted: list[tuple[str, int]], limit: int) -> None:
    semaphore = FairSemaphore(limit)
    given_: list[tuple[str, int]] = []
    for who, amount in wanted:
        if semaphore.try_acquire(who, amount):
            given_.append((who, amount))
        total = sum(one for _, one in given_)
        mine = [one for other, one in given_ if other == who]
        assert semaphore.used == total and (total <= limit or len(given_) == 1)
        assert sum(mine) <= semaphore.share or len(mine) == 1
        if len(given_) > 4:
            semaphore.release(*given_.pop(0))
    for who, amount in given_:
        semaphore.release(who, amount)
    assert semaphore.used == 0
