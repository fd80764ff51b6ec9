"""`simd check` on a state directory: what it reads, and what it makes of a repair that was cut short."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from simd import config
from simd.app.checkup import check
from simd.app.statedir import Indexes
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import ConfigError
from simd.featurize.models.model import Model
from simd.index.local import LocalIndex
from simd.index.repair import repair_store
from simd.storage.files import seal, unseal
from simd.types import image_id_of
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


def test_a_check_reads_the_catalogue_and_a_repair_makes_it_anew(settings: Settings) -> None:
    settings.state_dir.mkdir()
    path = settings.state_dir / "catalogue.sqlite"
    Catalogue.open(path).close()
    assert check(settings) == []
    damage(path)
    [problem] = check(settings)
    assert str(path) in problem and "check --repair" in problem
    [done] = check(settings, repair=True)
    assert "catalogue.sqlite.damaged-1" in done
    assert check(settings) == []


@pytest.mark.parametrize("made", [False, True])
def test_where_no_daemon_has_kept_anything_nothing_is_called_whole(settings: Settings, made: bool) -> None:
    if made:
        settings.state_dir.mkdir()
    with pytest.raises(ConfigError, match=r"--state-dir") as caught:
        check(settings)
    assert str(settings.state_dir) in str(caught.value)
    assert settings.state_dir.exists() == made, "a check makes nothing"


def test_a_check_needs_no_model(settings: Settings, model: Model) -> None:
    damaged_index(settings, model)
    unknown = dataclasses.replace(settings, model="nobody-knows-it")
    assert any("1 images saved" in line for line in check(unknown, repair=True))


def test_an_index_of_which_nothing_is_left_is_set_aside(settings: Settings, model: Model) -> None:
    directory = damaged_index(settings, model)
    for path in directory.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff" * 100)
    assert any("damaged-1" in line for line in check(settings, repair=True))
    assert check(settings) == []


def test_an_index_that_was_never_finished_making_is_no_damage(settings: Settings, model: Model) -> None:
    directory = Indexes(settings.state_dir).directory(model.fingerprint.hex())
    (directory / "log").mkdir(parents=True)
    (directory / "segments").mkdir()
    assert check(settings) == []


def test_damaged_features_are_named_and_begun_anew(settings: Settings, model: Model) -> None:
    damaged_index(settings, model)
    check(settings, repair=True)
    path = settings.state_dir / "features.sqlite"
    store = DerivedStore(path, FEATURES, "orb-1")
    store.put({image_id_of(b"x"): bytes(20_000)})
    store.close()
    assert check(settings) == []
    damage(path)
    [problem] = check(settings)
    assert str(path) in problem and "computes the features again" in problem
    [repaired] = check(settings, repair=True)
    assert "there is an empty one: the features are computed again" in repaired
    assert check(settings) == [] and path.with_name("features.sqlite.damaged-1").exists()


def test_a_damaged_mark_is_set_aside(settings: Settings, model: Model) -> None:
    damaged_index(settings, model)
    Indexes(settings.state_dir).serve(model.spec.name, model.fingerprint.hex())
    mark = settings.state_dir / "serving.json"
    mark.write_bytes(b"x")
    assert [str(mark) in problem for problem in check(settings)] == [True, False], "the index is read all the same"
    check(settings, repair=True)
    assert (mark.with_name("serving.json.damaged-1").exists(), check(settings)) == (True, [])


def test_a_mark_of_a_later_version_is_neither_damaged_nor_mended(settings: Settings, model: Model) -> None:
    damaged_index(settings, model)
    mark = settings.state_dir / "serving.json"
    mark.write_bytes(seal({"model": "x", "fingerprint": "ff", "weather": "fine"}))
    assert "later simd" in check(settings, repair=True)[0]
    assert [path.name for path in settings.state_dir.glob("serving.json*")] == ["serving.json"]


def test_a_later_format_is_not_repaired(settings: Settings, model: Model) -> None:
    directory = damaged_index(settings, model)
    path = directory / "manifest.json"
    path.write_bytes(seal({**unseal(path), "version": 2}))
    before = path.read_bytes()
    problems = check(settings, repair=True)
    assert "format 2; this version reads 1" in problems[0] and "nothing is repaired" in problems[-1]
    assert path.read_bytes() == before and not list(directory.parent.glob("*.damaged-*"))
