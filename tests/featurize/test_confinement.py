"""What a decode worker that was taken over cannot do."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simd.featurize.workers import confinement, landlock, seccomp
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from tests.featurize.drawings import INPUT, LIMITS, assert_upright, encoded, quadrants
from tests.featurize.hostile import hostile
from tests.featurize.rawfile import dng
from tests.featurize.test_workers import PATIENCE_S, PICTURE, always, rejection
from tests.featurize.tiffs import FLOAT, RGB, Tiff

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this kernel or machine has no filter")


@pytest.fixture(scope="module")
def taken() -> Iterator[DecodePool]:
    """One worker that does what the data say."""
    pool = DecodePool(1, WorkerSettings(LIMITS), hostile)
    yield pool
    pool.close()


def attempt(pool: DecodePool, what: str, on: object) -> str:
    return rejection(pool.submit_bytes(b"try %s %s" % (what.encode(), os.fsencode(str(on))), INPUT)).detail


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


def pictures() -> Iterator[tuple[str, bytes]]:
    """One for each library that decodes."""
    image = quadrants()
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM"):
        yield name, encoded(image, name)
    if importlib.util.find_spec("imagecodecs"):
        codecs = importlib.import_module("imagecodecs")
        samples = np.asarray(image)
        yield "JPEG-LS", bytes(codecs.jpegls_encode(samples))
        yield "JPEG of 12 bits", bytes(codecs.jpeg8_encode(samples.astype(np.uint16) << 4, bitspersample=12))
        yield "deep JPEG 2000", bytes(codecs.jpeg2k_encode(samples.astype(np.uint16) * 257, level=0))
        yield "animated JPEG XL", bytes(codecs.jpegxl_encode(np.stack([samples, samples[::-1]])))
        yield "TIFF of floats", Tiff(32, RGB, FLOAT).of(samples.astype(np.float32) / 255)
    if importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        yield "HEIC", encoded(image, "HEIF", quality=90)
    if importlib.util.find_spec("pillow_jxl"):
        importlib.import_module("pillow_jxl")
        yield "JPEG XL", encoded(image, "JXL")
    if importlib.util.find_spec("rawpy"):
        yield "raw photograph", dng(encoded(image, "JPEG", quality=95), image.size)


def test_it_reads_every_format_though_their_libraries_come_late() -> None:
    pool = DecodePool(1, WorkerSettings(LIMITS))
    try:
        for name, data in pictures():
            submitted = pool.submit_bytes(data, INPUT)
            assert submitted.exception(PATIENCE_S) is None, name
            assert_upright(submitted.result().pictures[INPUT], 48)
    finally:
        pool.close()


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
