"""What the page tells of the collection: its files page by page, and one image."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.web.browser import collection
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """Asks the page as its scripts do."""
    with httpx.Client(base_url=site.url, trust_env=False) as made:
        yield made


def test_files_come_page_by_page(client: httpx.Client) -> None:
    first = client.get("/api/files?page_size=5").json()
    seen, token = first["files"], first["next_page_token"]
    while token:
        page = client.get("/api/files", params={"page_size": 5, "page_token": token}).json()
        seen, token = seen + page["files"], page["next_page_token"]
    paths = [file["path"] for file in seen]
    assert paths == sorted(set(paths))
    assert len(paths) == first["total"] == 33 + sum(map(len, collection.COPIES.values())) + len(collection.EXACT)


def test_files_of_a_folder(client: httpx.Client, site: Site) -> None:
    found = client.get("/api/files", params={"path_prefix": f"{site.root}/backup"}).json()
    assert [file["path"] for file in found["files"]] == [f"{site.root}/backup/{name}" for name in collection.EXACT]


def test_an_image_is_told_with_all_its_files(client: httpx.Client, site: Site) -> None:
    files = client.get("/api/files", params={"path_prefix": f"{site.root}/backup"}).json()["files"]
    facts = client.get(f"/api/images/{files[0]['image_id']}/facts").json()
    assert facts["paths"] == [f"{site.root}/{folder}/bison.jpg" for folder in ("backup", "photos")]
    assert (facts["format"], facts["size"]) == ("JPEG", files[0]["size"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/files?page_size=many", 400),
        ("/api/files?page_token=nonsense", 400),
        ("/api/images/..%2f/facts", 404),
        (f"/api/images/{'g' * 32}/facts", 400),
        (f"/api/images/{'0' * 32}/facts", 404),
    ],
)
def test_what_is_not_there_is_said(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
