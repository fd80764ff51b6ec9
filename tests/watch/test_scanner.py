"""What a scan says about a tree, given what is known of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.types import Change, ChangeKind, FileKey, Identity, KnownFile, Root, Stamp
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline, identify, linked_directory, look
from simd.watch.scanner import MassDeletion, Scan, is_mass
from simd.watch.walk import Seen, walk


def root_at(path: Path) -> Root:
    return Root(1, os.fsencode(path), identify(os.fsencode(path)))


def put(top: Path, name: bytes, data: bytes = b"x") -> None:
    path = os.path.join(os.fsencode(top), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def stamp_at(top: Path, name: bytes) -> Stamp:
    return Stamp.of(os.stat(os.path.join(os.fsencode(top), name)))


def known_of(top: Path) -> list[KnownFile]:
    """All files of a tree, as a catalogue that is up to date has them."""
    return sorted(
        (KnownFile(seen.path, seen.stamp) for seen in walk(os.fsencode(top), b"", Ignore()) if isinstance(seen, Seen)),
        key=lambda known: known.path,
    )


def ghosts(*names: bytes) -> list[KnownFile]:
    return [KnownFile(name, Stamp(1, 2, 3)) for name in sorted(names)]


def changes(scan: Scan) -> list[tuple[str, bytes]]:
    return [(change.kind.value, change.key.path) for change in scan]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


class TestChanges:
    def test_new_files_are_upserts_with_their_stamp_in_byte_order(self, top: Path) -> None:
        names = [b"a-b", b"a.b", b"a/b", b"a/c/d", b"a0", b"\xff\xfe/\x80.jpg"]
        for name in names:
            put(top, name)
        found = list(Scan(root_at(top), [], Ignore()))
        assert found == [Change(ChangeKind.UPSERT, FileKey(1, name), stamp_at(top, name)) for name in names]

    def test_an_unchanged_tree_gives_nothing(self, top: Path) -> None:
        for name in (b"a", b"b/c", b"b-c"):
            put(top, name)
        scan = Scan(root_at(top), known_of(top), Ignore())
        assert changes(scan) == []
        assert (scan.seen, scan.changed, scan.deleted) == (3, 0, 0)
        assert scan.identity == identify(os.fsencode(top))

    def test_any_part_of_the_stamp_makes_a_change(self, top: Path) -> None:
        for name in (b"content", b"inode", b"same", b"size", b"time"):
            put(top, name)
        known = known_of(top)
        put(top, b"size", b"longer")
        os.utime(top / "time", ns=(1, 1))
        put(top, b"new")
        os.utime(top / "new", ns=(known[1].stamp.mtime_ns, known[1].stamp.mtime_ns))
        os.replace(top / "new", top / "inode")
        # As `exiftool -P` does: same size, same time, same inode. Some kernels' clocks tick every 4 ms only.
        while stamp_at(top, b"content") == known[0].stamp:
            put(top, b"content", b"y")
            os.utime(top / "content", ns=(known[0].stamp.mtime_ns, known[0].stamp.mtime_ns))
        assert changes(Scan(root_at(top), known, Ignore())) == [
            ("upsert", b"content"),
            ("upsert", b"inode"),
            ("upsert", b"size"),
            ("upsert", b"time"),
        ]

    def test_a_stamp_that_was_known_without_a_ctime_is_completed_and_makes_no_change(self, top: Path) -> None:
        for number in range(1500):
            put(top, b"%04d" % number)
        complete = known_of(top)
        known = [replace(file, stamp=replace(file.stamp, ctime_ns=0)) for file in complete]
        pages: list[list[KnownFile]] = []
        assert changes(Scan(root_at(top), known, Ignore(), complete=pages.append)) == []
        assert [file for page in pages for file in page] == complete and len(pages) == 2
        other = [replace(known[0], stamp=replace(known[0].stamp, size=9)), *known[1:]]
        assert changes(Scan(root_at(top), other, Ignore())) == [("upsert", b"0000")]

    def test_deletions_come_after_all_upserts(self, top: Path) -> None:
        put(top, b"a")
        put(top, b"m")
        known = known_of(top)
        os.rename(top / "a", top / "z")
        scan = Scan(root_at(top), known, Ignore())
        assert changes(scan) == [("upsert", b"z"), ("delete", b"a")]
        assert (scan.seen, scan.changed, scan.deleted) == (2, 1, 1)

    def test_a_file_that_asks_for_another_try_gets_one(self, top: Path) -> None:
        put(top, b"a")
        known = [KnownFile(k.path, k.stamp, retry=True) for k in known_of(top)]
        assert changes(Scan(root_at(top), known, Ignore())) == [("upsert", b"a")]

    def test_ignored_names_are_not_seen_and_known_ones_go(self, top: Path) -> None:
        for name in (b"a.jpg", b".hidden/b.jpg", b"@eaDir/c.jpg", b"d.jpg.part"):
            put(top, name)
        known = [*ghosts(b".hidden/b.jpg"), *known_of(top)]
        assert changes(Scan(root_at(top), known, Ignore())) == [("delete", b".hidden/b.jpg")]

    def test_a_directory_in_the_place_of_a_file_and_the_reverse(self, top: Path) -> None:
        put(top, b"a/b")
        put(top, b"c")
        scan = Scan(root_at(top), ghosts(b"a", b"c/d"), Ignore())
        assert changes(scan) == [("upsert", b"a/b"), ("upsert", b"c"), ("delete", b"a"), ("delete", b"c/d")]

    def test_other_times_than_a_64_bit_clock_has_are_stable(self) -> None:
        far = os.stat_result(
            (0o100644, 2**64 - 1, 1, 1, 0, 0, 5, 0, 0, 0), {"st_mtime_ns": 2**63 + 10, "st_ctime_ns": 7}
        )
        assert Stamp.of(far) == Stamp(5, -(2**63) + 10, 2**64 - 1, 7)


class TestOddFiles:
    def test_p24_links_to_files_are_files_and_links_to_directories_are_not_followed(
        self, top: Path, tmp_path: Path
    ) -> None:
        put(tmp_path, b"outside/pic", b"12345")
        put(top, b"d/x")
        (top / "link").symlink_to(tmp_path / "outside/pic")
        (top / "dir").symlink_to(tmp_path / "outside")
        (top / "d/loop").symlink_to(top)
        (top / "self").symlink_to("self")
        (top / "dangling").symlink_to("nowhere")
        found = {change.key.path: change.stamp for change in Scan(root_at(top), [], Ignore())}
        assert set(found) == {b"d/x", b"link"}
        assert found[b"link"] == stamp_at(tmp_path, b"outside/pic")

    def test_hard_links_are_files_of_one_stamp(self, top: Path) -> None:
        put(top, b"a")
        os.link(top / "a", top / "b")
        first, second = Scan(root_at(top), [], Ignore())
        assert first.stamp == second.stamp

    def test_pipes_and_sockets_are_no_files(self, top: Path) -> None:
        os.mkfifo(top / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(top / "socket"))
            put(top, b"a")
            assert changes(Scan(root_at(top), [], Ignore())) == [("upsert", b"a")]

    def test_a_deep_tree_is_walked(self, top: Path) -> None:
        name = b"/".join([b"d"] * 600) + b"/x"
        put(top, name)
        assert changes(Scan(root_at(top), [], Ignore())) == [("upsert", name)]

    def test_files_that_vanish_during_the_scan_are_not_there(self, top: Path) -> None:
        for name in (b"a", b"b/x", b"c", b"d"):
            put(top, name)
        scan = iter(Scan(root_at(top), ghosts(b"b/x", b"c"), Ignore()))
        assert next(scan).key.path == b"a"
        shutil.rmtree(top / "b")
        (top / "c").unlink()
        assert [(c.kind.value, c.key.path) for c in scan] == [("upsert", b"d"), ("delete", b"b/x"), ("delete", b"c")]


class TestUnder:
    def test_only_the_named_directory_is_looked_at(self, top: Path) -> None:
        for name in (b"a/1", b"a/b/2", b"a-b/3", b"c"):
            put(top, name)
        scan = Scan(root_at(top), ghosts(b"a/b/gone"), Ignore(), b"a/b", known_files=9)
        assert changes(scan) == [("upsert", b"a/b/2"), ("delete", b"a/b/gone")]

    def test_a_directory_that_is_gone_takes_its_files_with_it(self, top: Path) -> None:
        put(top, b"other")
        scan = Scan(root_at(top), ghosts(b"a/1", b"a/2"), Ignore(), b"a")
        assert changes(scan) == [("delete", b"a/1"), ("delete", b"a/2")]

    def test_a_single_file_can_be_named(self, top: Path) -> None:
        put(top, b"a")
        assert changes(Scan(root_at(top), ghosts(b"a/1"), Ignore(), b"a")) == [("upsert", b"a"), ("delete", b"a/1")]

    def test_p24_what_is_behind_a_link_to_a_directory_is_not_looked_at(self, top: Path, tmp_path: Path) -> None:
        put(tmp_path, b"outside/sub/a")
        put(top, b"other")
        (top / "link").symlink_to(tmp_path / "outside")
        for under in (b"link", b"link/sub", b"link/sub/a"):
            scan = Scan(root_at(top), ghosts(b"link/sub/a"), Ignore(), under)
            assert changes(scan) == [("delete", b"link/sub/a")]

    def test_what_is_ignored_stays_ignored_when_named(self, top: Path) -> None:
        put(top, b".git/x/y")
        put(top, b"other")
        assert changes(Scan(root_at(top), [], Ignore(), b".git/x")) == []


class TestOffline:
    def test_a_missing_root(self, top: Path) -> None:
        root = root_at(top)
        top.rmdir()
        with pytest.raises(RootOffline, match="cannot be reached"):
            list(Scan(root, ghosts(b"a"), Ignore()))

    def test_a_file_in_the_place_of_the_root(self, top: Path) -> None:
        root = root_at(top)
        top.rmdir()
        top.write_bytes(b"")
        with pytest.raises(RootOffline, match="not a directory"):
            list(Scan(root, ghosts(b"a"), Ignore()))

    def test_p1_an_empty_root_of_which_files_are_known(self, top: Path) -> None:
        (top / "lost+found").mkdir()
        with pytest.raises(RootOffline, match="empty"):
            list(Scan(root_at(top), ghosts(b"a"), Ignore()))

    def test_an_empty_root_of_which_nothing_is_known_is_online(self, top: Path) -> None:
        assert list(Scan(root_at(top), [], Ignore())) == []

    def test_p1_another_directory_with_none_of_the_known_files(self, top: Path) -> None:
        put(top, b"other")
        root = Root(1, os.fsencode(top), Identity(1, 1))
        scan = Scan(root, ghosts(b"a", b"b"), Ignore())
        with pytest.raises(RootOffline, match="another directory: 0 of 2"):
            next(iter(scan))

    def test_p9_another_device_number_with_the_known_files_is_the_same_root(self, top: Path) -> None:
        put(top, b"a")
        put(top, b"b")
        root = Root(1, os.fsencode(top), Identity(1, 1))
        scan = Scan(root, known_of(top), Ignore())
        assert changes(scan) == []
        assert scan.identity == identify(os.fsencode(top))

    def test_p1_another_card_in_the_same_reader_is_another_directory(self, top: Path) -> None:
        put(top, b"of another card")
        here = identify(os.fsencode(top))
        root = Root(1, os.fsencode(top), replace(here, volume="the card before"))
        with pytest.raises(RootOffline, match="another directory: 0 of 2 known files"):
            list(Scan(root, ghosts(b"a", b"b"), Ignore()))
        unnamed = Root(1, os.fsencode(top), replace(here, volume=""))
        assert len(changes(Scan(unnamed, ghosts(b"a", b"b"), Ignore()))) == 3

    @pytest.mark.parametrize("new", [b"incoming/new.png", b"new.png"])
    def test_p1_a_part_of_another_directory_is_judged_by_what_is_known_of_the_root(self, top: Path, new: bytes) -> None:
        put(top, new)
        root = Root(1, os.fsencode(top), Identity(1, 1))
        part = os.path.dirname(new) or new
        scan = Scan(root, [], Ignore(), part, known_files=50, sample=lambda count: [b"%d.png" % n for n in range(50)])
        with pytest.raises(RootOffline, match="another directory: 0 of 50"):
            list(scan)
        assert scan.identity is None

    def test_p1_a_root_that_is_swapped_during_the_scan_deletes_nothing(self, top: Path, tmp_path: Path) -> None:
        put(top, b"a")
        put(top, b"b/c")
        scan = iter(Scan(root_at(top), ghosts(b"b/c", b"d"), Ignore()))
        assert next(scan).key.path == b"a"
        top.rename(tmp_path / "away")
        top.mkdir()
        with pytest.raises(RootOffline, match="while it was being scanned"):
            list(scan)

    def test_a_scan_that_is_to_end_deletes_nothing_and_knows_no_identity(self, top: Path) -> None:
        for number in range(5):
            put(top, b"%d" % number)
        known = [*known_of(top), *ghosts(b"gone")]
        left = iter(range(3))
        scan = Scan(root_at(top), known, Ignore(), go_on=lambda: next(left, None) is not None)
        assert changes(scan) == [] and scan.seen == 3 and scan.identity is None

    def test_confirmed_deletes_empty_a_root(self, top: Path) -> None:
        root = Root(1, os.fsencode(top), Identity(1, 1))
        scan = Scan(root, ghosts(b"a", b"b"), Ignore(), confirm_deletes=True)
        assert changes(scan) == [("delete", b"a"), ("delete", b"b")]

    def test_confirmed_deletes_do_not_empty_a_root_that_is_missing(self, top: Path) -> None:
        root = root_at(top)
        top.rmdir()
        with pytest.raises(RootOffline):
            list(Scan(root, ghosts(b"a"), Ignore(), confirm_deletes=True))

    def test_p24_a_file_behind_a_link_to_a_directory_is_not_there(self, top: Path) -> None:
        put(top, b"d/e/a")
        (top / "link").symlink_to("d")
        assert look(root_at(top), b"link/e/a", Ignore()) is None
        assert linked_directory(os.fsencode(top), b"link/e/a") == b"link"
        assert linked_directory(os.fsencode(top), b"d/e/a") is linked_directory(os.fsencode(top), b"no/x") is None
        assert linked_directory(os.fsencode(top), b"link") is None

    def test_a_file_is_only_gone_when_its_root_is_there(self, top: Path) -> None:
        put(top, b"a")
        root = root_at(top)
        assert look(root, b"a", Ignore()) == stamp_at(top, b"a")
        assert look(root, b"b", Ignore()) is None
        assert look(root, b"a/b", Ignore()) is None
        (top / "d").mkdir()
        assert look(root, b"d", Ignore()) is None
        shutil.rmtree(top)
        with pytest.raises(RootOffline):
            look(root, b"a", Ignore())
        keep = top.with_name("keep")
        keep.mkdir()
        top.mkdir()
        if root_at(top) != root:
            with pytest.raises(RootOffline):
                look(root, b"a", Ignore())


class TestMassDeletion:
    def names(self, count: int) -> list[bytes]:
        return [b"%04d" % n for n in range(count)]

    def test_p1_more_than_half_and_more_than_a_hundred_are_held(self, top: Path) -> None:
        put(top, b"new")
        scan = Scan(root_at(top), ghosts(*self.names(101)), Ignore())
        assert changes(scan) == [("upsert", b"new")]
        assert scan.held == MassDeletion(101, 101)
        assert scan.deleted == 0

    def test_p1_three_libraries_that_are_seen_as_empty_at_once_lose_nothing(self, top: Path) -> None:
        libraries = [b"one", b"three", b"two"]
        for library in libraries:
            (top / os.fsdecode(library)).mkdir()
        known = [KnownFile(b"%s/%05d.jpg" % (name, n), Stamp(1, 2, 3)) for name in libraries for n in range(22_937)]
        scan = Scan(root_at(top), known, Ignore())
        assert changes(scan) == [] and scan.held == MassDeletion(68_811, 68_811)
        for library in libraries:
            part = [file for file in known if file.path.startswith(library + b"/")]
            scan = Scan(root_at(top), part, Ignore(), library, known_files=len(known))
            assert len(changes(scan)) == 22_937, "a part is told and not judged"
            assert not any(change.judged for change in Scan(root_at(top), part, Ignore(), library, known_files=68_811))
        as_roots = [root_at(top / os.fsdecode(library)) for library in libraries]
        for root in as_roots:
            with pytest.raises(RootOffline, match="is empty"):
                list(Scan(root, ghosts(b"a", b"b"), Ignore()))

    def test_confirmed_they_are_believed(self, top: Path) -> None:
        put(top, b"new")
        scan = Scan(root_at(top), ghosts(*self.names(101)), Ignore(), confirm_deletes=True)
        assert len(changes(scan)) == 102
        assert (scan.held, scan.deleted) == (None, 101)

    def test_a_part_of_a_root_is_judged_by_the_whole(self, top: Path) -> None:
        put(top, b"other")
        known = ghosts(*(b"d/" + name for name in self.names(150)))
        assert Scan(root_at(top), known, Ignore(), b"d", known_files=1000).held is None
        large = Scan(root_at(top), known, Ignore(), b"d", known_files=1000)
        assert len(changes(large)) == 150
        small = Scan(root_at(top), known, Ignore(), b"d", known_files=200)
        assert changes(small) == []
        assert small.held == MassDeletion(150, 200)

    def test_what_went_one_by_one_before_counts(self, top: Path) -> None:
        put(top, b"keep")
        scan = Scan(root_at(top), [*ghosts(*self.names(30)), *known_of(top)], Ignore(), lost=100)
        assert changes(scan) == []
        assert scan.held == MassDeletion(30, 131, 100)
        one = Scan(root_at(top), [*ghosts(*self.names(1)), *known_of(top)], Ignore(), b"", lost=200, known_files=600)
        assert changes(one) == [("delete", b"0000")]
        part = Scan(
            root_at(top), ghosts(*(b"d/" + n for n in self.names(80))), Ignore(), b"d", known_files=100, lost=30
        )
        assert changes(part) == []
        assert part.held == MassDeletion(80, 130, 30)

    def test_what_is_known_elsewhere_is_no_mass_deletion(self, top: Path) -> None:
        known = ghosts(*self.names(150))
        put(top, b"there")
        scan = Scan(root_at(top), known, Ignore(), moved=lambda gone: len(gone) - 100)
        assert len(changes(scan)) == 151 and scan.held is None
        scan = Scan(root_at(top), known, Ignore(), moved=lambda gone: len(gone) - 101)
        changes(scan)
        assert scan.held == MassDeletion(150, 150)

    def test_a_mass_deletion_is_applied_when_it_is_not_to_be_held_and_an_empty_root_never(self, top: Path) -> None:
        known = ghosts(*self.names(150))
        with pytest.raises(RootOffline):
            changes(Scan(root_at(top), known, Ignore(), hold=False))
        put(top, b"there")
        scan = Scan(root_at(top), known, Ignore(), hold=False)
        changes(scan)
        assert (scan.held, scan.deleted) == (None, 150)

    def test_nothing_is_held_where_nothing_more_is_gone(self, top: Path) -> None:
        put(top, b"keep")
        scan = Scan(root_at(top), known_of(top), Ignore(), lost=500)
        assert changes(scan) == [] and scan.held is None

    def test_p22_what_is_ignored_now_goes_and_is_no_mass_deletion(self, top: Path) -> None:
        for name in self.names(150):
            put(top, b"raw/" + name)
        put(top, b"keep")
        known = known_of(top)
        put(top, b".simdignore", b"raw/\n")
        scan = Scan(root_at(top), known, Ignore())
        found = list(scan)
        assert {(change.kind, change.judged) for change in found} == {(ChangeKind.DELETE, True)}
        assert (len(found), scan.ignored, scan.deleted, scan.held) == (150, 150, 150, None)

    def test_p22_what_is_gone_besides_is_still_a_mass_deletion(self, top: Path) -> None:
        for name in self.names(150):
            put(top, b"raw/" + name)
        known = [*ghosts(*(b"gone/" + name for name in self.names(160))), *known_of(top)]
        scan = Scan(root_at(top), known, Ignore(["raw"]))
        assert {change.key.path[:4] for change in scan} == {b"raw/"}
        assert scan.held == MassDeletion(160, 310)
        assert scan.ignored == 150

    def test_a_rule_that_ignores_all_does_not_make_a_root_look_empty(self, top: Path) -> None:
        put(top, b"a")
        known = known_of(top)
        assert changes(Scan(root_at(top), known, Ignore(["*"]))) == [("delete", b"a")]

    def test_only_a_scan_of_the_whole_root_judges_what_is_gone(self, top: Path) -> None:
        put(top, b"keep")
        for under, confirmed, judged in ((b"", False, True), (b"d", False, False), (b"d", True, True)):
            scan = Scan(root_at(top), ghosts(b"d/a"), Ignore(), under, known_files=9, confirm_deletes=confirmed)
            assert {change.judged for change in scan if change.kind is ChangeKind.DELETE} == {judged}

    @pytest.mark.parametrize(
        ("count", "known", "expected"), [(100, 100, False), (101, 202, False), (102, 203, True), (101, 101, True)]
    )
    def test_the_limits(self, count: int, known: int, expected: bool) -> None:
        assert is_mass(count, known) is expected


UNREADABLE = """
    import os, sys
    from simd.types import KnownFile, Root, Stamp
    from simd.watch.ignore import Ignore
    from simd.watch.scanner import Scan
    top = os.fsencode(sys.argv[1])
    os.chmod(top, 0o755)
    os.chmod(os.path.join(top, b"closed"), 0)
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    known = [KnownFile(n, Stamp(1, 2, 3)) for n in (b"closed", b"closed-x", b"closed/a", b"closed/b/c", b"closed0")]
    scan = Scan(Root(1, top), known, Ignore())
    print([(c.kind.value, c.key.path) for c in scan])
    print(len(scan.problems), [p.path for p in scan.problems])
