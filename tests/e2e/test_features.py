"""What is derived in a real daemon, local features and icons: made with the vectors, made of what lacks them, and
never in the way."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from simd.verify.opencv import available
from tests.e2e.daemon import PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

needs_opencv = pytest.mark.skipif(not available(), reason="without the extra `verify`")

PROMPT = {"SIMD_INDEXING_PRIORITY": "normal"}
"""Whatever else runs on the machine, indexing goes on."""


def kept(daemon: Daemon, kind: str = "features") -> int:
    """Of how many images features, or icons, are kept."""
    with closing(sqlite3.connect(daemon.state / f"{kind}.sqlite")) as connection:
        [(count,)] = connection.execute(f"SELECT COUNT(*) FROM {kind} WHERE length(data) > 1000")
    return int(count)


@needs_opencv
def test_they_are_made_with_the_vectors_and_of_what_was_indexed_before(daemon: Daemon) -> None:
    photos = sorted(PHOTOS.iterdir())
    before, later = photos[:4], photos[4:8]
    # Icons are kept for it.
    daemon.settings["SIMD_ATLAS"] = "auto"
    for photo in before:
        shutil.copy(photo, daemon.root)
    assert daemon.start(env={**PROMPT, "SIMD_VERIFY": "off"}).wait()["images"] == len(before)
    assert kept(daemon, "icons") == len(before)
    assert daemon.stop() == 0 and not (daemon.state / "features.sqlite").exists()
    (daemon.state / "icons.sqlite").unlink()
    daemon.start(env=PROMPT)
    daemon.until(lambda: kept(daemon) == len(before), "the features of what was indexed before")
    for photo in later:
        shutil.copy(photo, daemon.root)
    assert daemon.wait()["images"] == len(before) + len(later)
    assert kept(daemon) == len(before) + len(later), "they are there once the picture is"
    daemon.until(lambda: kept(daemon, "icons") == len(before) + len(later), "the icons that were lost")
    assert daemon.stop() == 0
    path = daemon.state / "features.sqlite"
    path.write_bytes(path.read_bytes()[:5000])
    done = run_simd("check", "--state-dir", str(daemon.state), cwd=daemon.work)
    assert done.returncode == 1 and "features.sqlite" in done.stdout
    daemon.start(env=PROMPT)
    daemon.until(lambda: kept(daemon) == len(before) + len(later), "what was lost")


@needs_opencv
def test_a_mirrored_and_cut_copy_is_told_to_be_the_picture(daemon: Daemon, tmp_path: Path) -> None:
    photos = [PHOTOS / name for name in ("china.jpg", "bison.jpg", "camera.jpg", "chelsea.jpg")]
    for photo in photos:
        shutil.copy(photo, daemon.root)
    daemon.start(env={**PROMPT, "SIMD_VERIFY": "search"}).wait()
    with Image.open(photos[0]) as image:
        width, height = image.size
        mirrored = image.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    copy = tmp_path / "copy.jpg"
    mirrored.crop((0, 0, width * 4 // 5, height)).resize((width * 2 // 5, height // 2)).save(copy, quality=60)
    compared = daemon.json("compare", str(copy), str(photos[0]))
    verdict = compared["verdict"]
    assert compared["tier"] == "near" and verdict["same"] and verdict["mirrored"] and verdict["share"] > 0.7
    left, right = ([corner[0] for corner in verdict["region"][side]] for side in ("first", "second"))
    assert max(left) - min(left) > 0.9 and 0.6 < max(right) - min(right) < 0.95
    assert not daemon.json("compare", str(photos[1]), str(photos[0]))["verdict"]["same"]
    found = daemon.search(copy)["matches"]
    assert Path(found[0]["path"]).name == photos[0].name and found[0]["verified"]
    assert not any(match.get("verified") for match in found[1:])


@pytest.mark.skipif(available(), reason="with the extra `verify`")
def test_a_daemon_without_the_extra_refuses_to_pretend(daemon: Daemon) -> None:
    process = daemon.launch("--log-level", "info", env={"SIMD_VERIFY": "pairs"})
    assert process.wait(60) == 2
    assert "simd-images[verify]" in daemon.log.read_text()
    daemon.start()
    assert daemon.stop() == 0 and not (daemon.state / "features.sqlite").exists()
