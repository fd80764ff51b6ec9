"""What a shell and `man` know of the commands, written from their argument parsers: completions and man pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage
from simctl import cli as simctl_cli

from simd import cli as simd_cli

TOP = Path(__file__).parent.parent
COMPLETIONS = TOP / "client" / "simctl" / "completions"
MAN = TOP / "man"

FILES = ("IMAGE", "FILE", "PATH", "LOG", "A", "B")
DIRECTORIES = ("DIR", "ROOT", "STATE_DIR")
ENDINGS = {"bash": "simctl.bash", "zsh": "_simctl", "fish": "simctl.fish"}


def every(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The actions of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from every(command)


def with_files(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, with what takes a file or a directory told to complete it."""
    for action in every(parser):
        if action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in DIRECTORIES:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return parser


def man(parser: argparse.ArgumentParser, section: int, text: str) -> str:
    """A manual page."""
    about = {
        "project_name": "simd", "manual_section": str(section), "manual_title": "simd", "description": text,
        "url": "", "authors": "", "long_description": "",
    }  # fmt: skip
    lines = str(Manpage(parser, about, format="pretty")).splitlines()
    # The day on which it was made says nothing.
    lines = [
        f'.TH {parser.prog.upper()} {section} "" "simd" "simd manual"' if line.startswith(".TH") else line
        for line in lines
    ]
    return "\n".join(lines).rstrip() + "\n"


def made() -> Mapping[Path, str]:
    """Every file and what it should hold."""
    simctl, simd = with_files(simctl_cli.whole_parser()), with_files(simd_cli.parser())
    found = {COMPLETIONS / name: shtab.complete(simctl, shell) for shell, name in ENDINGS.items()}
    return {
        **found,
        MAN / "simctl.1": man(simctl, 1, "search and steer simd, the similar-image search daemon"),
        MAN / "simd.8": man(simd, 8, "find similar images in folders that keep changing"),
    }


def main() -> int:
    """Write, or compare."""
    files = made()
    if sys.argv[1:] == ["--check"]:
        old = [p.relative_to(TOP) for p, text in files.items() if not p.exists() or p.read_text() != text]
        if old:
            print(f"not what the commands say: {', '.join(map(str, old))}; run scripts/shell", file=sys.stderr)
        return 1 if old else 0
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
