"""`simd serve | check | doctor`: the daemon's own commands."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simd import __version__, config, logs
from simd.errors import SimdError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 error, 2 usage or configuration; 130 after Ctrl-C, 141 when the
    reader of the output has left."""
    arguments = parser().parse_args(argv)
    try:
        settings = _load(arguments)
        logs.to_stderr(settings.log_level, settings.log_format)
        code = int(arguments.run(settings, arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of the output has left. The interpreter flushes once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SimdError as error:
        print(f"simd: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "simd":
            raise
        print(f"simd: {error.name} is not installed; `pip install 'simd-images[daemon]'` brings it", file=sys.stderr)
        return 2
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


def parser() -> argparse.ArgumentParser:
    """The command line of `simd`."""
    parser = argparse.ArgumentParser(prog="simd", description="Finds similar images in folders that keep changing.")
    parser.add_argument("--version", action="version", version=f"simd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", _serve, "watch folders, index their images, answer searches; runs in the foreground"),
        ("check", _check, "read index and catalogue and say what is damaged; the daemon must not be running"),
        ("doctor", _doctor, "show the settings in force, the model, the device and what is wrong"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if run is _check:
            command.add_argument(
                "--repair", action="store_true", help="save what is sound, set the damaged index aside"
            )
        if run is _doctor:
            command.add_argument("--json", action="store_true", help="one JSON document instead of lines")
        command.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings")
        for key, (flag, meaning) in _FLAGS.items():
            action = "append" if key == "roots" else "store"
            command.add_argument(flag, dest=key, action=action, help=meaning, metavar=key.upper().rstrip("S"))
    return parser


def _load(arguments: argparse.Namespace) -> config.Settings:
    flags = {key: getattr(arguments, key, None) for key in _FLAGS}
    return config.load(file=arguments.config, flags=flags)


def _serve(settings: config.Settings, arguments: argparse.Namespace) -> int:
    # Children are fresh interpreters, so gRPC need not prepare for a fork, nor say that it did not.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # NumPy's and FAISS's libraries read this when they are loaded. Their threads would spin between two products, and
    # take from decoding and the backbone more than they give to a search.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # A crash, and the SIGABRT of a watchdog, leave what every thread was doing in the log.
    faulthandler.enable()
    from simd.daemon import Daemon

    return Daemon(settings, lambda: _load(arguments)).run()


def _check(settings: config.Settings, arguments: argparse.Namespace) -> int:
    from simd.checkup import check

    problems = check(settings, repair=arguments.repair)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "index and catalogue are whole")
    return 1 if problems else 0


def _doctor(settings: config.Settings, arguments: argparse.Namespace) -> int:
    from simd.doctor import examine

    report = examine(settings)
    if arguments.json:
        print(report.json())
    else:
        for line in report.lines():
            print(line)
    return 0 if report.sound else 1
