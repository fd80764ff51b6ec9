"""Thumbnails and originals: by id, as what they are, in parts, and no longer than somebody waits for them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import pytest
from starlette.datastructures import Headers

from simd.web.ranges import disposition, part
from tests.web.fakedaemon import PICTURE, FakeDaemon

IMAGE = f"/api/images/{PICTURE}"
DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def file(fake: FakeDaemon) -> None:
    fake.data = DATA


def test_a_thumbnail_is_kept_and_known_by_its_tag(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = page.get(f"/api/thumbnails/{PICTURE}", params={"edge": 512})
    assert (answer.content, answer.headers["content-type"]) == (b"small", "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    again = page.get(f"/api/thumbnails/{PICTURE}?edge=512", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    (call,) = fake.calls
    assert (call.image_id, call.edge) == (PICTURE, 512)


def test_a_thumbnail_that_several_look_at_is_asked_for_once(page: httpx.Client, fake: FakeDaemon) -> None:
    for _ in range(3):
        assert page.get(f"/api/thumbnails/{PICTURE}").content == b"small"
    assert page.get(f"/api/thumbnails/{PICTURE}?edge=512").content == b"small"
    assert len(fake.calls) == 2


@pytest.mark.parametrize("path", ["/api/thumbnails/..%2fetc", "/api/thumbnails/xyz", "/api/images/" + "A" * 32])
def test_a_picture_is_named_by_an_id_alone(page: httpx.Client, fake: FakeDaemon, path: str) -> None:
    assert page.get(path).status_code in (400, 404)
    assert not fake.calls


def test_few_sizes_are_made(page: httpx.Client) -> None:
    answer = page.get(f"/api/thumbnails/{PICTURE}?edge=257")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "edge")


def test_an_original_comes_whole(page: httpx.Client) -> None:
    answer = page.get(IMAGE)
    assert answer.content == DATA
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "inline; filename=\"cat.jpg\"; filename*=UTF-8''cat.jpg"
    assert page.get(IMAGE, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_head_tells_of_it_and_sends_none(page: httpx.Client) -> None:
    answer = page.head(IMAGE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("0-0", 0, 0), ("5-2500", 5, 2500), ("9000-", 9000, 10239), ("-10", 10230, 10239), ("-99999", 0, 10239),
     ("10000-99999", 10000, 10239)],
)  # fmt: skip
def test_a_part_of_it_comes_alone(page: httpx.Client, wanted: str, first: int, last: int) -> None:
    answer = page.get(IMAGE, headers={"Range": f"bytes={wanted}"})
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", ["10240-", "99999-100000", "-0"])
def test_a_part_that_is_not_there_is_refused_with_the_size(page: httpx.Client, wanted: str) -> None:
    answer = page.get(IMAGE, headers={"Range": f"bytes={wanted}"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=0-1"])
def test_what_is_not_one_part_is_the_whole(page: httpx.Client, wanted: str) -> None:
    answer = page.get(IMAGE, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_a_part_of_another_file_is_the_whole() -> None:
    assert part(Headers({"Range": "bytes=0-1", "If-Range": '"a"'}), '"a"') is not None
    assert part(Headers({"Range": "bytes=0-1", "If-Range": '"b"'}), '"a"') is None


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "application/pdf", "image/tiff", ""])
def test_what_a_browser_might_run_is_saved(page: httpx.Client, fake: FakeDaemon, kind: str) -> None:
    fake.content_type = kind
    headers = page.get(IMAGE).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment;")
    assert "content-encoding" not in headers


def test_a_picture_is_saved_on_request(page: httpx.Client) -> None:
    headers = page.get(IMAGE, params={"download": "1"}).headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("cat.jpg", "cat.jpg", "cat.jpg"),
        ("Kätzchen 1.jpg", "K_tzchen 1.jpg", "K%C3%A4tzchen%201.jpg"),
        ('a"; filename=evil.html\r\nX: y', "a_; filename=evil.html__X_ y", "a_%3B%20filename%3Devil.html__X_%20y"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("photo\u202egpj.exe", "photo_gpj.exe", "photo_gpj.exe"),
        ("...", "picture", "picture"),
        ("", "picture", "picture"),
    ],
)
def test_whatever_name_a_file_has_it_names_a_file(name: str, plain: str, encoded: str) -> None:
    assert disposition(name, saved=True) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def test_an_image_that_is_not_indexed_is_told(page: httpx.Client) -> None:
    answer = page.get(f"/api/images/{'11' * 16}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", f"/api/thumbnails/{PICTURE}", None), ("POST", "/api/search", b"picture")]
)
def test_who_leaves_ends_the_call_that_was_made_for_it(
    page: httpx.Client, fake: FakeDaemon, method: str, path: str, body: bytes | None
) -> None:
    fake.held.clear()
    browser = HTTPConnection(page.base_url.host, page.base_url.port or 80)
    browser.request(method, path, body)
    fake.until(lambda: fake.waiting == 1, "the call to come")
    browser.close()
    fake.until(lambda: fake.left == 1, "the call to end")


def test_who_leaves_an_original_ends_its_stream(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.data = bytes(64 << 20)
    with page.stream("GET", IMAGE) as answer:
        next(answer.iter_bytes(1000))
        fake.until(lambda: fake.originals == 1, "the stream to begin")
    fake.until(lambda: fake.originals == 0, "the stream to end")


def test_a_file_that_changes_while_it_is_sent_is_no_whole_answer(
    page: httpx.Client, fake: FakeDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    fake.changes = True
    with pytest.raises(httpx.RemoteProtocolError):
        page.get(IMAGE)
    assert f"an answer to {IMAGE} was broken off: the file was written to meanwhile" in caplog.text
    assert "incident" not in caplog.text


def test_no_more_thumbnails_are_asked_for_at_once_than_the_daemon_takes(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.held.clear()
    with ThreadPoolExecutor(40) as browsers:
        answers = [browsers.submit(page.get, f"/api/thumbnails/{PICTURE}") for _ in range(40)]
        fake.until(lambda: fake.waiting == 24, "as many as may be")
        fake.release()
        assert {answer.result().status_code for answer in answers} == {200}
    assert fake.most_waiting == 24
    assert threading.active_count() < 200
