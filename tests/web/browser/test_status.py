"""The view of status: how the daemon is, as it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import collection
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]

SETTLED = "Indexing is complete"
BROKEN = 150


@pytest.fixture(scope="module")
def changing() -> Iterator[Site]:
    """A site that tests may change: each leaves it running and settled, with more pictures than before."""
    made = Site()
    try:
        collection.scatter(made.root / "photos", 20)
        for place in range(BROKEN):
            (made.root / f"broken-{place:03}.jpg").write_bytes(b"none")
        yield made.start()
    finally:
        made.close()


def number(page: Page, meaning: str) -> int:
    """One of the large numbers."""
    text = page.locator(".numbers div", has_text=meaning).locator("dd").inner_text()
    return int(text.replace(",", ""))


def test_what_is_watched_indexed_and_running_is_told(page: Page, site: Site) -> None:
    page.goto("/status")
    expect(page.get_by_text(SETTLED)).to_be_visible()
    status = site.daemon.status()
    assert number(page, "pictures can be searched") == status["images"]
    assert number(page, "picture files") == status["files"]
    assert number(page, "files to go") == 0
    assert number(page, "files are not indexed") == status["failed"] == len(collection.BROKEN)
    folder = page.get_by_role("row", name=str(site.root))
    expect(folder).to_contain_text("Changes are seen at once")
    expect(folder).to_contain_text(re.compile(r"\d+ (s|min) ago"))
    facts = page.get_by_role("region", name="The daemon")
    expect(facts).to_contain_text(status["model"]["name"])
    expect(facts).to_contain_text("the CPU")
    expect(facts).to_contain_text(f"simd {status['version']}")


def test_a_replica_is_told_of_with_what_is_wrong_with_it(page: Page, site: Site) -> None:
    facts = page.get_by_role("region", name="The daemon")
    page.goto("/status")
    expect(facts).to_contain_text("Version")
    expect(facts.get_by_text("Replica")).to_be_hidden()
    replica = {
        "address": "engine:19530/photos", "host": "here", "state": "down", "detail": "engine:19530 does not answer",
        "outbox": 3, "outbox_age_s": 90.0, "images": 1200, "images_of_all": 5000, "searched": True,
    }  # fmt: skip
    told = json.dumps({**site.daemon.status(), "replica": replica})
    answer = f"event: status\ndata: {told}\n\n"
    page.route("**/api/events", lambda route: route.fulfill(body=answer, content_type="text/event-stream"))
    page.reload()
    expect(facts.locator("dd.bad")).to_have_text(
        "cannot be reached: engine:19530 does not answer; here in engine:19530/photos, 1,200 of 5,000 pictures, 3 to go"
    )


def test_files_that_are_not_indexed_are_listed_by_reason_with_a_remedy(page: Page, site: Site) -> None:
    page.goto("/status")
    for title, file, remedy in (
        ("Empty files", "empty.jpg", "Copy them again"),
        ("No pictures", "notes.jpg", ".simdignore"),
        ("Incomplete pictures", "half.jpg", "Copy them again"),
        ("Formats that are not read", "document.jpg", "simctl scan --retry"),
    ):
        group = page.get_by_role("group").filter(has_text=title)
        group.locator("summary").click()
        expect(group.get_by_text(str(site.root / "broken" / file), exact=True)).to_be_visible()
        expect(group.locator(".remedy")).to_contain_text(remedy)


def test_a_long_list_is_complete(changing: Site, open_page: OpenPage) -> None:
    page = open_page(changing)
    page.goto("/status")
    group = page.get_by_role("group").filter(has_text="No pictures")
    expect(group.locator("summary")).to_contain_text(f"{BROKEN} files")
    group.locator("summary").click()
    expect(group.get_by_text(f"broken-{BROKEN - 1}.jpg")).to_be_visible()
    expect(group.locator("li")).to_have_count(BROKEN)
    expect(group.get_by_role("button", name="Show more")).to_be_hidden()


def test_indexing_is_paused_and_resumed(changing: Site, open_page: OpenPage) -> None:
    page = open_page(changing)
    page.goto("/status")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("Indexing is paused", exact=True)).to_be_visible()
    collection.scatter(changing.root / "paused", 20, edge=100)
    expect(page.locator("#pulse")).to_contain_text("20 to go, paused", timeout=30_000)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text(SETTLED)).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Pause for an hour").press("Enter")
    expect(page.get_by_text("Indexing is paused until")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_focused()


def test_five_hundred_new_pictures_are_followed_live(changing: Site, open_page: OpenPage) -> None:
    page = open_page(changing)
    page.goto("/status")
    expect(page.get_by_text(SETTLED)).to_be_visible()
    before = number(page, "picture files")
    page.evaluate("""() => {
        const bar = document.querySelector('.status-view progress');
        window.seen = [];
        new MutationObserver(() => seen.push(bar.value / bar.max)).observe(bar, {attributes: true});
    }""")
    collection.scatter(changing.root / "more", 500)
    expect(page.get_by_text("Indexing", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"[\d,]+ of (at least )?[\d,]+ files looked at"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"[\d.]+ pictures a second"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"(about|at least) \d+ (s|min) left"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text(SETTLED)).to_be_visible(timeout=120_000)
    assert number(page, "picture files") == before + 500
    assert len({round(share, 3) for share in page.evaluate("seen")}) >= 5


def test_a_daemon_that_goes_and_comes_back_is_told_and_the_page_goes_on(
    changing: Site, open_page: OpenPage, faults: Faults
) -> None:
    faults.expect("503")
    page = open_page(changing)
    page.goto("/status")
    expect(page.get_by_text(SETTLED)).to_be_visible()
    before = number(page, "pictures can be searched")
    changing.stop_daemon()
    banner = page.locator("#banner")
    expect(banner).to_contain_text("It is tried again by itself.")
    expect(banner).to_contain_text(changing.daemon.address)
    expect(page.locator("#pulse")).to_have_text("no daemon")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("no daemon")
    changing.start_daemon()
    expect(banner).to_be_empty(timeout=30_000)
    collection.scatter(changing.root / "again", 10, edge=120)
    expect(page.locator("#pulse")).to_have_text(f"{before + 10} pictures", timeout=60_000)


def test_a_page_that_goes_and_comes_back_is_told_and_goes_on(
    changing: Site, open_page: OpenPage, faults: Faults
) -> None:
    faults.expect("/api/events")
    page = open_page(changing)
    page.goto("/status")
    expect(page.get_by_text(SETTLED)).to_be_visible()
    changing.stop_web()
    expect(page.locator("#banner")).to_contain_text("is simd web running?")
    changing.start_web()
    expect(page.locator("#banner")).to_be_empty(timeout=30_000)
