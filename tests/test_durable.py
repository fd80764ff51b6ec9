"""What `durable` promises: old content or new, never a mixture; errors that name the file; one holder of a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simd.durable import DirectoryLock, Disk
from simd.errors import StoreError, StoreFull, StoreLocked


class Stop(Exception):
    """The process ends here."""


def stop() -> None:
    """End the process, as far as the test goes."""
    raise Stop


@pytest.mark.parametrize(("point", "content"), [("durable.before_rename", b"old"), ("durable.after_rename", b"new")])
def test_replace_leaves_the_old_content_or_the_new(tmp_path: Path, point: str, content: bytes) -> None:
    path = tmp_path / "file"
    Disk().replace(path, b"old")
    with pytest.raises(Stop):
        Disk({point: stop}).replace(path, b"new")
    assert path.read_bytes() == content
    Disk().replace(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_make_dir_makes_the_parents_for_the_owner_alone(tmp_path: Path) -> None:
    Disk().make_dir(tmp_path / "a" / "b")
    Disk().make_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_appends_go_to_the_end_and_can_be_cut_back(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "log"
    path.write_bytes(b"one")
    fd = disk.open_append(path)
    disk.write(fd, memoryview(b"two"), path)
    disk.sync(fd, path)
    assert path.read_bytes() == b"onetwo"
    disk.truncate(fd, 3, path)
    disk.write(fd, b"!", path)
    os.close(fd)
    assert path.read_bytes() == b"one!"


def test_a_full_disk_is_said_to_be_full(tmp_path: Path) -> None:
    program = (
        "import resource, signal, pathlib, sys\n"
        "from simd.durable import Disk\n"
        "from simd.errors import StoreFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    Disk().write_new(pathlib.Path(sys.argv[1]), [bytes(2000)])\n"
        "except StoreFull as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "big")], capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "big") in done.stdout and "free space" in done.stdout


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for act in (
        lambda: Disk().make_dir(tmp_path / "file" / "below"),
        lambda: Disk().open_append(tmp_path / "missing" / "log"),
        lambda: Disk().write_new(tmp_path / "file", [b"x"]),
        lambda: Disk().remove(tmp_path / "file" / "below"),
        lambda: Disk().rename(tmp_path / "missing", tmp_path / "other"),
    ):
        with pytest.raises(StoreError, match=str(tmp_path)) as caught:
            act()
        assert not isinstance(caught.value, StoreFull)


def test_remove_takes_files_and_directories_with_all_that_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "f").touch()
    (tmp_path / "d" / "e" / "f").touch()
    (tmp_path / "f").touch()
    Disk().remove(tmp_path / "f")
    Disk().remove(tmp_path / "d")
    Disk().remove(tmp_path / "never")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_has_one_holder_and_the_second_is_told_who_it_is(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path)
    with pytest.raises(StoreLocked, match=rf"{tmp_path}.*pid {os.getpid()}"):
        DirectoryLock(tmp_path)
    first.release()
    DirectoryLock(tmp_path).release()
