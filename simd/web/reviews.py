"""What a person chose on the page, as a file that `simctl apply` takes. Nothing is changed by it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from simctl.cleanup.review import VERSION
from simctl.duplicates import grouped, shown
from simctl.duplicates.grouped import DuplicateGroup, GroupMember
from simctl.errors import SimctlError
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.daemon import Daemon
from simd.web.reviewrequest import Accepted, ReviewRequest, review_request

_MOST = 1000
_GROUPS = 50
_ATTEMPTS = 5
"""So often a group is read that changes while it is read."""

_GONE = "it is no group any more: its files were cleaned up, changed or decided on"
_CHANGED = "its files are not those that were accepted any more; look at it again"
_SHARED = "it has a picture that is in another accepted group; accept it again once that one is applied"
_KEEPER_GONE = "the file that was chosen to stay is no copy with the same bytes any more; look at it again"
_REFERENCE = "it is in a reference folder"


class Reviews:
    """Args:
    daemon: has the groups.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/api/review", self.review, methods=["POST"])]

    async def review(self, request: Request) -> StreamingResponse:
        """The file, group by group as the daemon tells them: a line each, and last what is left out."""
        lines = self._lines(review_request(await parameters.document(request)))
        # Where no daemon answers this is an error, and no file that ends early.
        first = await anext(lines)

        async def all_lines() -> AsyncIterator[str]:
            yield first
            async for line in lines:
                yield line

        headers = {"Content-Disposition": 'attachment; filename="review.json"', "Cache-Control": "no-store"}
        return StreamingResponse(all_lines(), media_type="application/json", headers=headers)

    async def _lines(self, asked: ReviewRequest) -> AsyncIterator[str]:
        created = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        start = f'{{"simd_review": {VERSION}, "created": "{created}",\n"groups": [\n'
        left_out: list[dict[str, str]] = []
        async for group_id, found in self._groups(asked):
            if isinstance(found, str):
                left_out.append({"group_id": group_id, "why": found})
            else:
                yield start + json.dumps(shown.document(found))
                start = ",\n"
        end = "\n],\n" if start == ",\n" else f"{start}],\n"
        yield f'{end}"left_out": {json.dumps(left_out)}}}\n'

    async def _groups(self, asked: ReviewRequest) -> AsyncIterator[tuple[str, DuplicateGroup | str]]:
        """Each group, or why it is left out. No picture is in two of them."""
        seen: set[bytes] = set()
        for one in asked.groups:
            group = await self._whole(one.group_id, one.options)
            found = _GONE if group is None else _as_accepted(group, one)
            if isinstance(found, DuplicateGroup):
                images = _images(found)
                found = found if seen.isdisjoint(images) else _SHARED
                seen |= images
            yield one.group_id, found
        for options in asked.exact:
            async for group in self._exact(options):
                image = bytes.fromhex(group.group_id)
                if group.goes_count and image not in seen and group.group_id not in asked.skipped:
                    seen.add(image)
                    yield group.group_id, group

    async def _exact(self, options: wire.DuplicateOptions) -> AsyncIterator[DuplicateGroup]:
        call = wire.ListDuplicateGroupsRequest(options=options, page_size=_GROUPS, member_limit=_MOST)
        call.options.tiers[:] = ["exact"]
        while True:
            page = await self._daemon.call(self._daemon.insight.ListDuplicateGroups, call)
            for message in page.groups:
                group: DuplicateGroup | None = grouped.group(message)
                if group and group.member_count > len(group.members):
                    group = await self._whole(group.group_id, call.options)
                if group:
                    yield group
            if not page.next_page_token:
                return
            call.page_token = page.next_page_token

    async def _whole(self, group_id: str, options: wire.DuplicateOptions) -> DuplicateGroup | None:
        """A group with all of its members; None if there is none any more."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                return await self._read(group_id, options)
            except SimctlError as error:
                if error.code == "NOT_FOUND":
                    return None
                if error.field != "page_token" or not left:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _read(self, group_id: str, options: wire.DuplicateOptions) -> DuplicateGroup:
        call = wire.GetGroupRequest(image_id=group_id, page_size=_MOST)
        call.options.CopyFrom(options)
        members: list[GroupMember] = []
        while True:
            page = await self._daemon.call(self._daemon.insight.GetGroup, call)
            group = grouped.group(page.group)
            members += group.members
            if not page.next_page_token:
                return replace(group, members=tuple(members))
            call.page_token = page.next_page_token


def _as_accepted(group: DuplicateGroup, one: Accepted) -> DuplicateGroup | str:
    """The group with the file that was chosen to stay, or why it is left out."""
    if group.group_id != one.group_id or group.goes_count != one.files:
        return _CHANGED
    return _exchanged(group, one.keep) if one.keep else group


def _exchanged(group: DuplicateGroup, path: str) -> DuplicateGroup | str:
    """The group with another file of the keeper's bytes in its place."""
    before = group.keeper
    keeper = next((one for one in group.members if one.path == path and one.image_id == before.image_id), None)
    if keeper is None or not keeper.goes:
        return _KEEPER_GONE
    # What protects a file from going protects it still when another one was chosen.
    stays = _REFERENCE if group.reason == _REFERENCE else ""
    if set(before.companions) - set(keeper.companions):
        stays = "the raw photograph beside it is not beside the file that stays"
    goes = replace(before, goes=not stays, why=stays or "the same bytes as the file that stays")
    return replace(
        group,
        reason="chosen among files with the same bytes",
        keeper=replace(keeper, goes=False, why="chosen among files with the same bytes"),
        members=tuple(goes if one is keeper else one for one in group.members),
        goes_count=group.goes_count - bool(stays),
    )


def _images(group: DuplicateGroup) -> set[bytes]:
    return {bytes.fromhex(one.image_id) for one in (group.keeper, *group.members)}
