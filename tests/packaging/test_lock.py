"""The lock files pin everything that pyproject.toml asks for, by hash, and name no place to get it from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOCKS = {path.stem: path.read_text() for path in sorted((REPOSITORY / "requirements").glob("*.lock"))}


def pins(text: str) -> list[tuple[Requirement, int]]:
    """Every pin and how many hashes it has."""
    entries = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)
    return [
        (Requirement(entry.split("\\\n")[0].strip()), entry.count("--hash=sha256:"))
        for entry in entries
        if entry.strip() and not entry.startswith("#")
    ]


def asked_for(extra: str) -> list[Requirement]:
    """What an extra requires, extras that it names included."""
    found = []
    for line in PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            for inner in requirement.extras:
                found += asked_for(inner)
        else:
            found.append(requirement)
    return found


def test_there_is_one_for_every_stage_of_the_image() -> None:
    assert set(LOCKS) == {"build", "cpu", "daemon", "gpu"}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_has_hashes(name: str) -> None:
    for requirement, hashes in pins(LOCKS[name]):
        assert re.fullmatch(r"==[^=*,]+", str(requirement.specifier)), requirement
        assert hashes > 0, requirement


@pytest.mark.parametrize("name", LOCKS)
def test_it_names_no_host_and_no_path(name: str) -> None:
    assert not re.search(r"://|(?<![\w.])/\w|^-", LOCKS[name], re.MULTILINE)


@pytest.mark.parametrize("extra", ["cpu", "daemon", "gpu"])
def test_it_holds_what_the_project_asks_for(extra: str) -> None:
    pinned: dict[str, list[Requirement]] = {}
    for requirement, _ in pins(LOCKS[extra]):
        pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for wanted in [*asked_for(""), *asked_for(extra)]:
        found = pinned.get(canonicalize_name(wanted.name), [])
        assert found, f"{wanted} is not in {extra}.lock: run scripts/lock"
        for pin in found:
            (version,) = (part.version for part in pin.specifier)
            assert wanted.specifier.contains(version), f"{extra}.lock pins {pin}, not {wanted}: run scripts/lock"


@pytest.mark.parametrize("extra", ["verify", "web"])
@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_the_images_find_edited_copies_and_serve_the_page(name: str, extra: str) -> None:
    assert {canonicalize_name(wanted.name) for wanted in asked_for(extra)} <= {
        canonicalize_name(pin.name) for pin, _ in pins(LOCKS[name])
    }


def test_the_image_of_a_cpu_runs_without_tensorflow() -> None:
    names = {canonicalize_name(pin.name) for pin, _ in pins(LOCKS["cpu"]) if not pin.marker or pin.marker.evaluate()}
    assert "openvino" in names and not names & {"tensorflow", "keras", "torch"}


def test_all_images_run_the_same_versions() -> None:
    largest = {str(pin) for pin, _ in pins(LOCKS["gpu"])}
    for name in ("cpu", "daemon"):
        assert {str(pin) for pin, _ in pins(LOCKS[name])} <= largest
