"""Waiting for what no `expect` and no `wait_for_function('() => ...')` of Playwright can ask: what is known here."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page

_WITHIN_S = 20.0


def until(page: Page, condition: Callable[[], bool], what: str, seconds: float = _WITHIN_S) -> None:
    """Wait until a condition holds, while the page goes on."""
    deadline = time.monotonic() + seconds
    while not condition():
        # A round trip to the browser, in which its events are heard.
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert time.monotonic() < deadline, f"waited in vain for {what}"
