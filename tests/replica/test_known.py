"""What is in a collection, by image and version."""

from __future__ import annotations

import hashlib

import pytest

from simd.replica.known import Known
from simd.types import ImageId

ZEROS = ImageId(bytes(16))
IMAGES = [ZEROS, *(ImageId(hashlib.md5(b"%d" % number).digest()[:15] + b"\0") for number in range(1200))]
"""Some end in zero bytes, which NumPy's texts do not tell from none."""


def version(image_id: ImageId, number: int = 0) -> bytes:
    return hashlib.md5(image_id + b"%d" % number).digest()


@pytest.fixture
def known() -> Known:
    return Known((image_id, version(image_id)) for image_id in IMAGES)


def test_an_image_is_known_by_its_version(known: Known) -> None:
    other = ImageId(b"\xff" * 16)
    asked = [IMAGES[3], IMAGES[3], ZEROS, other]
    versions = [version(IMAGES[3]), version(IMAGES[3], 1), version(ZEROS), version(other)]
    assert known.are(asked, versions) == [True, False, True, False]
    assert known.are([], []) == []


def test_all_are_told_in_order_and_once(known: Known) -> None:
    pages = list(known.pages())
    assert [image_id for page in pages for image_id in page] == sorted(IMAGES)
    assert max(map(len, pages)) == 500 and len(known) == len(IMAGES)


def test_what_is_forgotten_is_not_known(known: Known) -> None:
    known.forget([IMAGES[5], ImageId(b"\xff" * 16)])
    known.forget([])
    assert known.are(IMAGES[4:6], [version(image_id) for image_id in IMAGES[4:6]]) == [True, False]
    assert IMAGES[5] not in [image_id for page in known.pages() for image_id in page]
    assert len(known) == len(IMAGES) - 1


def test_of_an_empty_collection_nothing_is_known() -> None:
    known = Known()
    assert known.are([ZEROS], [version(ZEROS)]) == [False] and list(known.pages()) == [] and len(known) == 0
    known.forget([ZEROS])
