"""Ignore rules and mass deletions with a real daemon, driven as a person would drive it."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def photos() -> list[Path]:
    return sorted(PHOTOS.iterdir())


def explained(daemon: Daemon, *paths: Path) -> list[tuple[bool, str, str]]:
    found = daemon.json("scan", "--explain", *map(str, paths))["explanations"]
    assert [item["path"] for item in found] == [str(path) for path in paths]
    return [(item["indexed"], item["reason"], item["detail"]) for item in found]


def test_f8_what_is_ignored_leaves_the_answers_is_explained_and_comes_back_for_nothing(daemon: Daemon) -> None:
    first, second, third, *_ = photos()
    (daemon.root / "raw").mkdir()
    (daemon.root / "d").mkdir()
    one = Path(shutil.copy(first, daemon.root))
    two = Path(shutil.copy(second, daemon.root / "raw"))
    three = Path(shutil.copy(third, daemon.root / "d"))
    config = daemon.work / "simd.toml"
    config.write_text("")
    assert daemon.start("--config", str(config)).wait()["files"] == 3
    embedded = daemon.embedded()

    config.write_text('ignore = ["/raw/"]\n')
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(lambda: second.name not in daemon.names(second), "the setting to take effect")
    rules = daemon.root / "d/.simdignore"
    rules.write_text(f"# not this one\n{third.name}\n")
    daemon.until(lambda: third.name not in daemon.names(third), "the rule file to take effect")
    assert daemon.wait()["files"] == 1
    assert explained(daemon, one, two, three, daemon.work) == [
        (True, "indexed", ""),
        (False, "ignored", "'raw/' is passed over: '/raw/', pattern 1 of the setting `ignore`"),
        (False, "ignored", f"'{third.name}', line 2 of {rules}"),
        (
            False,
            "not_in_a_root",
            "no watched folder holds it; `simctl add` its folder or name it in the setting `roots`",
        ),
    ]
    shown = daemon.simctl("scan", "--explain", str(three)).stdout
    assert shown == f"{three}: ignored: '{third.name}', line 2 of {rules}\n"

    rules.write_text("[\n")
    daemon.until(lambda: third.name in daemon.names(third), "the file to be back")
    assert "a bracket is not closed" in daemon.status()["roots"][0]["detail"]
    config.write_text('ignore = ["["]\n')
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(lambda: "setting ignore cannot be changed" in daemon.log.read_text(), "the mistake to be told")
    config.write_text("ignore = []\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(lambda: second.name in daemon.names(second), "the folder to be back")
    assert daemon.wait()["files"] == 3
    assert daemon.embedded() == embedded


def test_p1_rm_r_is_stopped_half_way_held_shown_and_confirmed(daemon: Daemon) -> None:
    with Image.open(photos()[0]) as image:
        small = image.convert("RGB").resize((120, 120))
    for number in range(240):
        small.crop((number % 20, number // 20, 100, 100)).save(daemon.root / f"{number}.png")
    daemon.settings["SIMD_VERIFY"] = "off"
    count = daemon.start().wait()["files"]
    assert count == 240
    for path in sorted(daemon.root.iterdir())[1:]:
        path.unlink()
    daemon.until(lambda: "deleted one by one" in daemon.status()["roots"][0]["detail"], "the rest to be held")
    left = daemon.wait()["files"]
    assert 100 < left < 140
    gone = sorted(daemon.root.parent.glob("root/*"))
    assert len(gone) == 1
    assert daemon.json("scan")["deleted"] == 0
    assert daemon.json("scan", "--confirm-deletes", str(daemon.root))["deleted"] == left - 1
    status = daemon.wait()
    assert (status["files"], status["roots"][0]["detail"]) == (1, "")


def test_p6_a_folder_that_is_to_be_polled_is_polled(daemon: Daemon) -> None:
    first, *_ = photos()
    env = {"SIMD_POLL": os.fspath(daemon.work), "SIMD_POLL_INTERVAL_S": "0.5"}
    daemon.start(env=env).wait()
    root = daemon.status()["roots"][0]
    assert root["watching"] == "polling" and "setting `poll`" in root["detail"]
    shutil.copy(first, daemon.root)
    daemon.until(lambda: daemon.names(first) == [first.name], "the file to be found by polling")
