"""What makes people lose trust in a watched folder, one test for each: nothing is lost, forgotten or done twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simd.indexing.roots.deletions import Deletions
from simd.types import Change, ChangeKind, FileKey, image_id_of
from tests.indexing.bench import Bench, FillingIndex

Restarted = Callable[..., Bench]


def made_in(work: Path, kind: str, index: FillingIndex | None = None, grace_s: float = 7 * 86400.0) -> Bench:
    """A room whose stores always work, or one in which each refuses a third of what it is to write."""
    made = Bench(work, index=index, grace_s=grace_s)
    made.index.every = made.database.every = 3 if kind == "failing" else 0
    return made


@pytest.fixture(params=["sound", "failing"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of the room."""
    return str(request.param)


@pytest.fixture
def bench(tmp_path: Path, kind: str) -> Iterator[Bench]:
    """The room, not started yet."""
    made = made_in(tmp_path, kind)
    yield made
    made.index.every = made.database.every = 0
    made.close()


def fill(bench: Bench, count: int, folder: str = "") -> None:
    for number in range(count):
        bench.write(f"{folder}{number}.png", b"picture %s %d" % (folder.encode(), number))


def moved_meanwhile(bench: Bench, restarted: Restarted) -> tuple[Bench, set[str]]:
    """A room, not started yet, whose root had most of its files moved, and the names of all its files."""
    fill(bench, 150, "old/")
    fill(bench, 10)
    bench.start().settle()
    bench.ingest.stop()
    (bench.root / "old").rename(bench.root / "new")
    return restarted(), {f"{n}.png" for n in range(10)} | {f"new/{n}.png" for n in range(150)}


def detail(bench: Bench) -> str:
    return bench.ingest.roots()[0].detail


@pytest.fixture
def restarted(bench: Bench, kind: str) -> Iterator[Restarted]:
    """Gives the room as it is after the daemon was started again."""
    rooms = [bench]

    def restart(grace_s: float = 7 * 86400.0) -> Bench:
        rooms[-1].ingest.stop()
        rooms.append(made_in(bench.root.parent, kind, bench.index, grace_s))
        return rooms[-1]

    yield restart
    for room in rooms[1:]:
        room.close()


class TestMassDeletionWhileNobodyWatched:
    def test_p1_most_of_a_root_moved_is_no_mass_deletion_once_the_files_are_known_again(
        self, bench: Bench, restarted: Restarted
    ) -> None:
        again, moved = moved_meanwhile(bench, restarted)
        again.start()
        again.until(lambda: again.ingest.progress().pending == 0)
        assert set(again.files()) == moved, "settled means that it was judged what was held"
        assert again.settle() and detail(again) == ""
        assert again.backbone.embedded == 0, "what moved is not embedded again"

    def test_p1_what_is_held_is_judged_again_when_moved_files_that_were_just_written_have_come_to_rest(
        self, bench: Bench, restarted: Restarted
    ) -> None:
        again, moved = moved_meanwhile(bench, restarted)
        for path in (again.root / "new").iterdir():
            path.touch()
        again.start()
        again.until(lambda: again.ingest.progress().pending == 0)
        assert set(again.files()) == moved

    def test_p1_scans_that_are_asked_for_meanwhile_do_not_put_off_the_judgement(
        self, bench: Bench, restarted: Restarted
    ) -> None:
        again, moved = moved_meanwhile(bench, restarted)
        again.ingest.pause()
        again.start()
        for _ in range(20):
            again.patiently(lambda: again.ingest.scan([], retry_rejected=False))
        again.ingest.resume()
        again.until(lambda: again.ingest.progress().pending == 0)
        assert set(again.files()) == moved

    def test_p1_what_is_held_is_applied_when_the_grace_period_is_over_and_not_before(
        self, bench: Bench, restarted: Restarted
    ) -> None:
        fill(bench, 150, "old/")
        fill(bench, 10)
        bench.start().settle()
        bench.ingest.stop()
        shutil.rmtree(bench.root / "old")
        for _ in range(2):
            again = restarted()
            assert len(again.start().settle().files()) == 160 and "are gone" in detail(again)
        over = restarted(grace_s=0.0)
        over.start()
        over.until(lambda: len(over.files()) == 10)
        assert over.settle() and detail(over) == ""


