from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simd.errors import StoreError
from simd.storage.check import check_directory
from simd.storage.recovery import rebuild
from simd.types import ImageId
from tests.stores import FINGERPRINT, embedding, image_id, open_store, opened

_DIM = 8


def _build(directory: Path) -> dict[ImageId, bytes]:
    """A small store with all kinds of files, and what is in it."""
    with opened(directory, dimension=_DIM, code_dims=4, min_coded_rows=4) as store:
        store.put([embedding(n, dimension=_DIM) for n in range(6)])
        store.flush()
        store.delete([image_id(0)])
        store.put([embedding(n, dimension=_DIM) for n in range(6, 8)])
        store.flush()
        store.put([embedding(n, dimension=_DIM) for n in range(8, 10)])
        store.delete([image_id(1)])
        store.put([embedding(2, 1, dimension=_DIM)])
    return _contents(directory)


def _contents(directory: Path) -> dict[ImageId, bytes]:
    snapshot = rebuild(directory, _DIM, FINGERPRINT, verify_bytes=1 << 30).snapshot
    return {one: snapshot.vector(one).tobytes() for one in snapshot.ids()}  # type: ignore[union-attr]


def _files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() and p.name != "lock")


def _flip(directory: Path, step: int) -> None:
    before = _build(directory)
    assert check_directory(directory) == []
    for path in _files(directory):
        whole = path.read_bytes()
        for at in range(0, len(whole), step):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            problems = check_directory(directory)
            try:
                served = _contents(directory)
            except StoreError as error:
                assert str(path) in str(error) or str(path.parent) in str(error)
                served = None
            if served != before:
                # Refused, or the end of the log cut and said to be.
                assert problems, f"{path.name} byte {at}: damage that nobody sees"
                if served is not None:
                    assert path.suffix == ".log" and all("torn" in problem for problem in problems)
                    assert at >= len(whole) - 48 - 2 * _DIM
        path.write_bytes(whole)
    assert _contents(directory) == before


def test_a_changed_byte_is_found_or_harmless(tmp_path: Path) -> None:
    _flip(tmp_path / "store", step=23)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_changed_byte_is_found_or_harmless(tmp_path: Path) -> None:
    _flip(tmp_path / "store", step=1)


def test_a_file_cut_short_or_removed_is_found(tmp_path: Path) -> None:
    _build(tmp_path / "store")
    for original in _files(tmp_path / "store"):
        for cut in (None, 0, 1, original.stat().st_size // 2, original.stat().st_size - 1):
            copy = tmp_path / "copy"
            shutil.copytree(tmp_path / "store", copy)
            path = copy / original.relative_to(tmp_path / "store")
            if cut is None:
                path.unlink()
            else:
                path.write_bytes(path.read_bytes()[:cut])
            problems = check_directory(copy)
            assert problems
            if not all("torn" in problem for problem in problems):
                with pytest.raises(StoreError):
                    open_store(copy, dimension=_DIM)
            shutil.rmtree(copy)


def test_damage_is_not_repaired_by_opening(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    _build(directory)
    (ids, *_) = sorted(directory.glob("segments/*/ids.npy"))
    ids.write_bytes(ids.read_bytes()[:-1] + b"x")
    before = {path: path.read_bytes() for path in _files(directory)}
    with pytest.raises(StoreError):
        open_store(directory, dimension=_DIM)
    assert {path: path.read_bytes() for path in _files(directory)} == before
