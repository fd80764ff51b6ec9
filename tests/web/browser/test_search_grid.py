"""The answers as rows of pictures: by keys, on every window, a thousand of them, and one of them in the large view."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.browser.axe import complaints
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site
from tests.web.browser.test_search import FAILED, names, search_by, tiles

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

BOXES = "(tiles) => tiles.map((tile) => tile.getBoundingClientRect()).map(({x, y, width}) => [x, y, width])"
FOCUSED = "document.activeElement.closest('.grid-tile')?.dataset.index ?? null"


def many(page: Page, number: int) -> None:
    """Have searches answered by so many pictures: the real answers again and again."""

    def answer(route: Route) -> None:
        document = route.fetch().json()
        matches = document["matches"]
        document["matches"] = [matches[at * len(matches) // number] for at in range(number)]
        route.fulfill(body=json.dumps(document), content_type="application/json")

    page.route(re.compile("/api/search"), answer)


def focused(page: Page, place: str) -> None:
    """Wait until the picture of that number has the focus, which a dialog that closes gives back in two steps."""
    page.wait_for_function(f"(place) => ({FOCUSED}) === place", arg=place)


def test_pictures_of_other_hosts_say_where_they_are(page: Page, faults: Faults) -> None:
    def answer(route: Route) -> None:
        document = route.fetch().json()
        first, second, third, *_ = document["matches"]
        theirs = {"path": "/pictures/cat.png", "paths": ["/pictures/cat.png"], "host": "b"}
        document["matches"] = [
            {**first, "host": "own"},
            {**second, **theirs, "image_id": "ab" * 16},
            {**third, **theirs},
            {**third, "host": "own"},
        ]
        document |= {"host": "own", "fallback": "this is why"}
        route.fulfill(body=json.dumps(document), content_type="application/json")

    faults.expect(FAILED)
    page.route(re.compile("/api/search"), answer)
    search_by(page, "chelsea.jpg")
    expect(page.get_by_text("Only this host's own pictures were searched: this is why.")).to_be_visible()
    elsewhere, own = tiles(page).nth(0), tiles(page).nth(1)
    expect(elsewhere.locator(".host")).to_have_text("b")
    expect(elsewhere.locator(".missing")).to_have_text("is on b")
    expect(own.locator(".host")).to_have_count(0)
    elsewhere.get_by_role("button", name="Large view").click()
    expect(page.locator(".large .path")).to_have_text(["b:/pictures/cat.png"])
    page.keyboard.press("ArrowRight")
    expect(page.locator(".large .path")).to_have_text([re.compile("^/.*"), "b:/pictures/cat.png"])


def test_keys_lead_through_the_pictures(page: Page) -> None:
    many(page, 300)
    search_by(page, "chelsea.jpg")
    tiles(page).first.locator(".picture").focus()
    page.keyboard.press("ArrowRight")
    focused(page, "1")
    page.keyboard.press("ArrowDown")
    below = int(page.evaluate(FOCUSED))
    assert below > 1
    page.keyboard.press("ArrowUp")
    focused(page, "1")
    page.keyboard.press("End")
    last = int(page.evaluate(FOCUSED))
    assert last > 250
    expect(page.locator(f'.grid-tile[data-index="{last}"] .picture')).to_be_in_viewport()
    page.keyboard.press("PageUp")
    assert int(page.evaluate(FOCUSED)) < last
    page.keyboard.press("Home")
    focused(page, "0")
    # Tab leads on, not through three hundred pictures.
    assert page.locator('.grid-tile .picture[tabindex="0"]').count() == 1


def test_a_search_by_keys_and_back_to_the_same_place(page: Page) -> None:
    many(page, 300)
    search_by(page, "chelsea.jpg")
    address = page.url
    tiles(page).first.locator(".picture").focus()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    place, scrolled = page.evaluate(FOCUSED), page.evaluate("scrollY")
    assert scrolled > 500
    page.keyboard.press("s")
    expect(page).not_to_have_url(address)
    focused(page, "0")
    page.go_back()
    expect(page).to_have_url(address)
    page.wait_for_function("(there) => Math.abs(scrollY - there) < 5", arg=scrolled)
    focused(page, place)


def test_a_thousand_answers_are_scrolled_with_few_in_the_document(page: Page) -> None:
    many(page, 1000)
    search_by(page, "chelsea.jpg")
    most = page.evaluate(
        """async () => {
          let most = 0;
          for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            most = Math.max(most, document.querySelectorAll('.grid-tile').length);
          }
          return most;
        }"""
    )
    assert 10 < most < 150
    assert (
        int(
            page.evaluate(
                "Math.max(...[...document.querySelectorAll('.grid-tile')].map((tile) => +tile.dataset.index))"
            )
        )
        > 950
    )
    # Nothing jumps as pictures come: all room is there from the beginning.
    height = page.evaluate("document.documentElement.scrollHeight")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.grid-tile')].every((tile) => tile.querySelector('.there'))"
    )
    assert page.evaluate("document.documentElement.scrollHeight") == height


def test_thumbnails_that_are_scrolled_past_are_not_fetched(page: Page) -> None:
    many(page, 1000)
    held: list[Route] = []
    page.route(re.compile("/api/thumbnails/.*edge=256"), lambda route: held.append(route))
    search_by(page, "chelsea.jpg")
    with page.expect_event("requestfailed", lambda request: "/api/thumbnails/" in request.url):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    last = page.locator(".grid-tile img").last
    page.unroute_all(behavior="ignoreErrors")
    expect(last).to_be_attached()


def test_rows_fill_the_width_at_every_size(open_page: OpenPage, site: Site) -> None:
    for width in (320, 700, 1280, 3840):
        page = open_page(site, viewport={"width": width, "height": 800})
        search_by(page, "chelsea.jpg")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        grid = page.locator(".results .grid").bounding_box()
        assert grid is not None
        rows: dict[float, list[tuple[float, float]]] = {}
        for x, y, width in tiles(page).evaluate_all(BOXES):
            assert width >= 100
            rows.setdefault(y, []).append((x, x + width))
        filled = [max(end for _, end in row) for row in rows.values()]
        assert max(filled) == pytest.approx(grid["x"] + grid["width"], abs=1.5)
        for row in rows.values():
            assert all(second[0] > first[1] for first, second in zip(sorted(row), sorted(row)[1:], strict=False))


def test_the_large_view_shows_and_compares(page: Page) -> None:
    search_by(page, "chelsea.jpg")
    found = names(page)
    tiles(page).first.locator(".picture").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading", level=2)).to_have_text(found[0])
    expect(dialog).to_contain_text("Similarity")
    expect(dialog.get_by_role("link", name="Download")).to_have_attribute("href", re.compile("download=1"))
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", level=2)).to_have_text(found[1])
    with page.expect_response(re.compile("/api/compare")):
        page.keyboard.press("1")
    expect(dialog.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
    expect(dialog.locator(".compare-region polygon").first).to_have_attribute("points", re.compile(r"\d"))
    for key, name in (("2", "Overlay"), ("4", "Blink")):
        page.keyboard.press(key)
        expect(dialog.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("c")
    expect(dialog.locator(".zoom-room")).to_be_visible()
    picture = dialog.locator(".zoom-room img")
    before = picture.evaluate("(image) => image.style.transform")
    page.keyboard.press("z")
    expect(picture).not_to_have_css("transform", before)
    assert picture.evaluate("(image) => image.style.transform") != before
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    focused(page, "1")
    expect(page).not_to_have_url(re.compile("open="))


def test_the_large_view_is_in_the_address(page: Page) -> None:
    search_by(page, "chelsea.jpg")
    tile = tiles(page).nth(2)
    tile.hover()
    tile.get_by_role("button", name="Large view").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Search by this").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".query .name")).to_have_text("chelsea.jpg")


def test_a_path_is_copied(open_page: OpenPage, site: Site) -> None:
    page = open_page(site, permissions=["clipboard-read", "clipboard-write"])
    search_by(page, "bison.jpg")
    tiles(page).first.locator(".picture").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copy the path").first.click()
    expect(page.locator("#toasts")).to_contain_text("copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith(str(site.root))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_anybody(open_page: OpenPage, site: Site, scheme: str) -> None:
    page = open_page(site, color_scheme=scheme)
    page.goto("/")
    expect(page.locator(".start .grid-tile .there").first).to_be_visible()
    assert complaints(page) == []
    search_by(page, "chelsea.jpg")
    expect(page.locator(".marks button")).to_have_count(3)
    assert complaints(page) == []
    tiles(page).first.locator(".picture").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("PNG, ")
    assert complaints(page) == []
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Side by side")).to_be_visible()
    assert complaints(page) == []