class TestMassDeletionByEvents:
    def test_p1_rm_r_of_most_of_a_root_stops_half_way_and_is_held_and_shown(self, bench: Bench) -> None:
        fill(bench, 300)
        bench.start().settle()
        for path in list(bench.root.iterdir())[1:]:
            path.unlink()
        bench.until(lambda: "known files are gone" in detail(bench))
        bench.settle()
        left = len(bench.files())
        assert 100 <= left <= 151, "at most half of them left the answers before anybody noticed"
        assert f"besides {300 - left} that were deleted one by one before" in detail(bench)
        for _ in range(2):
            assert len(bench.settle().files()) == left, "no scan forgets what went before"
        root = os.fsencode(bench.root)
        confirmed = bench.patiently(lambda: bench.ingest.scan([root], retry_rejected=False, confirm_deletes=True))
        assert confirmed.deleted in (left - 1, 0), "where a scan fails at its end, the next one finds nothing more"
        bench.until(lambda: len(bench.files()) == 1)
        assert bench.settle() and detail(bench) == ""

    def test_p1_files_that_come_back_cost_no_inference_and_end_the_hold(self, bench: Bench, tmp_path: Path) -> None:
        fill(bench, 250)
        bench.start().settle()
        shutil.copytree(bench.root, tmp_path / "backup")
        for path in list(bench.root.iterdir())[1:]:
            path.unlink()
        bench.until(lambda: "are gone" in detail(bench))
        shutil.copytree(tmp_path / "backup", bench.root, dirs_exist_ok=True)
        bench.until(lambda: len(bench.files()) == 250)
        assert bench.settle().backbone.embedded == 250 and detail(bench) == ""

    def test_p1_rm_r_of_many_folders_is_held_as_well(self, bench: Bench) -> None:
        for folder in range(30):
            fill(bench, 10, f"{folder}/")
        bench.start().settle()
        for folder in range(1, 30):
            shutil.rmtree(bench.root / str(folder))
        bench.until(lambda: "known files are gone" in detail(bench))
        assert 100 <= len(bench.settle().files()) <= 200

    def test_deleting_less_than_half_is_nobodys_business(self, bench: Bench) -> None:
        fill(bench, 300)
        bench.start().settle()
        for number in range(140):
            (bench.root / f"{number}.png").unlink()
        bench.until(lambda: len(bench.files()) == 160)
        assert bench.settle() and detail(bench) == ""

    def test_a_scan_of_the_whole_root_begins_a_new_count(self) -> None:
        model = Model(1000)
        assert model.delete(400) == 400 and model.deletions.lost(1) == 400
        model.deletions.reset(1)
        assert model.delete(1000) == 300 and model.deletions.lost(1) == 300, "half of the 600 that were there"
        assert model.scans == [1], "one scan is enough"
        other = Change(ChangeKind.DELETE, FileKey(2, b"a"))
        assert model.deletions.accepts(other)

    def test_a_folder_that_thousands_of_files_pass_through_loses_nothing(self) -> None:
        model = Model(1)
        for _ in range(5000):
            model.files += 1
            assert model.delete(1) == 1
        assert model.deletions.lost(1) <= 1 and model.scans == []

    def test_what_grew_since_the_last_scan_is_counted_from_its_peak(self) -> None:
        model = Model(10)
        assert model.delete(5) == 5
        model.files = 1000
        assert model.delete(1000) == 500 and model.scans == [1]

    def test_what_people_and_scans_take_out_is_not_missed(self) -> None:
        model = Model(1000)
        assert model.delete(10) == 10
        assert model.delete(890, judged=True) == 890 and model.deletions.lost(1) == 10
        model.deletions.confirmed(1, 20)
        model.files -= 20
        assert model.delete(80) == 80, "110 were there, 10 of them are missed"
        assert model.deletions.lost(1) == 90 and model.scans == []

    def test_what_is_not_known_does_not_count(self) -> None:
        deletions = Deletions(known=lambda key: None, files=lambda root_id: 0, scan=lambda root_id: None)
        assert all(deletions.accepts(Change(ChangeKind.DELETE, FileKey(1, b"a"))) for _ in range(500))
        assert deletions.lost(1) == 0


class Model:
    """A root with so many files; `scans` are those that were asked for."""

    def __init__(self, files: int) -> None:
        self.files = files
        self.scans: list[int] = []
        self.deletions = Deletions(known=lambda key: key, files=lambda _: self.files, scan=self.scans.append)

    def delete(self, count: int, *, judged: bool = False) -> int:
        """Delete files; how many of the deletions were accepted."""
        accepted = 0
        for _ in range(count):
            if self.deletions.accepts(Change(ChangeKind.DELETE, FileKey(1, b"a"), judged=judged)):
                self.files -= 1
                accepted += 1
        return accepted


