"""The calls of InsightService about groups of copies, and what people said of them.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from simctl.connection import Connection, Path, absolute
from simctl.errors import SimctlError

if TYPE_CHECKING:
    from simctl.duplicates import grouped

_MOST = 1000
"""Groups, members or decisions in one answer or request."""
_LOOK_S = 0.1
"""Between two looks at whether there is more to come."""
_PATIENCE_S = 120.0
_ATTEMPTS = 5
"""So often a group is read that changes while it is read."""


class Grouping(Connection):
    """Groups of copies, and decisions on them."""

    def duplicate_pages(
        self,
        options: grouped.DuplicateOptions | None = None,
        *,
        page_size: int = 0,
        member_limit: int = 0,
        timeout: float | None = None,
    ) -> Iterator[grouped.GroupPage]:
        """Groups page by page, those that free the most first; there is at least one page.

        Args:
            options: which files are looked at, and which of them stay.
            page_size: groups on a page at most, 1 to 1000; 0 is for the daemon to say.
            member_limit: members of each group that are told at most, 1 to 1000; 0 is for the daemon to say.
            timeout: seconds for each page.
        """
        from simctl.duplicates import grouped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.ListDuplicateGroupsRequest(
            options=grouped.options_to(options or grouped.DuplicateOptions()),
            page_size=page_size,
            member_limit=member_limit,
        )
        yield from map(grouped.page, self._pages(self._insight_stub().ListDuplicateGroups, request, timeout))

    def wait_for_pairs(
        self,
        progress: Callable[[int], object] = int,
        *,
        timeout: float | None = None,
        patience: float = _PATIENCE_S,
    ) -> None:
        """Return when every picture that is searchable was looked at for copies.

        Args:
            progress: told how many were not, each time it is looked.
            timeout: seconds for all of it.
            patience: seconds in which their number must fall, or nothing gets done.

        Raises:
            SimctlError: it took longer, or nothing gets done.
        """
        began = fell = now = time.monotonic()
        least: int | None = None
        while left := next(self.duplicate_pages(page_size=1, member_limit=1)).pending:
            progress(left)
            took, now = time.monotonic() - now, time.monotonic()
            if least is None or left < least:
                least, fell = left, now
            were = "1 picture was" if left == 1 else f"{left:,} pictures were"
            if timeout is not None and now - began > timeout:
                raise SimctlError(f"{were} not looked at for copies within {timeout:g} s")
            if now - fell > patience:
                raise SimctlError(
                    f"{were} not looked at for copies, and none in {patience:g} s: indexing is paused, or their files "
                    "cannot be read now; `simctl status` says more"
                )
            # Where finding groups takes long, asking for them all the time would take the daemon's time.
            time.sleep(max(_LOOK_S, took))
            now = time.monotonic()

    def duplicate_groups(
        self, options: grouped.DuplicateOptions | None = None, *, timeout: float | None = None
    ) -> Iterator[grouped.DuplicateGroup]:
        """Every group with all of its members, those that free the most first; `timeout` is for each call."""
        for page in self.duplicate_pages(options, member_limit=_MOST, timeout=timeout):
            for group in page.groups:
                whole = self.whole_group(group, options, timeout=timeout)
                if whole is not None:
                    yield whole

    def whole_group(
        self,
        group: grouped.DuplicateGroup,
        options: grouped.DuplicateOptions | None = None,
        *,
        timeout: float | None = None,
    ) -> grouped.DuplicateGroup | None:
        """A group with all of its members; None if there is none any more."""
        if len(group.members) == group.member_count:
            return group
        try:
            return self.group(image_id=group.group_id, options=options, timeout=timeout)
        except SimctlError as error:
            if error.code != "NOT_FOUND":
                raise
            return None

    def group(
        self,
        path: Path | None = None,
        *,
        image_id: str | None = None,
        options: grouped.DuplicateOptions | None = None,
        timeout: float | None = None,
    ) -> grouped.DuplicateGroup:
        """The group of a file, or of an image, with all of its members.

        Args:
            path: of the file.
            image_id: of the image, in place of a path.
            options: which files are looked at, and which of them stay.
            timeout: seconds for each call.

        Raises:
            SimctlError: it is in no group; `code` is NOT_FOUND.
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._group(path, image_id, options, timeout)
            except SimctlError as error:
                # It has another keeper now, to which everything is something else.
                if error.field != "page_token" or not left:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _group(
        self,
        path: Path | None,
        image_id: str | None,
        options: grouped.DuplicateOptions | None,
        timeout: float | None,
    ) -> grouped.DuplicateGroup:
        from simctl.duplicates import grouped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.GetGroupRequest(
            path_bytes=None if path is None else absolute(path),
            image_id=image_id,
            options=grouped.options_to(options or grouped.DuplicateOptions()),
            page_size=_MOST,
        )
        found: grouped.DuplicateGroup | None = None
        for answer in self._pages(self._insight_stub().GetGroup, request, timeout):
            page = grouped.group(answer.group)
            found = replace(page, members=(found.members if found else ()) + page.members)
        assert found is not None
        return found

    def folder_overlaps(
        self,
        options: grouped.DuplicateOptions | None = None,
        *,
        min_share: float = 0.5,
        limit: int = 1000,
        timeout: float | None = None,
    ) -> tuple[grouped.FolderOverlap, ...]:
        """Which folder is contained in which other one, the greatest share first.

        Args:
            options: which files are looked at.
            min_share: leave out folders of which a smaller share is in the other one; more than 0, at most 1.
            limit: how many at most, 1 to 10,000.
            timeout: seconds.
        """
        from simctl.duplicates import grouped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.ListFolderOverlapsRequest(
            options=grouped.options_to(options or grouped.DuplicateOptions()), min_share=min_share, limit=limit
        )
        answer = self._call(self._insight_stub().ListFolderOverlaps, request, timeout, reads=True)
        return tuple(map(grouped.overlap, answer.overlaps))

    def decide(self, decisions: Iterable[grouped.Decision], *, timeout: float | None = None) -> int:
        """Say something of images, in this order; how many of the decisions said something that was not known.

        Args:
            decisions: what is said.
            timeout: seconds for each request; there is one for every 1000 decisions.
        """
        from simctl.duplicates import grouped
        from simd.v1 import insight_service_pb2 as wire

        changed, left = 0, iter(decisions)
        while some := [grouped.decision_to(one) for one in islice(left, _MOST)]:
            request = wire.DecideDuplicatesRequest(decisions=some)
            changed += self._call(self._insight_stub().DecideDuplicates, request, timeout).changed
        return changed

    def decisions(self, *, timeout: float | None = None) -> Iterator[grouped.Decision]:
        """What people said, the oldest first; read page by page, `timeout` for each."""
        from simctl.duplicates import grouped
        from simd.v1 import insight_service_pb2 as wire

        request = wire.ListDecisionsRequest(page_size=_MOST)
        for page in self._pages(self._insight_stub().ListDecisions, request, timeout):
            yield from map(grouped.decision, page.decisions)
