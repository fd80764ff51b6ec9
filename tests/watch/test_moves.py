"""Directories that come, go and move, with the kernel's own events."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from simd.watch.ignore import Ignore
from simd.watch.inotify import Inotify
from simd.watch.watcher import Watcher
from simd.watch.watches import Listener
from tests.watch.listening import DIRECTORY, WRITTEN, Hints, root_at, until, watched, write_until_heard


@pytest.mark.usefixtures("root")
class TestDirectories:
    def test_p4_a_tree_made_at_once_is_told_and_watched(self, top: Path, hints: Hints) -> None:
        os.makedirs(top / "a/b/c")
        (top / "a/b/c/file").write_bytes(b"x")
        hints.wait((DIRECTORY, b"a"))
        hints.wait_for(lambda hint: hint.path == b"a/b/c/file" or hint.path == b"a/b/c")
        write_until_heard(hints, top, b"a/b/c/late")

    def test_p4_a_directory_moved_in_is_told_and_watched(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        os.makedirs(tmp_path / "in/sub")
        (tmp_path / "in/sub/a").write_bytes(b"x")
        os.rename(tmp_path / "in", top / "d")
        hints.wait((DIRECTORY, b"d"))
        (top / "d/sub/b").write_bytes(b"x")
        hints.wait((WRITTEN, b"d/sub/b"))

    def test_a_directory_moved_out_or_deleted_is_told(self, top: Path, tmp_path: Path, hints: Hints) -> None:
        os.makedirs(top / "a/sub")
        os.makedirs(top / "b")
        hints.wait((DIRECTORY, b"a"), (DIRECTORY, b"b"))
        hints.clear()
        os.rename(top / "a", tmp_path / "a")
        shutil.rmtree(top / "b")
        hints.wait((DIRECTORY, b"a"), (DIRECTORY, b"b"))

    def test_a_directory_moved_within_says_where_it_was(self, top: Path, hints: Hints) -> None:
        os.makedirs(top / "old/sub")
        hints.wait((DIRECTORY, b"old"))
        (top / "old/sub/a").write_bytes(b"x")
        hints.wait_for(lambda hint: hint.path in (b"old/sub", b"old/sub/a"))
        os.rename(top / "old", top / "new")
        moved = hints.wait_for(lambda hint: hint.path == b"new")
        assert (moved.kind, moved.moved_from) == (DIRECTORY, b"old")
        hints.wait((DIRECTORY, b"old"))
        (top / "new/sub/b").write_bytes(b"x")
        hints.wait((WRITTEN, b"new/sub/b"))

    def test_p4_a_directory_made_in_one_that_is_moved_at_once_is_watched(
        self, top: Path, tmp_path: Path, hints: Hints
    ) -> None:
        (top / "0").mkdir()
        hints.wait((DIRECTORY, b"0"))
        for number in range(50):
            (tmp_path / "in").mkdir()
            (top / f"{number}" / f"made {number}").mkdir()
            (tmp_path / "in").rename(top / f"{number}" / f"moved in {number}")
            (top / f"{number}").rename(top / f"{number + 1}")
        hints.wait((DIRECTORY, b"50"))
        made = [f"50/{how} {number}" for number in range(50) for how in ("made", "moved in")]
        for directory in made:
            (top / directory / "a").write_bytes(b"1")
        hints.wait(*[(WRITTEN, os.fsencode(f"{directory}/a")) for directory in made])

    @pytest.mark.parametrize("seed", [3, 4, 19])
    def test_p4_directories_that_swap_places_fast_are_all_watched_under_their_names_in_the_end(
        self, watcher: Watcher, top: Path, tmp_path: Path, hints: Hints, seed: int
    ) -> None:
        shuffle(top, tmp_path, random.Random(seed))
        until(lambda: len(hints.taken()) > 0 and watcher.pending == 0)
        directories = [Path(path) for path, _, _ in os.walk(top)]
        until(lambda: watched() == len(directories))
        for directory in directories:
            write_until_heard(hints, top, os.fsencode((directory / "probe").relative_to(top)))

    def test_a_root_that_vanishes_before_its_watches_are_compared_is_nobodys_error(self, top: Path) -> None:
        (top / "a").mkdir()
        path = os.fsencode(top)
        inotify = Inotify(Listener(Ignore(), lambda _, __: None, lambda _: None, lambda _: None))
        try:
            inotify.watch(path)
            (top / "a").rename(top / "b")
            until(lambda: inotify.unsure(path))
            shutil.rmtree(top)
            assert not inotify.reconcile(path)
        finally:
            inotify.close()

    def test_a_root_whose_directories_moved_is_looked_after_before_nothing_is_pending(
        self, hints: Hints, mounts: Path, top: Path
    ) -> None:
        (top / "a").mkdir()
        watcher = Watcher(hints, supervise_s=3600.0, mounts=mounts)
        try:
            watcher.watch(root_at(top))
            assert watcher.pending == 0
            (top / "a").rename(top / "b")
            until(lambda: watcher.pending == 1)
        finally:
            watcher.close()


def shuffle(top: Path, outside: Path, chance: random.Random) -> None:
    """Make, move and delete directories below `top` that share a few names, faster than anybody could follow."""

    def place() -> Path:
        return top.joinpath(*chance.choices("abcd", k=chance.randint(1, 3)))

    parked: list[Path] = []
    for number in range(2000):
        what, one, other = chance.random(), place(), place()
        with suppress(OSError):
            if what < 0.35:
                one.mkdir(parents=chance.random() < 0.5)
            elif what < 0.85:
                one.rename(other)
            elif what < 0.9:
                shutil.rmtree(one)
            elif what < 0.95:
                parked.append(one.rename(outside / f"parked {number}"))
            elif parked:
                chance.choice(parked).rename(other)
