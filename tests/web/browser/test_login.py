"""Logging in, where other machines reach the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.browser.axe import complaints
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]

TOKEN, OTHER = "a" * 40, "b" * 40


def test_who_has_a_token_sees_what_was_wanted_until_it_is_taken_back(
    own_site: Site, open_page: OpenPage, faults: Faults, tmp_path: Path
) -> None:
    faults.expect("401|/api/events|/api/login")
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"{TOKEN}\n")
    own_site.start_web("--login-token-file", str(tokens))
    own_site.start_daemon()
    page = open_page(own_site)
    page.goto("/status")
    expect(page).to_have_url(f"{own_site.url}/login?next=%2Fstatus")
    expect(page.get_by_label("Token")).to_be_focused()
    assert complaints(page) == []

    page.keyboard.type(OTHER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_label("Token")).to_be_focused()
    assert complaints(page) == []
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{own_site.url}/status")
    expect(page.get_by_role("heading", name="There are no pictures")).to_be_visible()
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] in ("Lax", "Strict")
    assert page.evaluate("document.cookie + localStorage.length + sessionStorage.getItem('token')") == "0null"

    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{own_site.url}/login")
    page.goto("/status")
    expect(page).to_have_url(f"{own_site.url}/login?next=%2Fstatus")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="There are no pictures")).to_be_visible()

    own_site.stop_web()
    tokens.write_text(f"{OTHER}\n")
    own_site.start_web("--login-token-file", str(tokens))
    expect(page).to_have_url(f"{own_site.url}/login?next=%2Fstatus")
    page.get_by_label("Token").fill(OTHER)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{own_site.url}/status")
    expect(page.get_by_role("heading", name="There are no pictures")).to_be_visible()


def test_the_login_fits_a_narrow_window_in_the_dark(own_site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"{TOKEN}\n")
    own_site.start_web("--login-token-file", str(tokens))
    page = open_page(own_site, viewport={"width": 320, "height": 480}, color_scheme="dark")
    page.goto("/")
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert complaints(page) == []
