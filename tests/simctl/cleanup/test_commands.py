"""`simctl apply` and `simctl undo` as a person types them, and the script that a plan can be."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from simctl.cleanup import script
from simctl.cleanup.logplace import log_path
from simctl.cleanup.plan import Plan
from simctl.cleanup.planning import FoundGroup

from tests.serving.doubles import environment
from tests.simctl.cleanup.world import World, messy, pair, write
from tests.simctl.test_json import check


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def variables(world: World) -> dict[str, str]:
    folders = {name: str(world.directory / name) for name in ("data", "state")}
    return environment(
        {
            "XDG_DATA_HOME": folders["data"],
            "XDG_STATE_HOME": folders["state"],
            "SIMD_ADDRESS": f"unix:{world.directory}/no.sock",
        }
    )


def simctl(world: World, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "simctl", *args]
    return subprocess.run(
        command, env=variables(world), cwd=world.directory, input=stdin, capture_output=True, timeout=30, check=False
    )


def many(world: World, count: int) -> Plan:
    keeper = world.put("keep.jpg", b"picture")
    copies = [world.member(world.put(f"{n}.jpg", b"picture"), "exact", goes=True) for n in range(count)]
    return world.plan(FoundGroup("g", "exact", "", world.member(keeper), tuple(copies)))


def document(name: str, done: subprocess.CompletedProcess[bytes]) -> Any:
    found = json.loads(done.stdout)
    check(name, found)
    return found


def test_a_plan_is_tried_applied_and_undone_and_each_tells_what_it_did(world: World) -> None:
    plan = write(world, pair(world))
    before = world.snapshot()
    done = simctl(world, "apply", plan, "--dry-run")
    assert done.returncode == 0 and done.stderr == b"" and world.snapshot() == before
    assert done.stdout.decode().splitlines() == [
        f"group 1: would go: {world.tree}/copy.jpg",
        "1 file of 1 group would go to the trash, 7 B",
    ]
    done = simctl(world, "apply", plan)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "1 file of 1 group moved to the trash, 7 B",
        f"take it back with: simctl undo {plan}.undo.jsonl",
    ]
    done = simctl(world, "apply", plan)
    assert done.returncode == 0 and done.stdout.startswith(b"1 file had been dealt with before\n")
    for said in (b"1 file restored\n", b"nothing is left to be taken back\n"):
        done = simctl(world, "undo", f"{plan}.undo.jsonl")
        assert (done.returncode, done.stdout, done.stderr) == (0, said, b"")
        assert world.snapshot() == before


def test_documents_are_as_the_schema_says(world: World) -> None:
    groups = messy(world).groups
    plan = write(world, Plan("", (without_labels(groups[0]), groups[1])))
    assert document("apply", simctl(world, "apply", "--json", "--dry-run", plan))["dry_run"]
    applied = document("apply", simctl(world, "apply", "--json", plan))
    assert len(applied["gone"]) == 6 and len(applied["sidecars"]) == 2 and applied["left"] == []
    (world.tree / "a/keep.jpg.xmp").write_bytes(b"edited")
    done = simctl(world, "undo", "--json", applied["undo_log"])
    assert done.returncode == 5 and document("undo", done)["restored"] == 6
    world.put("b/other.jpg", b"other now")
    done = simctl(world, "apply", "--json", plan, "--move", "moved")
    assert done.returncode == 5 and [one["group"] for one in document("apply", done)["left"]] == [1, 2]


def without_labels(group: Any) -> Any:
    """A group that needs no daemon."""
    return type(group)(group.group_id, group.tier, "", group.stays, group.goes, (), group.sidecars)


def test_no_daemon_is_asked_unless_labels_are_carried_over_and_then_nothing_is_begun_without_it(world: World) -> None:
    plan = write(world, messy(world))
    before = world.snapshot()
    done = simctl(world, "apply", plan, "--json")
    assert done.returncode == 3 and json.loads(done.stdout)["error"]["code"] == "UNAVAILABLE"
    assert world.snapshot() == before
    assert simctl(world, "undo", f"{plan}.undo.jsonl").returncode == 4


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (["apply", "absent.json"], 2, "cannot read the plan absent.json: No such file"),
        (["apply", "-"], 2, "the plan on stdin is no JSON"),
        (["apply", "empty.json"], 4, "empty.json: nothing goes by it"),
        (["apply", "plan.json", "--move", "plan.json"], 2, "plan.json is no folder"),
        (["apply", "plan.json", "--undo-log", "no/such/log"], 2, "cannot open the undo log no/such/log"),
        (["undo", "absent.jsonl"], 2, "cannot open the undo log absent.jsonl"),
        (["undo", "plan.json"], 2, "is no undo log of simctl"),
    ],
)
def test_a_wrong_use_is_told(world: World, args: list[str], code: int, why: str) -> None:
    write(world, pair(world))
    (world.directory / "empty.json").write_text('{"simd_plan": 1, "groups": []}')
    done = simctl(world, *args)
    assert done.returncode == code and why in done.stderr.decode()


def test_a_person_is_asked_first_and_no_is_no(world: World) -> None:
    plan = write(world, pair(world))
    for answer, left in ((b"\n", 2), (b"y\n", 1)):
        controller, terminal = pty.openpty()
        os.write(controller, answer)
        command = [sys.executable, "-m", "simctl", "apply", plan]
        done = subprocess.run(
            command,
            env=variables(world),
            stdin=terminal,
            stderr=terminal,
            stdout=subprocess.PIPE,
            timeout=30,
            check=False,
        )
        asked = os.read(controller, 4096).decode()
        os.close(controller)
        os.close(terminal)
        assert "1 picture of 1 group go to the trash, with what belongs to them, 7 B. Go on? [y/N]" in asked
        assert done.returncode == 0 and len(world.snapshot()) == left


def test_ctrl_c_ends_after_the_file_and_another_run_goes_on(world: World) -> None:
    plan = write(world, many(world, 400))
    before = world.snapshot()
    command = [sys.executable, "-m", "simctl", "apply", plan]
    process = subprocess.Popen(command, env=variables(world), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    log = Path(f"{plan}.undo.jsonl")
    while process.poll() is None and not (log.exists() and b'"done"' in log.read_bytes()):
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert b"interrupted; run it again to go on" in out and b"ending after this file" in err
    assert 1 < len(world.snapshot()) < 401
    assert simctl(world, "apply", plan).returncode == 0 and len(world.snapshot()) == 1
    assert simctl(world, "undo", str(log)).returncode == 0 and world.snapshot() == before


def test_the_log_is_where_it_can_be_written(world: World) -> None:
    environ = {"XDG_STATE_HOME": str(world.directory)}
    assert log_path(f"{world.directory}/p.json", "", environ) == f"{world.directory}/p.json.undo.jsonl"
    assert Path(log_path("-", "", environ)).parent == world.directory / "simd/undo"
    first, second = (log_path(f"{world.directory}/{folder}/p.json", "", environ) for folder in ("no", "such"))
    assert Path(first).parent == world.directory / "simd/undo" and first != second
    assert log_path(f"{world.directory}/no/p.json", "", environ) == first


def test_another_plan_of_the_same_name_has_a_log_of_its_own(world: World) -> None:
    path = Path(write(world, pair(world)))
    assert simctl(world, "apply", str(path)).returncode == 0
    world.put("more/copy.jpg", b"picture")
    plan = world.plan(
        FoundGroup(
            "g",
            "exact",
            "",
            world.member(f"{world.tree}/keep.jpg"),
            (world.member(f"{world.tree}/more/copy.jpg", "exact", goes=True),),
        )
    )
    before = world.snapshot()
    text = Path(write(world, plan)).read_text()
    path.write_text(text.replace('"created": "2', '"created": "3'))
    done = simctl(world, "apply", str(path))
    assert f"simctl undo {path}.undo-2.jsonl" in done.stdout.decode()
    assert simctl(world, "undo", f"{path}.undo-2.jsonl").returncode == 0 and world.snapshot() == before


ODD = 'it\'s "odd" $(touch owned) `touch owned`;\n#\u202e -x \udcff'


def test_a_script_does_what_the_plan_does_whatever_names_are(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put(f"{ODD}/{ODD}.jpg", b"picture")
    changed = world.put("changed.jpg", b"other")
    other = world.put("other.jpg", b"other")
    plan = world.plan(
        FoundGroup("g", "exact", ODD, world.member(keeper), (world.member(copy, "exact", goes=True),)),
        FoundGroup("h", "exact", "", world.member(other), (world.member(changed, "exact", goes=True),)),
    )
    before = world.snapshot()
    folder = world.directory / ODD
    folder.mkdir()
    path = f"{folder}/plan.sh"
    stream = io.StringIO()
    assert script.written(plan.groups, stream, path) == 2
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))
    Path(path).write_text(stream.getvalue(), encoding="utf-8")
    (world.directory / "simctl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m simctl "$@"\n')
    (world.directory / "simctl").chmod(0o755)
    variables_ = {**variables(world), "PATH": f"{world.directory}:{os.environ['PATH']}"}

    def sh(*args: str) -> subprocess.CompletedProcess[bytes]:
        command = ["sh", path, *args]
        return subprocess.run(
            command, env=variables_, cwd=world.directory, capture_output=True, timeout=30, check=False
        )

    assert sh("--dry-run").returncode == 0 and world.snapshot() == before
    world.put("changed.jpg", b"others")
    done = sh()
    assert done.returncode == 5 and b"changed.jpg has 6 bytes now" in done.stderr, done.stderr
    assert not os.path.lexists(copy) and not (world.directory / "owned").exists()
    assert simctl(world, "undo", f"{path}.undo.jsonl").returncode == 0
    world.put("changed.jpg", b"other")
    assert world.snapshot() == before
