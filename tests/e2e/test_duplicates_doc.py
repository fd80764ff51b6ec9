"""The worked example of docs/duplicates.md does what it says, with fewer pictures, against a real daemon."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.daemon import HERE, Daemon, environment

pytest.importorskip("cv2", reason="with the extra `verify`")
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PICTURES = 150


def tree(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a directory: its bytes, and when it was modified."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def propose(daemon: Daemon, messy: Path) -> None:
    """What to label next is neither labelled nor the same picture as what is, or as another suggestion."""
    with (messy / "labels.csv").open(newline="") as stream:
        labelled = {str(messy / row["path"]) for row in csv.DictReader(stream) if row["label"]}
    found = daemon.json("suggest", "-n", "30")
    suggested = {one["path"] for one in found["suggestions"]}
    assert len(suggested) == len(found["suggestions"]) > 0 and found["labelled"] and not suggested & labelled
    assert found["coverage"] == sorted(found["coverage"])
    for group in daemon.json("duplicates")["groups"]:
        copies = {one["path"] for one in (group["keeper"], *group["members"])}
        assert len(copies & suggested) + bool(copies & labelled) <= 1, copies
    fewer = daemon.json("suggest", "-n", "5")["suggestions"]
    assert [one["path"] for one in fewer] == [one["path"] for one in found["suggestions"]][:5]


def test_the_worked_example_runs_from_messy_pictures_to_a_split_and_back(daemon: Daemon) -> None:
    blocks = BLOCK.findall((HERE / "docs" / "duplicates.md").read_text())
    assert len(blocks) == 9
    daemon.start()
    work, programs = daemon.work / "example", daemon.work / "bin"
    for directory in (work, programs):
        directory.mkdir()
    (work / "examples").symlink_to(HERE / "examples")
    for name, command in (("python3", ""), ("simctl", "-m simctl")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def run(block: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", block.replace("--pictures 2000", f"--pictures {PICTURES}")],
            cwd=work,
            env=environment({"SIMD_ADDRESS": daemon.address, "PATH": path}),
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}{daemon.log.read_text()}"
        return done.stdout

    run(blocks[0])
    before = tree(work / "messy")
    assert f"{daemon.status()['files']}" == f"{PICTURES}"
    assert ", 0 not" in run(blocks[1])
    assert "keep" in run(blocks[2])
    propose(daemon, work / "messy")
    run(blocks[3])
    assert "largest" in run(blocks[4])
    assert "taken away" in run(blocks[5])
    assert "moved to" in run(blocks[6])
    after = tree(work / "messy")
    with (work / "messy" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    originals = {row["path"] for row in rows if row["path"].startswith("camera/")}
    assert originals <= set(after), "the originals stay"
    gone = set(before) - set(after)
    assert len(gone) > PICTURES / 3
    assert all(name.startswith(("downloads/", "backup/")) for name in gone)
    assert run(blocks[7]).count("\n") > 3
    sides = [
        {path.resolve() for path in (work / "split" / side).rglob("*") if path.is_symlink()}
        for side in ("train", "val", "test")
    ]
    assert all(sides) and not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    run(blocks[8])
    assert tree(work / "messy") == before
