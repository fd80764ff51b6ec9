"""A clean-up that ends before any of its system calls is taken back without a trace, and goes on when run again."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from simctl.cleanup.plan import Plan

from tests.simctl.cleanup.world import Countdown, Killed, World, messy, random_world

WAYS = ["trash", "move", "far", "hardlink", "reflink"]


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[World]:
    """Endless new worlds, one after the other."""
    return (World(tmp_path / str(number)) for number in range(10_000))


@contextmanager
def killed() -> Iterator[None]:
    """A block that a kill may end."""
    try:
        yield
    except Killed:
        pass


def calls_of(worlds: Iterator[World], way: str) -> tuple[int, int]:
    """How many system calls applying the messy plan takes, and undoing it."""
    world, apply, undo = next(worlds), Countdown(), Countdown()
    world.apply(messy(world), way, hook=apply)
    world.undo(way, hook=undo)
    return len(apply.calls), len(undo.calls)


@pytest.mark.parametrize("way", WAYS)
def test_a_clean_up_that_ends_at_any_step_is_undone_without_a_trace(worlds: Iterator[World], way: str) -> None:
    calls, _ = calls_of(worlds, way)
    assert calls > 10
    for at in range(1, calls + 1):
        world = next(worlds)
        plan = messy(world)
        before, labels = world.snapshot(), world.labels.all()
        with pytest.raises(Killed):
            world.apply(plan, way, hook=Countdown(at))
        undone = world.undo(way) if world.log_path.exists() else []
        assert [one.taken.why for one in undone if one.taken.why] == [], at
        assert (world.snapshot(), world.labels.all()) == (before, labels), at
        assert world.trashed() == set(), at
        assert not world.moved.exists(), at


@pytest.mark.parametrize("way", ["trash", "far", "hardlink"])
def test_a_clean_up_that_ends_at_any_step_goes_on_when_it_is_run_again(worlds: Iterator[World], way: str) -> None:
    done = next(worlds)
    untouched = done.apply(messy(done), way)
    after, labels = done.snapshot(), done.labels.all()
    calls, _ = calls_of(worlds, way)
    for at in range(1, calls + 1):
        world = next(worlds)
        plan = messy(world)
        before = world.snapshot()
        with pytest.raises(Killed):
            world.apply(plan, way, hook=Countdown(at))
        again = world.apply(plan, way)
        assert [len(one.left) for one in again] == [len(one.left) for one in untouched], at
        assert (world.snapshot(), world.labels.all()) == (after, labels), at
        world.undo(way)
        assert world.snapshot() == before, at


@pytest.mark.parametrize("way", ["trash", "far", "reflink"])
def test_an_undo_that_ends_at_any_step_is_finished_when_it_is_run_again(worlds: Iterator[World], way: str) -> None:
    _, calls = calls_of(worlds, way)
    for at in range(1, calls + 1):
        world = next(worlds)
        plan = messy(world)
        before, labels = world.snapshot(), world.labels.all()
        world.apply(plan, way)
        with pytest.raises(Killed):
            world.undo(way, hook=Countdown(at))
        assert [one.taken.why for one in world.undo(way) if one.taken.why] == [], at
        assert (world.snapshot(), world.labels.all(), world.trashed()) == (before, labels, set()), at


def kill_dash_nine(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_killed(world: World, plan: Plan, seed: int, way: str) -> bool:
    """Apply, or undo, in a process that kills itself after some system calls; False if it came to its end before."""
    chance = random.Random(seed)
    pid = os.fork()
    if pid == 0:
        hook = Countdown(chance.randint(1, 60), kill_dash_nine)
        try:
            if chance.random() < 0.7 or not world.log_path.exists():
                world.apply(plan, way, hook=hook)
            else:
                world.undo(way, hook=hook)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def lives(worlds: Iterator[World], count: int) -> None:
    """So many kills, a few in each world, in which all is undone then and compared."""
    seed = kills = 0
    while kills < count:
        world, way = next(worlds), WAYS[seed % len(WAYS)]
        plan = random_world(world, seed)
        before, labels = world.snapshot(), world.labels.all()
        for _ in range(random.Random(seed).randint(1, 5)):
            seed += 1
            kills += is_killed(world, plan, seed, way)
        if world.log_path.exists():
            assert [one.taken.why for one in world.undo(way) if one.taken.why] == [], seed
        assert (world.snapshot(), world.labels.all(), world.trashed()) == (before, labels, set()), seed


def test_undo_after_some_kills_gives_the_tree_and_the_labels_of_before(worlds: Iterator[World]) -> None:
    lives(worlds, 40)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_undo_after_1000_kills_gives_the_tree_and_the_labels_of_before(worlds: Iterator[World]) -> None:
    lives(worlds, 1000)
