"""The map: how it is, tiles that are sent once, what they show, and what is within a line."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.web.fakeatlas import Atlas, image_id
from tests.web.fakedaemon import FakeDaemon

TILE = "/api/map/tiles/1/0/0"
ALL = [[0, 0], [1, 0], [1, 1], [0, 1]]
LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]


def refused(answer: httpx.Response) -> tuple[int, str]:
    """The status and the sentence of an answer that is an error."""
    return answer.status_code, answer.json()["error"]["message"]


def test_the_map_tells_how_it_is_and_what_its_colours_mean(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.atlas.pending = 7
    found = page.get("/api/map", params={"colour": "root"}).json()
    assert (found["state"], found["images"], found["pending"]) == ("ready", 20, 7)
    assert (found["side"], found["levels"], found["revision"]) == (16, 1, 1)
    assert [(one["name"], one["images"]) for one in found["colours"]] == [("/pictures", 10), ("/more/pictures", 10)]
    assert page.get("/api/map").json()["colours"] == []


def test_a_colour_that_there_is_not_is_told(page: httpx.Client) -> None:
    status, message = refused(page.get("/api/map?colour=size"))
    assert (status, "size" in message) == (400, True)


def test_a_tile_is_a_picture_that_is_sent_once(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = page.get(TILE)
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (256, 256)
    assert answer.headers["cache-control"] == "private, no-cache"
    etag = answer.headers["etag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'{etag}, "another"'):
        again = page.get(TILE, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert fake.atlas.drawn == 1


def test_a_tile_is_sent_again_when_it_is_another_one(page: httpx.Client, fake: FakeDaemon) -> None:
    etag = page.get(TILE).headers["etag"]
    fake.atlas.atlas = Atlas(60, 16)
    again = page.get(TILE, headers={"If-None-Match": etag})
    assert (again.status_code, bool(again.content)) == (200, True)
    framed = page.get(TILE, params={"colour": "label"}, headers={"If-None-Match": again.headers["etag"]})
    assert framed.status_code == 200


def test_a_tile_with_nothing_on_it_has_no_picture(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.atlas.atlas = Atlas(1, 32)
    corner = "/api/map/tiles/2/3/3"
    answer = page.get(corner)
    assert (answer.status_code, answer.content) == (204, b"")
    assert page.get(corner, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("place", ["2/0/0", "1/2/0", f"1/0/{2**31}", f"{2**80}/0/0"])
def test_a_tile_that_there_is_not_is_told(page: httpx.Client, place: str) -> None:
    assert page.get(f"/api/map/tiles/{place}").status_code == 400


@pytest.mark.parametrize("place", ["x/0/0", "1/-1/0", "1/0/0.5"])
def test_what_is_no_tile_is_not_there(page: httpx.Client, place: str) -> None:
    assert page.get(f"/api/map/tiles/{place}").status_code == 404


def test_what_a_tile_shows_is_told_without_drawing_it_again(page: httpx.Client, fake: FakeDaemon) -> None:
    etag = page.get("/api/map/tiles/0/0/0").headers["etag"].strip('"')
    found = page.get("/api/map/tiles/0/0/0/pictures", params={"etag": etag}).json()
    assert found["etag"] == etag
    assert sum(cell["images"] for cell in found["pictures"]) == 20
    assert {(cell["width"], cell["height"]) for cell in found["pictures"]} == {(40, 30), (30, 40)}
    assert image_id(0) in [cell["image_id"] for cell in found["pictures"]]
    assert fake.atlas.drawn == 1


def test_no_more_tiles_are_asked_for_at_once_than_the_daemon_takes(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.held.clear()
    with ThreadPoolExecutor(20) as browsers:
        answers = [browsers.submit(page.get, TILE) for _ in range(20)]
        fake.until(lambda: fake.waiting == 12, "as many as may be")
        fake.release()
        assert {answer.result().status_code for answer in answers} == {200}
    assert fake.most_waiting == 12


def test_who_leaves_ends_the_call_for_a_tile(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.held.clear()
    browser = HTTPConnection(page.base_url.host, page.base_url.port or 80)
    browser.request("GET", TILE)
    fake.until(lambda: fake.waiting == 1, "the call to come")
    browser.close()
    fake.until(lambda: fake.left == 1, "the call to end")


def test_a_picture_of_the_map_is_told(page: httpx.Client) -> None:
    found = page.get(f"/api/map/pictures/{image_id(4)}").json()
    assert (found["path"], found["labels"]) == ("/pictures/4/picture 4.jpg", ["even"])
    assert 0 < found["x"] < 1 and 0 < found["y"] < 1
    status, message = refused(page.get(f"/api/map/pictures/{'f' * 32}"))
    assert (status, message) == (404, "the picture is not on the map, or not yet")
    assert page.get("/api/map/pictures/nothing").status_code == 400


def test_what_is_within_a_line_is_counted_and_told(page: httpx.Client) -> None:
    found = page.post("/api/map/selection", json={"polygon": LEFT}).json()
    assert (found["total"], len(found["places"])) == (10, 10)
    assert all(place["x"] < 0.5 for place in found["places"])
    assert page.post("/api/map/selection", json={"polygon": ALL}).json()["total"] == 20


@pytest.mark.parametrize(
    "polygon", [None, [], LEFT[:2], "line", [[0], [1], [2]], [["a", 1]] * 3, [[None, 1]] * 3, [[0, 1.5]] * 3, 7]
)
def test_what_is_no_line_is_told(page: httpx.Client, fake: FakeDaemon, polygon: Any) -> None:
    for path, more in (("/api/map/selection", {}), ("/api/map/selection/file", {"as": "paths"})):
        answer = page.post(path, json={"polygon": polygon, **more})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "polygon")
    assert not fake.calls


def test_a_selection_is_told_up_to_a_limit_and_is_whole_as_a_file(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.atlas.atlas = Atlas(2500, 64)
    found = page.post("/api/map/selection", json={"polygon": ALL}).json()
    assert (found["total"], len(found["places"])) == (2500, 1000)
    answer = page.post("/api/map/selection/file", json={"polygon": ALL, "as": "paths"})
    assert answer.headers["content-disposition"] == 'attachment; filename="pictures.txt"'
    assert answer.text.splitlines()[3] == "/pictures/3/picture 3.jpg"
    assert answer.text.count("\n") == 2500
    ids = page.post("/api/map/selection/file", json={"polygon": ALL, "as": "ids"}).text.split()
    assert ids == [image_id(number) for number in range(2500)]
    rows = list(
        csv.DictReader(io.StringIO(page.post("/api/map/selection/file", json={"polygon": ALL, "as": "csv"}).text))
    )
    assert (len(rows), rows[4]["path"], rows[4]["labels"]) == (2500, "/pictures/4/picture 4.jpg", "even")


def test_a_file_is_of_a_kind_that_there_is(page: httpx.Client) -> None:
    answer = page.post("/api/map/selection/file", json={"polygon": ALL, "as": "exe"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "as")


def test_the_map_is_laid_out_anew_or_it_is_told_why_not(page: httpx.Client, fake: FakeDaemon) -> None:
    assert page.post("/api/map/layout").status_code == 200
    fake.atlas.state, fake.atlas.detail = "off", "maps are turned off; set `atlas` to on"
    assert refused(page.post("/api/map/layout")) == (409, "maps are turned off; set `atlas` to on")
    assert page.get("/api/map").json()["detail"] == "maps are turned off; set `atlas` to on"
    assert fake.atlas.laid_out == 1