"""


def test_what_cannot_be_read_keeps_its_files(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        put(top, b"closed/a")
        put(top, b"open")
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(UNREADABLE), directory],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        os.chmod(top / "closed", 0o755)
    assert done.stdout.splitlines() == [
        "[('upsert', b'open'), ('delete', b'closed'), ('delete', b'closed-x'), ('delete', b'closed0')]",
        "1 [b'closed/']",
    ], done.stderr


NAMES = st.sampled_from([b"a", b"a-", b"a.", b"a0", b"b", b"\xff", b"a b", b"-", b"0"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)


def build(top: Path, paths: Iterable[bytes]) -> set[bytes]:
    """Make files where their names allow it; a name taken by a file cannot be a directory too."""
    made: set[bytes] = set()
    for path in sorted(paths):
        parents = {path[:i] for i in range(len(path)) if path[i : i + 1] == b"/"}
        if not parents & made:
            put(top, path)
            made.add(path)
    return made


@given(
    st.frozensets(PATHS, max_size=12), st.frozensets(PATHS, max_size=12), st.sampled_from([b"", b"a", b"a-", b"a/b"])
)
@settings(max_examples=150, deadline=None)
def test_a_scan_is_the_difference_of_two_sets(here: frozenset[bytes], there: frozenset[bytes], under: bytes) -> None:
    def inside(path: bytes) -> bool:
        return not under or path == under or path.startswith(under + b"/")

    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        put(top, b"always here")
        made = {path for path in build(top, here) | {b"always here"} if inside(path)}
        known = {path for path in there if inside(path)}
        fresh = {path for path in known if path in made and len(path) % 2}
        rows = [
            KnownFile(path, stamp_at(top, path) if path in fresh else Stamp(9, 9, 9))
            for path in [p for p in sorted(known) if p == under] + [p for p in sorted(known) if p != under]
        ]
        scan = Scan(root_at(top), rows, Ignore(), under)
        found = changes(scan)
    upserts = [path for kind, path in found if kind == "upsert"]
    deletes = [path for kind, path in found if kind == "delete"]
    assert upserts == sorted(made - fresh)
    assert deletes == sorted(known - made)
    assert found == [("upsert", p) for p in upserts] + [("delete", p) for p in deletes]
    assert scan.seen == len(made)


SCANNING = """
    import os, re, sys
    from simd.types import KnownFile, Root, Stamp
    from simd.watch.ignore import Ignore
    from simd.watch.scanner import Scan
    top = os.fsencode(sys.argv[1])
    def known(count):
        for n in range(count):
            name = b"d%04d/f%06d" % (n // 40, n)
            yield KnownFile(name, Stamp.of(os.stat(top + b"/" + name)))
    def most():
        return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
    for count in 2000, int(sys.argv[2]):
        scan = Scan(Root(1, top), known(count), Ignore(["*.bak", "/raw/**/x"]), confirm_deletes=True)
        assert list(scan) == [] and scan.seen == count, (scan.seen, scan.deleted)
        print(most(), flush=True)
        sys.stdin.readline()
"""


def growth_kib(top: Path, count: int) -> int:
    """How much more memory a scan takes when an unchanged tree, 40 files a folder, has grown from 2,000 files."""

    def grow(first: int, end: int) -> None:
        for n in range(first, end):
            if n % 40 == 0:
                (top / f"d{n // 40:04}").mkdir()
            os.close(os.open(top / f"d{n // 40:04}/f{n:06}", os.O_CREAT | os.O_WRONLY))

    grow(0, 2000)
    command = [sys.executable, "-c", textwrap.dedent(SCANNING), str(top), str(count)]
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdin is not None and process.stdout is not None
        few = int(process.stdout.readline())
        grow(2000, count)
        process.stdin.write("\n")
        process.stdin.flush()
        return int(process.stdout.readline()) - few


def test_p7_memory_does_not_grow_with_the_tree(top: Path) -> None:
    assert growth_kib(top, 10_000) < 1024


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_p7_memory_is_flat_at_200_000_files_in_5_000_folders(top: Path) -> None:
    # The names of the 5,000 folders of the root are held while it is walked, and nothing of their files.
    assert growth_kib(top, 200_000) < 4096
    shutil.rmtree(top)


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_an_unmounted_disk_deletes_nothing_and_comes_back(tmp_path: Path) -> None:
    program = """
    import ctypes, os, sys
    libc = ctypes.CDLL(None, use_errno=True)
    def must(result):
        if result: raise OSError(ctypes.get_errno(), "mount")
    from simd.types import KnownFile, Root, Stamp
    from simd.watch.ignore import Ignore
    from simd.watch.roots import RootOffline, identify
    from simd.watch.scanner import Scan
    top, disk = sys.argv[1].encode(), sys.argv[2].encode()
    must(libc.mount(disk, top, None, 4096, None))
    root = Root(1, top, identify(top))
    known = [KnownFile(c.key.path, c.stamp) for c in Scan(root, [], Ignore())]
    must(libc.umount2(top, 0))
    try:
        list(Scan(root, known, Ignore()))
    except RootOffline as offline:
        print("offline:", offline.reason)
    must(libc.mount(disk, top, None, 4096, None))
    print(len(known), list(Scan(root, known, Ignore())))
    """
    (tmp_path / "point").mkdir()
    for n in range(3):
        put(tmp_path, b"disk/%d" % n)
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", textwrap.dedent(program), tmp_path / "point", tmp_path / "disk"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout.splitlines() == ["offline: is empty although files of it are known", "3 []"], done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_another_memory_card_in_the_same_reader_deletes_nothing(tmp_path: Path) -> None:
    program = """
    import subprocess, sys
    from pathlib import Path
    from simd.types import KnownFile, Root
    from simd.watch.ignore import Ignore
    from simd.watch.roots import RootOffline, identify
    from simd.watch.scanner import Scan
    work = Path(sys.argv[1])
    top = bytes(work / "card")
    (work / "card").mkdir()
    def run(*command): subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    def insert(image): run("mount", "-o", "loop", work / image, work / "card")
    for image in ("first", "second"):
        (work / image).write_bytes(bytes(4 << 20))
        run("mkfs.ext4", "-q", "-O", "^has_journal", work / image)
        insert(image)
        (work / "card" / (image + ".jpg")).write_bytes(b"x")
        run("umount", work / "card")
    insert("first")
    first = identify(top)
    root = Root(1, top, first)
    known = [KnownFile(change.key.path, change.stamp) for change in Scan(root, [], Ignore())]
    run("umount", work / "card")
    insert("second")
    second = identify(top)
    print((first.device, first.inode) == (second.device, second.inode))
    try:
        list(Scan(root, known, Ignore()))
    except RootOffline as offline:
        print(offline.reason)
    run("umount", work / "card")
    """
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", textwrap.dedent(program), tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    if any(word in done.stderr for word in ("not permitted", "loop", "No such file or directory: 'mkfs")):
        pytest.skip("there are no loop devices here")
    assert done.stdout.splitlines()[-1:] == ["is another directory: 0 of 1 known files are there"], done.stderr
    if done.stdout.splitlines()[0] != "True":
        pytest.skip("the kernel gave the two cards different numbers")
