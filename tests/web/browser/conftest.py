"""A browser, and the page to look at with it.

A test takes `page`, which is of the shared `site`, and gives it paths: `page.goto("/status")`. A test that changes the
index or ends a process takes `own_site` and `open_page(own_site)`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.browser import collection
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

OpenPage = Callable[..., Page]

_FAILED = pytest.StashKey[bool]()
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = ("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
"""The browser itself looks for nothing on the network, and finds nothing."""
_WITHIN_MS = 20_000
"""How long a test waits for what it expects, on a machine that is busy with other tests."""
expect.set_options(timeout=_WITHIN_MS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep whether the test failed for the fixtures that end after it."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. One that is named in SIMD_BROWSER must be there."""
    if named := os.environ.get("SIMD_BROWSER"):
        assert shutil.which(named), f"SIMD_BROWSER={named} is no program"
        return named
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        pytest.skip("NOT TESTED: there is no browser; scripts/browser installs one")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser for the tests of a file: Playwright's event loop would be in the way of other files'."""
    switches = [*_SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=switches)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The page over `collection.write`, all indexed; tests leave it as it is."""
    made = Site()
    try:
        made.daemon.settings["SIMD_ATLAS"] = "auto"
        collection.write(made.root)
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def own_site() -> Iterator[Site]:
    """One that is not started yet, over an empty folder, for a test that does with it what it wants."""
    made = Site()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def faults() -> Faults:
    """What goes wrong in the pages of the test; anything that it does not expect fails it."""
    return Faults()


@pytest.fixture
def open_page(browser: Browser, faults: Faults, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens pages: `open_page(site, viewport=..., color_scheme=...)`, with the options of `Browser.new_context`."""
    pages: list[Page] = []

    def open_page(of: Site, **options: Any) -> Page:
        context = browser.new_context(base_url=of.url, **{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(_WITHIN_MS)
        faults.watch(context, of.url)
        pages.append(context.new_page())
        return pages[-1]

    yield open_page
    try:
        if request.node.stash.get(_FAILED, False) or faults.unexpected:
            for number, page in enumerate(pages):
                page.screenshot(path=tmp_path / f"page-{number}.png")
            request.node.add_report_section("teardown", "screenshots", str(tmp_path))
        faults.check()
    finally:
        for page in pages:
            page.context.close()


@pytest.fixture
def page(open_page: OpenPage, site: Site) -> Page:
    """A page of the shared site, 1280 by 800 pixels, at no address yet."""
    return open_page(site)
