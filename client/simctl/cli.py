"""The `simctl` command: reads the arguments, runs one command, turns what goes wrong into a message and an exit code.

Exit codes: 0 done, 1 error, 2 usage, 3 daemon unreachable, 4 nothing found, 5 partly failed; 130 after Ctrl-C and 141
when the reader of the output has left, as the shell has them.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from simctl import streams
from simctl.client import Client
from simctl.errors import EXIT_ERROR, EXIT_INTERRUPTED, SimctlError
from simctl.output import Output
from simd import __version__

_COMMANDS = {
    "search": "find what looks like an image",
    "status": "show how the daemon is",
    "wait": "wait until nothing is pending",
    "add": "index files now, and watch folders from now on",
    "remove": "take files, folders and images out of the answers; the files themselves stay",
    "scan": "compare folders with what is known of them",
    "files": "list the files that are searchable",
    "errors": "list the files that are not indexed, and why",
    "show": "show what is known of single files and images",
    "compare": "tell what two pictures are to each other, and how much they are alike",
    "duplicates": "list files that are the same picture, which of them stays, and why",
    "decide": "say of copies that they are none, which of them is kept, or that all are",
    "labels": "what people said pictures are: import it, export it, list it, clear it",
    "leaks": "find pictures that are on both sides of a split",
    "split": "divide pictures by shares, so that none is on two sides",
    "suggest": "propose which pictures to label next, and tell how many the labels stand for",
    "atlas": "the map of all pictures: how it is, a picture of it, a table of it",
    "apply": "clean copies up as a plan says; nothing is deleted, and undo takes it back",
    "undo": "take a clean-up back",
    "replica": "the replica that several daemons publish in: how it is, rebuild it, leave it",
    "compact": "do all maintenance of the index now",
    "verify": "read all of the index and tell what is wrong with it",
    "export": "copy every image's embedding and paths out of the index",
    "pause": "stop indexing, for a while or until it is resumed; searches go on",
    "resume": "go on with indexing",
    "health": "tell whether the daemon serves",
    "completion": "print what lets a shell complete commands and options",
}
"""Each is a module of `simctl.commands`. One that has `PARTS` is a command of several."""

_DEFAULT_TIMEOUTS = {
    "search": 60.0,
    "compare": 60.0,
    "status": 10.0,
    "files": 60.0,
    "errors": 60.0,
    "show": 60.0,
    "duplicates": 300.0,
    "decide": 60.0,
    "health": 5.0,
    "pause": 10.0,
    "resume": 10.0,
}
"""Seconds; the other commands take as long as their work does."""

_LISTS = ("search", "files", "errors", "duplicates", "leaks", "suggest")
"""Commands that can print a document a line, each as soon as it is known."""

_SECURITY = {
    "tls_ca": "the authority of the daemon's certificate (SIMD_TLS_CA); else those that the system trusts",
    "tls_cert": "a certificate for a daemon that asks for one (SIMD_CLIENT_CERT)",
    "tls_key": "its private key (SIMD_CLIENT_KEY)",
    "token_file": "a file with a token (SIMD_TOKEN_FILE)",
}

_EPILOG = """\
exit codes: 0 done, 1 error, 2 usage, 3 daemon unreachable, 4 nothing found, 5 partly failed

The daemon is looked for at --address, else SIMD_ADDRESS, else $XDG_RUNTIME_DIR/simd/simd.sock,
else the service of this host, /run/simd/simd.sock.
"""

_EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    streams.ensure_open()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name's letters is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    output = Output(os.environ)
    words = sys.argv[1:] if argv is None else argv
    try:
        try:
            return _run(_parser(words).parse_args(words), output)
        finally:
            # Also after --help and a wrong usage, which end with an exception.
            output.finish()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        streams.silence(sys.stdout)
        return _EXIT_BROKEN_PIPE
    except streams.Unwritable as error:
        streams.silence(sys.stdout)
        output.error(str(error))
        return EXIT_ERROR


def _run(args: argparse.Namespace, output: Output) -> int:
    timeout = args.timeout or _DEFAULT_TIMEOUTS.get(args.command)
    try:
        given = {name: getattr(args, name, None) for name in _SECURITY}
        with Client(getattr(args, "address", None), timeout=timeout, patience=0, **given) as client:
            code: int = _module(args.command).run(args, client, output)
            return code
    except SimctlError as error:
        output.error(str(error))
        if args.json or args.jsonl:
            output.json({"error": error.document()})
        return error.exit_code


def _module(command: str) -> Any:
    return importlib.import_module(f"simctl.commands.{command}")


def whole_parser() -> argparse.ArgumentParser:
    """A parser that knows all of every command, for what is written from it: completions and the manual."""
    return _parser(list(_COMMANDS))


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """A parser for these words; of commands that are not among them it knows the name only, which takes less time."""
    shared = argparse.ArgumentParser(add_help=False)
    # Given before the command or after it; a default here would undo the former.
    shared.add_argument(
        "--address", metavar="ADDRESS", default=argparse.SUPPRESS, help="where the daemon is: unix:PATH or HOST:PORT"
    )
    for name, purpose in _SECURITY.items():
        flag = "--" + name.replace("_", "-")
        shared.add_argument(flag, metavar="FILE", default=argparse.SUPPRESS, help=purpose)
    parser = argparse.ArgumentParser(
        prog="simctl",
        description="Search and steer simd, the similar-image search daemon.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"simctl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in _COMMANDS.items():
        own = commands.add_parser(name, help=purpose, description=purpose, parents=[shared])
        if name in words:
            module = _module(name)
            parts: dict[str, str] = getattr(module, "PARTS", {})
            if not parts:
                _complete(own, name, module.arguments)
                continue
            # A command of several: each has options of its own.
            choices = own.add_subparsers(dest="part", metavar="ACTION", required=True)
            for part, what in parts.items():
                of_part = choices.add_parser(part, help=what, description=what, parents=[shared])
                _complete(of_part, name, partial(module.arguments, part=part))
    return parser


def _complete(parser: argparse.ArgumentParser, command: str, arguments: Callable[[Any], object]) -> None:
    """Add the options of every command, and a command's own."""
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print one JSON document")
    if command in _LISTS:
        formats.add_argument("--jsonl", action="store_true", help="print a JSON document a line")
    else:
        parser.set_defaults(jsonl=False)
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="give up after so many seconds")
    arguments(parser)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds greater than 0")
    return seconds
