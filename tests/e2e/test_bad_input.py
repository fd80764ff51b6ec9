"""Bad input of every kind gets a clear message, costs nothing else, and loses nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon, environment, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def test_files_that_are_no_images_have_a_ledger_line_and_the_others_are_found(daemon: Daemon) -> None:
    shutil.copy(PHOTOS / "owl.jpg", daemon.root / "good.jpg")
    (daemon.root / "notes.jpg").write_text("these are not the pixels you are looking for")
    (daemon.root / "truncated.jpg").write_bytes((PHOTOS / "china.jpg").read_bytes()[:5000])
    (daemon.root / "empty.png").touch()
    shutil.copy(PHOTOS / "coffee.jpg", daemon.root / "unreadable.jpg")
    (daemon.root / "unreadable.jpg").chmod(0)
    Image.new("RGB", (1200, 1100), "red").save(daemon.root / "large.png")
    status = daemon.start(env={"SIMD_MAX_IMAGE_PIXELS": "1000000"}).wait()
    assert (status["images"], status["failed"]) == (1, 5)
    errors = {Path(e["path"]).name: e for e in daemon.json("errors")["errors"]}
    assert {name: e["reason"] for name, e in errors.items()} == {
        "notes.jpg": "not_an_image",
        "truncated.jpg": "truncated",
        "empty.png": "empty",
        "unreadable.jpg": "unreadable",
        "large.png": "too_many_pixels",
    }
    assert "1000000" in errors["large.png"]["detail"].replace(",", "").replace("_", "")
    assert daemon.names(PHOTOS / "owl.jpg") == ["good.jpg"]

    (daemon.root / "unreadable.jpg").chmod(0o644)
    shutil.copy(PHOTOS / "horses.jpg", daemon.root / "notes.jpg")
    daemon.json("scan", "--retry")
    status = daemon.wait()
    assert (status["images"], status["failed"]) == (3, 3)


def test_a_query_that_is_no_image_is_refused_with_its_name_and_the_daemon_goes_on(daemon: Daemon) -> None:
    shutil.copy(PHOTOS / "owl.jpg", daemon.root)
    daemon.start().wait()
    bad = daemon.work / "bad.jpg"
    bad.write_text("nothing to see")
    refused = daemon.simctl("search", str(bad))
    assert refused.returncode == 1
    assert "bad.jpg" in refused.stderr and "image" in refused.stderr and "Traceback" not in refused.stderr
    partly = daemon.simctl("search", "--json", str(bad), str(PHOTOS / "owl.jpg"))
    assert partly.returncode == 5
    missing = daemon.simctl("search", str(daemon.work / "missing.jpg"))
    assert missing.returncode == 1 and "missing.jpg" in missing.stderr
    assert daemon.names(PHOTOS / "owl.jpg") == ["owl.jpg"]


def test_an_empty_index_finds_nothing(daemon: Daemon) -> None:
    daemon.start().wait()
    found = daemon.simctl("search", str(PHOTOS / "owl.jpg"))
    assert found.returncode == 4


def test_the_daemon_is_not_running(daemon: Daemon) -> None:
    done = daemon.simctl("status")
    assert done.returncode == 3
    assert daemon.address in done.stderr and "simd serve" in done.stderr


def test_a_second_daemon_on_the_same_state_directory_is_refused_and_the_first_goes_on(daemon: Daemon) -> None:
    shutil.copy(PHOTOS / "owl.jpg", daemon.root)
    daemon.start().wait()
    assert daemon.process is not None
    second = subprocess.run(
        daemon.command(), capture_output=True, text=True, check=False, env=environment(), timeout=60
    )
    assert second.returncode == 1
    assert str(daemon.state) in second.stderr and str(daemon.process.pid) in second.stderr
    assert daemon.names(PHOTOS / "owl.jpg") == ["owl.jpg"]


def test_an_unknown_setting_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "simd.toml").write_text('model_dir = "somewhere"\n')
    done = run_simd("serve", "--config", tmp_path / "simd.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "`model_dir`" in done.stderr and "`models_dir`" in done.stderr


def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    done = run_simd("serve", "--state-dir", locked, "--listen", f"unix:{tmp_path}/s", cwd=tmp_path)
    assert done.returncode == 2
    assert str(locked) in done.stderr and "--state-dir" in done.stderr
    done = run_simd("serve", "--state-dir", locked / "state", "--listen", f"unix:{tmp_path}/s", cwd=tmp_path)
    assert done.returncode == 2
    assert str(locked) in done.stderr and "--state-dir" in done.stderr


def test_an_address_that_others_could_reach_is_refused(tmp_path: Path) -> None:
    done = run_simd("serve", "--state-dir", tmp_path / "state", "--listen", "0.0.0.0:7000", cwd=tmp_path)
    assert done.returncode == 2
    assert "0.0.0.0:7000" in done.stderr


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    done = run_simd(
        "serve", "--state-dir", tmp_path / "s", "--listen", f"unix:{tmp_path}/sock", "--model", "resnet-9000",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "resnet-9000" in done.stderr and "simd-copy-1" in done.stderr


def test_usage_errors_end_with_2() -> None:
    for command in (["simd", "serve", "--nonsense"], ["simctl", "search"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment()
        )
        assert done.returncode == 2 and "usage" in done.stderr
