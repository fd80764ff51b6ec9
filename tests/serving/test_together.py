"""Searches that are ready together are finished together, by one of those who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from simd.errors import Abandoned, ModelError
from simd.serving.together import AT_ONCE, Together
from tests.serving.waiting import until


class Search:
    """One whose picture is decoded when a test says so."""

    def __init__(self, name: str, *, ready: bool = True) -> None:
        self.name = name
        self.decoding: Future[None] = Future()
        if ready:
            self.decoding.set_result(None)

    def when_ready(self, call: Callable[[], None]) -> None:
        self.decoding.add_done_callback(lambda _: call())

    def cancel(self) -> None:
        self.decoding.cancel()


class Kitchen:
    """Finishes searches, once it is open; remembers what came together, and who was told to be alone."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.batches: list[list[str]] = []
        self.alone: list[bool] = []
        self.failure: BaseException | None = None

    def finish(
        self, searches: Sequence[Search], alive: Callable[[], bool], alone: bool
    ) -> Sequence[str | BaseException]:
        self.batches.append([search.name for search in searches])
        self.alone.append(alone)
        assert self.open.wait(20)
        if self.failure is not None:
            raise self.failure
        if not alive():
            raise Abandoned("nobody waits")
        return [KeyError(one.name) if one.name.startswith("bad") else f"found {one.name}" for one in searches]


class Callers:
    """Many who search at once, each in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, leaders: int) -> None:
        self._pool = pool
        self.kitchen = Kitchen()
        self.together: Together[Search, str] = Together(self.kitchen.finish, leaders)

    def ask(self, search: Search, alive: Callable[[], bool] = lambda: True) -> Future[str | BaseException]:
        return self._pool.submit(self.together.outcome, search, alive)

    def in_line(self, count: int) -> None:
        """Wait until so many are ready and nobody has taken them."""
        until(lambda: len(self.together._line) == count, f"{count} in line")


@contextmanager
def callers(leaders: int = 1) -> Iterator[Callers]:
    with ThreadPoolExecutor(32) as pool:
        made = Callers(pool, leaders)
        try:
            yield made
        finally:
            made.kitchen.open.set()


def test_a_search_alone_is_finished_at_once_by_its_own_caller() -> None:
    together: Together[Search, int] = Together(lambda searches, alive, alone: [threading.get_ident()], 1)
    assert together.outcome(Search("one"), lambda: True) == threading.get_ident()


def test_what_is_ready_meanwhile_is_finished_together_so_many_at_once_and_each_gets_its_own() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.ask(Search("first"))
        until(lambda: them.kitchen.batches == [["first"]], "the first to lead")
        others = [them.ask(Search(str(number))) for number in range(AT_ONCE + 1)]
        them.in_line(AT_ONCE + 1)
        them.kitchen.open.set()
        assert first.result(20) == "found first"
        assert [other.result(20) for other in others] == [f"found {number}" for number in range(AT_ONCE + 1)]
        assert [len(batch) for batch in them.kitchen.batches] == [1, AT_ONCE, 1]


def test_as_many_lead_as_are_allowed() -> None:
    with callers(leaders=2) as them:
        them.kitchen.open.clear()
        asked = []
        for number in range(2):
            asked.append(them.ask(Search(str(number))))
            until(lambda: len(them.kitchen.batches) == len(asked), "another one to lead")
        asked.append(them.ask(Search("2")))
        them.in_line(1)
        assert them.kitchen.batches == [["0"], ["1"]]
        them.kitchen.open.set()
        assert {one.result(20) for one in asked} == {"found 0", "found 1", "found 2"}


def test_nobody_waits_for_one_whose_picture_is_still_being_decoded() -> None:
    with callers() as them:
        slow = Search("slow", ready=False)
        late = them.ask(slow)
        assert them.ask(Search("quick")).result(20) == "found quick"
        assert not late.done()
        slow.decoding.set_result(None)
        assert late.result(20) == "found slow"


def test_only_a_search_that_has_no_company_is_alone() -> None:
    with callers() as them:
        slow = Search("slow", ready=False)
        late = them.ask(slow)
        until(lambda: them.together._held == 1, "the slow one to have begun")
        them.ask(Search("quick")).result(20)
        slow.decoding.set_result(None)
        late.result(20)
        assert them.kitchen.alone == [False, True]


def test_an_error_of_one_is_no_error_of_the_others() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.ask(Search("first"))
        until(lambda: bool(them.kitchen.batches), "the first to lead")
        bad, good = them.ask(Search("bad")), them.ask(Search("good"))
        them.in_line(2)
        them.kitchen.open.set()
        assert first.result(20) == "found first"
        assert isinstance(bad.result(20), KeyError)
        assert good.result(20) == "found good"


def test_a_failure_is_told_to_all_whom_it_concerns_and_the_next_are_served() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        them.kitchen.failure = ModelError("the backbone failed")
        first = them.ask(Search("first"))
        until(lambda: bool(them.kitchen.batches), "the first to lead")
        asked = [first, *(them.ask(Search(str(number))) for number in range(2))]
        them.in_line(2)
        them.kitchen.open.set()
        assert [one.result(20) for one in asked] == [them.kitchen.failure] * 3
        them.kitchen.failure = None
        assert them.ask(Search("next")).result(20) == "found next"


def test_who_leaves_while_its_picture_is_being_decoded_has_that_cancelled() -> None:
    with callers() as them:
        slow = Search("slow", ready=False)
        with pytest.raises(Abandoned):
            them.ask(slow, lambda: False).result(20)
        assert slow.decoding.cancelled()
        assert them.ask(Search("next")).result(20) == "found next"
        assert them.kitchen.batches == [["next"]]


def test_who_leaves_the_line_is_not_finished() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.ask(Search("first"))
        until(lambda: bool(them.kitchen.batches), "the first to lead")
        gone, stays = them.ask(Search("gone"), lambda: False), them.ask(Search("stays"))
        with pytest.raises(Abandoned):
            gone.result(20)
        them.in_line(1)
        them.kitchen.open.set()
        assert (first.result(20), stays.result(20)) == ("found first", "found stays")
        assert them.kitchen.batches == [["first"], ["stays"]]


def test_a_leader_who_is_not_waited_for_finishes_those_who_are() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.ask(Search("first"))
        until(lambda: bool(them.kitchen.batches), "the first to lead")
        leader = them.ask(Search("leader"), lambda: len(them.kitchen.batches) == 1)
        them.in_line(1)
        follower = them.ask(Search("follower"))
        them.in_line(2)
        them.kitchen.open.set()
        assert (first.result(20), follower.result(20)) == ("found first", "found follower")
        assert them.kitchen.batches == [["first"], ["leader", "follower"]]
        assert leader.result(20) == "found leader"


def test_each_of_many_gets_its_own_whenever_it_is_ready_and_whoever_leaves() -> None:
    with callers(leaders=2) as them, ThreadPoolExecutor(8) as decoders:

        def ask(number: int) -> None:
            search = Search(str(number), ready=False)
            decoding = decoders.submit(search.decoding.set_result, None)
            if number % 7 == 0:
                # It may leave at any moment; whether it was served before, nobody knows.
                them.ask(search, lambda: False).exception(20)
            else:
                assert them.together.outcome(search, lambda: True) == f"found {number}"
            decoding.exception(20)

        with ThreadPoolExecutor(16) as pool:
            for asked in [pool.submit(ask, number) for number in range(2000)]:
                asked.result(60)
        assert them.together._held == 0
        assert not them.together._line
        assert them.together._leaders == 2
