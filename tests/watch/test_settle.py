"""When a file that something happened to is released."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.types import Change, ChangeKind, FileKey, Stamp
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread
from simd.watch.settle import Settler

A, B = FileKey(1, b"a"), FileKey(1, b"b")


class World:
    """A clock and a filesystem that the test moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.files: dict[FileKey, Stamp] = {}
        self.failing: dict[FileKey, Exception] = {}

    def clock(self) -> float:
        return self.now

    def look(self, key: FileKey) -> Stamp | None:
        if key in self.failing:
            raise self.failing[key]
        return self.files.get(key)

    def write(self, key: FileKey, size: int = 1) -> Stamp:
        self.files[key] = Stamp(size, int(self.now * 1e9), 1)
        return self.files[key]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def settler(world: World) -> Settler:
    return Settler(1.0, world.clock, limit=5, retry_delays_s=(2.0, 8.0))


def test_a_closed_file_is_released_at_once(world: World, settler: Settler) -> None:
    stamp = world.write(A)
    settler.note(A, ready=True)
    assert settler.next_due() == 0
    assert settler.due(world.look) == [Change(ChangeKind.UPSERT, A, stamp)]
    assert settler.due(world.look) == []
    assert settler.next_due() is None


def test_a_file_that_appeared_is_released_when_it_stood_still(world: World, settler: Settler) -> None:
    world.write(A)
    settler.note(A)
    assert settler.due(world.look) == []
    assert settler.next_due() == 1.0
    world.now += 0.99
    assert settler.due(world.look) == []
    world.now += 0.01
    assert settler.due(world.look) == [Change(ChangeKind.UPSERT, A, world.files[A])]


def test_a_file_that_grows_is_waited_for(world: World, settler: Settler) -> None:
    settler.note(A)
    for size in range(5):
        world.write(A, size)
        assert settler.due(world.look) == []
        world.now += 1
    assert [change.key for change in settler.due(world.look)] == [A]


def test_a_file_noted_again_starts_again(world: World, settler: Settler) -> None:
    world.write(A)
    settler.note(A)
    settler.due(world.look)
    world.now += 0.5
    settler.note(A)
    settler.due(world.look)
    world.now += 0.5
    assert settler.due(world.look) == []
    world.now += 0.5
    assert len(settler.due(world.look)) == 1


def test_a_close_ends_the_wait(world: World, settler: Settler) -> None:
    world.write(A)
    settler.note(A)
    settler.due(world.look)
    settler.note(A, ready=True)
    assert len(settler.due(world.look)) == 1
    world.now += 10
    assert settler.due(world.look) == []


def test_a_file_that_is_gone_is_deleted_after_the_upserts(world: World, settler: Settler) -> None:
    world.write(B)
    settler.note(A, ready=True)
    settler.note(B, ready=True)
    assert settler.due(world.look) == [Change(ChangeKind.UPSERT, B, world.files[B]), Change(ChangeKind.DELETE, A)]


def test_without_a_settle_time_a_file_that_appeared_is_released_at_once(world: World) -> None:
    settler = Settler(0.0, world.clock)
    world.write(A)
    settler.note(A)
    assert len(settler.due(world.look)) == 1


@pytest.mark.parametrize(
    ("error", "scanned"),
    [
        (OSError(errno.EIO, "I/O error"), b"a/folder"),
        (RulesUnread(b"/p/.simdignore", "is bad"), b"a/folder"),
        (RootOffline(b"/p", "is empty"), b""),
    ],
)
def test_what_cannot_be_judged_is_neither_upserted_nor_deleted_and_has_its_folder_scanned(
    world: World, settler: Settler, error: Exception, scanned: bytes
) -> None:
    inside = FileKey(1, b"a/folder/file")
    world.failing[inside] = error
    world.write(B)
    settler.note(inside, ready=True)
    settler.note(B, ready=True)
    assert [change.key for change in settler.due(world.look)] == [B]
    assert len(settler) == 0
    assert settler.take_scans() == [FileKey(1, scanned)]


def test_what_is_postponed_is_looked_at_after_that_time_however_often(world: World, settler: Settler) -> None:
    world.write(A)
    for seconds in (0.5, 60.0, 60.0, 1.0, 1.0, 1.0):
        settler.postpone(A, seconds)
        assert settler.next_due() == seconds and settler.due(world.look) == []
        world.now += seconds
        assert [change.key for change in settler.due(world.look)] == [A]


def test_when_a_file_was_last_said_to_be_written_to_is_kept_until_it_is_released(
    world: World, settler: Settler
) -> None:
    world.write(A)
    settler.note(A, ready=True, heard=5.0)
    settler.note(A)
    settler.due(world.look)
    settler.note(A)
    settler.retry(A)
    world.now += 10.0
    assert [change.heard for change in settler.due(world.look)] == [5.0]
    settler.note(A, ready=True)
    assert [change.heard for change in settler.due(world.look)] == [None]


def test_retries_wait_longer_each_time_and_end(world: World, settler: Settler) -> None:
    world.write(A)
    waits = []
    while settler.retry(A):
        wait = settler.next_due()
        assert wait is not None
        waits.append(wait)
        world.now += wait
        assert len(settler.due(world.look)) == 1
    assert waits == [2.0, 8.0]
    assert settler.retry(A)


def test_a_new_event_gives_a_file_all_its_tries_again(world: World, settler: Settler) -> None:
    world.write(A)
    assert settler.retry(A) and settler.retry(A) and not settler.retry(A)
    settler.note(A, ready=True)
    assert settler.retry(A)
    settler.done(A)
    assert settler.retry(A) and settler.retry(A)


def test_too_many_files_become_a_scan_of_their_root(world: World, settler: Settler) -> None:
    other = FileKey(2, b"x")
    settler.note(other, ready=True)
    for n in range(50):
        settler.note(FileKey(1, b"%d" % n), ready=True)
    assert len(settler) == 1
    assert settler.take_scans() == [FileKey(1, b"")]
    assert settler.take_scans() == []
    assert [change.key for change in settler.due(world.look)] == [other]
    settler.note(A, ready=True)
    assert len(settler) == 1


def test_a_dropped_root_is_forgotten(world: World, settler: Settler) -> None:
    settler.note(A, ready=True)
    settler.note(FileKey(2, b"x"), ready=True)
    settler.forget_root(1)
    assert [change.key.root_id for change in settler.due(world.look)] == [2]


@given(st.lists(st.tuples(st.sampled_from(["note", "ready", "retry", "due", "wait"]), st.integers(0, 3)), max_size=60))
def test_every_file_noted_is_released_in_the_end(steps: list[tuple[str, int]]) -> None:
    world = World()
    settler = Settler(1.0, world.clock)
    owed: set[FileKey] = set()
    for step, n in steps:
        key = FileKey(1, b"%d" % n)
        world.write(key, n)
        if step == "due":
            owed -= {change.key for change in settler.due(world.look)}
        elif step == "wait":
            world.now += n / 2
        elif step == "retry":
            owed |= {key} if settler.retry(key) else set()
        else:
            settler.note(key, ready=step == "ready")
            owed.add(key)
        assert len(settler) >= len(owed)
    for _ in range(4):
        wait = settler.next_due()
        world.now += wait or 0.0
        owed -= {change.key for change in settler.due(world.look)}
        world.now += 60
    assert not owed
    assert len(settler) == 0 and settler.next_due() is None
