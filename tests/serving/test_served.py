"""What answers searches is replaced between two of them, never within one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.index.brute import BruteIndex
from simd.serving.queries import Query
from simd.serving.served import Served, Serving
from simd.serving.subjects import GivenVector, ImageBytes
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


def test_many_searches_while_the_model_is_replaced_again_and_again(bench: Bench) -> None:
    holder: Serving = bench.serving
    open_ones = {bench.served("first")}
    holder.replace(next(iter(open_ones)))
    stop = threading.Event()

    def use() -> int:
        count = 0
        while not stop.is_set():
            with holder.use() as served:
                assert served in open_ones
                count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        users = [pool.submit(use) for _ in range(4)]
        for number in range(200):
            fresh = bench.served(str(number))
            open_ones.add(fresh)
            old = holder.replace(fresh)
            assert holder.wait_unused(old, 10)
            open_ones.discard(old)
        stop.set()
        assert all(user.result(10) >= 0 for user in users)


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
