"""`simd serve | web | check | doctor`: the daemon's own commands."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simd import __version__, config, logs
from simd.app.unit import Examined, Service, settings_for
from simd.errors import SimdError
from simd.web.command import add_web, show_page


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 error, 2 usage or configuration; 130 after Ctrl-C, 141 when the
    reader of the output has left."""
    arguments = parser().parse_args(argv)
    try:
        code = int(arguments.run(arguments))
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
        extra = "web" if error.name.split(".")[0] in _OF_WEB else "cpu"
        print(f"simd: {error.name} is not installed; `pip install 'simd-images[{extra}]'` brings it", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


_OF_WEB = ("starlette", "uvicorn")
"""What the extra `web` brings."""

_FLAGS = {
    "roots": ("--root", "a folder to watch; may be given more than once"),
    "state_dir": ("--state-dir", "where the index is kept"),
    "listen": ("--listen", "unix:PATH or HOST:PORT"),
    "model": ("--model", "the backbone"),
    "models_dir": ("--models-dir", "where converted models are kept"),
    "device": ("--device", "auto, cpu or gpu"),
    "max_threads": ("--max-threads", "cores that indexing may use; 0 = all"),
    "flush_rows": ("--flush-rows", "vectors that wait in the log before they become a segment"),
    "http": ("--http", "HOST:PORT on loopback: serve the page there as well"),
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
    add_web(commands)
    return parser


def _load(arguments: argparse.Namespace) -> config.Settings:
    return config.load(file=arguments.config, flags=_flags(arguments))


def _flags(arguments: argparse.Namespace) -> dict[str, object]:
    return {key: getattr(arguments, key, None) for key in _FLAGS}


def _examined(arguments: argparse.Namespace) -> Examined:
    """The settings of the daemon that is looked at; for root that of the host's service. Root acts as its user then."""

    def load(service: Service) -> config.Settings:
        if service == Service():
            return _load(arguments)
        theirs = parser().parse_args(["serve", *service.arguments])
        said = {key: value for key, value in _flags(arguments).items() if value is not None}
        return config.load(
            file=arguments.config or theirs.config,
            environ={"HOME": "/", **service.environ, **{k: v for k, v in os.environ.items() if k.startswith("SIMD_")}},
            flags={**_flags(theirs), **said},
        )

    examined = settings_for(load)
    settings = examined.settings
    logs.to_stderr(settings.log_level, settings.log_format)
    if examined.unit:
        print(f"simd: as {examined.unit} is started, with its state in {settings.state_dir}", file=sys.stderr)
    return examined


def _serve(arguments: argparse.Namespace) -> int:
    settings = _load(arguments)
    logs.to_stderr(settings.log_level, settings.log_format)
    # Children are fresh interpreters, so gRPC need not prepare for a fork, nor say that it did not.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # NumPy's and FAISS's libraries read this when they are loaded. Their threads would spin between two products, and
    # take from decoding and the backbone more than they give to a search.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # A crash, and the SIGABRT of a watchdog, leave what every thread was doing in the log.
    faulthandler.enable()
    from simd.app.daemon import Daemon

    return Daemon(settings, lambda: _load(arguments), show_page).run()


def _check(arguments: argparse.Namespace) -> int:
    from simd.app.checkup import check

    examined = _examined(arguments)
    problems = check(examined.settings, repair=arguments.repair)
    for problem in problems:
        print(problem)
    whole = f"index and catalogue in {examined.settings.state_dir} are whole"
    print(f"{len(problems)} problems" if problems else whole)
    return 1 if problems else 0


def _doctor(arguments: argparse.Namespace) -> int:
    from simd.app.doctor import examine

    examined = _examined(arguments)
    report = examine(examined.settings, examined.groups)
    if arguments.json:
        print(report.json())
    else:
        for line in report.lines():
            print(line)
    return 0 if report.sound else 1
