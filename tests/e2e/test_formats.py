"""A folder of every format and every kind of bad file: what can be seen is found, the rest has its reason."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon
from tests.featurize.drawings import encoded
from tests.featurize.test_bombs import HEADER_BOMBS
from tests.featurize.tiffs import DEFLATE, FLOAT, RGB, Tiff

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

FORMATS = {
    "photo.jpg": "JPEG",
    "photo.png": "PNG",
    "photo.webp": "WEBP",
    "photo.gif": "GIF",
    "photo.tif": "TIFF",
    "photo.bmp": "BMP",
    "photo.avif": "AVIF",
    "photo.jp2": "JPEG2000",
    "photo.ppm": "PPM",
    "no extension": "PNG",
    "wrong extension.png": "JPEG",
}


def reasons(daemon: Daemon) -> dict[str, str]:
    return {Path(error["path"]).name: error["reason"] for error in daemon.json("errors")["errors"]}


def rare(photo: Image.Image) -> dict[str, bytes]:
    """Files of kinds that are mended, or read by the extra."""
    samples = np.asarray(photo.convert("RGB"))
    return {
        "no end.jpg": encoded(photo, "JPEG", quality=90)[:-2],
        "planes.tif": Tiff(16, RGB, planar=True).of(samples.astype(int) * 257),
        "floats.tif": Tiff(32, RGB, FLOAT, order=">", compression=DEFLATE).of(samples / 255),
    }


def test_a_photograph_in_every_format_is_found_by_any_of_them(daemon: Daemon) -> None:
    with Image.open(PHOTOS / "owl.jpg") as photo:
        for name, format_name in FORMATS.items():
            photo.save(daemon.root / name, format_name)
        more = rare(photo)
    for name, data in more.items():
        (daemon.root / name).write_bytes(data)
    shutil.copy(PHOTOS / "china.jpg", daemon.root)
    status = daemon.start().wait()
    assert (status["failed"], status["files"]) == (0, len(FORMATS) + len(more) + 1)
    matches = daemon.search(PHOTOS / "owl.jpg", "-k", "20")["matches"]
    similarity = {Path(p).name: match["similarity"] for match in matches for p in match["paths"]}
    # The 256 colours of a GIF are dithered, which the model sees.
    assert similarity.pop("photo.gif") > 0.9
    assert {name for name, found in similarity.items() if found > 0.97} == {*FORMATS, *more} - {"photo.gif"}


def test_every_bad_file_has_its_reason_and_is_tried_again_only_when_asked(daemon: Daemon) -> None:
    bad = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"no picture at all", "not_an_image"),
        "document.jpg": (b"%PDF-1.7 ...", "unsupported_format"),
        "video.png": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "unsupported_format"),
        "cut.jpg": ((PHOTOS / "china.jpg").read_bytes()[:9000], "truncated"),
        **{f"bomb {name}.png": (make(), "too_many_pixels") for name, make in HEADER_BOMBS.items() if name != "JXL"},
    }
    for name, (data, _) in bad.items():
        (daemon.root / name).write_bytes(data)
    shutil.copy(PHOTOS / "owl.jpg", daemon.root)
    status = daemon.start().wait()
    assert status["images"] == 1
    assert reasons(daemon) == {name: reason for name, (_, reason) in bad.items()}
    counted = status["failed_by_reason"]
    assert counted["too_many_pixels"] == len(HEADER_BOMBS) - 1 and counted["unsupported_format"] == 2

    before = daemon.log.read_text().count("not indexed:")
    daemon.simctl("scan")
    daemon.wait()
    assert daemon.log.read_text().count("not indexed:") == before, "what has not changed is not tried again"
    daemon.simctl("scan", "--retry")
    daemon.wait()
    assert daemon.log.read_text().count("not indexed:") == before + len(bad)

    shutil.copy(PHOTOS / "china.jpg", daemon.root / "cut.jpg")
    daemon.until(lambda: daemon.status()["images"] == 2, "the mended file to be indexed")
    assert "cut.jpg" not in reasons(daemon)


def test_a_photograph_that_arrives_slowly_is_indexed_whole_and_never_called_broken(daemon: Daemon) -> None:
    daemon.start().wait()
    data = (PHOTOS / "china.jpg").read_bytes()
    path = daemon.root / "slow.jpg"
    step = len(data) // 12 + 1
    # As a slow program writes: opened and closed for every part, so that each could be taken for the whole.
    for at in range(0, len(data), step):
        with path.open("ab") as stream:
            stream.write(data[at : at + step])
        time.sleep(0.25)
    daemon.until(lambda: daemon.status()["images"] == 1, "the photograph to be indexed")
    daemon.wait()
    assert daemon.names(PHOTOS / "china.jpg") == ["slow.jpg"]
    assert reasons(daemon) == {}
    assert "not indexed" not in daemon.log.read_text()


def test_decoders_that_are_killed_by_somebody_else_cost_no_file(daemon: Daemon) -> None:
    for number, photo in enumerate(sorted(PHOTOS.glob("*.jpg"))):
        shutil.copy(photo, daemon.root / f"{number}.jpg")
    daemon.start()
    killed: set[int] = set()
    # Whoever is there, twice: a picture whose worker is killed more often may be the reason.
    for _ in range(2):
        daemon.until(lambda: bool(set(workers(daemon)) - killed), "a decoder")
        for pid in set(workers(daemon)) - killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
    status = daemon.wait()
    assert reasons(daemon) == {} and status["failed"] == 0
    assert killed and status["files"] == len(list(PHOTOS.glob("*.jpg")))


def workers(daemon: Daemon) -> list[int]:
    """The decode workers of a daemon."""
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return [pid for pid in pids if b"featurize.worker" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
