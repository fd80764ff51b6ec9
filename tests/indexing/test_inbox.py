"""Hints on their way to the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from simd.indexing.loop.inbox import Inbox
from simd.watch.events import Hint, HintKind


class Loop:
    """Runs what was posted when it is told to."""

    def __init__(self) -> None:
        self.posted: deque[Callable[[], None]] = deque()
        self.handled: list[Hint] = []

    def handle(self, hint: Hint) -> None:
        """Take a hint."""
        if hint.path == b"bug":
            raise RuntimeError("a bug of ours")
        self.handled.append(hint)

    def turn(self) -> None:
        """Run all that was posted."""
        while self.posted:
            self.posted.popleft()()


def written(number: int, root_id: int = 1) -> Hint:
    """A file was closed."""
    return Hint(HintKind.WRITTEN, root_id, b"%d" % number)


def test_hints_are_handled_in_order_however_many_come_between_two_turns() -> None:
    loop = Loop()
    inbox = Inbox(loop.handle, loop.posted.append)
    for number in range(100):
        inbox.offer(written(number))
    assert len(loop.posted) == 1
    loop.turn()
    inbox.offer(written(100))
    loop.turn()
    assert loop.handled == [written(number) for number in range(101)]


def test_hints_beyond_the_limit_become_one_scan_of_their_root() -> None:
    loop = Loop()
    inbox = Inbox(loop.handle, loop.posted.append, limit=10)
    inbox.offer(written(0, root_id=2))
    for number in range(100_000):
        inbox.offer(written(number))
    loop.turn()
    assert loop.handled == [written(0, root_id=2), Hint(HintKind.OVERFLOW, 1, b"")]
    inbox.offer(written(7))
    loop.turn()
    assert loop.handled[-1] == written(7)


def test_a_hint_that_fails_does_not_take_the_others_with_it() -> None:
    loop = Loop()
    inbox = Inbox(loop.handle, loop.posted.append)
    for path in (b"a", b"bug", b"b"):
        inbox.offer(Hint(HintKind.WRITTEN, 1, path))
    with pytest.raises(RuntimeError):
        loop.turn()
    loop.turn()
    assert [hint.path for hint in loop.handled] == [b"a", b"b"]
