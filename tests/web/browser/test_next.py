"""What to label next, by keyboard: labelled, skipped, taken back, asked for anew, saved."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from simctl.client import Client

from tests.web.browser import collection
from tests.web.browser.axe import complaints
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site
from tests.web.browser.waiting import until

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

FEW = 6


@pytest.fixture(autouse=True)
def unlabelled(site: Site) -> Iterator[None]:
    """What a test labels is taken back at its end."""
    yield
    with Client(site.daemon.address) as client:
        client.clear_labels(everything=True)


@pytest.fixture
def page(open_page: OpenPage, site: Site) -> Page:
    opened = open_page(site, accept_downloads=True)
    opened.goto(f"/next?limit={FEW}")
    expect(cards(opened)).to_have_count(FEW)
    return opened


def cards(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def current(page: Page) -> Locator:
    return page.locator(".next-card.current")


def names(page: Page) -> list[str]:
    return page.locator(".next-name").all_inner_texts()


def told(page: Page) -> Locator:
    return page.locator(".next-done")


def label(page: Page, text: str) -> None:
    page.keyboard.press("l")
    expect(page.get_by_label("Label of the selected picture")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(told(page)).to_contain_text(f"labelled “{text}”")


def labelled(site: Site) -> dict[str, list[str]]:
    """What the daemon knows: the labels by the names of files."""
    with Client(site.daemon.address) as client:
        return {Path(one.path).name: list(one.labels) for one in client.export_labels()}


def comes_to(page: Page, site: Site, wanted: dict[str, list[str]]) -> None:
    until(page, lambda: labelled(site) == wanted, f"{wanted} to be kept")


def test_pictures_are_labelled_by_keys_alone(page: Page, site: Site) -> None:
    first, second, third, fourth, fifth, *_ = shown = names(page)
    expect(cards(page).first).to_contain_text("Nothing like it is labelled yet.")
    curve = page.get_by_role("img", name="Coverage curve")
    expect(curve).to_have_accessible_name(re.compile(r"None of \d+ pictures is labelled yet; they stand for"))
    label(page, "pet")
    expect(current(page)).to_contain_text(second)
    expect(current(page)).to_be_focused()
    page.keyboard.press("1")
    expect(current(page)).to_contain_text(third)
    label(page, "food")
    page.keyboard.press("s")
    expect(told(page)).to_have_text(f"{fourth} skipped.")
    comes_to(page, site, {first: ["pet"], second: ["pet"], third: ["food"]})
    # A label that is given again is another one in place of the first; all of it is taken back step by step.
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(current(page)).to_contain_text(first)
    page.keyboard.press("2")
    comes_to(page, site, {first: ["food"], second: ["pet"], third: ["food"]})
    page.keyboard.press("u")
    expect(told(page)).to_contain_text(f"Taken back: the label “food” of {first}")
    comes_to(page, site, {first: ["pet"], second: ["pet"], third: ["food"]})
    page.keyboard.press("u")
    expect(told(page)).to_contain_text(f"Taken back: skipping {fourth}")
    page.keyboard.press("u")
    comes_to(page, site, {first: ["pet"], second: ["pet"]})
    # Several at once.
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("2")
    expect(told(page)).to_have_text("2 pictures labelled “food”.")
    comes_to(page, site, {first: ["pet"], second: ["pet"], third: ["food"], fourth: ["food"]})
    page.keyboard.press("s")
    expect(told(page)).to_have_text(f"{fifth} skipped.")
    # What was labelled or skipped is not suggested again, not even after a reload.
    page.keyboard.press("n")
    expect(cards(page)).to_have_count(FEW)
    expect(cards(page).first).to_contain_text("Nearest label")
    assert not set(names(page)) & set(shown[:5])
    page.reload()
    expect(cards(page)).to_have_count(FEW)
    assert fifth not in names(page)
    expect(page.get_by_text("1 picture is skipped")).to_be_visible()
    expect(page.get_by_role("button", name="Label “pet”, key 2")).to_be_visible()


def test_pictures_are_labelled_in_the_large_view(page: Page, site: Site) -> None:
    first, second, third, *_ = names(page)
    label(page, "pet")
    page.keyboard.press(" ")
    large = page.get_by_role("dialog", name=second)
    expect(large).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("dialog", name=third)).to_contain_text(f"{second} labelled “pet”.")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    expect(current(page)).to_contain_text(third)
    expect(current(page)).to_be_focused()
    comes_to(page, site, {first: ["pet"], second: ["pet"]})


def test_what_is_to_be_labelled_is_saved(page: Page, site: Site) -> None:
    _, *others = names(page)
    page.keyboard.press("s")
    page.keyboard.press("x")
    with page.expect_download() as saved:
        page.get_by_role("dialog", name="Export").get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text())))
    assert [Path(row["path"]).name for row in rows] == others
    expect(told(page)).to_contain_text(f"Saved {FEW - 1} suggestions as label-next-")


def test_a_label_that_does_not_arrive_is_told_kept_and_sent(page: Page, site: Site, faults: Faults) -> None:
    faults.expect("/api/labels|Failed to load resource")
    first, second, *_ = names(page)
    page.route("**/api/labels", lambda route: route.abort())
    label(page, "pet")
    label(page, "food")
    expect(page.get_by_text("2 changes wait to be kept")).to_be_visible()
    page.unroute("**/api/labels")
    page.get_by_role("button", name="Try again").click()
    comes_to(page, site, {first: ["pet"], second: ["food"]})
    expect(page.get_by_text("wait to be kept")).to_have_count(0)


def test_what_the_daemon_refuses_is_told(page: Page, faults: Faults) -> None:
    faults.expect("/api/labels|Failed to load resource")
    first, *_ = names(page)
    page.keyboard.press("l")
    page.keyboard.insert_text("a\x07b")
    page.keyboard.press("Enter")
    expect(told(page)).to_contain_text(f"{first} was not labelled")
    expect(cards(page).first).to_have_attribute("data-state", "")


def test_suggestions_that_are_made_for_somebody_else_are_waited_for(
    open_page: OpenPage, site: Site, faults: Faults
) -> None:
    faults.expect("/api/suggestions|Failed to load resource")
    page = open_page(site)
    refused: list[object] = []

    def once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.post_data_json)
        error = {"code": "RESOURCE_EXHAUSTED", "message": "suggestions are being made for somebody else"}
        route.fulfill(status=429, json={"error": error})

    page.route("**/api/suggestions", once)
    page.goto("/next?limit=3&strategy=diverse")
    expect(page.get_by_text("It is tried again in 1 s.")).to_be_visible()
    expect(cards(page)).to_have_count(3)
    assert refused == [{"strategy": "diverse", "limit": 3, "under": "", "skip": []}]


def test_a_strategy_that_needs_labels_says_so_and_offers_another_one(
    open_page: OpenPage, site: Site, faults: Faults
) -> None:
    faults.expect("/api/suggestions|Failed to load resource")
    page = open_page(site)
    page.goto("/next")
    page.get_by_label("Strategy").select_option("uncertain")
    expect(page).to_have_url(re.compile(r"/next\?strategy=uncertain$"))
    page.get_by_role("button", name="Use coverage until then").click()
    expect(page).to_have_url(re.compile(r"/next$"))
    expect(cards(page)).not_to_have_count(0)


def test_where_nothing_is_left_to_label_the_page_says_so(open_page: OpenPage, site: Site) -> None:
    page = open_page(site)
    page.goto(f"/next?under={site.root}/backup")
    expect(cards(page)).to_have_count(len(collection.EXACT))
    page.keyboard.press("s")
    page.keyboard.press("Shift+End")
    label(page, "thing")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Nothing is left to label here")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#toasts")).to_contain_text("Taken back: the label “thing” of 2 pictures.")
    page.keyboard.press("n")
    expect(cards(page)).to_have_count(2)
    page.get_by_role("button", name="Suggest them again").click()
    expect(cards(page)).to_have_count(3)
    page.get_by_label("Folder").fill(f"{site.root}/elsewhere")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"no pictures below {site.root}/elsewhere")).to_be_visible()
    page.get_by_role("button", name="Look in all folders").click()
    expect(cards(page)).not_to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_any_screen(open_page: OpenPage, site: Site, scheme: str) -> None:
    page = open_page(site, viewport={"width": 320, "height": 640}, color_scheme=scheme)
    page.goto(f"/next?limit={FEW}")
    expect(cards(page)).to_have_count(FEW)
    label(page, "a label that is so long that there is no room for all of it")
    page.keyboard.press("s")
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert complaints(page) == []
    page.keyboard.press("x")
    expect(page.get_by_role("dialog", name="Export")).to_be_visible()
    assert complaints(page) == []
