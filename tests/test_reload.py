"""A configuration that is read again: what changes, what needs a restart, and what changes nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from simd import config
from simd.app.reload import Reload
from simd.config import Settings
from simd.errors import StoreError


class Run:
    """A file of settings, and what a reload of it did."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "simd.toml"
        self.write('roots = ["/a"]\nscan_interval_s = 60\nmax_threads = 2\n')
        self.applied: list[tuple[str, object]] = []
        self.failing: Exception | None = None
        self.reload = Reload(
            self.load(),
            self.load,
            {
                "roots": lambda fresh: self.apply("roots", fresh.roots),
                "scan_interval_s": lambda fresh: self.apply("scan_interval_s", fresh.scan_interval_s),
            },
        )

    def write(self, text: str) -> None:
        """New content of the file."""
        self.file.write_text(text)

    def load(self) -> Settings:
        """As the daemon loads it."""
        return config.load(file=self.file, environ={"HOME": "/"}, flags={"state_dir": "/state"})

    def apply(self, key: str, value: object) -> None:
        """Take a setting, or fail."""
        if self.failing is not None:
            raise self.failing
        self.applied.append((key, value))


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Run:
    caplog.set_level(logging.INFO)
    return Run(tmp_path)


def test_what_is_different_takes_effect_and_nothing_else_does(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.write('roots = ["/a", "/b"]\nscan_interval_s = 60\nmax_threads = 2\n')
    run.reload()
    run.reload()
    assert run.applied == [("roots", (Path("/a"), Path("/b")))]
    assert run.reload.settings == run.load()
    assert "roots changed" in caplog.text and "no change" in caplog.text


def test_what_only_a_restart_changes_is_named_every_time(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.write('roots = ["/a"]\nscan_interval_s = 30\nmax_threads = 4\nbatch_size = 8\n')
    for _ in range(2):
        caplog.clear()
        run.reload()
        assert "a restart is needed to change max_threads, batch_size" in caplog.text
    assert run.applied == [("scan_interval_s", 30.0)]
    assert run.reload.settings.max_threads == 2


@pytest.mark.parametrize("text", ["roots = [", "rots = []\n", "max_threads = -1\n"])
def test_a_configuration_that_cannot_be_read_changes_nothing_and_says_why(
    run: Run, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = run.reload.settings
    run.write(text)
    run.reload()
    run.file.unlink()
    run.reload()
    assert run.applied == [] and run.reload.settings == before
    assert caplog.text.count("the old one stays in force") == 2


def test_a_setting_that_cannot_be_applied_is_tried_again_with_the_next_reload(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.write('roots = ["/b"]\nscan_interval_s = 60\nmax_threads = 2\n')
    run.failing = StoreError("the disk refuses")
    run.reload()
    assert "the setting roots cannot be changed" in caplog.text and "the disk refuses" in caplog.text
    run.failing = None
    run.reload()
    assert run.applied == [("roots", (Path("/b"),))]
