"""The page's own files: documents, scripts and styles, as they are in the package."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
"""Not the machine's own table, which may say anything: browsers run no script that is not called one."""


class Assets(StaticFiles):
    """Files below `static`. A browser asks each time whether they changed: after an update it must not mix versions."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or that the browser has it."""
        kind = _TYPES.get(os.path.splitext(full_path)[1])
        if kind is None:
            raise HTTPException(404)
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = "no-cache"
        if not isinstance(answer, NotModifiedResponse):
            answer.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        return answer


def document(name: str) -> FileResponse:
    """One of the HTML documents."""
    return FileResponse(STATIC / name, media_type="text/html", headers={"Cache-Control": "no-cache"})
