"""`simd check` on a state directory: what it reads, and what it makes of a repair that was cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from simd import config
from simd.catalogue.catalogue import Catalogue
from simd.checkup import check
from simd.config import Settings
from simd.featurize.models import Model
from simd.index.local import LocalIndex
from simd.index.repair import repair_store
from simd.statedir import Indexes
from tests.catalogue.test_damaged import damage
from tests.disks import Crash, CrashingDisk
from tests.stores import embedding

pytestmark = pytest.mark.model


@pytest.fixture
def settings(tmp_path: Path, models_dir: Path) -> Settings:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    return config.load(environ=environ, flags={"state_dir": tmp_path / "state", "models_dir": models_dir})


def damaged_index(settings: Settings, model: Model) -> Path:
    """An index of which one of two segments is damaged."""
    directory = Indexes(settings.state_dir).directory(model.fingerprint.hex())
    index = LocalIndex.open(directory, model.spec.dimension, model.fingerprint)
    for number in range(2):
        index.put([embedding(number, dimension=model.spec.dimension)])
        index.flush()
    index.close()
    first, _ = sorted(directory.glob("segments/*/vectors.npy"))
    first.write_bytes(first.read_bytes()[:-1] + b"\xff")
    return directory


def test_a_check_completes_a_repair_that_was_cut_short(settings: Settings, model: Model) -> None:
    directory = damaged_index(settings, model)
    with pytest.raises(Crash):
        repair_store(directory, model.spec.dimension, model.fingerprint, disk=CrashingDisk("repair.set_aside"))
    assert not directory.exists()
    assert check(settings) == []
    assert directory.exists()
    index = LocalIndex.open(directory, model.spec.dimension, model.fingerprint)
    assert len(index) == 1
    index.close()


def test_a_check_says_what_is_damaged_until_it_is_repaired(settings: Settings, model: Model) -> None:
    directory = damaged_index(settings, model)
    [problem] = check(settings)
    assert str(directory) in problem
    assert any("1 images saved" in line for line in check(settings, repair=True))
    assert check(settings) == []


def test_a_check_reads_the_catalogue_and_says_what_to_do_if_it_is_damaged(settings: Settings) -> None:
    assert check(settings) == []
    path = settings.state_dir / "catalogue.sqlite"
    Catalogue.open(path).close()
    assert check(settings) == []
    damage(path)
    [problem] = check(settings)
    assert str(path) in problem and "delete it" in problem
    assert check(settings, repair=True) == [problem]
