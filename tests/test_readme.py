"""What README and the pages in docs tell people to do can be done: commands, scripts and links are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from simctl.cli import whole_parser

from simd.cli import parser as daemon_parser

REPOSITORY = Path(__file__).parent.parent
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def typed(page: Path) -> Iterator[list[str]]:
    """The commands of a page, as the words that a shell makes of each line."""
    for block in BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


COMMANDS = list(typed(README))
LABELLING = [list(takewhile(lambda word: word not in ("|", ">"), words)) for words in typed(DOCS / "labelling.md")]


@pytest.mark.parametrize("words", [w for w in COMMANDS if Path(w[0]).name in ("simctl", "simd")], ids=" ".join)
def test_a_command_of_the_readme_is_one(words: list[str]) -> None:
    parser = whole_parser() if Path(words[0]).name == "simctl" else daemon_parser()
    parser.parse_args(words[1:])


@pytest.mark.parametrize("words", [words for words in LABELLING if words[0] == "simctl"], ids=" ".join)
def test_a_command_of_the_page_on_labelling_is_one(words: list[str]) -> None:
    whole_parser().parse_args(words[1:])


def test_the_readme_has_commands() -> None:
    names = {Path(words[0]).name for words in COMMANDS}
    assert names >= {"make", "simctl", "simd", "pip", "python3", "docker", "systemctl"}


def test_a_target_of_make_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert {words[1] for words in COMMANDS if words[0] == "make"} <= targets


def test_no_shell_is_left_to_expand_a_tilde_after_an_equals_sign() -> None:
    # bash does so in every word, dash and zsh do not.
    assert not [words for words in COMMANDS if any(re.match(r"\w+=~", word) for word in words)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nobody_is_sent_to_an_index_for_what_is_on_none(page: Path) -> None:
    # An extra of what is installed already is no such case: pip takes the installed package for it.
    text = page.read_text()
    wrong = re.findall(r"pip install '?simd-images(?!\[(?:atlas|formats|milvus|onnx|sscd|verify|web)\])[^`\n]*", text)
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_leads_to_is_there(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)?(#[^)]*)?\)", text):
        path, anchor = target
        if path.startswith("http"):
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), path
        if anchor:
            assert anchor[1:] in anchors(there.read_text()), anchor
    for script in re.findall(r"`(scripts/[a-z-]+)[ `]", text):
        assert (REPOSITORY / script).exists(), script


def anchors(text: str) -> set[str]:
    """The names of a page's headings, as Git forges make them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
