"""What callers share: how much each may have, and who is next."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.cancelled import NEVER, Cancelled
from simd.serving.transport.callers import caller_of
from simd.serving.transport.shares import Shares
from tests.serving.waiting import until


def test_one_has_seven_eighths_and_the_rest_is_for_others() -> None:
    shares = Shares(16)
    assert [shares.try_take("one") for _ in range(16)] == [True] * 14 + [False] * 2
    assert shares.try_take("other") and shares.try_take("third") and not shares.try_take("fourth")
    shares.give_back("one")
    assert shares.used == 15 and shares.try_take("fourth")


@pytest.mark.parametrize("limit", range(1, 8))
def test_of_few_one_may_have_all(limit: int) -> None:
    shares = Shares(limit)
    assert [shares.try_take("one") for _ in range(limit + 1)] == [True] * limit + [False]


def test_what_is_greater_than_all_there_is_is_given_when_nothing_else_is() -> None:
    shares = Shares(100)
    assert shares.try_take("one", 1000) and not shares.try_take("other", 1)
    shares.give_back("one", 1000)
    assert shares.try_take("other", 1) and not shares.try_take("one", 1000)


def test_who_leaves_takes_nothing_and_the_next_is_served() -> None:
    shares, leaves = Shares(1), Cancelled()
    assert shares.take("one", 1, NEVER)
    with ThreadPoolExecutor(2) as pool:
        left = pool.submit(shares.take, "one", 1, leaves)
        until(lambda: left.running(), "the first to wait")
        waits = pool.submit(shares.take, "other", 1, NEVER)
        leaves.set()
        assert left.result(10) is False and not waits.done()
        shares.give_back("one")
        assert waits.result(10) is True
    shares.give_back("other")
    assert shares.used == 0


def test_those_who_wait_are_served_in_order_and_a_full_share_lets_others_pass() -> None:
    shares, order = Shares(8), []
    taken = [shares.take("flood", 1, NEVER) for _ in range(7)]
    assert all(taken)

    def waits(who: str) -> None:
        shares.take(who, 1, NEVER)
        order.append(who)

    with ThreadPoolExecutor(4) as pool:
        futures: list[Future[None]] = []
        futures.append(pool.submit(waits, "flood"))
        until(futures[0].running, "it to begin")
        futures.append(pool.submit(waits, "other"))
        futures[1].result(10)
        assert order == ["other"] and not futures[0].done()
        shares.give_back("flood")
        futures[0].result(10)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), max_size=40), st.integers(1, 10))
def test_never_more_is_given_than_there_is_unless_it_is_one_thing(wanted: list[tuple[str, int]], limit: int) -> None:
    shares = Shares(limit)
    given_: list[tuple[str, int]] = []
    for who, amount in wanted:
        if shares.try_take(who, amount):
            given_.append((who, amount))
        total = sum(one for _, one in given_)
        mine = [one for other, one in given_ if other == who]
        assert shares.used == total and (total <= limit or len(given_) == 1)
        assert sum(mine) <= shares.share or len(mine) == 1
        if len(given_) > 4:
            shares.give_back(*given_.pop(0))
    for who, amount in given_:
        shares.give_back(who, amount)
    assert shares.used == 0


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        ("ipv4:192.0.2.7:51234", "192.0.2.7"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:51234", "2001:db8:1:2::/64"),
        ("ipv6:[::1]:51234", "::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:1", "fe80::/64"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:1", "192.0.2.7"),
        ("unix:", "unix"),
        ("unix:/run/simd/simd.sock", "unix"),
        ("", ""),
    ],
)
def test_a_caller_is_a_host_whatever_its_port(peer: str, caller: str) -> None:
    assert caller_of(peer) == caller
