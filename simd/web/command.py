"""`simd web`: its command line."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from simd import logs
from simd.errors import ConfigError, NotNow

_WHAT = "serve the page: search, duplicates and status in a browser; runs in the foreground"
_DAEMON = {
    "--address": "unix:PATH or HOST:PORT (SIMD_ADDRESS); else its default socket",
    "--tls-ca": "the authority of its certificate (SIMD_TLS_CA); else those that the system trusts",
    "--tls-cert": "a certificate for a daemon that asks for one (SIMD_CLIENT_CERT)",
    "--tls-key": "its private key (SIMD_CLIENT_KEY)",
    "--token-file": "a token for a daemon that asks for one (SIMD_TOKEN_FILE)",
}


def add_web(commands: Any) -> None:
    """Add it to the commands of `simd`."""
    parser = commands.add_parser("web", help=_WHAT, description=_WHAT)
    parser.set_defaults(run=_run)
    page = parser.add_argument_group("the page")
    page.add_argument("--http", default="127.0.0.1:7480", metavar="HOST:PORT", help="where it is (%(default)s)")
    page.add_argument(
        "--login-token-file",
        type=Path,
        metavar="FILE",
        help="visitors log in with a token of this file, one a line; needed where other machines reach the page",
    )
    page.add_argument("--cert", type=Path, metavar="FILE", help="its own certificate, for TLS")
    page.add_argument("--key", type=Path, metavar="FILE", help="the certificate's private key")
    page.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="another name of this host in a browser's address"
    )
    page.add_argument(
        "--proxy", default="", metavar="NAME", help="the public name of a proxy that does TLS and passes requests on"
    )
    daemon = parser.add_argument_group("the daemon")
    for flag, meaning in _DAEMON.items():
        metavar = "ADDRESS" if flag == "--address" else "FILE"
        daemon.add_argument(flag, metavar=metavar, help=meaning)
    process = parser.add_argument_group("the process")
    process.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    process.add_argument("--log-format", default="text", choices=("text", "json"))
    process.add_argument(
        "--until-stdin-ends", action="store_true", help="end with standard input, and so with what started it"
    )


def _run(arguments: argparse.Namespace) -> int:
    from simctl.address import resolve
    from simctl.channel import Security
    from simctl.errors import EXIT_USAGE, SimctlError

    from simd.web.server import Options, serve

    logs.to_stderr(arguments.log_level, arguments.log_format)
    security = Security(arguments.tls_ca, arguments.tls_cert, arguments.tls_key, arguments.token_file)
    try:
        options = Options(
            http=arguments.http,
            address=resolve(arguments.address, os.environ),
            security=security.completed(os.environ),
            cert=arguments.cert,
            key=arguments.key,
            names=tuple(arguments.host),
            proxy=arguments.proxy,
            login_token_file=arguments.login_token_file,
        )
        return serve(
            options,
            lambda url: show_page(f"the page is at {url}"),
            sys.stdin.fileno() if arguments.until_stdin_ends else None,
        )
    except SimctlError as error:
        raise (ConfigError if error.exit_code == EXIT_USAGE else NotNow)(str(error)) from error


def show_page(text: str) -> None:
    """Print the line that says where the page is, on a terminal so that it is seen among the lines of a log."""
    print(f"\n    {text}\n" if sys.stdout.isatty() else text, flush=True)
