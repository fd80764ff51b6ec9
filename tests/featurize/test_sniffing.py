"""What only looks like a picture is none, and what is known and not read is named."""

from __future__ import annotations

import re
import struct

import pytest

from simd.errors import ImageRejected, Reason
from simd.featurize.decode import formats
from simd.featurize.decode.decode import decode
from tests.conftest import REPOSITORY
from tests.featurize.drawings import LIMITS, SIZE


def refused(data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        decode(data, SIZE, LIMITS)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        b"P1 is the first of my notes\n",
        b"P2\nis a priority\n",
        b"P3 12 items, of which 5\n",
        b"P5 1024 768 is what my screen has\n",
        b"P6 \n",
        b"Pf 12 is not a scale\n",
        b"P1 10 20 green bottles\n",
        b"P4 # a comment, and nothing else\n",
    ],
)
def test_a_text_that_begins_as_a_picture_does_is_none(text: bytes) -> None:
    assert refused(text).reason is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    "data",
    [
        b"P1\n# drawn by hand\n4 2\n1010\n0101\n",
        b"P2 # grey\n4 2 # so large\n15\n" + b"7 " * 8,
        b"P3\n4\n2\n255\n" + b"200 30 30 " * 8,
        b"P4\t4\t2\n\xa0\x50",
        b"P5\r\n4 2 255\n" + b"\x80" * 8,
        b"P6 4 2 65535\n" + b"\x80\0" * 24,
        b"P6\n# " + b"a long story " * 200 + b"\n4 2 255\n" + b"\x80" * 24,
        b"Pf\n4 2\n-1.0\n" + struct.pack("<8f", *[0.5] * 8),
    ],
)
def test_a_portable_anymap_is_one_however_its_header_is_written(data: bytes) -> None:
    picture = decode(data, SIZE, LIMITS)
    assert (picture.facts.width, picture.facts.height, picture.facts.format) == (4, 2, "PPM")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x10ftypmif3avif" + bytes(60), "mif3"),
        (b"\0\0\0\x10ftypmif3heic" + bytes(60), "mif3"),
        (b"P7\nWIDTH 4\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(24), "PAM"),
        (b"PF\n4 2\n-1.0\n" + bytes(96), "PFM"),
    ],
)
def test_a_kind_that_is_known_and_not_read_is_named(data: bytes, name: str) -> None:
    error = refused(data)
    assert error.reason is Reason.UNSUPPORTED and name in error.detail


def test_every_format_that_is_known_and_not_read_is_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "errors.md").read_text().partition("## Formats that are known and not read")[2]
    documented = set(re.findall(r"\w+", text))
    for known in formats.KNOWN:
        if known.reader is formats.Reader.NONE:
            assert set(re.findall(r"[A-Z]\w+", known.described)) <= documented, known.described
