"""What every request passes before anything is done for it: is it for this page, from this page, of somebody who may?

And what every answer is sent with: a browser runs no script and shows no content but the page's own, and nobody else's
page can show, embed or read it.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simd.web.answers import BadRequest, failed
from simd.web.login import Login
from simd.web.site import Site

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_OPEN = ("/static/", "/login", "/api/login")
"""What is shown before somebody has logged in."""


class Guard:
    """Args:
    app: is asked for what passes.
    site: where the page is.
    login: who has logged in; None where nobody must.
    """

    def __init__(self, app: ASGIApp, *, site: Site, login: Login | None) -> None:
        self._app = app
        self._site = site
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_call = scope["path"].startswith("/api/")

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if is_call:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            answer = self._instead(scope)
        except BadRequest as error:
            answer = failed(Request(scope), error)
        await (answer or self._app)(scope, receive, sent)

    def _instead(self, scope: Scope) -> Response | None:
        """The answer to a request that does not pass as it is; None if it passes.

        Raises:
            BadRequest: it does not pass at all.
        """
        headers = Headers(scope=scope)
        path = scope["path"]
        host = headers.get("host", "")
        if not self._site.knows(host):
            raise BadRequest(
                f"the page is not known as {host[:80]!r}, but as {self._site.url}; --host adds a name", status=421
            )
        if scope["method"] not in ("GET", "HEAD") or path.startswith("/api/"):
            self._check_source(headers, host)
        if self._login is None or path.startswith(_OPEN) or self._login.knows(Request(scope)):
            return None
        if path.startswith("/api/"):
            raise BadRequest("log in first", status=401)
        if headers.get("sec-fetch-site") == "cross-site":
            # A link on another site led here, with which browsers send no cookie. The page's own calls will have it.
            return None
        query = scope["query_string"].decode("latin-1")
        return RedirectResponse(f"/login?next={quote(path + ('?' + query if query else ''), safe='')}", 303)

    def _check_source(self, headers: Headers, host: str) -> None:
        """Every browser says of what it sends whose page has it sent; programs say nothing."""
        origin = headers.get("origin")
        fetched = headers.get("sec-fetch-site")
        is_ours = fetched in ("same-origin", "none") if fetched else origin != "null"
        if not is_ours or (origin not in (None, "null") and not self._site.is_origin(str(origin), host)):
            raise BadRequest(
                f"this was asked by another site's page, and only {self._site.url} may ask it; open that", status=403
            )
