"""What is passed over: by name, by the patterns of the settings, by the rule files in a tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.errors import ConfigError
from simd.watch.ignore import Ignore
from simd.watch.patterns import BadPattern, parse
from simd.watch.rules import RulesUnread
from simd.watch.walk import Flaw, Seen, Unread, directories, walk


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def put(top: Path, *names: bytes, data: bytes = b"x") -> None:
    for name in names:
        path = os.path.join(os.fsencode(top), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def seen(top: Path, ignore: Ignore | None = None, under: bytes = b"") -> list[bytes]:
    return [found.path for found in walk(os.fsencode(top), under, ignore or Ignore()) if isinstance(found, Seen)]


class TestNames:
    @pytest.mark.parametrize(
        ("name", "is_dir"),
        [
            (b".hidden.jpg", False),
            (b"._IMG_1.jpg", False),
            (b".git", True),
            (b".Trash-1000", True),
            (b".Trashes", True),
            (b".stversions", True),
            (b".zfs", True),
            (b".snapshots", True),
            (b"@eaDir", True),
            (b"@Recently-Snapshot", True),
            (b"@Recycle", True),
            (b"#recycle", True),
            (b"#snapshot", True),
            (b"$RECYCLE.BIN", True),
            (b"RECYCLER", True),
            (b"lost+found", True),
            (b"FOUND.000", True),
            (b"node_modules", True),
            (b"System Volume Information", True),
            (b"a.jpg.part", False),
            (b"a.jpg.crdownload", False),
            (b"a.TMP", False),
            (b"a.jpg~", False),
            (b"Thumbs.db", False),
            (b"ehthumbs_vista.db", False),
            (b"thumbcache_1280.db", False),
            (b"ZbThumbnail.info", False),
            (b"a.jpg.!qB", False),
            (b"a.jpg.aria2", False),
            (b"a.jpg.opdownload", False),
            (b"a.jpg.!ut", False),
            (b"a.jpg.bc!", False),
            (b"a.jpg.uploading", False),
            (b"#a.jpg#", False),
        ],
    )
    def test_p23_trash_snapshots_thumbnails_and_unfinished_downloads_are_passed_over(
        self, name: bytes, is_dir: bool
    ) -> None:
        assert Ignore().skips(name, is_dir)

    @pytest.mark.parametrize(
        ("name", "is_dir"),
        [
            (b"a.jpg", False),
            (b"a", False),
            (b"notes.txt", False),
            (b"node_modules", False),
            (b"party.part", True),
            (b"\xff\xfe", False),
            (b"a.b", True),
            (b"#1", False),
            (b"#", False),
            (b"##", False),
            (b"#a#", True),
            (b"my thumbcache.db", False),
        ],
    )
    def test_others_are_not(self, name: bytes, is_dir: bool) -> None:
        assert not Ignore().skips(name, is_dir)

    def test_a_path_is_passed_over_for_any_directory_on_the_way(self, top: Path) -> None:
        verdict = Ignore().verdict(os.fsencode(top), b"a/.git/c/b.jpg")
        assert verdict is not None and verdict.path == b"a/.git/"
        assert not Ignore().ignores(os.fsencode(top), b"a/b.jpg")

    def test_no_rule_brings_them_back(self, top: Path) -> None:
        put(top, b".hidden/a")
        put(top, b".simdignore", data=b"!.hidden\n!.hidden/a\n")
        assert seen(top, Ignore(["!.hidden/"])) == []


class TestOwn:
    @pytest.mark.parametrize("name", ["state", "sta*te [x] ?", "!st\\ate", "#state ", "a b/st\nate"])
    def test_the_daemons_own_directory_is_passed_over_in_the_root_that_holds_it(self, top: Path, name: str) -> None:
        put(top, b"a.jpg", b"d/state/b.jpg", b"xstate/c.jpg")
        put(top, os.fsencode(name) + b"/segments/d.jpg")
        ignore = Ignore(["!*"], own=os.fsencode(top / name))
        assert seen(top, ignore) == [b"a.jpg", b"d/state/b.jpg", b"xstate/c.jpg"]
        verdict = ignore.verdict(os.fsencode(top), os.fsencode(name) + b"/segments/d.jpg")
        assert verdict is not None and "keeps its state" in verdict.rule
        link = top.with_name("link")
        link.symlink_to(top)
        assert len(seen(link, ignore)) == 3
        assert len(seen(top / "d", ignore)) == 1, "elsewhere such a name is one like others"


class TestRules:
    def test_f8_patterns_of_the_settings_are_relative_to_each_root(self, top: Path) -> None:
        put(top, b"raw/a", b"b/raw/a", b"b/c.bak", b"b/c", b"keep.bak")
        assert seen(top, Ignore(["/raw", "*.bak", "!keep.bak"])) == [b"b/c", b"b/raw/a", b"keep.bak"]

    def test_a_rule_file_holds_in_its_directory_and_below_and_the_innermost_counts(self, top: Path) -> None:
        put(top, b"a.bak", b"d/a.bak", b"d/e/a.bak", b"d/e/b.jpg", b"f/b.jpg")
        put(top, b".simdignore", data=b"# copies\n*.bak\n\nf/\n")
        put(top, b"d/.simdignore", data=b"!*.bak\r\n")
        put(top, b"d/e/.simdignore", data=b"/b.jpg")
        assert seen(top) == [b"d/a.bak", b"d/e/a.bak"]
        assert seen(top, under=b"d/e") == [b"d/e/a.bak"]
        assert seen(top, under=b"f") == [] and seen(top, under=b"f/b.jpg") == []
        assert seen(top, under=b"d/a.bak") == [b"d/a.bak"]

    def test_a_rule_file_wins_over_the_settings(self, top: Path) -> None:
        put(top, b"a.bak", b"b.tif")
        put(top, b".simdignore", data=b"!*.bak\n*.tif\n")
        assert seen(top, Ignore(["*.bak"])) == [b"a.bak"]

    def test_what_is_below_an_ignored_directory_cannot_be_brought_back(self, top: Path) -> None:
        put(top, b"d/keep", b"e/keep", b"e/other")
        put(top, b".simdignore", data=b"d/\n!d/keep\ne/*\n!e/keep\n")
        put(top, b"d/.simdignore", data=b"!*\n")
        assert seen(top) == [b"e/keep"]

    def test_p25_names_that_are_not_text_are_matched(self, top: Path) -> None:
        put(top, b"\xff\xfe.jpg", b"\x80/a", b"caf\xc3\xa9/a", b"Voil\xc3\xa0", b"\xe3\x80\x80x\xe3\x80\x80", b"b")
        put(top, b".simdignore", data=b"\xff*\n\x80/\ncaf?/\nVoil\xc3\xa0\n*\xe3\x80\x80\n")
        assert seen(top) == [b"b"]

    def test_no_ignored_directory_is_watched(self, top: Path) -> None:
        put(top, b"a/b/c", b"raw/x/y", b"a/raw/z")
        put(top, b".simdignore", data=b"raw/\n")
        root = os.fsencode(top)
        assert sorted(directories(root, b"", Ignore())) == [root, root + b"/a", root + b"/a/b"]
        assert sorted(directories(root, b"a", Ignore(["b"]))) == [root + b"/a"]

    def test_rules_are_read_again_when_their_file_changes(self, top: Path) -> None:
        put(top, b"a", b"b")
        ignore = Ignore()
        put(top, b".simdignore", data=b"a")
        assert seen(top, ignore) == [b"b"]
        put(top, b"new", data=b"b")
        os.replace(top / "new", top / ".simdignore")
        assert seen(top, ignore) == [b"a"]
        (top / ".simdignore").unlink()
        assert seen(top, ignore) == [b"a", b"b"]
        assert ignore.configure(["a"]) and not ignore.configure(["a"])
        assert seen(top, ignore) == [b"b"]

    def test_the_verdict_says_which_rule_it_was(self, top: Path) -> None:
        put(top, b"d/.simdignore", data=b"\n# x\n*.bak\n")
        ignore, root = Ignore(["raw"]), os.fsencode(top)
        by_file = ignore.verdict(root, b"d/e/a.bak")
        assert by_file is not None
        assert (by_file.path, by_file.rule) == (b"d/e/a.bak", f"'*.bak', line 3 of {top}/d/.simdignore")
        by_setting = ignore.verdict(root, b"d/raw/a", is_dir=True)
        assert by_setting is not None
        assert (by_setting.path, by_setting.rule) == (b"d/raw/", "'raw', pattern 1 of the setting `ignore`")


class TestTrouble:
    def test_a_pattern_of_the_settings_that_matches_nothing_is_an_error_and_those_before_stay(self, top: Path) -> None:
        put(top, b"a", b"b")
        with pytest.raises(ConfigError, match=r"pattern 2 of the setting `ignore`: '\[b' matches nothing: a bracket"):
            Ignore(["a", "[b"])
        ignore = Ignore(["a"])
        with pytest.raises(ConfigError):
            ignore.configure(["b", "/"])
        assert seen(top, ignore) == [b"b"]

    def test_a_line_that_matches_nothing_is_told_and_the_others_hold(self, top: Path) -> None:
        put(top, b"d/a", b"d/b")
        put(top, b"d/.simdignore", data=b"[\na\nx\\\n")
        first, second, file = walk(os.fsencode(top), b"", Ignore())
        assert isinstance(first, Flaw) and isinstance(second, Flaw) and isinstance(file, Seen)
        assert first.path == b"d/" and "line 1 of" in first.why and "bracket" in first.why
        assert "line 3 of" in second.why and "backslash" in second.why
        assert file.path == b"d/b"

    @pytest.mark.parametrize(
        ("data", "why"),
        [(b"a" * 65537, "65,536 bytes"), (b"a\n" * 1001, "1,000"), (b"a\0b", "text file")],
        ids=["bytes", "patterns", "binary"],
    )
    def test_a_rule_file_that_is_no_such_thing_leaves_its_directory_alone(
        self, top: Path, data: bytes, why: str
    ) -> None:
        put(top, b"a", b"d/b", b"d/e/c", b"z")
        put(top, b"d/.simdignore", data=data)
        first, unread, last = walk(os.fsencode(top), b"", Ignore())
        assert (
            isinstance(unread, Unread) and unread.path == b"d/" and ".simdignore has" in unread.why.replace("is", "has")
        )
        assert why in unread.why
        assert [found.path for found in (first, last)] == [b"a", b"z"]
        assert {found.path for found in walk(os.fsencode(top), b"d/e", Ignore())} == {b"d/e", b"d/e/"}
        assert Ignore().ignores(os.fsencode(top), b"d/e/c")
        with pytest.raises(RulesUnread, match=r"d/\.simdignore"):
            Ignore().verdict(os.fsencode(top), b"d/e/c")
        assert len(list(directories(os.fsencode(top), b"", Ignore()))) == 3, "too many watches do no harm"

    def test_a_rule_file_that_is_a_link_a_pipe_or_a_directory(self, top: Path) -> None:
        put(top, b"link/a", b"pipe/a", b"dir/.simdignore/x", b"dir/a")
        put(top, b"rules", data=b"a\n")
        (top / "link/.simdignore").symlink_to(top / "rules")
        os.mkfifo(top / "pipe/.simdignore")
        found = {f.path: f for f in walk(os.fsencode(top), b"", Ignore())}
        assert set(found) == {b"link/", b"pipe/", b"dir/a", b"rules"}
        link, pipe = found[b"link/"], found[b"pipe/"]
        assert isinstance(link, Unread) and "symbolic link" in link.why
        assert isinstance(pipe, Unread) and "not a regular file" in pipe.why

    def test_a_pattern_made_to_be_slow_is_not(self) -> None:
        name = "a" * 255
        for text in ("*a" * 60 + "b", "**/" * 60 + "b", "/" + "**/*a*a/" * 20 + "b"):
            pattern = parse(text)
            assert pattern is not None
            assert not pattern.matches("/".join([name] * 15), False)

    @pytest.mark.parametrize(
        "line", ["\\", "a\\", "[", "[a", "[z-a]", "[[:nothing:]]", "/", "//", "!", "!/", "a//b", "a\0"]
    )
    def test_patterns_that_can_match_nothing(self, line: str) -> None:
        with pytest.raises(BadPattern):
            parse(line)


GLOBS = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "ab",
            "*",
            "**",
            "?",
            "[ab]",
            "[!a]",
            "[^b]",
            "[a-b]",
            "[[:alpha:]]",
            "[]a]",
            "[a-]",
            "\\a",
            "\\*",
            " ",
        ]
    ),
    min_size=1,
    max_size=3,
).map("".join)
LINES = st.builds(
    lambda negated, anchor, parts, end: f"{negated}{anchor}{'/'.join(parts)}{end}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/", "**/"]),
    st.lists(GLOBS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**", "/*", "  ", "\\ ", "\r"]),
)
# No name of several bytes a character: git matches bytes.
NAMES = st.sampled_from([b"a", b"b", b"ab", b"ba", b"aab", b"*", b"-", b"]", b"a ", b"\xff"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
FILES = st.dictionaries(st.sampled_from([b"", b"a", b"b", b"a/b"]), st.lists(LINES, max_size=5), max_size=3)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there to compare with")
@given(paths=st.frozensets(PATHS, min_size=1, max_size=10), files=FILES)
@settings(max_examples=60, deadline=None)
def test_rules_mean_what_they_mean_to_git(paths: frozenset[bytes], files: dict[bytes, list[str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        made: set[bytes] = set()
        for path in sorted(paths):
            parents = {path[:i] for i in range(len(path)) if path[i : i + 1] == b"/"}
            if not parents & made:
                put(top, path)
                made.add(path)
        for folder, lines in files.items():
            # Lines that can match nothing are told by simd, and of no account to git.
            sound = [line for line in lines if _is_sound(line)]
            if os.path.isdir(os.path.join(os.fsencode(top), folder)):
                put(top, os.path.join(folder, b".simdignore"), data="\n".join(sound).encode())
                put(top, os.path.join(folder, b".gitignore"), data="\n".join(sound).encode())
        assert seen(top) == sorted(untracked(top)), files


def _is_sound(line: str) -> bool:
    try:
        parse(line)
    except BadPattern:
        return False
    return True


def untracked(top: Path) -> list[bytes]:
    """The files that git would add, by its own account."""
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    git = ["git", "-C", str(top), "-c", "core.quotePath=false"]
    if not (top / ".git").exists():
        subprocess.run([*git, "init", "-q", "--template="], check=True, env=env, capture_output=True)
    done = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"],
        check=True,
        env=env,
        capture_output=True,
    )
    return [name for name in done.stdout.split(b"\0") if name and not os.path.basename(name).startswith(b".")]
