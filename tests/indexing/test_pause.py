"""The switch that outlasts a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from simd.durable import Disk
from simd.errors import StoreFull
from simd.indexing.pause import Pause
from simd.types import PauseState


class Clock:
    """Seconds since the epoch, set by hand."""

    def __init__(self) -> None:
        self.now = 1.7e9

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_it_is_off_until_somebody_says_so_and_outlasts_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "paused.json"
    pause = Pause(file)
    assert pause.state == PauseState(False) and not pause.resume()
    pause.pause()
    assert Pause(file).state == PauseState(True, None)
    assert Pause(file).seconds_left is None
    assert pause.resume()
    assert Pause(file).state == PauseState(False)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_by_itself_also_while_the_daemon_does_not_run(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "paused.json"
    pause = Pause(file, clock=clock)
    assert pause.pause(60.0) == PauseState(True, clock.now + 60.0)
    clock.now += 50.0
    again = Pause(file, clock=clock)
    assert again.state.paused and again.seconds_left == 10.0
    clock.now += 10.0
    for one in (pause, again, Pause(file, clock=clock)):
        assert one.state == PauseState(False) and one.seconds_left is None
    assert not pause.resume()


def test_to_pause_again_changes_how_long(tmp_path: Path) -> None:
    clock = Clock()
    pause = Pause(tmp_path / "paused.json", clock=clock)
    pause.pause(60.0)
    pause.pause(None)
    assert pause.state == PauseState(True, None)
    pause.pause(5.0)
    assert pause.seconds_left == 5.0


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"until": "soon"}', b"\xff\xfe"])
def test_a_damaged_file_leaves_it_paused_and_says_so(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "paused.json"
    file.write_bytes(content)
    pause = Pause(file)
    assert pause.state == PauseState(True, None)
    assert "simctl resume" in caplog.text
    assert pause.resume() and not file.exists()


def test_a_full_disk_pauses_all_the_same_and_says_that_a_restart_would_not_know(tmp_path: Path) -> None:
    def full() -> None:
        raise StoreFull("no room")

    pause = Pause(tmp_path / "paused.json", Disk({"durable.before_rename": full}))
    with pytest.raises(StoreFull):
        pause.pause()
    assert pause.state.paused
    assert not Pause(tmp_path / "paused.json").state.paused
