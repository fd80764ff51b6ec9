"""What the catalogue remembers, forgets and answers."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simd.catalogue import queries
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Change
from simd.catalogue.queries import Scope, locate
from simd.catalogue.rows import IndexedFile, Known, RejectedFile, SearchableImage
from simd.errors import CorruptStore, Reason, StoreError, StoreVersion
from simd.types import FileKey, Identity, ImageFacts, ImageId, KnownFile, Rejection, Root, Stamp, image_id_of
from simd.vectors.ids import unpack_ids

FACTS = ImageFacts(640, 480, "JPEG", animated=False)
STAMP = Stamp(100, 1_700_000_000_000_000_001, 7, 1_700_000_000_000_000_009)
_BY_SIZE = "CREATE INDEX files_size ON files (size);"
"""What version 5 took away."""
_WITHOUT_6 = "ALTER TABLE images DROP COLUMN animated;"
_WITHOUT_5 = (
    f"{_WITHOUT_6} "
    "DROP TRIGGER feed_file_in; DROP TRIGGER feed_file_out; DROP TRIGGER feed_file_moved; DROP TRIGGER feed_orphan; "
    "DROP TRIGGER feed_image_in; DROP TRIGGER feed_image_out; DROP TABLE feed; DROP TABLE gone; "
    "DROP INDEX images_revision; ALTER TABLE images DROP COLUMN revision;"
)
_WITHOUT_4 = (
    f"{_WITHOUT_5} ALTER TABLE roots RENAME COLUMN held_s TO held_since; ALTER TABLE roots DROP COLUMN volume; "
    "ALTER TABLE files DROP COLUMN ctime_ns; ALTER TABLE rejected DROP COLUMN ctime_ns;"
)
"""Take away what these versions of the catalogue added, and those after them."""

BAD = Rejection(Reason.CORRUPT, "cut in the middle")


def image(name: str) -> ImageId:
    return image_id_of(name.encode())


def indexed(root: Root, path: bytes, name: str, *, facts: ImageFacts | None = FACTS) -> IndexedFile:
    return IndexedFile(FileKey(root.root_id, path), STAMP, image(name), facts)


def rejected(root: Root, path: bytes, rejection: Rejection = BAD) -> RejectedFile:
    return RejectedFile(FileKey(root.root_id, path), STAMP, rejection)


def image_at(catalogue: Catalogue, path: bytes) -> ImageId | None:
    """The image that an indexed file is, by its absolute path."""
    known = catalogue.known_at(path)
    return None if known is None else known.image_id


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalogue(tmp_path: Path, clock: Clock) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path / "catalogue.sqlite", clock)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def root(catalogue: Catalogue) -> Root:
    return catalogue.sync_roots([b"/p"])[0]


class TestRoots:
    def test_a_configured_root_keeps_its_number_over_a_restart(self, tmp_path: Path) -> None:
        first = Catalogue.open(tmp_path / "c")
        before = first.sync_roots([b"/a", b"/b"])
        first.close()
        again = Catalogue.open(tmp_path / "c")
        assert again.sync_roots([b"/b", b"/a"]) == before
        again.close()

    def test_a_root_no_longer_configured_goes_with_its_files(self, catalogue: Catalogue) -> None:
        first, second = catalogue.sync_roots([b"/a", b"/b"])
        catalogue.record([indexed(first, b"x", "x"), indexed(second, b"y", "y")])
        assert [r.path for r in catalogue.sync_roots([b"/b"])] == [b"/b"]
        assert catalogue.orphans() == [image("x")]
        assert image_at(catalogue, b"/b/y") == image("y")
        assert catalogue.counts().files_by_root == {second.root_id: 1}

    def test_a_root_added_by_hand_outlives_the_configuration(self, catalogue: Catalogue) -> None:
        added = catalogue.add_root(b"/added")
        assert added in catalogue.sync_roots([])
        assert added in catalogue.sync_roots([b"/other"])

    def test_the_number_of_a_dropped_root_is_never_used_again(self, catalogue: Catalogue) -> None:
        old = catalogue.add_root(b"/a")
        catalogue.drop_root(old.root_id)
        assert catalogue.add_root(b"/a").root_id != old.root_id

    def test_adding_what_a_root_holds_gives_that_root(self, catalogue: Catalogue, root: Root) -> None:
        assert catalogue.add_root(b"/p/sub/") == root
        assert catalogue.add_root(b"/p/") == root

    def test_a_root_takes_the_place_of_those_inside_it(self, catalogue: Catalogue) -> None:
        inner = catalogue.sync_roots([b"/p/inner"])[0]
        catalogue.record([indexed(inner, b"x", "x")])
        outer = catalogue.add_root(b"/p")
        assert catalogue.roots() == [outer]
        assert catalogue.orphans() == [image("x")]
        assert catalogue.sync_roots([b"/p/inner"]) == [outer]

    def test_of_nested_configured_roots_the_outermost_stands(self, catalogue: Catalogue) -> None:
        assert [r.path for r in catalogue.sync_roots([b"/p/a", b"/p", b"/p-b", b"/p"])] == [b"/p", b"/p-b"]

    def test_identity_and_scan_time_are_kept(self, catalogue: Catalogue, root: Root) -> None:
        assert root.identity is None
        identity = Identity(2**64 - 1, 2**63 + 5, "the name of a card")
        catalogue.set_identity(root.root_id, identity)
        assert catalogue.last_scans() == {}
        catalogue.scanned(root.root_id, 12.5)
        (found,) = catalogue.roots()
        assert found.identity == identity
        assert catalogue.last_scans() == {root.root_id: 12.5}

    def test_a_path_is_located_in_the_root_that_holds_it(self, catalogue: Catalogue) -> None:
        first, second = roots = catalogue.sync_roots([b"/p", b"/p2"])
        assert locate(roots, b"/p2/a/b.jpg") == FileKey(second.root_id, b"a/b.jpg")
        assert locate(roots, b"/p/a") == FileKey(first.root_id, b"a")
        assert locate(roots, b"/p") == FileKey(first.root_id, b"")
        assert locate(roots, b"/pp/a") is None
        catalogue.record([indexed(second, b"b.jpg", "x")])
        assert image_at(catalogue, b"/p2/a/../b.jpg") == image("x")
        assert catalogue.known_at(b"/p") is None
        assert catalogue.known_at(b"/p2/../etc/b.jpg") is None

    def test_what_is_known_of_a_file_is_told_by_its_path_with_its_stamp(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"a", "x")], [rejected(root, b"b")])
        assert catalogue.known_at(b"/p/a") == Known(STAMP, image("x"), None)
        assert catalogue.known_at(b"/p/b") == Known(STAMP, None, BAD)
        assert catalogue.known_at(b"/p/c") is None

    def test_the_whole_filesystem_can_be_a_root(self, catalogue: Catalogue) -> None:
        top = catalogue.sync_roots([b"/"])[0]
        catalogue.record([indexed(top, b"a/b", "x")])
        assert locate([top], b"/a/b") == FileKey(top.root_id, b"a/b")
        assert catalogue.files_of([image("x")]) == {image("x"): [b"/a/b"]}
        assert unpack_ids(catalogue.images_under(b"/a")) == [image("x")]

    def test_files_and_facts_of_any_number_of_images_are_told_once(self, catalogue: Catalogue, root: Root) -> None:
        names = [f"{number:04d}" for number in range(1201)]
        catalogue.record([indexed(root, name.encode(), name) for name in names])
        asked = [image(name) for name in [*names, *names, "unknown"]]
        files = catalogue.files_of(asked)
        assert files == {image(name): [os.path.join(root.path, name.encode())] for name in names}
        assert catalogue.facts_of(asked) == dict.fromkeys(files, FACTS)
        assert catalogue.searchable(asked) == {
            image_id: SearchableImage(paths, FACTS) for image_id, paths in files.items()
        }


class TestRecord:
    def test_what_was_recorded_is_known(self, catalogue: Catalogue, root: Root) -> None:
        stamp = Stamp(2**40, -5, 2**64 - 3, -7)
        key = FileKey(root.root_id, b"a.jpg")
        catalogue.record([IndexedFile(key, stamp, image("a"), FACTS)])
        known = catalogue.known(key)
        assert known is not None
        assert (known.stamp, known.image_id, known.rejection) == (stamp, image("a"), None)
        assert catalogue.facts_of([image("a"), image("b")]) == {image("a"): FACTS}
        assert catalogue.known(FileKey(root.root_id, b"b.jpg")) is None

    def test_a_file_is_indexed_or_in_the_ledger_never_both(self, catalogue: Catalogue, root: Root) -> None:
        key = FileKey(root.root_id, b"a")
        catalogue.record([indexed(root, b"a", "a")])
        assert catalogue.record([], [rejected(root, b"a")]) == [image("a")]
        known = catalogue.known(key)
        assert known is not None and known.image_id is None and known.rejection == BAD
        assert (catalogue.counts().files, catalogue.counts().failed_by_reason) == (0, {"corrupt": 1})
        assert catalogue.record([indexed(root, b"a", "a")]) == []
        assert (catalogue.counts().files, catalogue.counts().failed_by_reason) == (1, {})
        assert catalogue.rejections() == []

    def test_a_copy_keeps_the_image_from_being_an_orphan(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"a", "x"), indexed(root, b"b", "x")])
        assert catalogue.record([], [], [FileKey(root.root_id, b"a")]) == []
        assert catalogue.record([], [], [FileKey(root.root_id, b"b")]) == [image("x")]
        assert catalogue.counts().images == 0

    def test_a_move_in_one_call_makes_no_orphan(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"old", "x")])
        assert catalogue.record([indexed(root, b"new", "x", facts=None)], [], [FileKey(root.root_id, b"old")]) == []
        assert catalogue.files_of([image("x")]) == {image("x"): [b"/p/new"]}

    def test_changed_content_makes_an_orphan_of_the_old(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"a", "old")])
        assert catalogue.record([indexed(root, b"a", "new")]) == [image("old")]

    def test_a_deleted_file_that_comes_in_the_same_call_is_there(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"a", "x")], [], [FileKey(root.root_id, b"a")])
        assert image_at(catalogue, b"/p/a") == image("x")

    def test_deleting_what_is_not_known_changes_nothing(self, catalogue: Catalogue, root: Root) -> None:
        assert catalogue.record([], [], [FileKey(root.root_id, b"a"), FileKey(99, b"a")]) == []

    @pytest.mark.parametrize("animated", [None, False, True])
    def test_whether_an_image_is_animated_may_be_known(
        self, catalogue: Catalogue, root: Root, animated: bool | None
    ) -> None:
        facts = replace(FACTS, animated=animated)
        catalogue.record([indexed(root, b"a", "x", facts=replace(FACTS, animated=None))])
        catalogue.record([indexed(root, b"b", "x", facts=facts)])
        assert catalogue.facts_of([image("x")]) == {image("x"): facts}
        assert catalogue.searchable([image("x")])[image("x")].facts == facts

    def test_an_orphan_keeps_its_facts_and_comes_back_without_them(
        self, catalogue: Catalogue, root: Root, clock: Clock
    ) -> None:
        catalogue.record([indexed(root, b"a", "x")])
        catalogue.record([], [], [FileKey(root.root_id, b"a")])
        assert catalogue.orphans() == [image("x")]
        assert catalogue.facts_of([image("x")]) == {image("x"): FACTS}
        assert list(catalogue.image_ids()) == []
        clock.now += 60
        catalogue.record([indexed(root, b"b", "x", facts=None)])
        assert catalogue.orphans() == []
        assert catalogue.purge_images(int(clock.now * 1000) + 1) == []
        assert list(catalogue.image_ids()) == [image("x")]

    def test_orphans_are_purged_by_age(self, catalogue: Catalogue, root: Root, clock: Clock) -> None:
        catalogue.record([indexed(root, b"a", "a"), indexed(root, b"b", "b"), indexed(root, b"c", "c")])
        catalogue.record([], [], [FileKey(root.root_id, b"a")])
        clock.now += 10
        catalogue.record([], [], [FileKey(root.root_id, b"b")])
        assert catalogue.purge_images(int(clock.now * 1000)) == [image("a")]
        assert catalogue.orphans() == [image("b")]
        assert catalogue.facts_of([image("a")]) == {}

    def test_an_unknown_image_without_facts_is_refused_and_nothing_is_written(
        self, catalogue: Catalogue, root: Root
    ) -> None:
        with pytest.raises(StoreError, match="without facts"):
            catalogue.record([indexed(root, b"a", "a"), indexed(root, b"b", "b", facts=None)])
        assert catalogue.counts().files == 0

    def test_files_of_a_dropped_root_are_passed_over(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.drop_root(root.root_id)
        assert catalogue.record([indexed(root, b"a", "x")], [rejected(root, b"b")]) == [image("x")]
        assert (catalogue.counts().files, catalogue.counts().failed_by_reason) == (0, {})

    def test_a_new_reason_replaces_the_old_in_the_counts(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([], [rejected(root, b"a")])
        catalogue.record([], [rejected(root, b"a", Rejection(Reason.EMPTY, ""))])
        assert catalogue.counts().failed_by_reason == {"empty": 1}

    def test_ledger_lines_are_struck_out_for_another_try_or_to_take_back_a_removal(
        self, catalogue: Catalogue, root: Root
    ) -> None:
        removed = Rejection(Reason.REMOVED, "")
        lines = [rejected(root, b"a/bad"), rejected(root, b"a/out", removed), rejected(root, b"a-b/bad")]
        catalogue.record([], lines)
        catalogue.forget_rejected(root.root_id, b"a")
        assert [line.path for line in catalogue.rejections()] == [b"/p/a-b/bad", b"/p/a/out"]
        catalogue.forget_rejected(root.root_id, b"", removed=True)
        assert catalogue.counts().failed_by_reason == {"corrupt": 1}


class TestDirectories:
    NAMES = (b"a_b/1", b"aXb/2", b"a%/3", b"a", b"a-b", b"a/4", b"a/b/5", b"a0/6", b"\xff\xfe/7", b"\xff\xfe0")

    @pytest.fixture(autouse=True)
    def _files(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, name, repr(name)) for name in self.NAMES])

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            (b"", NAMES),
            (b"/", NAMES),
            (b"/p", NAMES),
            (b"/p/", NAMES),
            (b"/p/a_b", (b"a_b/1",)),
            (b"/p/a%", (b"a%/3",)),
            (b"/p/a", (b"a", b"a/4", b"a/b/5")),
            (b"/p/a/b/", (b"a/b/5",)),
            (b"/p/a/4", (b"a/4",)),
            (b"/p/\xff\xfe", (b"\xff\xfe/7",)),
            (b"/p/nothing", ()),
            (b"/other", ()),
            (b"/pp", ()),
        ],
    )
    def test_a_prefix_is_a_directory_and_no_pattern(
        self, catalogue: Catalogue, prefix: bytes, expected: tuple[bytes, ...]
    ) -> None:
        assert set(unpack_ids(catalogue.images_under(prefix))) == {image(repr(name)) for name in expected}
        assert {line.path for line in catalogue.files(under=prefix)} == {b"/p/" + name for name in expected}

    def test_a_directory_is_replaced_with_what_it_holds_only(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([], [rejected(root, b"a_b/bad"), rejected(root, b"aXb/bad")])
        assert catalogue.rename_under(root.root_id, b"nothing", b"a_b") == [image(repr(b"a_b/1"))]
        assert image_at(catalogue, b"/p/aXb/2") is not None
        assert [line.path for line in catalogue.rejections()] == [b"/p/aXb/bad"]

    def test_a_renamed_directory_keeps_images_and_ledger(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([], [rejected(root, b"\xff\xfe/bad")])
        assert catalogue.rename_under(root.root_id, b"\xff\xfe", b"new/\xfd") == []
        assert image_at(catalogue, b"/p/new/\xfd/7") == image(repr(b"\xff\xfe/7"))
        assert image_at(catalogue, b"/p/\xff\xfe0") == image(repr(b"\xff\xfe0"))
        assert [line.path for line in catalogue.rejections()] == [b"/p/new/\xfd/bad"]
        assert catalogue.counts().files == len(self.NAMES)

    def test_a_rename_replaces_what_was_there(self, catalogue: Catalogue, root: Root) -> None:
        assert catalogue.rename_under(root.root_id, b"a_b", b"aXb") == [image(repr(b"aXb/2"))]
        assert image_at(catalogue, b"/p/aXb/1") == image(repr(b"a_b/1"))

    def test_a_rename_to_itself_changes_nothing(self, catalogue: Catalogue, root: Root) -> None:
        assert catalogue.rename_under(root.root_id, b"a", b"a") == []
        assert catalogue.counts().files == len(self.NAMES)

    def test_a_walk_merges_files_and_ledger_in_byte_order(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([], [rejected(root, b"a.b"), rejected(root, b"a/", Rejection(Reason.UNREADABLE, "EACCES"))])
        walked = list(catalogue.walk(root.root_id))
        assert [known.path for known in walked] == sorted([*self.NAMES, b"a.b", b"a/"])
        assert [known.path for known in walked if known.retry] == [b"a/"]
        assert [known.path for known in catalogue.walk(root.root_id, b"a")] == [b"a", b"a/", b"a/4", b"a/b/5"]


class TestPaging:
    def test_pages_follow_each_other_over_all_roots(self, catalogue: Catalogue) -> None:
        roots = catalogue.sync_roots([b"/a", b"/b", b"/c"])
        catalogue.record([indexed(r, b"f%d" % i, f"{r.path!r}{i}") for r in roots for i in range(5)])
        catalogue.record([], [rejected(r, b"bad%d" % i) for r in roots for i in range(5)])
        paths: list[bytes] = []
        after = None
        while page := catalogue.files(after=after, limit=4):
            paths += [line.path for line in page]
            after = page[-1].key
        assert paths == [b"/%c/f%d" % (c, i) for c in b"abc" for i in range(5)]
        ledger: list[bytes] = []
        after = None
        while lines := catalogue.rejections(after=after, limit=2, under=b"/b"):
            ledger += [line.path for line in lines]
            after = lines[-1].key
        assert ledger == [b"/b/bad%d" % i for i in range(5)]

    def test_rows_that_come_and_go_meanwhile_disturb_no_other(self, catalogue: Catalogue, root: Root) -> None:
        count = 2500
        catalogue.record([indexed(root, b"%05d" % i, str(i)) for i in range(count)])
        seen: list[bytes] = []
        for known in catalogue.walk(root.root_id):
            if len(seen) == 10:
                catalogue.record(
                    [indexed(root, b"00000x", "new"), indexed(root, b"02000x", "new")],
                    [],
                    [FileKey(root.root_id, b"00005"), FileKey(root.root_id, b"02400")],
                )
            seen.append(known.path)
        expected = {b"%05d" % i for i in range(count)} - {b"02400"} | {b"02000x"}
        assert seen == sorted(expected)

    def test_all_images_are_listed_in_order(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([indexed(root, b"%d" % i, str(i % 1500)) for i in range(3000)])
        assert list(catalogue.image_ids()) == sorted(image(str(i)) for i in range(1500))

    def test_the_ledger_is_counted_as_it_is_listed(self, catalogue: Catalogue) -> None:
        roots = catalogue.sync_roots([b"/a", b"/b"])
        catalogue.record([], [rejected(r, b"in/bad%d" % i) for r in roots for i in range(5)])
        catalogue.record([], [rejected(roots[0], b"other"), rejected(roots[1], b"in-between")])
        for under, count in ((b"", 12), (b"/", 12), (b"/a", 6), (b"/b/in", 5), (b"/a/other", 1), (b"/nowhere", 0)):
            assert catalogue.count_rejections(under) == count == len(catalogue.rejections(under=under))

    def test_files_are_counted_as_they_are_listed(self, catalogue: Catalogue) -> None:
        roots = catalogue.sync_roots([b"/a", b"/b"])
        catalogue.record([indexed(r, b"in/%d" % i, str(i)) for r in roots for i in range(5)])
        catalogue.record([indexed(roots[0], b"other", "x"), indexed(roots[1], b"in-between", "y")])
        for under, count in ((b"", 12), (b"/", 12), (b"/a/", 6), (b"/b/in", 5), (b"/a/other", 1), (b"/nowhere", 0)):
            assert catalogue.count_files(under) == count == len(catalogue.files(under=under))

    def test_ledger_lines_say_when_and_why(self, catalogue: Catalogue, root: Root) -> None:
        catalogue.record([], [rejected(root, b"\xff.jpg")])
        (line,) = catalogue.rejections()
        assert (line.path, line.stamp, line.rejection, line.at_ms) == (b"/p/\xff.jpg", STAMP, BAD, 1_000_000)


class TestDurability:
    def test_a_killed_process_loses_nothing_that_was_recorded(self, tmp_path: Path) -> None:
        program = (
            "import os, sys\nfrom pathlib import Path\n"
            "from simd.catalogue.catalogue import Catalogue\nfrom simd.catalogue.rows import IndexedFile\n"
            "from simd.types import *\n"
            "c = Catalogue.open(Path(sys.argv[1]))\nr = c.sync_roots([b'/p'])[0]\n"
            "for i in range(50):\n"
            "    c.record([IndexedFile(FileKey(r.root_id, b'%d' % i), Stamp(1, 2, 3), image_id_of(b'%d' % i),"
            " ImageFacts(1, 1, 'PNG'))])\n"
            "os.kill(os.getpid(), 9)\n"
        )
        path = tmp_path / "c"
        done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, cwd=os.getcwd())
        assert done.returncode == -9
        catalogue = Catalogue.open(path)
        catalogue.check()
        assert catalogue.counts().files == 50
        assert len(list(catalogue.image_ids())) == 50
        catalogue.close()

    def test_a_newer_version_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        Catalogue.open(path).close()
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StoreVersion, match="version 99"):
            Catalogue.open(path)

    @pytest.mark.parametrize(
        ("version", "undo"),
        [
            (1, f"{_WITHOUT_4} ALTER TABLE roots DROP COLUMN held_since;"),
            (2, _WITHOUT_4),
            (3, f"{_WITHOUT_4} {_BY_SIZE}"),
            (4, f"{_WITHOUT_5} {_BY_SIZE}"),
            (5, _WITHOUT_6),
        ],
    )
    def test_a_catalogue_of_an_older_version_is_brought_up_to_date(
        self, tmp_path: Path, version: int, undo: str
    ) -> None:
        path = tmp_path / "c"
        catalogue = Catalogue.open(path)
        (root,) = catalogue.sync_roots([b"/photos"])
        catalogue.scanned(root.root_id, 5.0)
        catalogue.record([indexed(root, b"a", "a")], [rejected(root, b"b")])
        catalogue.close()
        connection = sqlite3.connect(path)
        schema = "SELECT name FROM sqlite_schema ORDER BY name"
        before = connection.execute(schema).fetchall()
        connection.executescript(f"{undo} PRAGMA user_version = {version};")
        connection.close()
        without = STAMP if version >= 4 else replace(STAMP, ctime_ns=0)
        for _ in range(2):
            catalogue = Catalogue.open(path)
            assert catalogue.changes(None).changes == (Change(image("a"), True),)
            assert catalogue.last_scans() == {root.root_id: 5.0}
            assert catalogue.held_s(root.root_id) is None
            assert catalogue.facts_of([image("a")]) == {image("a"): replace(FACTS, animated=None)}
            known = list(catalogue.walk(root.root_id))
            assert [(file.path, file.stamp) for file in known] == [(b"a", without), (b"b", without)]
            assert version >= 4 or all(STAMP.completes(file.stamp) for file in known)
            catalogue.close()
        connection = sqlite3.connect(path)
        assert connection.execute(schema).fetchall() == before
        connection.close()

    def test_for_how_long_deletions_are_held_is_remembered_until_they_are_not(self, tmp_path: Path) -> None:
        catalogue = Catalogue.open(tmp_path / "c")
        (root,) = catalogue.sync_roots([b"/photos"])
        for held_s in (None, 0.0, 60.5, None):
            catalogue.scanned(root.root_id, 1.0, held_s)
            assert catalogue.held_s(root.root_id) == held_s
        catalogue.close()

    def test_since_when_deletions_were_held_by_an_older_version_counts_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        catalogue = Catalogue.open(path)
        (root,) = catalogue.sync_roots([b"/photos"])
        catalogue.close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"{_WITHOUT_4} UPDATE roots SET held_since = 1.7e9; PRAGMA user_version = 3;")
        catalogue = Catalogue.open(path)
        assert catalogue.held_s(root.root_id) == 0.0
        catalogue.close()

    def test_a_stamp_is_completed_only_where_it_is_the_same_otherwise(self, catalogue: Catalogue, root: Root) -> None:
        without, other = replace(STAMP, ctime_ns=0), replace(STAMP, size=1, ctime_ns=0)
        files = [IndexedFile(FileKey(root.root_id, name), stamp, image("x"), FACTS)
                 for name, stamp in ((b"a", without), (b"c", other), (b"d", STAMP))]  # fmt: skip
        catalogue.record(files, [RejectedFile(FileKey(root.root_id, b"b"), without, BAD)])
        asked = replace(STAMP, ctime_ns=5)
        catalogue.complete_stamps(root.root_id, [KnownFile(name, asked) for name in (b"a", b"b", b"c", b"d", b"e")])
        stamps = {file.path: file.stamp for file in catalogue.walk(root.root_id)}
        assert stamps == {b"a": asked, b"b": asked, b"c": other, b"d": STAMP}

    @pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 25, 1000])
    def test_a_sample_of_a_root_is_spread_over_it(self, catalogue: Catalogue, root: Root, count: int) -> None:
        names = [b"%04d" % number for number in range(count)]
        catalogue.record([indexed(root, n, "x") for n in names[::2]], [rejected(root, n) for n in names[1::2]])
        found = catalogue.spread(root.root_id, 10)
        assert len(found) == len(set(found)) <= 10 and len(found) > min(count, 10) // 2 - 1
        assert set(found) <= set(names) and found[:1] == names[:1]
        assert all(int(b) - int(a) == int(found[1]) - int(found[0]) for a, b in pairwise(found))

    def test_a_sample_of_a_large_root_is_spread_over_it_and_has_nothing_of_others(self, catalogue: Catalogue) -> None:
        one, other = catalogue.sync_roots([b"/one", b"/other"])
        for root in (one, other):
            catalogue.record([indexed(root, b"%04d" % n, f"{root.root_id} {n}") for n in range(6000)])
        found = catalogue.spread(one.root_id, 100)
        assert 50 < len(found) <= 100 and len(set(found)) == len(found)
        tenths = {int(path) // 600 for path in found}
        assert tenths == set(range(10)) and catalogue.spread(3, 100) == []

    def test_the_database_of_another_program_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE t (x)")
        connection.close()
        with pytest.raises(StoreVersion, match="not a catalogue"):
            Catalogue.open(path)

    def test_a_file_of_rubbish_is_told_as_damage(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        path.write_bytes(b"rubbish " * 1000)
        with pytest.raises(CorruptStore, match="check --repair"):
            Catalogue.open(path)

    def test_damage_inside_is_found(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        catalogue = Catalogue.open(path)
        root = catalogue.sync_roots([b"/p"])[0]
        catalogue.record([indexed(root, b"%d" % i, str(i)) for i in range(2000)])
        catalogue.close()
        data = bytearray(path.read_bytes())
        for page in range(40, len(data) // 4096):
            data[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
        path.write_bytes(data)
        damaged = Catalogue.open(path)
        with pytest.raises(CorruptStore):
            damaged.check()
        with pytest.raises(CorruptStore):
            list(damaged.walk(root.root_id))
        damaged.close()

    def test_a_directory_that_is_not_there_is_an_error_of_the_store(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            Catalogue.open(tmp_path / "missing" / "c")

    def test_a_closed_catalogue_refuses(self, tmp_path: Path) -> None:
        catalogue = Catalogue.open(tmp_path / "c")
        catalogue.close()
        with pytest.raises(StoreError):
            catalogue.counts()
        with pytest.raises(StoreError):
            catalogue.sync_roots([b"/p"])

    def test_readers_and_writers_of_many_threads_see_whole_transactions(self, catalogue: Catalogue, root: Root) -> None:
        failures: list[str] = []
        stop = threading.Event()
        seen: set[int] = set()

        def read() -> None:
            while not stop.is_set():
                counts = catalogue.counts()
                seen.add(counts.files)
                if counts.files % 10 or counts.images != counts.files:
                    failures.append(repr(counts))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        writers = [
            threading.Thread(
                target=lambda w=w: [
                    catalogue.record([indexed(root, b"%d-%d-%d" % (w, n, i), f"{w}-{n}-{i}") for i in range(10)])
                    for n in range(15)
                ]
            )
            for w in range(3)
        ]
        for writer in writers:
            writer.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert failures == []
        assert catalogue.counts().files == 450
        assert len(seen) > 2, "they read while it was written"


class _Interrupted:
    """A connection; something happens after its first statement."""

    def __init__(self, connection: sqlite3.Connection, act: Callable[[], None]) -> None:
        self._connection = connection
        self._act = [act]

    def execute(self, *words: Any) -> list[Any]:
        rows = self._connection.execute(*words).fetchall()
        while self._act:
            self._act.pop()()
        return rows


_EVERYWHERE = [Scope(FileKey(0, b""), FileKey(1 << 60, b""))]


@pytest.mark.parametrize(
    "ask",
    [
        lambda connection: queries.searchable(connection, [image("x")]),
        lambda connection: queries.files_of(connection, [image("x")]),
        lambda connection: queries.files(connection, _EVERYWHERE, 10),
        lambda connection: queries.ledger(connection, _EVERYWHERE, 10),
    ],
    ids=["searchable", "files_of", "files", "ledger"],
)
def test_a_root_may_give_way_to_another_while_its_files_are_asked_for(
    catalogue: Catalogue, root: Root, tmp_path: Path, ask: Callable[[Any], object]
) -> None:
    catalogue.record([indexed(root, b"a", "x")], [rejected(root, b"b")])

    def replace() -> None:
        catalogue.drop_root(root.root_id)
        other = catalogue.add_root(b"/other")
        catalogue.record([indexed(other, b"c", "x")], [rejected(other, b"d")])

    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite")) as connection:
        before = ask(connection)
        during = ask(_Interrupted(connection, replace))
        after = ask(connection)
    assert before != after
    assert during in (before, after)
