"""Rules that change under way, and the explanation of what they and everything else do to a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simd.errors import ConfigError
from simd.types import Explanation, image_id_of
from tests.indexing.bench import Bench


def fill(bench: Bench, *names: str) -> None:
    for name in names:
        bench.write(name, name.encode())


def explain(bench: Bench, *names: str) -> list[tuple[str, str]]:
    """Reason and detail of files under the root."""
    found = bench.ingest.explain([os.fsencode(bench.root / name) for name in names])
    return [(item.reason, item.detail) for item in found]


class TestRules:
    def test_p22_a_new_rule_file_takes_out_what_is_indexed_at_once_and_lifted_it_costs_no_inference(
        self, bench: Bench
    ) -> None:
        fill(bench, "a.png", "raw/b.png", "raw/c.png", "d/raw/e.png")
        bench.start().settle()
        rules = bench.write(".simdignore", b"/raw/\n")
        bench.until(lambda: sorted(bench.files()) == ["a.png", "d/raw/e.png"])
        bench.settle()
        assert not bench.index.contains(image_id_of(b"raw/b.png"))
        fill(bench, "raw/f.png", "last.png")
        bench.until(lambda: "last.png" in bench.files())
        assert "raw/f.png" not in bench.files()
        rules.unlink()
        bench.until(lambda: len(bench.files()) == 6)
        assert bench.settle().backbone.embedded == 6, "what was embedded once is not again"

    def test_p22_the_settings_take_effect_at_once_and_a_mistake_in_them_changes_nothing(self, bench: Bench) -> None:
        fill(bench, "a.png", "b.bak", "raw/c.png")
        bench.start().settle()
        bench.ingest.ignore(["*.bak", "raw/"])
        bench.until(lambda: sorted(bench.files()) == ["a.png"])
        with pytest.raises(ConfigError, match="bracket"):
            bench.ingest.ignore(["["])
        bench.settle()
        assert sorted(bench.files()) == ["a.png"]
        bench.ingest.ignore([])
        bench.until(lambda: len(bench.files()) == 3)
        assert bench.backbone.embedded == 3

    def test_p22_a_rule_for_most_of_a_root_is_no_mass_deletion(self, bench: Bench) -> None:
        for number in range(150):
            bench.write(f"raw/{number}.png", b"picture %d" % number)
        fill(bench, "a.png")
        bench.start().settle()
        bench.write(".simdignore", b"raw\n")
        bench.until(lambda: sorted(bench.files()) == ["a.png"])
        assert bench.settle().ingest.roots()[0].detail == ""

    def test_a_rule_file_made_while_the_daemon_was_away_holds(self, bench: Bench) -> None:
        fill(bench, "a.png", "raw/b.png")
        bench.start().settle()
        bench.ingest.stop()
        bench.write(".simdignore", b"raw\n")
        again = Bench(bench.root.parent, index=bench.index).start().settle()
        try:
            assert list(again.files()) == ["a.png"]
        finally:
            again.close()

    def test_a_rule_file_that_cannot_be_understood_is_shown_and_changes_nothing_until_it_can(
        self, bench: Bench
    ) -> None:
        fill(bench, "a.png", "d/b.png")
        bench.start().settle()
        rules = bench.write("d/.simdignore", b"x\0y")
        bench.until(lambda: "not a text file" in bench.ingest.roots()[0].detail)
        fill(bench, "d/new.png", "last.png")
        bench.until(lambda: "last.png" in bench.files())
        bench.settle()
        assert sorted(bench.files()) == ["a.png", "d/b.png", "last.png"]
        assert bench.ingest.roots()[0].online
        rules.write_bytes(b"b.png\n[\n")
        bench.until(lambda: sorted(bench.files()) == ["a.png", "d/new.png", "last.png"])
        detail = bench.settle().ingest.roots()[0].detail
        assert "line 2 of" in detail and "a bracket is not closed" in detail and "text file" not in detail
        rules.unlink()
        bench.until(lambda: bench.ingest.roots()[0].detail == "")

    def test_a_root_whose_own_rules_cannot_be_understood_keeps_everything(self, bench: Bench) -> None:
        fill(bench, "a.png")
        bench.start().settle()
        rules = bench.write(".simdignore", b"a" * 100_000)
        bench.until(lambda: "65,536 bytes" in bench.ingest.roots()[0].detail)
        assert list(bench.settle().files()) == ["a.png"] and not bench.ingest.roots()[0].online
        rules.unlink()
        bench.until(lambda: bench.ingest.roots()[0].online and bench.ingest.roots()[0].detail == "")

    def test_a_file_that_is_asked_for_and_ignored_is_refused_with_the_rule(self, bench: Bench) -> None:
        bench.start().settle()
        bench.write(".simdignore", b"# raw files\n*.raw\n")
        path = bench.write("a.raw", b"a")
        [why] = bench.ingest.add([os.fsencode(path)]).rejected
        assert why.reason == "ignored" and "'*.raw', line 2 of" in why.detail


def test_p24_a_folder_that_is_replaced_by_a_link_to_it_is_indexed_at_one_place_only(bench: Bench) -> None:
    fill(bench, "d/a.png", "other.png")
    bench.start().settle()
    bench.ingest.stop()
    (bench.root / "d").rename(bench.root / "e")
    (bench.root / "d").symlink_to("e")
    again = Bench(bench.root.parent, index=bench.index).start().settle()
    try:
        assert sorted(again.files()) == ["e/a.png", "other.png"]
        assert again.backbone.embedded == 0
    finally:
        again.close()


class TestExplain:
    def test_f8_each_reason_is_told(self, bench: Bench, tmp_path: Path) -> None:
        fill(bench, "a.png", "d/raw/b.png", ".hidden/c.png", "gone.png", "d/deep/e.bak")
        bench.write("bad.png", b"bad picture")
        bench.write("removed.png", b"a picture to remove")
        bench.write("d/.simdignore", b"\nraw\n*.bak\n")
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside/x.png").write_bytes(b"x")
        (bench.root / "link").symlink_to(tmp_path / "outside")
        (bench.root / "dangling").symlink_to("nowhere")
        os.mkfifo(bench.root / "pipe")
        bench.start().settle()
        bench.ingest.remove([os.fsencode(bench.root / "removed.png")], [])
        (bench.root / "gone.png").unlink()
        bench.settle()
        bench.ingest.pause()
        fill(bench, "new.png")
        rules = f"{bench.root}/d/.simdignore"
        assert explain(bench, "a.png") == [("indexed", "")]
        assert explain(bench, "d/raw/b.png", "d/raw", "d/deep/e.bak", ".hidden/c.png") == [
            ("ignored", f"'d/raw/' is passed over: 'raw', line 2 of {rules}"),
            ("ignored", f"'raw', line 2 of {rules}"),
            ("ignored", f"'*.bak', line 3 of {rules}"),
            ("ignored", "'.hidden/' is passed over: such names are always passed over"),
        ]
        assert [reason for reason, _ in explain(bench, "", "d", "pipe", "dangling", "gone.png", "a.png/x")] == [
            "directory", "directory", "not_a_regular_file", "not_there", "not_there", "not_there",
        ]  # fmt: skip
        assert (
            explain(bench, "link", "link/x.png")
            == [("linked_directory", "'link' is a link to a folder; those are not followed")] * 2
        )
        assert explain(bench, "bad.png", "removed.png") == [
            ("not_an_image", "it begins with `bad`"),
            ("removed", "taken out on request; add it again to have it back"),
        ]
        [(reason, detail)] = explain(bench, "new.png")
        assert reason == "waiting" and "it is paused now" in detail
        [outside] = bench.ingest.explain([os.fsencode(tmp_path / "outside/x.png")])
        assert (outside.indexed, outside.reason) == (False, "not_in_a_root")

    def test_what_is_indexed_and_no_longer_as_it_was(self, bench: Bench) -> None:
        fill(bench, "a.png", "b.png", "c.png")
        bench.start().settle()
        bench.ingest.pause()
        bench.write("a.png", b"other content")
        [(reason, detail)] = explain(bench, "a.png")
        assert reason == "indexed" and "changed" in detail
        bench.root.rename(bench.root.with_name("away"))
        bench.until(lambda: not bench.ingest.roots()[0].online)
        path = os.fsencode(bench.root / "b.png")
        [found] = bench.ingest.explain([path])
        assert found == Explanation(path, True, "indexed", found.detail)
        assert "cannot be reached" in found.detail and "stays in the answers" in found.detail
        [(reason, detail)] = explain(bench, "unknown.png")
        assert reason == "root_offline" and "cannot be reached" in detail

    def test_p25_names_that_are_not_text(self, bench: Bench) -> None:
        path = os.fsencode(bench.root) + b"/\xff\xfe.png"
        with open(path, "wb") as file:
            file.write(b"a picture")
        bench.start().settle()
        assert bench.ingest.explain([path]) == [Explanation(path, True, "indexed", "")]
