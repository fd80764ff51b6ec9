"""After damage, what is sound is saved and nothing else is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simd.storage.salvage import Salvaged, salvage
from simd.types import ImageId
from tests.stores import embedding, image_id, opened, unit

FIRST, SECOND, LOGGED = range(40), range(40, 80), range(80, 90)


def build(directory: Path) -> None:
    """Two segments and a log; a delete in the second segment and one in the log."""
    with opened(directory) as store:
        store.put([embedding(n) for n in FIRST])
        store.flush()
        store.put([embedding(n) for n in SECOND])
        store.delete([image_id(0)])
        store.flush()
        for number in LOGGED:
            store.put([embedding(number)])
        store.delete([image_id(41)])


def flip(path: Path, at: int) -> None:
    """Damage one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def saved(damaged: Path, target: Path) -> tuple[Salvaged, set[ImageId]]:
    """Salvage into a new store; what it holds, each vector being the right one."""
    with opened(target) as store:
        result = salvage(damaged, store)
        found = set(store.ids())
        for number in (*FIRST, *SECOND, *LOGGED):
            if image_id(number) in found:
                vector = store.vector(image_id(number))
                assert vector is not None and vector.tobytes() == unit(number).tobytes()
    assert result.images == len(found)
    return result, found


def ids(*numbers: int) -> set[ImageId]:
    """The ids of numbered images."""
    return {image_id(n) for n in numbers}


ALL = ids(*FIRST, *SECOND, *LOGGED) - ids(0, 41)


def test_a_sound_store_is_saved_whole(tmp_path: Path) -> None:
    build(tmp_path / "store")
    assert saved(tmp_path / "store", tmp_path / "new") == (Salvaged(len(ALL), ()), ALL)


@pytest.mark.parametrize("name", ["codes.npy", "mean.npy", "components.npy"])
def test_damaged_codes_and_quantizers_are_made_again(tmp_path: Path, name: str) -> None:
    build(tmp_path / "store")
    [first, _] = sorted((tmp_path / "store" / "segments").iterdir())
    flip(first / name, -5)
    assert saved(tmp_path / "store", tmp_path / "new") == (Salvaged(len(ALL), ()), ALL)


@pytest.mark.parametrize("name", ["vectors.npy", "ids.npy", "segment.json"])
def test_only_the_images_of_a_damaged_segment_are_lost(tmp_path: Path, name: str) -> None:
    build(tmp_path / "store")
    [first, _] = sorted((tmp_path / "store" / "segments").iterdir())
    flip(first / name, -5)
    result, found = saved(tmp_path / "store", tmp_path / "new")
    assert found == ALL - ids(*FIRST)
    [loss] = result.losses
    assert str(first / name) in loss


def test_a_delete_that_is_lost_with_its_segment_brings_the_image_back_for_the_catalogue_to_judge(
    tmp_path: Path,
) -> None:
    build(tmp_path / "store")
    [_, second] = sorted((tmp_path / "store" / "segments").iterdir())
    flip(second / "tombstones.npy", -5)
    _, found = saved(tmp_path / "store", tmp_path / "new")
    assert found == (ALL - ids(*SECOND)) | ids(0)


def test_only_the_damaged_record_of_a_log_is_lost(tmp_path: Path) -> None:
    build(tmp_path / "store")
    [log] = [p for p in (tmp_path / "store" / "log").glob("*.log") if p.stat().st_size > 500]
    flip(log, log.stat().st_size // 2)
    result, found = saved(tmp_path / "store", tmp_path / "new")
    assert len(ALL - found) == 1 and ALL - found <= ids(*LOGGED)
    [loss] = result.losses
    assert str(log) in loss


def test_a_lost_manifest_loses_nothing_that_a_segment_or_log_holds(tmp_path: Path) -> None:
    build(tmp_path / "store")
    (tmp_path / "store" / "manifest.json").unlink()
    _, found = saved(tmp_path / "store", tmp_path / "new")
    assert found == ALL
