"""Which names are passed over."""

from __future__ import annotations

import pytest

from simd.watch.ignore import Ignore


@pytest.mark.parametrize(
    ("name", "is_dir"),
    [
        (b".hidden.jpg", False),
        (b"._IMG_1.jpg", False),
        (b".git", True),
        (b".Trash-1000", True),
        (b".stversions", True),
        (b"@eaDir", True),
        (b"#recycle", True),
        (b"$RECYCLE.BIN", True),
        (b"lost+found", True),
        (b"node_modules", True),
        (b"System Volume Information", True),
        (b"a.jpg.part", False),
        (b"a.jpg.crdownload", False),
        (b"a.TMP", False),
        (b"a.jpg~", False),
        (b"Thumbs.db", False),
    ],
)
def test_passes_over(name: bytes, is_dir: bool) -> None:
    assert Ignore().skips(name, is_dir)


@pytest.mark.parametrize(
    ("name", "is_dir"),
    [
        (b"a.jpg", False),
        (b"a", False),
        (b"notes.txt", False),
        (b"node_modules", False),
        (b"party.part", True),
        (b"\xff\xfe", False),
        (b"a.b", True),
    ],
)
def test_keeps(name: bytes, is_dir: bool) -> None:
    assert not Ignore().skips(name, is_dir)


def test_a_path_is_passed_over_for_any_directory_on_the_way() -> None:
    ignore = Ignore([b"Exports"])
    assert ignore.skips_path(b"a/.git/b.jpg")
    assert ignore.skips_path(b"exports/b.jpg")
    assert ignore.skips_path(b"a/b.tmp")
    assert not ignore.skips_path(b"a/exports")
    assert ignore.skips_path(b"a/exports", is_dir=True)
    assert not ignore.skips_path(b"a/b.jpg")
