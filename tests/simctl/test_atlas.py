"""`simctl atlas` against a real server, and the calls of the client below it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
import simctl as simctl_library
from PIL import Image
from simctl.errors import EXIT_ERROR, EXIT_NOTHING_FOUND, EXIT_USAGE

from simd.decisions.labels import Labelling
from simd.derived.icon import ICON_BYTES
from simd.errors import AtlasUnavailable
from simd.insight.atlas.places import AtlasState
from simd.types import image_id_of
from tests.serving.doubles import Bench, serving
from tests.simctl.test_cli import RED, simctl
from tests.simctl.test_json import check

GREEN, BLUE = b"picture 10 200 10", b"picture 10 10 200"
CELLS = {image_id_of(RED): (0, 0), image_id_of(GREEN): (1, 1), image_id_of(BLUE): (15, 3)}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        bench.put("red.jpg", RED)
        bench.put("green,\r.jpg", GREEN)
        bench.put(b"b/\xff.jpg", BLUE)
        bench.icons.put({image_id: bytes(ICON_BYTES) for image_id in CELLS})
        bench.decisions.labels.put([Labelling(image_id_of(RED), ("cat", "dog"))])
        bench.atlas.put(CELLS)
        yield bench


def test_it_tells_how_the_map_is_and_what_its_colours_mean(bench: Bench) -> None:
    done = simctl(bench.listen, "atlas", "--colour", "label")
    text = done.stdout.decode()
    assert done.returncode == 0 and "ready" in text and "3, 0 of them added" in text
    assert "cat: 1 image" in text and "without a frame: 2 images" in text and "#" in text
    bench.atlas.told = AtlasState("laying_out", pending=3, done=1, total=4)
    assert "laying out, 25% done, 3 images to be put on it" in simctl(bench.listen, "atlas").stdout.decode()
    bench.atlas.told = AtlasState("off", detail="turned off by the setting atlas")
    done = simctl(bench.listen, "atlas")
    assert done.returncode == 0 and b"turned off by the setting" in done.stdout


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_it_draws_the_whole_map(bench: Bench, suffix: str) -> None:
    path = bench.directory / f"map.{suffix}"
    done = simctl(bench.listen, "atlas", "--out", str(path), "--colour", "root")
    assert done.returncode == 0 and b"512 x 512 pixels, 3 images" in done.stdout
    with Image.open(path) as picture:
        assert picture.size == (512, 512) and picture.format == suffix.upper()
    small = simctl(bench.listen, "atlas", "--out", str(path), "--size", "256")
    assert b"2 of 3 images, one for each cell" in small.stdout


def test_it_lists_places_as_csv_and_json(bench: Bench) -> None:
    path = bench.directory / "map.csv"
    assert simctl(bench.listen, "atlas", "--out", str(path)).returncode == 0
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["image_id"] for row in rows] == sorted(image_id.hex() for image_id in CELLS)
    by_path = {row["path"]: row for row in rows}
    red = by_path[f"{bench.root}/red.jpg"]
    assert (red["labels"], float(red["x"]), float(red["y"])) == ("cat;dog", 0.5 / 16, 0.5 / 16)
    assert {f"{bench.root}/green,\r.jpg", f"{bench.root}/b/\udcff.jpg"} < by_path.keys()
    assert (float(by_path[f"{bench.root}/red.jpg"]["x"]), float(by_path[f"{bench.root}/red.jpg"]["y"])) == (
        0.03125,
    ) * 2
    path = bench.directory / "map.json"
    done = simctl(bench.listen, "atlas", "--json", "--out", str(path), "--path-prefix", f"{bench.root}/b")
    assert json.loads(done.stdout) == {"file": str(path), "images": 1}
    document = json.loads(path.read_text())
    check("atlas_places", document)
    [place] = document["places"]
    assert (place["image_id"], place["x"], place["y"]) == (image_id_of(BLUE).hex(), 15.5 / 16, 3.5 / 16)
    assert "path_base64" in place


def test_a_file_that_cannot_be_written_and_a_wrong_usage_change_nothing(bench: Bench) -> None:
    for words in (["--out", "map.gif"], ["--path-prefix", "/x"], ["--out", "m.png", "--path-prefix", "/x"]):
        assert simctl(bench.listen, "atlas", *words).returncode == EXIT_USAGE
    done = simctl(bench.listen, "atlas", "--out", f"{bench.directory}/absent/map.png")
    assert done.returncode == EXIT_ERROR and b"cannot write" in done.stderr
    done = simctl(bench.listen, "atlas", "--out", f"{bench.directory}/map.csv", "--path-prefix", f"{bench.root}/none")
    assert done.returncode == EXIT_NOTHING_FOUND


def test_without_a_map_it_says_why(bench: Bench) -> None:
    with serving() as empty:
        done = simctl(empty.listen, "atlas", "--out", f"{empty.directory}/map.png")
        assert done.returncode == EXIT_ERROR and b"as soon as there are pictures" in done.stderr
        assert not (empty.directory / "map.png").exists()
        done = simctl(empty.listen, "atlas", "--wait")
        assert done.returncode == EXIT_ERROR and b"there is no map" in done.stderr


def test_a_new_map_is_asked_for_and_waited_for(bench: Bench) -> None:
    done = simctl(bench.listen, "atlas", "--lay-out", "--wait", "--json")
    assert done.returncode == 0 and bench.atlas.layouts == 1 and json.loads(done.stdout)["state"] == "ready"
    bench.atlas.refusal = AtlasUnavailable("maps are turned off")
    done = simctl(bench.listen, "atlas", "--lay-out")
    assert done.returncode == EXIT_ERROR and b"maps are turned off" in done.stderr


def test_a_client_asks_for_a_part_of_the_map_and_for_no_more_than_is_new(bench: Bench) -> None:
    with simctl_library.Client(bench.listen) as client:
        tile = client.atlas_tile(1, 0, 0)
        assert [(cell.column, cell.row, cell.images) for cell in tile.cells] == [(0, 0, 1), (1, 1, 1)] and tile.data
        again = client.atlas_tile(1, 0, 0, etag=tile.etag)
        assert again.unchanged and not again.data and again.cells == tile.cells
        inside = client.atlas_places(polygon=[(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)], limit=1)
        assert [place.image_id for place in inside] == [min(image_id_of(RED), image_id_of(GREEN)).hex()]
        assert client.atlas().settled
