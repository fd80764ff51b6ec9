"""What the page's requests ask for, taken from their query strings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request

from simd.v1 import search_service_pb2 as wire
from simd.web.answers import BadRequest

T = TypeVar("T", int, float)

_MOST = 2**31 - 1
_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


def number(request: Request, name: str, kind: Callable[[str], T], default: T) -> T:
    """A number: of things if it is whole, and then not negative.

    Raises:
        BadRequest: it is none, or no message has room for it.
    """
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    try:
        found = kind(text)
    except ValueError:
        raise BadRequest(f"{name}={text:.40} is not a number", field=name) from None
    least = 0 if kind is int else -_MOST
    if not least <= found <= _MOST:
        raise BadRequest(f"{name}={text:.40} is out of range: {least:,} to {_MOST:,}", field=name)
    return found


def flag(request: Request, name: str) -> bool:
    """Whether something is asked for: `1`."""
    return is_set(request.query_params, name)


def is_set(given: QueryParams, name: str) -> bool:
    """The same of a query string."""
    return given.get(name) in ("1", "true")


def image_id(text: str, name: str = "image_id") -> str:
    """An image's id.

    Raises:
        BadRequest: it is none.
    """
    if not _IMAGE_ID.fullmatch(text):
        raise BadRequest(f"{text:.40} is no image: 32 hex digits", field=name)
    return text


def region(request: Request) -> wire.Box | None:
    """A part of the picture, `region=x,y,width,height`; None where none is asked for.

    Raises:
        BadRequest: it is not four numbers.
    """
    text = request.query_params.get("region")
    if not text:
        return None
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise BadRequest(f"region={text:.40} is not x,y,width,height", field="region") from None
    return wire.Box(x=x, y=y, width=width, height=height)


async def document(request: Request) -> dict[str, Any]:
    """The JSON object that is a request's body.

    Raises:
        BadRequest: it is none.
    """
    try:
        said = json.loads(await request.body())
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadRequest("a JSON object is needed")
    return said
