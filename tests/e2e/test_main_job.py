"""The user's main job: a folder is watched, its pictures are found by what they look like."""

from __future__ import annotations

import io
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.daemon import MODELS, PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def cropped(source: Path, percent: int, target: Path) -> Path:
    """The picture without `percent` of its border, saved anew."""
    with Image.open(source) as image:
        dx, dy = image.width * percent // 100, image.height * percent // 100
        image.convert("RGB").crop((dx, dy, image.width - dx, image.height - dy)).save(target, "JPEG", quality=85)
    return target


def fill(daemon: Daemon, count: int) -> list[str]:
    """Put `count` different pictures into the root, made from the sample photographs."""
    sources = sorted(PHOTOS.iterdir())
    names = []
    for number in range(count):
        source, percent = sources[number % len(sources)], 2 * (number // len(sources))
        names.append(f"{number:03d}-{source.name}")
        cropped(source, percent, daemon.root / names[-1])
    return names


def test_doctored_copies_find_their_original_first(daemon: Daemon) -> None:
    shutil.copytree(PHOTOS, daemon.root, dirs_exist_ok=True)
    status = daemon.start().wait()
    count = len(list(PHOTOS.iterdir()))
    assert (status["images"], status["files"], status["pending"], status["failed"]) == (count, count, 0, 0)
    for name in ("chelsea.jpg", "china.jpg", "coffee.jpg"):
        query = cropped(PHOTOS / name, 8, daemon.work / "query.jpg")
        found = daemon.search(query, "--limit", "3")
        assert Path(found["matches"][0]["path"]) == daemon.root / name
        distances = [match["distance"] for match in found["matches"]]
        assert distances == sorted(distances)
        assert found["searched"] == count
    same = daemon.search(PHOTOS / "chelsea.jpg")["matches"][0]
    assert (same["distance"], same["similarity"], same["level"]) == (0.0, 1.0, "same")


def test_the_daemon_never_loads_tensorflow_once_the_model_is_converted(daemon: Daemon) -> None:
    shutil.copy(PHOTOS / "owl.jpg", daemon.root)
    daemon.start().wait()
    daemon.search(cropped(PHOTOS / "owl.jpg", 5, daemon.work / "query.jpg"))
    assert daemon.process is not None
    assert "site-packages/tensorflow/" not in Path(f"/proc/{daemon.process.pid}/maps").read_text()


def test_answers_follow_the_folder(daemon: Daemon) -> None:
    shutil.copy(PHOTOS / "coffee.jpg", daemon.root)
    daemon.start().wait()
    assert daemon.names(PHOTOS / "owl.jpg") == ["coffee.jpg"]

    shutil.copy(PHOTOS / "owl.jpg", daemon.root / "new.jpg")
    daemon.until(lambda: daemon.names(PHOTOS / "owl.jpg")[0] == "new.jpg", "the new file to be found")

    embedded = daemon.embedded()
    (daemon.root / "new.jpg").rename(daemon.root / "renamed.jpg")
    daemon.until(lambda: daemon.names(PHOTOS / "owl.jpg")[0] == "renamed.jpg", "the new name")
    (daemon.root / "folder").mkdir()
    (daemon.root / "renamed.jpg").rename(daemon.root / "folder" / "moved.jpg")
    daemon.until(lambda: daemon.names(PHOTOS / "owl.jpg")[0] == "moved.jpg", "the new place")
    shutil.copy(daemon.root / "folder" / "moved.jpg", daemon.root / "copy.jpg")
    daemon.until(lambda: len(daemon.search(PHOTOS / "owl.jpg")["matches"][0]["paths"]) == 2, "the copy")
    assert daemon.embedded() == embedded, "moving and copying cost no inference"

    (daemon.root / "copy.jpg").unlink()
    (daemon.root / "folder" / "moved.jpg").unlink()
    daemon.until(lambda: daemon.names(PHOTOS / "owl.jpg") == ["coffee.jpg"], "the deleted files to be gone")
    shutil.copy(PHOTOS / "owl.jpg", daemon.root / "back.jpg")
    daemon.until(lambda: daemon.names(PHOTOS / "owl.jpg")[0] == "back.jpg", "the file to be back")
    assert daemon.embedded() == embedded, "a picture that comes back costs no inference"

    shutil.copy(PHOTOS / "horses.jpg", daemon.work / "other.jpg")
    (daemon.work / "other.jpg").replace(daemon.root / "back.jpg")
    daemon.until(lambda: daemon.names(PHOTOS / "horses.jpg")[0] == "back.jpg", "the new content under the old name")
    assert daemon.wait()["images"] == 2


def test_a_restart_knows_everything_without_embedding_again(daemon: Daemon) -> None:
    names = fill(daemon, 40)
    daemon.start("--flush-rows", "16").wait()
    embedded = daemon.embedded()
    assert daemon.stop() == 0
    (daemon.root / names[0]).unlink()
    status = daemon.start("--flush-rows", "16").wait()
    assert (status["images"], daemon.embedded()) == (len(names) - 1, embedded)
    assert daemon.names(daemon.root / names[7], "--limit", "1") == [names[7]]


def test_kill_9_while_indexing_loses_nothing_and_repeats_at_most_a_batch(daemon: Daemon) -> None:
    names = fill(daemon, 120)
    daemon.settings["SIMD_VERIFY"] = "off"
    daemon.start()
    daemon.until(lambda: daemon.status()["images"] >= 40, "some pictures to be indexed")
    before = daemon.status()["images"]
    assert before < len(names), "it was killed too late to show anything"
    daemon.stop(signal.SIGKILL)
    status = daemon.start().wait()
    assert status["images"] == len(names)
    assert daemon.embedded() <= len(names) + 16
    for name in names[::23]:
        assert daemon.names(daemon.root / name, "--limit", "1") == [name]
    assert daemon.stop() == 0


def test_after_damage_only_the_lost_pictures_are_embedded_again(daemon: Daemon) -> None:
    names = fill(daemon, 60)
    status = daemon.start("--flush-rows", "16").wait()
    row_bytes = 2 * status["model"]["dimension"]
    embedded = daemon.embedded()
    daemon.stop()
    smallest = min(daemon.state.glob("index/*/segments/*/vectors.npy"), key=lambda path: path.stat().st_size)
    lost = (smallest.stat().st_size - 128) // row_bytes
    data = bytearray(smallest.read_bytes())
    data[-100] ^= 1
    smallest.write_bytes(data)

    refused = run_simd(*daemon.command()[3:], cwd=daemon.work)
    assert refused.returncode == 1 and str(smallest) in refused.stderr and "--repair" in refused.stderr
    where = ("--state-dir", daemon.state, "--models-dir", MODELS)
    checked = run_simd("check", *where, cwd=daemon.work)
    assert checked.returncode == 1 and str(smallest) in checked.stdout
    repaired = run_simd("check", "--repair", *where, cwd=daemon.work)
    assert f"{len(names) - lost} images saved" in repaired.stdout
    assert run_simd("check", *where, cwd=daemon.work).returncode == 0

    status = daemon.start("--flush-rows", "16").wait()
    assert (status["images"], daemon.embedded()) == (len(names), embedded + lost)
    assert 0 < lost < len(names)


def test_a_root_that_is_gone_keeps_its_vectors_and_is_shown_as_offline(daemon: Daemon) -> None:
    shutil.copytree(PHOTOS, daemon.root, dirs_exist_ok=True)
    count = daemon.start().wait()["images"]
    daemon.root.rename(daemon.work / "unplugged")
    daemon.until(lambda: not daemon.status()["roots"][0]["online"], "the root to be offline")
    assert daemon.status()["images"] == count
    (daemon.work / "unplugged").rename(daemon.root)
    daemon.until(lambda: daemon.status()["roots"][0]["online"], "the root to be back")
    assert daemon.wait()["images"] == count
    assert daemon.embedded() == count


def test_add_and_remove(daemon: Daemon) -> None:
    for name in ("owl.jpg", "coffee.jpg"):
        shutil.copy(PHOTOS / name, daemon.root)
    daemon.start().wait()
    owl = daemon.root / "owl.jpg"
    assert daemon.json("remove", str(owl))["images"] == 1
    assert daemon.names(PHOTOS / "owl.jpg") == ["coffee.jpg"]
    daemon.json("scan")
    daemon.wait()
    assert daemon.names(PHOTOS / "owl.jpg") == ["coffee.jpg"], "what was removed stays removed"
    status = daemon.status()
    assert (status["failed"], status["failed_by_reason"]) == (0, {"removed": 1})
    assert daemon.json("add", str(owl))["added"] == 1
    assert daemon.names(PHOTOS / "owl.jpg")[0] == "owl.jpg"
    assert daemon.json("add", str(owl))["unchanged"] == 1

    other = daemon.work / "other"
    other.mkdir()
    shutil.copy(PHOTOS / "horses.jpg", other)
    daemon.json("add", str(other))
    assert daemon.wait()["images"] == 3
    assert {Path(root["path"]) for root in daemon.status()["roots"]} == {daemon.root, other}
    daemon.json("remove", str(other))
    status = daemon.wait()
    assert (status["images"], len(status["roots"])) == (2, 1)


def test_the_image_may_come_from_standard_input_formats_of_all_kinds(daemon: Daemon) -> None:
    for kind in ("PNG", "WEBP", "GIF", "TIFF", "BMP"):
        with Image.open(PHOTOS / "owl.jpg") as image:
            out = io.BytesIO()
            image.convert("RGB").save(out, kind)
        (daemon.root / f"owl-as-{kind.lower()}").write_bytes(out.getvalue())
    shutil.copy(PHOTOS / "coffee.jpg", daemon.root)
    status = daemon.start().wait()
    assert (status["images"], status["failed"]) == (6, 0)
    found = daemon.search(PHOTOS / "owl.jpg")["matches"]
    assert [Path(m["path"]).name for m in found][-1] == "coffee.jpg"
    assert all(m["similarity"] > 0.9 for m in found[:-1])
