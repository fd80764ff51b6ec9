"""What a decode worker that was taken over cannot do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.featurize import confinement, landlock, seccomp
from simd.featurize.workers import DecodePool, WorkerSettings
from tests.featurize.drawings import LIMITS, SIZE
from tests.featurize.hostile import hostile
from tests.featurize.test_workers import PATIENCE_S, PICTURE, always, rejection

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this kernel or machine has no filter")


@pytest.fixture(scope="module")
def taken() -> Iterator[DecodePool]:
    """One worker that does what the data say."""
    pool = DecodePool(1, WorkerSettings(LIMITS), hostile)
    yield pool
    pool.close()


def attempt(pool: DecodePool, what: str, on: object) -> str:
    return rejection(pool.submit_bytes(b"try %s %s" % (what.encode(), os.fsencode(str(on))), SIZE)).detail


@needs_landlock
@pytest.mark.parametrize("what", ["read", "list"])
def test_it_reads_nothing_but_what_it_is_handed(taken: DecodePool, tmp_path: Path, what: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(PICTURE)
    for one in (path if what == "read" else tmp_path, "/etc/hostname" if what == "read" else "/", Path.home()):
        assert "refused" in attempt(taken, what, one)
    assert taken.submit_file(os.fsencode(path), always).result(PATIENCE_S).pictures


@needs_landlock
def test_it_cannot_look_into_the_daemons_memory(taken: DecodePool) -> None:
    assert "refused" in attempt(taken, "memory", os.getpid())


@needs_seccomp
@pytest.mark.parametrize("what", ["make", "alter", "shorten", "remove", "rename", "folder", "permit", "date"])
def test_it_changes_nothing(taken: DecodePool, tmp_path: Path, what: str) -> None:
    path = tmp_path / "state"
    if what != "make":
        path.write_bytes(b"kept")
        before = path.stat()
    assert attempt(taken, what, path) == "refused: Operation not permitted"
    if what == "make":
        assert not path.exists()
    else:
        assert path.read_bytes() == b"kept" and path.stat() == before and list(tmp_path.iterdir()) == [path]


@needs_seccomp
def test_it_has_no_network(taken: DecodePool, tmp_path: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(tmp_path / "s"))
        for one in (tcp, unix):
            one.listen()
        assert "refused" in attempt(taken, "tcp", tcp.getsockname()[1])
        assert "refused" in attempt(taken, "unix", tmp_path / "s")


@needs_seccomp
def test_it_reaches_no_process(taken: DecodePool) -> None:
    for what in ("fork", "run", "kill"):
        assert attempt(taken, what, os.getpid()) == "refused: Operation not permitted"
    assert attempt(taken, "ring", "") == "refused: Function not implemented"


def test_it_may_start_threads_as_libraries_do(taken: DecodePool) -> None:
    assert attempt(taken, "thread", "") == "it could"


def test_a_worker_that_is_not_confined_could() -> None:
    """The attempts are ones that succeed where nothing refuses them."""
    pool = DecodePool(1, WorkerSettings(LIMITS, confined=False), hostile)
    try:
        for what, on in (("read", "/etc/passwd"), ("list", "/"), ("fork", ""), ("kill", os.getpid())):
            assert attempt(pool, what, on) == "it could"
    finally:
        pool.close()


def test_what_a_kernel_cannot_keep_from_it_is_named() -> None:
    assert (confinement.NO_LANDLOCK in confinement.missing()) == (not landlock.abi())
    assert (confinement.NO_SECCOMP in confinement.missing()) == (not seccomp.available())
