"""Edits of a picture are told from other pictures."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from simd.types import Pixels
from simd.verify.alignment import may_align
from simd.verify.features import EDGE, LocalFeatures, extract
from simd.verify.verdict import NOTHING, Effort, Quadrangle, available, compare, compare_whole
from tests.verify.pictures import EDITS, drawing, photo, pixels

pytestmark = pytest.mark.skipif(not available(), reason="the extra `verify` is not installed")

NAMES = ("astronaut", "chelsea", "coffee", "machu_picchu", "macaw")


@cache
def stored(name: str) -> LocalFeatures:
    """A sample as it is indexed."""
    return extract(pixels(photo(name)))


def query(image: Image.Image) -> LocalFeatures:
    """A picture as it is searched with."""
    return extract(pixels(image), mirrored=True)


def centre(corners: Quadrangle) -> tuple[float, float]:
    """The mean of the corners."""
    x, y = np.mean(corners, axis=0)
    return float(x), float(y)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_photograph_is_the_same(name: str, edit: str) -> None:
    verdict = compare(query(EDITS[edit](photo(name))), stored(name))
    assert verdict.same
    assert verdict.share > 0.6


@pytest.mark.parametrize(("one", "other"), list(combinations(NAMES, 2)))
def test_other_photographs_are_not(one: str, other: str) -> None:
    for edit in EDITS.values():
        verdict = compare(query(edit(photo(one))), stored(other))
        assert not verdict.same
        assert verdict.share < 0.5


@pytest.mark.parametrize("edit", ["recompressed", "rescaled", "colours", "mirrored"])
def test_an_edited_drawing_is_the_same(edit: str) -> None:
    image = drawing("AB7", "tomato")
    assert compare(query(EDITS[edit](image)), extract(pixels(image))).same


@pytest.mark.parametrize(("label", "colour"), [("AB7", "royalblue"), ("CX4", "tomato"), ("CX4", "seagreen")])
def test_a_drawing_with_other_letters_or_of_another_colour_is_not(label: str, colour: str) -> None:
    verdict = compare(query(drawing(label, colour)), extract(pixels(drawing("AB7", "tomato"))))
    assert not verdict.same
    assert verdict.share > 0.5


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_how_a_picture_was_turned_is_told(mirrored: bool, turns: int) -> None:
    image = photo("chelsea")
    turned = (ImageOps.mirror(image) if mirrored else image).rotate(-90 * turns, expand=True)
    verdict = compare(query(turned), stored("chelsea"))
    assert (verdict.same, verdict.mirrored, verdict.quarter_turns) == (True, mirrored, turns)


def test_a_mirror_image_is_found_only_if_it_was_asked_for() -> None:
    flipped = pixels(ImageOps.mirror(photo("chelsea")))
    assert not compare(extract(flipped), stored("chelsea")).same
    assert compare(extract(flipped, mirrored=True), stored("chelsea")).same


def test_where_a_part_was_taken_from_is_told() -> None:
    image = photo("coffee")
    width, height = image.size
    part = image.crop((width // 2, 0, width, height // 2))
    verdict = compare(query(part), stored("coffee"))
    assert verdict.region is not None
    assert centre(verdict.region[0]) == pytest.approx((0.5, 0.5), abs=0.02)
    assert centre(verdict.region[1]) == pytest.approx((0.75, 0.25), abs=0.02)
    back = compare(query(image), extract(pixels(part)))
    assert back.region is not None
    assert centre(back.region[0]) == pytest.approx((0.75, 0.25), abs=0.02)


def test_a_mirrored_part_is_found_where_it_is() -> None:
    image = photo("coffee")
    width, height = image.size
    part = ImageOps.mirror(image.crop((width // 2, 0, width, height // 2)))
    verdict = compare(query(part), stored("coffee"))
    assert verdict.mirrored and verdict.region is not None
    left, right = verdict.region[0][0], verdict.region[0][1]
    assert left[0] > right[0]
    assert verdict.region[1][0][0] < verdict.region[1][1][0]
    assert centre(verdict.region[1]) == pytest.approx((0.75, 0.25), abs=0.02)


def test_the_verdict_does_not_depend_on_who_asks_whom() -> None:
    for edit in EDITS.values():
        one, other = query(EDITS["recompressed"](photo("macaw"))), query(edit(photo("macaw")))
        assert compare(one, other).same == compare(other, one).same


def test_the_same_features_give_the_same_verdict() -> None:
    verdicts = {compare(query(EDITS["several"](photo("macaw"))), stored("macaw")) for _ in range(3)}
    assert len(verdicts) == 1


BLANK = [
    np.full((height, width, 3), level, np.uint8)
    for level in (0, 255)
    for height, width in ((300, 512), (1, 1), (8, 40))
]


@pytest.mark.parametrize("blank", BLANK, ids=lambda blank: str(blank.shape))
def test_a_flat_picture_is_the_same_as_none(blank: Pixels) -> None:
    features = extract(blank, mirrored=True)
    assert not compare(features, stored("macaw")).same
    assert not compare(query(photo("macaw")), features).same
    assert compare(features, extract(255 - blank)).share == 0.0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, EDGE), st.integers(1, EDGE), st.integers(0, 2**32 - 1), st.sampled_from(["noise", "steps", "flat"])
)
def test_whatever_the_size_there_is_a_verdict_and_it_is_never_the_same_as_something_else(
    width: int, height: int, seed: int, kind: str
) -> None:
    generator = np.random.default_rng(seed)
    shape = {"noise": (height, width, 3), "steps": (1 + height // 40, 1 + width // 40, 3), "flat": (1, 1, 3)}[kind]
    small = Image.fromarray(generator.integers(0, 256, shape, np.uint8))
    features = extract(np.asarray(small.resize((width, height), Image.Resampling.NEAREST)), mirrored=True)
    for other in (stored("macaw"), stored("chelsea")):
        verdict = compare(features, other)
        assert not verdict.same and 0.0 <= verdict.share <= 1.0
        assert not compare(other, features).same
    itself = compare(features, LocalFeatures.from_bytes(features.to_bytes()))
    assert itself.share in (0.0, 1.0)


@pytest.mark.parametrize(("mirrored", "turns"), [(False, 0), (False, 1), (True, 0), (True, 3)])
def test_a_whole_copy_is_found_by_its_frame_alone(mirrored: bool, turns: int) -> None:
    image = photo("chelsea")
    turned = query((ImageOps.mirror(image) if mirrored else image).rotate(-90 * turns, expand=True))
    verdict = compare_whole(turned, stored("chelsea"), mirrored=mirrored, quarter_turns=turns)
    assert (verdict.same, verdict.mirrored, verdict.quarter_turns) == (True, mirrored, turns)
    assert verdict.weakest > 0.9 and verdict.added < 12
    other = compare_whole(turned, stored("chelsea"), mirrored=not mirrored, quarter_turns=turns)
    assert not other.same and other.weakest < 0.5


def test_who_compares_many_gives_up_where_little_matches() -> None:
    seen = query(photo("chelsea"))
    assert compare(seen, stored("coffee"), Effort(matches=16, inliers=12)) == NOTHING
    assert compare(seen, stored("chelsea"), Effort(matches=16, inliers=12)) == compare(seen, stored("chelsea"))
    assert may_align(seen.descriptors, stored("chelsea").descriptors)
    assert not may_align(seen.descriptors, stored("coffee").descriptors)