class TestMoves:
    def test_f6_renames_and_moves_of_files_and_folders_cost_no_inference(self, bench: Bench, tmp_path: Path) -> None:
        fill(bench, 4, "one/")
        fill(bench, 4, "two/deep/")
        fill(bench, 1)
        other = tmp_path / "other root"
        other.mkdir()
        (other / "keep.png").write_bytes(b"an empty root would be taken for an unmounted disk")
        bench.start().settle()
        bench.patiently(lambda: bench.ingest.add([os.fsencode(other)]))
        (bench.root / "one/0.png").rename(bench.root / "one/renamed.png")
        (bench.root / "one/1.png").rename(bench.root / "two/moved.png")
        (bench.root / "two/deep").rename(bench.root / "one/deeper")
        bench.until(lambda: "one/deeper/3.png" in bench.files() and "two/moved.png" in bench.files())
        (bench.root / "one").rename(other / "one")
        bench.until(lambda: bench.index.contains(image_id_of(b"picture one/ 2")) and "one/2.png" not in bench.files())
        (other / "one").rename(bench.root / "back")
        bench.until(lambda: "back/deeper/3.png" in bench.files())
        bench.settle()
        assert sorted(bench.files()) == [
            "../other root/keep.png", "0.png", "back/2.png", "back/3.png", "back/deeper/0.png",
            "back/deeper/1.png", "back/deeper/2.png", "back/deeper/3.png", "back/renamed.png", "two/moved.png",
        ]  # fmt: skip
        assert (bench.backbone.embedded, bench.decoder.decoded) == (10, 10)

    def test_p4_a_folder_moved_out_leaves_the_answers_and_comes_back_for_nothing(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        fill(bench, 5, "d/sub/")
        fill(bench, 1)
        bench.start().settle()
        (bench.root / "d").rename(tmp_path / "d")
        bench.until(lambda: list(bench.files()) == ["0.png"])
        (tmp_path / "d").rename(bench.root / "e")
        bench.until(lambda: len(bench.files()) == 6)
        assert bench.settle().backbone.embedded == 6

    def test_p5_replace_by_rename_is_one_change_and_the_file_is_never_missing(self, bench: Bench) -> None:
        bench.write("a.png", b"before")
        bench.start().settle()
        for number in range(20):
            bench.write("a.png.tmp", b"version %d" % number).replace(bench.root / "a.png")
        bench.until(lambda: bench.index.contains(image_id_of(b"version 19")))
        bench.settle()
        assert bench.files() == {"a.png": image_id_of(b"version 19")}


class TestFiles:
    def test_p5_a_file_that_grows_slowly_ends_as_what_it_is_at_last(self, bench: Bench) -> None:
        bench.start().settle()
        with open(bench.root / "a.png", "wb") as file:
            for number in range(5):
                file.write(b"part %d " % number)
                file.flush()
                bench.settle()
        whole = image_id_of((bench.root / "a.png").read_bytes())
        bench.until(lambda: bench.files() == {"a.png": whole})
        assert set(bench.settle().index.ids()) == {whole}

    def test_p24_loops_of_links_are_no_folders_and_links_to_files_are_files(self, bench: Bench, tmp_path: Path) -> None:
        bench.write("d/a.png", b"a picture")
        (bench.root / "d/up").symlink_to("..")
        (bench.root / "self").symlink_to("self")
        (bench.root / "a link.png").symlink_to("d/a.png")
        bench.start().settle()
        assert bench.files() == dict.fromkeys(["a link.png", "d/a.png"], image_id_of(b"a picture"))
        (bench.root / "later").symlink_to(bench.root)
        bench.write("last.png", b"another")
        bench.until(lambda: "last.png" in bench.files())
        assert len(bench.settle().files()) == 3 and bench.backbone.embedded == 2

    def test_p25_names_that_are_not_text_are_found_renamed_and_forgotten(self, bench: Bench) -> None:
        bench.write("keep.png", b"keep")
        bench.start().settle()
        folder = os.fsencode(bench.root) + b"/\xff\xfe"
        os.mkdir(folder)
        with open(folder + b"/\x80\n.png", "wb") as file:
            file.write(b"a picture")
        bench.until(lambda: os.fsdecode(b"\xff\xfe/\x80\n.png") in bench.files())
        os.rename(folder, os.fsencode(bench.root) + b"/\xfd")
        bench.until(lambda: os.fsdecode(b"\xfd/\x80\n.png") in bench.files())
        shutil.rmtree(os.fsencode(bench.root) + b"/\xfd")
        bench.until(lambda: list(bench.files()) == ["keep.png"])
        assert bench.settle().backbone.embedded == 2


class TestRoots:
    def test_p1_a_root_that_is_gone_emptied_or_swapped_keeps_everything(self, bench: Bench, tmp_path: Path) -> None:
        fill(bench, 3)
        bench.start().settle()
        away = tmp_path / "away"
        bench.root.rename(away)
        bench.until(lambda: "cannot be reached" in detail(bench))
        bench.root.mkdir()
        bench.until(lambda: "is empty although files of it are known" in detail(bench))
        (bench.root / "of another disk.png").write_bytes(b"another disk")
        bench.until(lambda: "is another directory: 0 of 3 known files are there" in detail(bench))
        assert len(bench.files()) == 3 and not bench.ingest.roots()[0].online
        shutil.rmtree(bench.root)
        away.rename(bench.root)
        bench.until(lambda: bench.ingest.roots()[0].online and detail(bench) == "")
        assert len(bench.settle().files()) == 3 and bench.backbone.embedded == 3

    def test_p9_a_device_number_that_changed_with_a_reboot_costs_nothing(
        self, bench: Bench, restarted: Restarted
    ) -> None:
        fill(bench, 20)
        bench.start().settle()
        bench.ingest.stop()
        [root] = bench.catalogue.roots()
        assert root.identity is not None
        # The test's own change is not to be refused.
        bench.database.every = 0
        bench.catalogue.set_identity(root.root_id, replace(root.identity, device=root.identity.device + 1))
        again = restarted().start().settle()
        assert len(again.files()) == 20 and again.ingest.roots()[0].detail == ""
        assert (again.backbone.embedded, again.decoder.decoded) == (0, 0)
        assert again.catalogue.roots() == [root], "the new number is remembered"
