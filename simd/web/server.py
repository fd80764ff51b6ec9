"""Serves the page until it is told to end."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import functools
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from simctl.channel import Security
from starlette.applications import Starlette

from simd.errors import ConfigError, NotNow
from simd.privatefile import read_private
from simd.web import statuses
from simd.web.app import create_app
from simd.web.connection import Connection
from simd.web.daemon import Daemon
from simd.web.login import Login, TokenFile
from simd.web.site import Site, site
from simd.web.statusfeed import StatusFeed

log = logging.getLogger(__name__)

_CONNECTIONS = 512
_HEADER_BYTES = 16 << 10
_KEEP_S = 30
_END_WITHIN_S = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How the page is served.

    Attributes:
        http: `HOST:PORT` to listen on.
        address: of the daemon, `unix:PATH` or `HOST:PORT`.
        security: of the connection to it.
        cert: PEM file, the chain of the page's own certificate.
        key: PEM file, its private key.
        names: more hosts by which browsers may ask for it.
        proxy: the public name of a proxy that passes requests on.
        login_token_file: the tokens that visitors log in with; None has nobody log in.
    """

    http: str
    address: str
    security: Security
    cert: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    proxy: str = ""
    login_token_file: Path | None = None


def serve(options: Options, started: Callable[[str], None], until: int | None = None) -> int:
    """Serve the page in the foreground until SIGTERM or SIGINT; the exit code.

    Args:
        options: how.
        started: is called with the page's address once it answers.
        until: a file descriptor at whose end this ends too, such as a pipe that whoever started this holds open.

    Raises:
        ConfigError: it cannot be served so; `NotNow` where another program listens there.
        SimctlError: a file for the connection to the daemon cannot be read.
    """
    # What uvicorn has taken of the signal it raises once more at its end.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    asyncio.run(page(options, started, until))
    return 0


async def page(options: Options, started: Callable[[str], None], until: int | None = None) -> None:
    """Serve the page in this event loop; as `serve`."""
    if bool(options.cert) != bool(options.key):
        raise ConfigError("a certificate and its key go together", field="cert", remedy="give both --cert and --key")
    file = options.login_token_file
    place = site(
        options.http,
        names=options.names,
        proxy=options.proxy,
        encrypted=options.cert is not None,
        has_login=file is not None,
    )
    login = Login(TokenFile(file), is_secure=place.is_secure, has_proxy=place.has_proxy) if file else None
    with listening(place) as sock:
        place = dataclasses.replace(place, port=sock.getsockname()[1])
        # The connection to the daemon belongs to the event loop in which it is made.
        daemon = Daemon(options.address, options.security)
        feed = StatusFeed(functools.partial(statuses.watch, daemon))
        config = _config(create_app(daemon, feed, place, login), options)
        if login is None:
            log.warning(
                "every user of this machine may see the page; a file of tokens (--login-token-file) has them log in"
            )
        server = _Server(config, feed, functools.partial(started, place.url))
        if until is not None:
            asyncio.get_running_loop().add_reader(until, server.look_at, until)
        await server.serve(sockets=[sock])


def _config(app: Starlette, options: Options) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_S,
        timeout_graceful_shutdown=_END_WITHIN_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        ssl_certfile=options.cert,
        ssl_keyfile=options.key,
    )
    if options.key is not None:
        read_private(options.key, "key")
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificate {options.cert} and the key {options.key} cannot be used: {error}", field="cert"
        ) from error
    return config


def listening(place: Site) -> socket.socket:
    """The socket at which browsers ask.

    Raises:
        ConfigError: it cannot be there; `NotNow` where another program is.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        sock = socket.create_server(
            (place.host, place.port), family=family, backlog=128, dualstack_ipv6=place.host == "::"
        )
    except OSError as error:
        text = f"cannot listen on {place.host}:{place.port}"
        if error.errno == errno.EADDRINUSE:
            raise NotNow(
                f"{text}: another program listens there",
                field="http",
                remedy="end it, or choose another port with --http",
            ) from error
        raise ConfigError(f"{text}: {error.strerror}", field="http") from error
    # asyncio does so by itself only where a socket names its protocol. The body of an answer would wait up to 40 ms for
    # the browser to have told that its head came.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class _Server(uvicorn.Server):
    """Tells when it answers, and ends streams of events first when it is to end: they would not end by themselves."""

    def __init__(self, config: uvicorn.Config, feed: StatusFeed, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._feed = feed
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)

    def look_at(self, fd: int) -> None:
        """End if what is read from a file descriptor has."""
        if not os.read(fd, 4096):
            asyncio.get_running_loop().remove_reader(fd)
            self.should_exit = True
