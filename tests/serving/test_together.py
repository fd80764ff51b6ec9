"""Searches that are ready together are finished together, by one of those who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from simd.errors import Abandoned, ModelError
from simd.serving.together import AT_ONCE, Together
from tests.serving.waiting import until


class Search:
    """One whose picture is decoded when a test says so.

    Attributes:
        has_begun: its caller waits for it.
        is_ready: and its caller knows that it need not wait for the decoder any more.
    """

    def __init__(self, name: str, *, ready: bool = True) -> None:
        self.name = name
        self.decoding: Future[None] = Future()
        self.has_begun, self.is_ready = threading.Event(), threading.Event()
        if ready:
            self.decoding.set_result(None)

    def when_ready(self, call: Callable[[], None]) -> None:
        def told(_: object) -> None:
            call()
            self.is_ready.set()

        self.decoding.add_done_callback(told)
        self.has_begun.set()

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
        self.meanwhile: Callable[[], object] = lambda: None

    def finish(
        self, searches: Sequence[Search], alive: Callable[[], bool], alone: bool
    ) -> Sequence[str | BaseException]:
        self.batches.append([search.name for search in searches])
        self.alone.append(alone)
        assert self.open.wait(20)
        self.meanwhile()
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
        """A caller who waits: in line, or as soon as it may, if the picture is decoded."""
        asked = self._pool.submit(self.together.outcome, search, alive)
        assert search.has_begun.wait(20)
        assert search.is_ready.is_set() == search.decoding.done()
        return asked

    def lead(self, search: Search) -> Future[str | BaseException]:
        """A caller who finishes searches, as soon as the kitchen is open."""
        before = len(self.kitchen.batches)
        asked = self.ask(search)
        until(lambda: len(self.kitchen.batches) > before, f"{search.name} to lead")
        return asked


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
        first = them.lead(Search("first"))
        others = [them.ask(Search(str(number))) for number in range(AT_ONCE + 1)]
        them.kitchen.open.set()
        assert first.result(20) == "found first"
        assert [other.result(20) for other in others] == [f"found {number}" for number in range(AT_ONCE + 1)]
        assert [len(batch) for batch in them.kitchen.batches] == [1, AT_ONCE, 1]


def test_as_many_lead_as_are_allowed() -> None:
    with callers(leaders=2) as them:
        them.kitchen.open.clear()
        asked = [them.lead(Search(str(number))) for number in range(2)]
        asked.append(them.ask(Search("2")))
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
        them.ask(Search("quick")).result(20)
        slow.decoding.set_result(None)
        late.result(20)
        assert them.kitchen.alone == [False, True]


def test_an_error_of_one_is_no_error_of_the_others() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.lead(Search("first"))
        bad, good = them.ask(Search("bad")), them.ask(Search("good"))
        them.kitchen.open.set()
        assert first.result(20) == "found first"
        assert isinstance(bad.result(20), KeyError)
        assert good.result(20) == "found good"


def test_a_failure_is_told_to_all_whom_it_concerns_and_the_next_are_served() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        them.kitchen.failure = ModelError("the backbone failed")
        first = them.lead(Search("first"))
        asked = [first, *(them.ask(Search(str(number))) for number in range(2))]
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
        first = them.lead(Search("first"))
        gone, stays = them.ask(Search("gone"), lambda: False), them.ask(Search("stays"))
        with pytest.raises(Abandoned):
            gone.result(20)
        them.kitchen.open.set()
        assert (first.result(20), stays.result(20)) == ("found first", "found stays")
        assert them.kitchen.batches == [["first"], ["stays"]]


def test_who_leaves_while_it_is_being_finished_is_finished() -> None:
    asked = threading.Semaphore(0)
    with callers() as them:

        def alive() -> bool:
            """Until its search is begun with."""
            if len(them.kitchen.batches) > 1:
                asked.release()
            return len(them.kitchen.batches) == 1

        them.kitchen.open.clear()
        first = them.lead(Search("first"))
        second, gone = them.ask(Search("second")), them.ask(Search("gone"), alive)
        # Asked twice, it did not leave in between.
        them.kitchen.meanwhile = lambda: len(them.kitchen.batches) == 1 or [asked.acquire(timeout=20) for _ in range(2)]
        them.kitchen.open.set()
        assert [one.result(20) for one in (first, second, gone)] == ["found first", "found second", "found gone"]
        assert them.kitchen.batches == [["first"], ["second", "gone"]]


def test_a_leader_who_is_not_waited_for_finishes_those_who_are() -> None:
    with callers() as them:
        them.kitchen.open.clear()
        first = them.lead(Search("first"))
        leader = them.ask(Search("leader"), lambda: len(them.kitchen.batches) == 1)
        follower = them.ask(Search("follower"))
        them.kitchen.open.set()
        assert (first.result(20), follower.result(20)) == ("found first", "found follower")
        assert them.kitchen.batches == [["first"], ["leader", "follower"]]
        assert leader.result(20) == "found leader"


def test_each_of_many_gets_its_own_whenever_it_is_ready_and_whoever_leaves() -> None:
    with callers(leaders=2) as them, ThreadPoolExecutor(8) as decoders:

        def ask(number: int) -> None:
            search = Search(str(number), ready=False)

            def alive() -> bool:
                """Gone, and the picture is decoded at the same moment."""
                decoders.submit(search.decoding.set_result, None)
                return False

            if number % 14 == 0:
                with pytest.raises(Abandoned):
                    them.together.outcome(search, lambda: False)
            elif number % 14 == 7:
                with suppress(Abandoned):
                    assert them.together.outcome(search, alive) == f"found {number}"
            else:
                decoders.submit(search.decoding.set_result, None)
                assert them.together.outcome(search, lambda: True) == f"found {number}"

        with ThreadPoolExecutor(16) as pool:
            for asked in [pool.submit(ask, number) for number in range(700)]:
                asked.result(60)
        # Nothing is left of any of them: nobody is in line, and as many may lead as before.
        del them.kitchen.batches[:]
        them.kitchen.open.clear()
        last = [them.lead(Search("one")), them.lead(Search("other"))]
        last.append(them.ask(Search("third")))
        assert them.kitchen.batches == [["one"], ["other"]]
        them.kitchen.open.set()
        assert [one.result(20) for one in last] == ["found one", "found other", "found third"]
        them.ask(Search("alone")).result(20)
        assert them.kitchen.alone[-1]
