"""Groups are judged by what was planted."""

from __future__ import annotations

from pathlib import Path

from benchmarks.grouping import score
from benchmarks.planted import DRAWINGS, PHOTOGRAPHS, Copy, Planted

ONE, OTHER, STRANGER = (Path("originals", name) for name in ("1.png", "2.png", "3.png"))
CROP, MASK, OTHERS_CROP = (Path("copies", name) for name in ("crop/1.png", "mask/1.png", "crop/2.png"))
COPIES = (
    Copy(CROP, ONE, "crop", PHOTOGRAPHS),
    Copy(MASK, ONE, "mask", PHOTOGRAPHS),
    Copy(OTHERS_CROP, OTHER, "crop", DRAWINGS),
)
PLANTED = Planted(Path(), COPIES, {ONE: 0, CROP: 0, MASK: 0, OTHER: 1, OTHERS_CROP: 1, STRANGER: 2})


def test_what_is_right_counts_by_kind() -> None:
    found = score(PLANTED, [[ONE, CROP, MASK], [OTHER, OTHERS_CROP]], COPIES)
    assert (found.pairs, found.wrong, found.groups, found.wrong_groups) == (4, 0, 2, 0)
    assert (found.precision, found.group_precision) == (1, 1)
    assert found.recall(["crop"]) == found.recall(["crop", "mask"]) == 1


def test_a_stranger_makes_pairs_with_what_was_planted_wrong_and_no_others() -> None:
    found = score(PLANTED, [[ONE, CROP, STRANGER], [OTHER, STRANGER]], COPIES)
    # The original and the stranger are no pair that counts, nor is the second group one.
    assert (found.pairs, found.wrong, found.groups, found.wrong_groups) == (2, 1, 1, 1)
    assert found.recall(["crop"]) == 0.5
    assert found.recall(["mask"]) == 0


def test_a_copy_in_another_group_than_its_original_is_not_found() -> None:
    found = score(PLANTED, [[ONE, STRANGER], [CROP, MASK]], COPIES)
    assert (found.pairs, found.wrong) == (1, 0)
    assert found.recall(["crop", "mask"]) == 0


def test_files_may_be_in_several_groups_as_pairs_are() -> None:
    found = score(PLANTED, [[ONE, CROP], [ONE, MASK], [CROP, MASK]], COPIES)
    assert found.pairs == 3
    assert found.recall(["mask"]) == 1


def test_copies_of_some_pictures_can_be_judged_alone() -> None:
    photographs = [copy for copy in COPIES if copy.part == PHOTOGRAPHS]
    found = score(PLANTED, [[ONE, CROP, MASK], [OTHER, OTHERS_CROP, STRANGER]], photographs)
    assert (found.pairs, found.wrong) == (3, 0)
