"""Labels on the page: counted, said of pictures, taken back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.fakedaemon import PICTURE, FakeDaemon

OTHER = "ab" * 16


def post(page: httpx.Client, path: str, document: Any, **headers: str) -> httpx.Response:
    return page.post(path, json=document, headers={"Origin": str(page.base_url).rstrip("/"), **headers})


def test_every_label_is_told_with_its_number_of_images(page: httpx.Client) -> None:
    assert page.get("/api/labels").json() == {"labels": [{"label": "猫", "images": 2}], "images": 2}


def test_images_are_labelled_by_what_they_are(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = post(page, "/api/labels", {"image_ids": [PICTURE, OTHER], "labels": ["猫", "pet"]})
    assert answer.json() == {"added": 4, "removed": 7}
    [call] = fake.calls
    assert [(row.image_id, row.path, list(row.labels)) for row in call.rows] == [
        (PICTURE, "", ["猫", "pet"]),
        (OTHER, "", ["猫", "pet"]),
    ]
    assert not call.replace
    post(page, "/api/labels", {"image_ids": [PICTURE], "labels": ["dog"], "replace": True})
    assert fake.calls[-1].replace


def test_labels_are_taken_back_from_these_images_alone(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = post(page, "/api/labels/undo", {"image_ids": [PICTURE], "labels": ["猫"]})
    assert answer.json() == {"removed": 1}
    [call] = fake.calls
    assert (list(call.image_ids), list(call.labels), call.all) == ([PICTURE], ["猫"], False)


@pytest.mark.parametrize("path", ["/api/labels", "/api/labels/undo"])
@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        ({"labels": ["a"]}, "image_ids", "a list"),
        ({"image_ids": [], "labels": ["a"]}, "image_ids", "send 1 to 1,000"),
        ({"image_ids": [PICTURE] * 1001, "labels": ["a"]}, "image_ids", "1,001 entries"),
        ({"image_ids": ["cat.jpg"], "labels": ["a"]}, "image_ids", "cat.jpg is no image"),
        ({"image_ids": [PICTURE]}, "labels", "a list"),
        ({"image_ids": [PICTURE], "labels": []}, "labels", "send 1 to 100"),
        ({"image_ids": [PICTURE], "labels": [1]}, "labels", "a list of texts"),
    ],
)
def test_what_names_nothing_is_refused(
    page: httpx.Client, fake: FakeDaemon, path: str, document: Any, field: str, says: str
) -> None:
    answer = post(page, path, document)
    error = answer.json()["error"]
    assert (answer.status_code, error["field"]) == (400, field) and says in error["message"]
    assert fake.calls == []


@pytest.mark.parametrize("path", ["/api/labels", "/api/labels/undo"])
def test_another_sites_page_labels_nothing(page: httpx.Client, fake: FakeDaemon, path: str) -> None:
    said = {"image_ids": [PICTURE], "labels": ["a"]}
    answer = post(page, path, said, Origin="http://elsewhere.example")
    assert answer.status_code == 403 and fake.calls == []
