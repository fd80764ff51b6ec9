"""Fixtures that more than one room needs."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from simd.config import DEFAULT_MODEL
from simd.featurize.models.model import Model, resolve
from tests.milvus.server import MilvusServer

# What gRPC does around a fork fails now and then beside threads of its own; a child of the tests runs another program.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

REPOSITORY = Path(__file__).parent.parent
OF_THE_TESTS = ("SIMD_BROWSER", "SIMD_MILVUS")
"""Variables that tell where programs are that tests use."""

_LONG = ("contract", "e2e", "featurize", "milvus", "replica", "web")
_LONG_BY = 0.85
"""Rooms whose tests take long, and which part of the run they are done by."""


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and what a test starts would inherit that.

    Nor is a daemon of the person who runs the tests anything to the clients in them.
    """
    # How long an example takes is nobody's fault on a busy machine.
    settings.register_profile("tests", deadline=None)
    settings.load_profile("tests")
    for name in [name for name in os.environ if name.startswith("SIMD_") and name not in OF_THE_TESTS]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives to the end: to look for garbage in it would take a quarter of the time, now and later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are run in an order in which those that keep a core busy and those that mostly wait are mixed, so that
    several processes use the cores evenly. Those that take long are done before the end, which would wait for the last
    of them."""
    groups: dict[str, dict[Path, None]] = {}
    for item in items:
        room = item.path.relative_to(REPOSITORY / "tests").parts[0]
        groups.setdefault(room if room in _LONG else "", {})[item.path] = None
    place = {
        path: (number + 0.5) / len(files) * (_LONG_BY if room else 1.0)
        for room, files in groups.items()
        for number, path in enumerate(files)
    }
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where converted models are kept between runs."""
    return REPOSITORY / ".cache" / "models"


@pytest.fixture(scope="session")
def model(models_dir: Path) -> Model:
    """The default backbone, converted on first use; tests that take it carry the mark `model`."""
    return resolve(DEFAULT_MODEL, models_dir)


@pytest.fixture(scope="session")
def imagenet(models_dir: Path) -> Model:
    """The one with ImageNet's weights and their classifier, likewise."""
    return resolve("efficientnet-lite0", models_dir)


@pytest.fixture(scope="session")
def photos() -> Path:
    """A folder of real photographs."""
    return REPOSITORY / "samples" / "photos"


@pytest.fixture(scope="session")
def milvus_home() -> Path:
    """Where the Milvus server that tests run is unpacked; tests that take it carry the mark `milvus`."""
    if not (home := os.environ.get("SIMD_MILVUS")):
        pytest.skip("the replica is not tested with a Milvus server: SIMD_MILVUS is not set, see scripts/milvus")
    return Path(home)


@pytest.fixture(scope="module")
def milvus(milvus_home: Path) -> Iterator[MilvusServer]:
    """A server for the tests of a module, each with collections of its own (`fresh`)."""
    with closing(MilvusServer(milvus_home)) as server:
        yield server.start()


@pytest.fixture
def own_milvus(milvus_home: Path) -> Iterator[MilvusServer]:
    """A server for one test, which may do with it what it likes."""
    with closing(MilvusServer(milvus_home)) as server:
        yield server.start()
