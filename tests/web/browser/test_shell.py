"""What surrounds the views: the bar, addresses, keys, and what is said when something cannot be shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.axe import complaints
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

VIEWS = {"Search": "/", "Map": "/map", "Duplicates": "/duplicates", "Label next": "/next", "Status": "/status"}


def is_shown(page: Page, view: str) -> None:
    """Wait until a view is there."""
    expect(page).to_have_title(f"{view} · simd")
    link = page.get_by_role("navigation", name="Views").get_by_role("link", name=view)
    expect(link).to_have_attribute("aria-current", "page")
    expect(page.locator("#main")).not_to_be_empty()


def test_a_view_has_an_address_a_title_and_a_place_in_the_history(page: Page, site: Site) -> None:
    page.goto("/")
    for view, path in VIEWS.items():
        page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
        is_shown(page, view)
        expect(page).to_have_url(site.url + path)
    page.go_back()
    is_shown(page, "Label next")
    page.go_back()
    is_shown(page, "Duplicates")
    page.go_back()
    is_shown(page, "Map")
    page.go_forward()
    is_shown(page, "Duplicates")
    page.reload()
    is_shown(page, "Duplicates")


def test_views_are_reached_by_keys_alone_and_have_the_focus_then(page: Page) -> None:
    page.goto("/")
    is_shown(page, "Search")
    for key, view in (("d", "Duplicates"), ("m", "Map"), ("n", "Label next"), ("t", "Status"), ("s", "Search")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        is_shown(page, view)
        expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.keyboard.press("/")
    is_shown(page, "Search")


def test_the_first_key_of_tab_leads_past_the_bar(page: Page) -> None:
    page.goto("/status")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_focused()


def test_a_question_mark_shows_the_keys_and_escape_hides_them(page: Page) -> None:
    page.goto("/status")
    is_shown(page, "Status")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_).to_contain_text("go to the duplicates")
    page.keyboard.press("g")
    page.keyboard.press("d")
    is_shown(page, "Status")
    page.keyboard.press("Escape")
    expect(help_).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    help_.get_by_role("button", name="Close").click()
    expect(help_).to_have_count(0)


def test_where_one_was_is_where_one_is_again(open_page: OpenPage, site: Site) -> None:
    page = open_page(site, viewport={"width": 320, "height": 480})
    page.goto("/status")
    page.get_by_text("Running for").wait_for()
    # Not to the end: what the page tells may get shorter. The browser has not yet told of the scrolling when the link
    # is followed.
    page.evaluate("() => { scrollTo(0, 150); document.querySelector('a[href=\"/duplicates\"]').click(); }")
    is_shown(page, "Duplicates")
    page.wait_for_function("() => scrollY === 0")
    page.go_back()
    is_shown(page, "Status")
    page.wait_for_function("() => Math.abs(scrollY - 150) < 3")


def test_a_view_that_cannot_be_loaded_is_a_sentence_with_a_remedy(page: Page, faults: Faults) -> None:
    faults.expect("views/duplicates.js|Failed to load resource|Failed to fetch")
    page.route("**/views/duplicates.js", lambda route: route.abort())
    page.goto("/status")
    is_shown(page, "Status")
    page.get_by_role("link", name="Duplicates").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("This view cannot be shown")
    expect(page.get_by_role("button", name="Load the page again")).to_be_visible()
    page.get_by_role("link", name="Status", exact=True).click()
    is_shown(page, "Status")
    page.unroute("**/views/duplicates.js")
    page.get_by_role("link", name="Duplicates").click()
    expect(page.get_by_text("This view cannot be shown")).to_have_count(0)


def test_a_view_that_fails_is_a_sentence_with_a_remedy(page: Page, faults: Faults) -> None:
    faults.expect("broken view")
    broken = "export const mount = () => { throw new Error('broken view'); };"
    page.route("**/views/status.js", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
    page.goto("/status")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("Error: broken view")
    page.get_by_role("link", name="Duplicates").click()
    is_shown(page, "Duplicates")


@pytest.mark.parametrize("path", VIEWS.values())
@pytest.mark.parametrize("width", [320, 1280, 3840])
def test_nothing_is_wider_than_the_window(open_page: OpenPage, site: Site, path: str, width: int) -> None:
    page = open_page(site, viewport={"width": width, "height": 800})
    page.goto(path)
    expect(page.locator("#pulse")).to_contain_text("pictures")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", VIEWS.values())
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(open_page: OpenPage, site: Site, path: str, scheme: str) -> None:
    page = open_page(site, color_scheme=scheme, reduced_motion="reduce")
    page.goto(path)
    expect(page.locator("#pulse")).to_contain_text("pictures")
    assert complaints(page) == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert complaints(page) == []


def test_the_scheme_is_that_of_the_system(open_page: OpenPage, site: Site) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(site, color_scheme=scheme)
        page.goto("/status")
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_nothing_moves_while_the_page_loads(page: Page) -> None:
    page.add_init_script("""
        window.moved = 0;
        new PerformanceObserver((list) => { for (const one of list.getEntries()) window.moved += one.value; })
          .observe({type: 'layout-shift', buffered: true});
    """)
    page.goto("/status")
    expect(page.locator("#pulse")).to_contain_text("pictures")
    expect(page.get_by_text("Running for")).to_be_visible()
    assert page.evaluate("moved") < 0.02
