"""Every invariant of a store is looked at: broken under a right checksum, each is told, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simd.storage.check import check_directory, check_snapshot
from simd.storage.files import seal, unseal
from simd.storage.snapshot import Snapshot
from tests.stores import embeddings, image_id, opened, reseal_segment

CODED, SMALL = 0, 1
"""A segment of thirty rows with codes, and one of ten without, which has two tombstones."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with opened(tmp_path / "store") as store:
        store.put(embeddings(*range(30)))
        store.flush()
        store.put(embeddings(*range(30, 40)))
        store.delete([image_id(1), image_id(2)])
        store.flush()
    return tmp_path / "store"


def _swap(rows: Any) -> None:
    rows[[0, 1]] = rows[[1, 0]]


def _late(rows: Any) -> None:
    rows["seq"][0] = 1_000_000


def _double(rows: Any) -> None:
    rows[3] *= 2


def _invert(rows: Any) -> None:
    rows[5] = 255 - rows[5]


@pytest.mark.parametrize(
    ("number", "name", "edit", "told"),
    [
        (CODED, "ids.npy", _swap, "ids.npy: not sorted and unique"),
        (SMALL, "tombstones.npy", _swap, "tombstones.npy: not sorted and unique"),
        (SMALL, "tombstones.npy", _late, "tombstones.npy: a seq outside of the segment's"),
        (SMALL, "vectors.npy", _double, "vectors.npy: row 3 is not normalised"),
        (CODED, "codes.npy", _invert, "codes.npy: row 5 is further off than max_error"),
    ],
)
def test_an_array_that_is_not_what_it_must_be_is_told(
    directory: Path, number: int, name: str, edit: Callable[[Any], None], told: str
) -> None:
    path = sorted((directory / "segments").iterdir())[number] / name
    rows = np.load(path)
    edit(rows)
    np.save(path, rows)
    reseal_segment(path)
    assert check_directory(directory) == [f"{path.parent}/{told}"]


@pytest.mark.parametrize(
    ("file", "field", "told"),
    [
        ("segments/*/segment.json", "first_seq", "do not lie between its elder's"),
        ("manifest.json", "next_segment", "its number is not below the next one, 1"),
    ],
)
def test_segments_that_are_not_in_their_order_are_told(directory: Path, file: str, field: str, told: str) -> None:
    path = max(directory.glob(file))
    path.write_bytes(seal({**unseal(path), field: 1}))
    problems = check_directory(directory)
    assert problems and all(told in problem for problem in problems)


def test_what_is_counted_wrong_in_memory_is_told(directory: Path) -> None:
    with opened(directory) as store:
        right = store.snapshot
    first, second, *rest = right.parts
    assert check_snapshot(right, right) == []
    wrong = Snapshot((replace(first, dead=first.dead + 1), second, *rest))
    assert check_snapshot(wrong, right) == [
        f"{first.name}: {first.dead + 1} rows are said to be dead, which is not what its bitmap says"
    ]
    assert "an image has two live rows" in check_snapshot(Snapshot((first, first, second, *rest)), right)
    assert check_snapshot(Snapshot((first, *rest)), right) == ["the live images in memory are not those on disk"]
