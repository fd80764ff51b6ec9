"""Files inside Qt's resource files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from benchmarks.qtresources import resources


def written(path: Path) -> Path:
    """A resource file of two files in a folder, one of them compressed."""
    names, at = b"", []
    for name in ("pictures", "a.webp", "b.svg"):
        at.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    packed = struct.pack(">I", 3) + zlib.compress(b"two")
    contents = struct.pack(">I", 3) + b"one" + struct.pack(">I", len(packed)) + packed
    nodes = (
        struct.pack(">IHII", 0, 2, 1, 1),
        struct.pack(">IHII", at[0], 2, 2, 2),
        struct.pack(">IHHHI", at[1], 0, 0, 0, 0),
        struct.pack(">IHHHI", at[2], 1, 0, 0, 7),
    )
    tree = b"".join(node + bytes(8) for node in nodes)
    start = 24
    head = struct.pack(">4s5I", b"qres", 3, start, start + len(tree), start + len(tree) + len(contents), 0)
    path.write_bytes(head + tree + contents + names)
    return path


def test_files_have_their_paths_and_contents(tmp_path: Path) -> None:
    found = {each.name: each.read() for each in resources(written(tmp_path / "some.rcc"))}
    assert found == {"/pictures/a.webp": b"one", "/pictures/b.svg": b"two"}


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(bytes(64))
    with pytest.raises(ValueError, match="no file of Qt's resources"):
        list(resources(tmp_path / "other"))
