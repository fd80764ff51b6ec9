"""The tests of the page see what goes wrong in it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.faults import Faults
from tests.web.browser.site import Site
from tests.web.browser.waiting import until

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]


def test_the_page_is_there(page: Page, site: Site) -> None:
    page.goto("/")
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("console.error('an error')", "console error: an error"),
        ("console.warn('a warning')", "console warning: a warning"),
        ("setTimeout(() => { throw new Error('thrown'); })", "exception: Error: thrown"),
        ("Promise.reject(new Error('rejected'))", "exception: Error: rejected"),
        ("fetch('/api/nothing').then(() => null)", "answered 404"),
        ("open('http://example.com/')", "a request to elsewhere: http://example.com/"),
    ],
)
def test_what_goes_wrong_in_a_page_fails_its_test(page: Page, faults: Faults, script: str, fault: str) -> None:
    page.goto("/")
    page.evaluate(f"() => {{ {script}; }}")
    until(page, lambda: any(fault in one for one in faults.found), fault)
    with pytest.raises(AssertionError, match=re.escape(fault)):
        faults.check()
    faults.expect("")
