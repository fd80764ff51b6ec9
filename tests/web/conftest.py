"""The page before a daemon that answers as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from simctl.channel import Security

from simd.web.server import Options
from tests.web.fakedaemon import FakeDaemon
from tests.web.served import served

Serve = Callable[..., httpx.Client]


@pytest.fixture
def fake() -> Iterator[FakeDaemon]:
    """A daemon that answers."""
    made = FakeDaemon().start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def serve(fake: FakeDaemon) -> Iterator[Serve]:
    """Serves the page with other options; a client of it, ended with the test."""
    with ExitStack() as stack:

        def made(*, http: str = "127.0.0.1:0", **options: object) -> httpx.Client:
            given = {"address": fake.address, "security": Security(), **options}
            return stack.enter_context(served(Options(http=http, **given)))  # type: ignore[arg-type]

        yield made


@pytest.fixture
def page(serve: Serve) -> httpx.Client:
    """The page as it is without any option."""
    return serve()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with one token."""
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text("t" * 40 + "\n")
    return path
