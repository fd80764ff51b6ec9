"""Pictures of a real daemon: thumbnails that outlast it, and originals that are what was indexed."""

from __future__ import annotations

import io
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import simctl
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def ids_of(client: simctl.Client) -> dict[str, str]:
    return {os.path.basename(file.path): file.image_id for file in client.files()}


def code_of(run: object) -> str:
    assert callable(run)
    with pytest.raises(simctl.SimctlError) as caught:
        run()
    return str(caught.value.code)


def whole(client: simctl.Client, image_id: str) -> bytes:
    return b"".join(client.image_bytes(image_id))


def on_the_map(client: simctl.Client) -> set[str]:
    return {place.image_id for place in client.atlas_places()} if client.atlas().state == "ready" else set()


def assert_drawn(daemon: Daemon, client: simctl.Client, ids: set[str]) -> None:
    """All of these are on the map, which can be looked at."""
    daemon.until(lambda: on_the_map(client) == ids, "the map of all pictures")
    tile = client.atlas_tile(size=4096, colour="root")
    assert sum(cell.images for cell in tile.cells) == len(ids)
    with Image.open(io.BytesIO(tile.data)) as image:
        shown = image.convert("RGBA").resize((64, 64))
    # Pictures of many colours, not squares that stand for them.
    assert len(shown.getcolors(4096) or ()) > 100
    table = daemon.work / "map.csv"
    assert daemon.simctl("atlas", "--out", str(table)).returncode == 0
    lines = table.read_bytes().splitlines()
    assert len(lines) == 1 + len(ids) and all(any(one.encode() in line for line in lines) for one in ids)


def test_thumbnails_and_originals_of_all_that_is_indexed_and_of_nothing_else(daemon: Daemon) -> None:
    photos = sorted(PHOTOS.iterdir())
    shutil.copytree(PHOTOS, daemon.root, dirs_exist_ok=True)
    odd = os.fsencode(daemon.root) + b"/caf\xe9.jpg"
    first = photos[0].read_bytes()
    Path(os.fsdecode(odd)).write_bytes(first)
    daemon.settings["SIMD_ATLAS"] = "auto"
    daemon.start()
    daemon.wait()
    renditions = daemon.state / "renditions"
    with simctl.Client(daemon.address) as client, ThreadPoolExecutor(24) as callers:
        ids = ids_of(client)
        made = dict(zip(ids, callers.map(lambda one: client.thumbnail(one, edge=200), ids.values()), strict=True))
        for photo in photos:
            with Image.open(io.BytesIO(made[photo.name])) as image:
                assert image.format == "JPEG" and max(image.size) <= 200
            assert whole(client, ids[photo.name]) == photo.read_bytes()
        part = b"".join(client.image_bytes(ids[photos[0].name], offset=10, length=20))
        assert part == first[10:30]
        assert code_of(lambda: client.thumbnail("0" * 32)) == "NOT_FOUND"
        kept = {path.name: path.stat().st_ino for path in renditions.iterdir()}
        assert len(kept) == len(set(ids.values()))
        assert_drawn(daemon, client, set(ids.values()))

    daemon.stop(signal.SIGKILL)
    daemon.start()
    with simctl.Client(daemon.address) as client:
        assert {name: client.thumbnail(one, edge=200) for name, one in ids.items()} == made
        assert {path.name: path.stat().st_ino for path in renditions.iterdir()} == kept, "none was made again"
        for path in renditions.iterdir():
            path.write_bytes(path.read_bytes()[:1000])
        assert {name: client.thumbnail(one, edge=200) for name, one in ids.items()} == made
        assert on_the_map(client) == set(ids.values()), "the map outlasts the daemon"
        etag = client.atlas_tile().etag
        Image.effect_noise((64, 64), 90.0).save(daemon.root / "new.png")
        daemon.until(lambda: len(on_the_map(client)) > len(set(ids.values())), "the new picture to be on the map", 20)
        assert not client.atlas_tile(etag=etag).unchanged
        (daemon.root / "new.png").unlink()

        # Of two files of an image one is enough; an image that is taken out is not shown any more.
        client.pause()
        (daemon.root / photos[0].name).write_bytes(b"something else")
        assert client.thumbnail(ids[photos[0].name], edge=64) and whole(client, ids[photos[0].name]) == first
        Path(os.fsdecode(odd)).unlink()
        for ask in (lambda: client.thumbnail(ids[photos[0].name], edge=65), lambda: whole(client, ids[photos[0].name])):
            assert code_of(ask) == "FAILED_PRECONDITION"
        client.remove(image_ids=[ids[photos[1].name]])
        for ask in (lambda: client.thumbnail(ids[photos[1].name]), lambda: whole(client, ids[photos[1].name])):
            assert code_of(ask) == "NOT_FOUND"
        client.resume()
    assert daemon.stop() == 0


def test_a_cache_that_cannot_be_written_or_is_switched_off_keeps_nothing_and_fails_nothing(daemon: Daemon) -> None:
    [photo] = sorted(PHOTOS.iterdir())[:1]
    shutil.copy(photo, daemon.root)
    daemon.start()
    daemon.wait()
    renditions = daemon.state / "renditions"
    with simctl.Client(daemon.address) as client:
        [image_id] = ids_of(client).values()
        before = client.thumbnail(image_id)
        renditions.chmod(0o500)
        assert client.thumbnail(image_id, edge=100) and client.thumbnail(image_id) == before
        renditions.chmod(0)
        assert client.thumbnail(image_id, edge=100) and client.thumbnail(image_id) == before
        renditions.chmod(0o700)
    assert daemon.stop() == 0
    assert daemon.log.read_text().count("thumbnails cannot be kept") == 1
    daemon.start(env={"SIMD_THUMBNAIL_CACHE_BYTES": "0"})
    with simctl.Client(daemon.address) as client:
        assert client.thumbnail(image_id) == before
    daemon.until(lambda: not list(renditions.iterdir()), "what was kept to go")
    assert daemon.stop() == 0
