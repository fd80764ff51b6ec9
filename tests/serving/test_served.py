"""What answers searches is replaced between two of them, never within one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.index.brute import BruteIndex
from simd.serving.search.queries import Query
from simd.serving.search.served import Served, Serving
from simd.serving.search.subjects import GivenVector, ImageBytes
from tests.serving.doubles import DIMENSION, Bench, TextDecoder, prepared, serving


def other(bench: Bench) -> Served:
    """Another model, whose index is empty."""
    return bench.served("other", BruteIndex(DIMENSION))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


def test_a_search_under_way_ends_on_the_model_it_began_with() -> None:
    hold = threading.Event()
    with prepared(decoder=TextDecoder(hold)) as bench, ThreadPoolExecutor(1) as pool:
        bench.put("a.png", b"picture 1 2 3")
        queries = bench.queries()
        search = pool.submit(queries.search, Query(ImageBytes(b"picture 1 2 4")))
        assert bench.decoder.started.wait(10)
        old = bench.serving.replace(other(bench))
        assert not bench.serving.wait_unused(old, 0.01)
        hold.set()
        assert len(search.result(10).matches) == 1
        assert bench.serving.wait_unused(old, 10)
        assert queries.search(Query(ImageBytes(b"picture 1 2 4"))).searched == 0


def test_nobody_waits_for_one_that_is_not_used(bench: Bench) -> None:
    old = bench.serving.replace(other(bench))
    assert bench.serving.wait_unused(old, 0.0)


def test_a_search_that_fails_lets_go_too(bench: Bench) -> None:
    queries = bench.queries()
    with pytest.raises(InvalidRequest):
        queries.search(Query(GivenVector(np.ones(DIMENSION + 1, np.float32))))
    assert bench.serving.wait_unused(bench.serving.replace(other(bench)), 0.0)


def test_a_vector_of_the_wrong_length_is_told_which_model_answers(bench: Bench) -> None:
    bench.serving.replace(other(bench))
    with pytest.raises(InvalidRequest, match=f"9 values.* other, which answers now, is {DIMENSION}"):
        bench.queries().search(Query(GivenVector(np.ones(9, np.float32))))


def test_one_that_was_replaced_is_in_use_until_the_last_of_those_who_began_with_it_has_ended(bench: Bench) -> None:
    holder = bench.serving
    with ExitStack() as first, ExitStack() as second:
        old = first.enter_context(holder.use())
        assert second.enter_context(holder.use()) is old
        assert holder.replace(other(bench)) is old
        assert not holder.wait_unused(old, 0.0)
        first.close()
        assert not holder.wait_unused(old, 0.0)
        second.close()
        assert holder.wait_unused(old, 0.0)


def test_none_of_many_finds_its_model_closed_while_it_is_replaced_again_and_again(bench: Bench) -> None:
    holder: Serving = bench.serving
    first = bench.served()
    holder.replace(first)
    open_ones = {first}
    stop = threading.Event()
    seen: list[set[Served]] = [set() for _ in range(4)]

    def use(mine: set[Served]) -> None:
        while not stop.is_set():
            with holder.use() as served:
                mine.add(served)
                os.sched_yield()
                assert served in open_ones

    with ThreadPoolExecutor(len(seen)) as pool:
        try:
            users = [pool.submit(use, mine) for mine in seen]
            while min(map(len, seen)) < 50 and not any(user.done() for user in users):
                fresh = bench.served()
                open_ones.add(fresh)
                old = holder.replace(fresh)
                assert holder.wait_unused(old, 10)
                open_ones.discard(old)
        finally:
            stop.set()
        for user in users:
            user.result(10)


def test_status_follows_the_swap_and_tells_of_a_switch() -> None:
    from simctl import Client

    from simd.types import SwitchStatus

    with serving() as bench, Client(bench.listen) as client:
        assert client.status().model_switch is None
        bench.switch = SwitchStatus("tiny", "other", 5, 9, 1, "it waits")
        switch = client.status().model_switch
        assert switch is not None
        assert (switch.from_model, switch.to_model, switch.done, switch.total, switch.unreachable, switch.detail) == (
            "tiny", "other", 5, 9, 1, "it waits"
        )  # fmt: skip
        bench.serving.replace(other(bench))
        bench.switch = None
        status = client.status()
        assert (status.model["name"], status.model_switch) == ("other", None)
