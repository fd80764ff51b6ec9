"""What somebody is told whose index has no pictures yet."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import collection
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]


def test_from_no_daemon_to_the_first_pictures(own_site: Site, open_page: OpenPage, faults: Faults) -> None:
    simctl = own_site.daemon.simctl
    own_site.daemon.roots = []
    own_site.start_web()
    page = open_page(own_site)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/status")
    expect(page.locator("#banner")).to_contain_text("start it with simd serve")

    own_site.start_daemon()
    expect(page.locator("#banner")).to_be_empty(timeout=30_000)
    expect(page.get_by_role("heading", name="No folder is watched yet")).to_be_visible()
    page.get_by_role("button", name="Copy: simctl add ~/Pictures").click()
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "simctl add ~/Pictures"

    assert simctl("add", str(own_site.root)).returncode == 0
    expect(page.get_by_role("heading", name="There are no pictures in the watched folder")).to_be_visible()
    expect(page.locator(".first-steps")).to_contain_text(str(own_site.root))

    own_site.root.rename(own_site.daemon.work / "away")
    expect(page.get_by_role("heading", name="The watched folder cannot be read now")).to_be_visible(timeout=30_000)
    expect(page.locator(".first-steps")).to_contain_text(str(own_site.root))
    (own_site.daemon.work / "away").rename(own_site.root)
    expect(page.get_by_role("heading", name="There are no pictures")).to_be_visible(timeout=60_000)

    (own_site.root / "notes.jpg").write_text("a text")
    expect(page.get_by_role("heading", name="No picture could be indexed")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="See why, and what helps").click()
    expect(page.get_by_text("No pictures", exact=True)).to_be_visible()

    assert simctl("pause").returncode == 0
    collection.scatter(own_site.root / "photos", 30)
    expect(page.get_by_role("heading", name="The first pictures are on their way")).to_be_visible(timeout=30_000)
    expect(page.locator(".first-steps")).to_contain_text("Indexing is paused; 30 files to go.")
    assert simctl("resume").returncode == 0
    expect(page.get_by_text("Indexing is complete")).to_be_visible(timeout=60_000)
    expect(page.locator(".first-steps")).to_have_count(0)
