"""A plan becomes a file at once, and none that is there is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from simctl.cleanup import planfile
from simctl.cleanup.plan import PlannedGroup
from simctl.cleanup.planning import LeftOut
from simctl.cleanup.writing import write
from simctl.errors import SimctlError

from tests.simctl.cleanup.world import World, messy


def test_a_plan_is_written_and_counted_and_what_is_left_out_is_not_in_it(tmp_path: Path) -> None:
    plan = messy(World(tmp_path))
    left = LeftOut("g", "it is gone")
    found = write(str(tmp_path / "plan.json"), [plan.groups[0], left, plan.groups[1]])
    assert (found.groups, found.files, found.size, found.left_out) == (2, 6, 78, [left])
    assert planfile.parsed((tmp_path / "plan.json").read_bytes(), "p").groups == plan.groups


def test_a_script_can_be_run(tmp_path: Path) -> None:
    write(str(tmp_path / "plan.sh"), messy(World(tmp_path)).groups)
    assert os.access(tmp_path / "plan.sh", os.X_OK)
    assert (tmp_path / "plan.sh").read_text().startswith("#!/bin/sh\n")


def test_a_plan_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("edited")
    with pytest.raises(SimctlError, match="is there already"):
        write(str(tmp_path / "plan.json"), [])
    assert (tmp_path / "plan.json").read_text() == "edited"


def test_a_plan_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SimctlError, match="cannot write the plan"):
        write(str(tmp_path / "no" / "plan.json"), [])


def test_half_a_plan_is_no_plan(tmp_path: Path) -> None:
    def ending() -> Iterator[PlannedGroup]:
        yield messy(World(tmp_path)).groups[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "plan.json"), ending())
    assert not (tmp_path / "plan.json").exists()
