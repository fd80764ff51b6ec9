"""What goes wrong in a page without anybody saying so: errors of scripts, failed requests, requests to other hosts."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError


class Faults:
    """The faults of a browser context, as they come."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def watch(self, context: BrowserContext, url: str) -> None:
        """Look at everything that happens in a context.

        Args:
            context: of a browser.
            url: of the page; requests to anything else are faults.
        """

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self._add(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

        def request(made: Request) -> None:
            if not made.url.startswith((f"{url}/", "blob:", "data:")):
                self._add(f"a request to elsewhere: {made.url}")

        def request_failed(made: Request) -> None:
            # What the page gives up, as when somebody leaves it.
            if made.failure != "net::ERR_ABORTED":
                self._add(f"request failed: {made.url}: {made.failure}")

        def response(got: Response) -> None:
            if got.status >= 400:
                self._add(f"answered {got.status}: {got.url}")

        def error(raised: WebError) -> None:
            self._add(f"exception: {raised.error.stack or raised.error.message}")

        context.on("console", console)
        context.on("request", request)
        context.on("requestfailed", request_failed)
        context.on("response", response)
        context.on("weberror", error)

    def expect(self, pattern: str) -> None:
        """Faults that match, before and after, are what the test is about; such as those of a daemon that is killed."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        """Those that the test is not about."""
        return [fault for fault in self.found if not any(pattern.search(fault) for pattern in self._expected)]

    def check(self) -> None:
        """Fails if there was one that the test is not about."""
        assert not self.unexpected, "\n".join(self.unexpected)

    def _add(self, fault: str) -> None:
        self.found.append(fault)
