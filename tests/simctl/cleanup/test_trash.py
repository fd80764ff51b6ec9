"""The trash is where the desktop looks for it, and its notes are as the specification has them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from simctl.cleanup.disk import Disk
from simctl.cleanup.stamp import Unfit
from simctl.cleanup.trash import Trash

OTHER = 7


@pytest.fixture
def trash(tmp_path: Path) -> Trash:
    """A trash for which everything below `usb` is another filesystem."""
    (tmp_path / "usb").mkdir()

    def device_of(path: str) -> int:
        return OTHER if Path(path).is_relative_to(tmp_path / "usb") else 1

    return Trash(Disk(), {"XDG_DATA_HOME": str(tmp_path / "data")}, os.getuid(), device_of)


def test_the_note_names_the_path_and_the_time(tmp_path: Path, trash: Trash) -> None:
    place = trash.place(os.fsdecode(os.fsencode(tmp_path) + b"/a b%\xff\n.jpg"))
    head, path, date, end = place.text.split("\n")
    assert (head, end) == ("[Trash Info]", "") and date.startswith("DeletionDate=20")
    assert unquote_to_bytes(path.removeprefix("Path=")) == os.fsencode(tmp_path) + b"/a b%\xff\n.jpg"
    assert Path(place.path).parent == tmp_path / "data/Trash/files"
    assert place.info == place.path.replace("/files/", "/info/") + ".trashinfo"


def test_the_trash_is_the_users_alone(tmp_path: Path, trash: Trash) -> None:
    trash.place(str(tmp_path / "a.jpg"))
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")] == [0o700] * 3


def test_a_name_that_the_trash_has_is_numbered(tmp_path: Path, trash: Trash) -> None:
    names = []
    for _ in range(3):
        place = trash.place(str(tmp_path / "a.jpg"))
        Path(place.path).touch()
        names.append(Path(place.path).name)
    Path(tmp_path / "data/Trash/info/b.jpg.trashinfo").touch()
    assert names == ["a.jpg", "a 2.jpg", "a 3.jpg"]
    assert Path(trash.place(str(tmp_path / "b.jpg")).path).name == "b 2.jpg"


@pytest.mark.parametrize("name", ["x" * 251 + ".jpg", "é" * 127, "a." + "x" * 253, "." + "x" * 254])
def test_the_longest_name_fits(tmp_path: Path, trash: Trash, name: str) -> None:
    for _ in range(11):
        place = trash.place(str(tmp_path / name))
        Path(place.path).touch()
        Path(place.info).touch()


def test_another_filesystem_has_a_trash_of_its_own_with_relative_paths(tmp_path: Path, trash: Trash) -> None:
    place = trash.place(str(tmp_path / "usb/dcim/a.jpg"))
    assert place.path == str(tmp_path / f"usb/.Trash-{os.getuid()}/files/a.jpg")
    assert "\nPath=dcim/a.jpg\n" in place.text


def test_a_trash_that_all_users_share_is_used_if_it_is_safe(tmp_path: Path, trash: Trash) -> None:
    common = tmp_path / "usb/.Trash"
    common.mkdir()
    assert f"/.Trash-{os.getuid()}/" in trash.place(str(tmp_path / "usb/a.jpg")).path
    common.chmod(0o1777)
    assert trash.place(str(tmp_path / "usb/a.jpg")).path == str(common / str(os.getuid()) / "files/a.jpg")


def test_a_trash_that_is_a_link_is_refused(tmp_path: Path, trash: Trash) -> None:
    (tmp_path / f"usb/.Trash-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(Unfit, match="use --move DIR"):
        trash.place(str(tmp_path / "usb/a.jpg"))
