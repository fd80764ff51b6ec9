"""`simd serve | check | doctor`: the daemon's own commands."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simd import __version__, config
from simd.errors import SimdError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 error, 2 usage or configuration."""
    arguments = _parser().parse_args(argv)
    try:
        flags = {key: getattr(arguments, key, None) for key in _FLAGS}
        settings = config.load(file=arguments.config, flags=flags)
        _log_to_stderr(settings.log_level)
        return int(arguments.run(settings, arguments))
    except SimdError as error:
        print(f"simd: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


_FLAGS = {
    "roots": ("--root", "a folder to watch; may be given more than once"),
    "state_dir": ("--state-dir", "where the index is kept"),
    "listen": ("--listen", "unix:PATH or HOST:PORT"),
    "model": ("--model", "the backbone"),
    "models_dir": ("--models-dir", "where converted models are kept"),
    "device": ("--device", "auto, cpu or gpu"),
    "max_threads": ("--max-threads", "cores that indexing may use; 0 = all"),
    "flush_rows": ("--flush-rows", "vectors that wait in the log before they become a segment"),
    "log_level": ("--log-level", "debug, info, warning or error"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simd", description="Finds similar images in folders that keep changing.")
    parser.add_argument("--version", action="version", version=f"simd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", _serve, "watch folders, index their images, answer searches; runs in the foreground"),
        ("check", _check, "read the whole index and say what is damaged; the daemon must not be running"),
        ("doctor", _doctor, "show the settings in force, the model, the device and what is wrong"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if run is _check:
            command.add_argument(
                "--repair", action="store_true", help="save what is sound, set the damaged index aside"
            )
        command.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings")
        for key, (flag, meaning) in _FLAGS.items():
            action = "append" if key == "roots" else "store"
            command.add_argument(flag, dest=key, action=action, help=meaning, metavar=key.upper().rstrip("S"))
    return parser


def _log_to_stderr(level: str) -> None:
    """One line an event. Under systemd the journal adds the time itself."""
    stamp = "" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s "
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format=stamp + "%(levelname)s %(name)s: %(message)s", force=True
    )
    logging.captureWarnings(True)
    # It says at length which of its builds it did not find.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)


def _serve(settings: config.Settings, arguments: argparse.Namespace) -> int:
    # Children are fresh interpreters, so gRPC need not prepare for a fork, nor say that it did not.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from simd.daemon import Daemon

    return Daemon(settings).run()


def _check(settings: config.Settings, arguments: argparse.Namespace) -> int:
    from simd.daemon import check

    problems = check(settings, repair=arguments.repair)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "the index is whole")
    return 1 if problems else 0


def _doctor(settings: config.Settings, arguments: argparse.Namespace) -> int:
    from simd.doctor import examine

    findings = examine(settings)
    for finding in findings:
        print(finding)
    return 1 if any(f.startswith("!!") for f in findings) else 0
