"""What a browser asks a review to have: the groups that a person accepted, one by one or in bulk."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest

_EXACT_BYTES = "base64:"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A group.

    Attributes:
        group_id: as it was told.
        options: under which it was seen.
        keep: the path that stays in place of another one with the same bytes; empty if that is as it was told.
        files: how many were to go.
    """

    group_id: str
    options: wire.DuplicateOptions
    keep: str
    files: int


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """A review.

    Attributes:
        groups: that were accepted one by one.
        exact: all groups of files with the same bytes, under each of these options.
        skipped: groups that these do not include.
    """

    groups: tuple[Accepted, ...]
    exact: tuple[wire.DuplicateOptions, ...]
    skipped: frozenset[str]


def options_of(given: QueryParams) -> wire.DuplicateOptions:
    """Which files are looked at, and which of them stay, from a query string."""
    return wire.DuplicateOptions(
        within=given.getlist("within"),
        tiers=given.getlist("tier"),
        keep=given.getlist("keep"),
        between=parameters.is_set(given, "between"),
        across_folders=parameters.is_set(given, "across_folders"),
        include_decided=parameters.is_set(given, "include_decided"),
    )


def review_request(document: Mapping[str, Any]) -> ReviewRequest:
    """What a request's body says.

    Args:
        document: `{"groups": [{group_id, options, keep, files}], "exact": [options], "skipped": [group_id]}`; `options`
            are query strings, `keep` is a path, or `base64:` and its bytes.

    Raises:
        BadRequest: it says something else, or nothing.
    """
    try:
        found = ReviewRequest(
            groups=tuple(
                Accepted(
                    parameters.image_id(one["group_id"], "group_id"),
                    options_of(QueryParams(one["options"])),
                    _path(one["keep"]),
                    int(one["files"]),
                )
                for one in document["groups"]
            ),
            exact=tuple(options_of(QueryParams(options)) for options in document["exact"]),
            skipped=frozenset(map(str, document["skipped"])),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        raise BadRequest("this is no list of accepted groups; load the page anew and try again") from None
    if not found.groups and not found.exact:
        raise BadRequest("no group was accepted, so there is nothing to download", field="groups")
    return found


def _path(text: str) -> str:
    if not text.startswith(_EXACT_BYTES):
        return text
    try:
        return os.fsdecode(base64.b64decode(text.removeprefix(_EXACT_BYTES), validate=True))
    except binascii.Error:
        raise BadRequest("the path to keep is no base64", field="keep") from None
