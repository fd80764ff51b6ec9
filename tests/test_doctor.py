"""`simd doctor`: everything in force with its source, what is wrong with what helps, for people and for programs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simd import config
from simd.app import machine, otherhosts
from simd.app.atlas import why_off
from simd.app.doctor import examine
from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.serving.transport.address import Address, TcpAddress, UnixAddress
from simd.watch.ignore import Ignore
from tests.serving.test_validity import issued

MODELS = Path(__file__).parent.parent / ".cache" / "models"


def settings(tmp_path: Path, **flags: object) -> Settings:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    return config.load(environ=environ, flags={"state_dir": tmp_path / "state", "models_dir": MODELS, **flags})


def mounts(tmp_path: Path, kind: str) -> Path:
    """A list of mounts in which everything is on one filesystem."""
    file = tmp_path / "mountinfo"
    file.write_text(f"1 0 0:1 / / rw - {kind} none rw\n")
    return file


@pytest.mark.model
def test_everything_in_force_is_shown_with_its_source(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    report = examine(settings(tmp_path, roots=[root], metrics_listen="127.0.0.1:9464"))
    assert report.settings["metrics_listen"] == ("127.0.0.1:9464", "flag")
    assert report.settings["batch_size"] == ("16", "default")
    text = "\n".join(report.lines())
    for word in (
        "fingerprint",
        "device",
        str(root),
        "watches are needed",
        "GiB free",
        "open files",
        "extras",
        "/metrics",
    ):
        assert word in text, text


@pytest.mark.model
def test_what_is_wrong_is_marked_and_a_program_can_tell(tmp_path: Path) -> None:
    report = examine(settings(tmp_path, roots=[tmp_path / "not-there"], listen="0.0.0.0:7463"))
    assert not report.sound
    told = json.loads(report.json())
    assert told["sound"] is False
    wrong = {finding["topic"]: finding for finding in told["findings"] if finding["wrong"]}
    assert {"roots", "listen"} <= set(wrong)
    assert wrong["roots"]["remedy"]
    assert sum(line.startswith("!!") for line in report.lines()) == len([f for f in report.findings if f.wrong])


@pytest.mark.model
def test_roots_that_were_added_while_the_daemon_ran_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "added").mkdir()
    catalogue = Catalogue.open(tmp_path / "state" / "catalogue.sqlite")
    catalogue.add_root(os.fsencode(tmp_path / "added"))
    report = examine(settings(tmp_path))
    catalogue.close()
    assert any(f.topic == "roots" and str(tmp_path / "added") in f.text for f in report.findings)


@pytest.mark.model
@pytest.mark.parametrize(("days", "wrong"), [(100, ""), (5, "expires on"), (-1, "expired on")])
def test_a_certificate_that_expires_is_wrong_before_and_after(tmp_path: Path, days: int, wrong: str) -> None:
    cert = issued(tmp_path / "cert.pem", end=datetime.now(UTC) + timedelta(days=days))
    found = [f for f in examine(settings(tmp_path, tls_cert=cert)).findings if str(cert) in f.text]
    assert [f.wrong for f in found] == [bool(wrong)]
    assert wrong in found[0].text and ("renew" in found[0].remedy) == bool(wrong)


def test_a_state_directory_on_a_network_filesystem_is_warned_about(tmp_path: Path) -> None:
    wrong = [f for f in machine.state_directory(tmp_path / "state", mounts(tmp_path, "nfs4")) if f.wrong]
    assert len(wrong) == 1 and "nfs4" in wrong[0].text and "local disk" in wrong[0].remedy
    assert not [f for f in machine.state_directory(tmp_path / "state", mounts(tmp_path, "ext4")) if f.wrong]


def test_too_few_inotify_watches_are_wrong_and_the_remedy_names_the_sysctl(tmp_path: Path) -> None:
    root, limits = tmp_path / "root", tmp_path / "limits"
    (root / "a" / "b").mkdir(parents=True)
    limits.mkdir()
    for name, value in (("max_user_watches", 2), ("max_user_instances", 128), ("max_queued_events", 16384)):
        (limits / name).write_text(f"{value}\n")
    wrong = [f for f in machine.watches([root], Ignore(), limits) if f.wrong]
    assert [f.text.split(":")[0] for f in wrong] == ["3 watches are needed and the kernel allows 2"]
    assert wrong[0].remedy == "sysctl fs.inotify.max_user_watches=6"


@pytest.mark.parametrize(
    ("how", "installed", "wrong"), [("off", False, False), ("pairs", True, False), ("search", False, True)]
)
def test_a_verification_that_lacks_its_extra_is_wrong_and_the_remedy_is_told(
    how: str, installed: bool, wrong: bool
) -> None:
    found = machine.verification(how, lambda: installed)
    assert found.wrong == wrong and how in found.text
    assert ("simd-images[verify]" in found.text) == wrong


@pytest.mark.parametrize(
    ("setting", "installed", "why"),
    [("auto", True, ""), ("auto", False, "simd-images[atlas]"), ("off", True, 'set it to "auto"')],
)
def test_a_map_that_is_not_kept_says_what_helps(setting: str, installed: bool, why: str) -> None:
    found = machine.maps(why_off(setting, lambda: installed))
    assert not found.wrong and why in found.text and ("no map" in found.text) == bool(why)


@pytest.mark.parametrize("kind", ["events", "polling"])
def test_a_root_is_said_to_be_followed_or_polled(tmp_path: Path, kind: str) -> None:
    found = machine.root(tmp_path, mounts(tmp_path, "ext4" if kind == "events" else "nfs"))
    assert ("polled" in found.text) == (kind == "polling") and not found.wrong


@pytest.mark.model
@pytest.mark.parametrize(("root", "code"), [("", 0), ("not-there", 1)])
def test_the_command_prints_one_json_document_and_ends_with_1_when_something_is_wrong(
    tmp_path: Path, root: str, code: int
) -> None:
    (tmp_path / "root").mkdir()
    command = [
        sys.executable, "-m", "simd", "doctor", "--json", "--state-dir", str(tmp_path / "state"),
        "--models-dir", str(MODELS), "--root", str(tmp_path / (root or "root")),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, json.loads(done.stdout)["sound"]) == (code, code == 0), done.stderr


def test_a_reader_that_leaves_costs_no_traceback(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "simd", "doctor", "--state-dir", str(tmp_path / "state"), "--models-dir", str(MODELS)],
        stdout=write, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 141 and "Traceback" not in done.stderr


@pytest.mark.parametrize("why", ["", "Connection refused"])
def test_a_replica_and_peers_that_cannot_be_reached_are_wrong_and_what_helps_is_told(tmp_path: Path, why: str) -> None:
    asked: list[str] = []

    def connect(address: Address) -> str:
        asked.append(str(address))
        return why

    of_two = settings(
        tmp_path, replica="http://milvus.example:19530/pictures", replica_host="attic", peers=("cellar=cellar:7463",)
    )
    found = [*otherhosts.replica(of_two, connect), *otherhosts.peers(of_two, connect)]
    assert asked == ["milvus.example:19530", "cellar:7463"]
    assert found[0].text == "this host, attic, publishes in milvus.example:19530/pictures" and not found[0].wrong
    assert [f.topic for f in found if f.wrong] == (["replica", "peers"] if why else [])
    assert all(why in f.text and f.remedy for f in found if f.wrong)


def test_settings_of_other_hosts_that_cannot_be_are_wrong(tmp_path: Path) -> None:
    (found,) = otherhosts.replica(settings(tmp_path, replica="milvus.example"))
    assert found.wrong and "http://" in found.text
    alone, bad = otherhosts.peers(settings(tmp_path, peers=("cellar=nowhere",)))
    assert alone.wrong and "replica" in alone.remedy and bad.wrong and "NAME=HOST:PORT" in bad.text
    assert list(otherhosts.replica(settings(tmp_path))) == list(otherhosts.peers(settings(tmp_path))) == []


def test_what_takes_calls_can_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as other:
        port = server.getsockname()[1]
        assert otherhosts.connected(TcpAddress("127.0.0.1", port)) == ""
        other.bind(str(tmp_path / "s"))
        other.listen()
        assert otherhosts.connected(UnixAddress(tmp_path / "s")) == ""
    assert otherhosts.connected(TcpAddress("127.0.0.1", port)) == "Connection refused"
    assert "No such file" in otherhosts.connected(UnixAddress(tmp_path / "not"))
