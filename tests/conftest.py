"""Fixtures that more than one room needs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simd.config import DEFAULT_MODEL
from simd.featurize.models.model import Model, resolve

# What gRPC does around a fork fails now and then beside threads of its own; a child of the tests runs another program.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

REPOSITORY = Path(__file__).parent.parent


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and what a test starts would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
