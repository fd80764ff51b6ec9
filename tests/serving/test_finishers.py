"""Searches that are ready together are finished together, by a pool of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from simd.errors import ModelError
from simd.serving.search.finishers import AT_ONCE, Finishers
from simd.supervision import Threads
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
    """Finishes searches, once it is open; remembers what came together, and what was told to be alone."""

    def __init__(self, count: int) -> None:
        self.open = threading.Event()
        self.open.set()
        self.batches: list[list[str]] = []
        self.alone: list[bool] = []
        self.failure: BaseException | None = None
        self.finishers: Finishers[Search, str] = Finishers("finisher", self._finish, count, Threads())

    def _finish(self, searches: Sequence[Search], alone: bool) -> Sequence[str | BaseException]:
        self.batches.append([search.name for search in searches])
        self.alone.append(alone)
        assert self.open.wait(20)
        if self.failure is not None:
            raise self.failure
        return [KeyError(one.name) if one.name.startswith("bad") else f"found {one.name}" for one in searches]

    def ask(self, name: str) -> Future[str]:
        """A search that is in the queue, or taken from it."""
        return self.finishers.submit(Search(name))

    def busy(self, name: str) -> Future[str]:
        """A search that keeps a finisher busy until the kitchen is open."""
        self.open.clear()
        asked = self.ask(name)
        until(lambda: [name] in self.batches, f"{name} to be taken")
        return asked


@contextmanager
def kitchen(count: int = 1) -> Iterator[Kitchen]:
    made = Kitchen(count)
    try:
        yield made
    finally:
        made.open.set()
        made.finishers.close()


def test_what_is_ready_meanwhile_is_finished_together_so_many_at_once_and_each_gets_its_own() -> None:
    with kitchen() as it:
        first = it.busy("first")
        others = [it.ask(str(number)) for number in range(AT_ONCE + 1)]
        it.open.set()
        assert first.result(20) == "found first"
        assert [other.result(20) for other in others] == [f"found {number}" for number in range(AT_ONCE + 1)]
        assert [len(batch) for batch in it.batches] == [1, AT_ONCE, 1]


def test_as_many_threads_finish_as_there_are() -> None:
    with kitchen(2) as it:
        asked = [it.busy("one"), it.busy("other"), it.ask("third")]
        assert it.batches == [["one"], ["other"]]
        it.open.set()
        assert [one.result(20) for one in asked] == ["found one", "found other", "found third"]


def test_nobody_waits_for_one_whose_picture_is_still_being_decoded() -> None:
    with kitchen() as it:
        slow = Search("slow", ready=False)
        late = it.finishers.submit(slow)
        assert it.ask("quick").result(20) == "found quick"
        assert not late.done()
        slow.decoding.set_result(None)
        assert late.result(20) == "found slow"


def test_only_a_search_that_has_no_company_is_alone() -> None:
    with kitchen() as it:
        slow = Search("slow", ready=False)
        late = it.finishers.submit(slow)
        it.ask("quick").result(20)
        slow.decoding.set_result(None)
        late.result(20)
        assert it.alone == [False, True]


def test_an_error_of_one_is_no_error_of_the_others() -> None:
    with kitchen() as it:
        first = it.busy("first")
        bad, good = it.ask("bad"), it.ask("good")
        it.open.set()
        assert first.result(20) == "found first"
        assert isinstance(bad.exception(20), KeyError)
        assert good.result(20) == "found good"


def test_a_failure_is_told_to_all_whom_it_concerns_and_the_next_are_served() -> None:
    with kitchen() as it:
        it.failure = ModelError("the backbone failed")
        asked = [it.busy("first"), *(it.ask(str(number)) for number in range(2))]
        it.open.set()
        assert [one.exception(20) for one in asked] == [it.failure] * 3
        it.failure = None
        assert it.ask("next").result(20) == "found next"


def test_one_that_is_cancelled_while_its_picture_is_being_decoded_has_that_cancelled() -> None:
    with kitchen() as it:
        slow = Search("slow", ready=False)
        assert it.finishers.submit(slow).cancel()
        assert slow.decoding.cancelled()
        assert it.ask("next").result(20) == "found next"
        assert it.batches == [["next"]]


def test_one_that_is_cancelled_in_the_queue_is_not_finished_and_one_that_was_taken_is() -> None:
    with kitchen() as it:
        first = it.busy("first")
        gone, stays = it.ask("gone"), it.ask("stays")
        assert gone.cancel() and not first.cancel()
        it.open.set()
        assert (first.result(20), stays.result(20)) == ("found first", "found stays")
        assert it.batches == [["first"], ["stays"]]


def test_at_the_end_what_was_taken_is_finished_and_all_else_is_cancelled() -> None:
    with kitchen() as it, ThreadPoolExecutor(1) as pool:
        first, queued, slow = it.busy("first"), it.ask("queued"), Search("slow", ready=False)
        decoding = it.finishers.submit(slow)
        closing = pool.submit(it.finishers.close)
        for one in (queued, decoding):
            with pytest.raises(CancelledError):
                one.result(20)
        assert slow.decoding.cancelled() and it.ask("late").cancelled()
        it.open.set()
        closing.result(20)
        assert first.result(20) == "found first"


def test_each_of_many_gets_its_own_whenever_it_is_ready_and_whoever_leaves() -> None:
    with kitchen(2) as it, ThreadPoolExecutor(8) as decoders:

        def ask(number: int) -> None:
            search = Search(str(number), ready=False)
            outcome = it.finishers.submit(search)
            if number % 7:
                decoders.submit(search.decoding.set_result, None)
            elif number % 14:
                # Gone, and the picture is decoded at the same moment.
                decoders.submit(search.decoding.set_result, None)
                outcome.cancel()
            else:
                assert outcome.cancel()
            if not outcome.cancelled():
                assert outcome.result(20) == f"found {number}"

        with ThreadPoolExecutor(16) as pool:
            for asked in [pool.submit(ask, number) for number in range(700)]:
                asked.result(60)
        # Nothing is left of any of them: both threads take what comes, and a search is alone.
        last = [it.busy("one"), it.busy("other"), it.ask("third")]
        assert it.batches[-2:] == [["one"], ["other"]]
        it.open.set()
        assert [one.result(20) for one in last] == ["found one", "found other", "found third"]
        it.ask("alone").result(20)
        assert it.alone[-1]
