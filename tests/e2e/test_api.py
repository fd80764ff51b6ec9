"""The whole of the API against a real daemon with the real model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon
from tests.e2e.test_main_job import cropped

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def test_list_compare_search_many_tidy_verify_and_export(daemon: Daemon, tmp_path: Path) -> None:
    shutil.copytree(PHOTOS, daemon.root, dirs_exist_ok=True)
    photos = sorted(PHOTOS.iterdir())
    shutil.copy(photos[0], daemon.root / "copy.jpg")
    (daemon.root / "text.jpg").write_text("no picture")
    status = daemon.start().wait()
    images = status["images"]

    files = daemon.json("files")["files"]
    assert len(files) == status["files"] == images + 1
    assert all(Path(file["path"]).stat().st_size == file["size"] and file["width"] for file in files)

    crops = [cropped(photo, 5, tmp_path / photo.with_suffix(".jpg").name) for photo in photos[:6]]
    found = daemon.json("search", "-k1", *map(str, [*crops, daemon.root / "text.jpg"]))
    alone = [daemon.search("-k1", crop) for crop in crops]
    assert [one["matches"] for one in found[:-1]] == [one["matches"] for one in alone]
    assert found[-1]["error"]["code"] == "INVALID_ARGUMENT"

    same = daemon.json("compare", str(photos[0]), str(daemon.root / "copy.jpg"))
    like = daemon.json("compare", str(photos[0]), str(crops[0]))
    unlike = daemon.json("compare", str(photos[0]), str(crops[1]))
    assert same["same"] and same["distance"] == 0 and same["tier"] == "exact"
    with Image.open(photos[0]) as image:
        image.save(tmp_path / "copy.png")
    assert daemon.json("compare", str(photos[0]), str(tmp_path / "copy.png"))["tier"] == "pixels"
    assert 1 > like["similarity"] > unlike["similarity"]

    (daemon.root / photos[1].name).unlink()
    daemon.until(lambda: daemon.status()["images"] == images - 1, "the file to leave")
    compacted = daemon.json("compact")
    assert compacted["after"]["vectors"] == images - 1
    assert daemon.json("verify")["sound"]

    target = tmp_path / "all.npz"
    assert daemon.simctl("export", "--npz", str(target)).returncode == 0
    lines = [json.loads(line) for line in daemon.simctl("export").stdout.splitlines()]
    with np.load(target) as arrays:
        assert [name.decode() for name in arrays["image_ids"]] == [line["image_id"] for line in lines]
        assert arrays["vectors"].shape == (images - 1, status["model"]["dimension"])
        assert np.allclose(np.linalg.norm(arrays["vectors"], axis=1), 1, atol=1e-3)
    assert daemon.stop() == 0


def test_verify_finds_damage_that_comes_while_the_daemon_runs(daemon: Daemon) -> None:
    shutil.copytree(PHOTOS, daemon.root, dirs_exist_ok=True)
    daemon.start().wait()
    daemon.json("compact")
    assert daemon.simctl("verify").returncode == 0
    (vectors,) = daemon.state.glob("index/*/segments/*/vectors.npy")
    with vectors.open("r+b") as stream:
        stream.seek(500)
        stream.write(b"damage")
    done = daemon.simctl("verify")
    assert done.returncode == 1 and str(vectors) in done.stdout and "checksum" in done.stdout
    assert "--repair" in done.stderr
