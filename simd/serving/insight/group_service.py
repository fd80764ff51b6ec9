"""InsightService, groups of copies, and what people said of them: one thin method per RPC."""

from __future__ import annotations

import grpc

from simd.catalogue.catalogue import Catalogue
from simd.decisions.duplicates import Decision
from simd.errors import InvalidRequest, NotFound
from simd.insight.groups.found import Found
from simd.serving.admin.convert import check_count, image_id_of, path_of, paths_of, text_of
from simd.serving.admin.paging import sealed, size_of, unsealed
from simd.serving.insight import convert_groups as convert
from simd.serving.readiness import Readiness
from simd.v1 import insight_service_pb2, insight_service_pb2_grpc

_MEMBERS = 20
"""So many members of each group are told if nothing is said."""
_PAGE_MEMBERS = 20_000
"""A page ends with the group that reaches so many members in all: about 8 MB."""
_MIN_SHARE = 0.5
_FOLDERS, _MAX_FOLDERS = 1000, 10_000
_SAME_OPTIONS = "ask with the same options as before"


class GroupService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def ListDuplicateGroups(
        self, request: insight_service_pb2.ListDuplicateGroupsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ListDuplicateGroupsResponse:
        """One page of the groups."""
        services = self._readiness.services()
        groups = services.groups
        found = groups.find(convert.options_of(request.options))
        asked = request.options.SerializeToString(deterministic=True)
        number = 0
        if request.page_token:
            with unsealed("groups", asked, request.page_token, remedy=_SAME_OPTIONS) as content:
                number = found.after(convert.group_key_of(content))
        limit, end = size_of(request.member_limit, default=_MEMBERS), number + size_of(request.page_size)
        told, members = [], 0
        while number < min(len(found), end) and members < _PAGE_MEMBERS:
            told.append(convert.group_to(found.group(number, limit=limit)))
            members += len(told[-1].members)
            number += 1
        more = told and number < len(found)
        return insight_service_pb2.ListDuplicateGroupsResponse(
            groups=told,
            next_page_token=sealed("groups", asked, convert.group_key_to(found.key(number - 1))) if more else "",
            total_size=len(found),
            left_out=groups.pairs.left_out(),
            pending=groups.pending,
            reclaimable_bytes=found.reclaimable_bytes,
            host=services.host,
        )

    def GetGroup(
        self, request: insight_service_pb2.GetGroupRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.GetGroupResponse:
        """One group, and one page of its members."""
        found = self._readiness.services().groups.find(convert.options_of(request.options))
        number = _number(found, request)
        # Members are in an order of what they are to the keeper: of another one it is another list.
        keeper = found.group(number, limit=0).keeper
        asked = request.options.SerializeToString(deterministic=True) + keeper.path
        start = 0
        if request.page_token:
            with unsealed("members", asked, request.page_token, remedy=_SAME_OPTIONS) as content:
                start = found.members_after(number, convert.member_key_of(content))
        end = start + size_of(request.page_size)
        more = end < found.member_count(number)
        return insight_service_pb2.GetGroupResponse(
            group=convert.group_to(found.group(number, start, end - start)),
            next_page_token=sealed("members", asked, convert.member_key_to(found.member_key(number, end - 1)))
            if more
            else "",
        )

    def ListFolderOverlaps(
        self, request: insight_service_pb2.ListFolderOverlapsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ListFolderOverlapsResponse:
        """Which folder is in which other one."""
        if not 0 <= request.min_share <= 1:
            raise InvalidRequest(f"min_share {request.min_share:g} is not in 0..1", field="min_share")
        overlaps = self._readiness.services().groups.overlaps(
            convert.options_of(request.options),
            min_share=request.min_share or _MIN_SHARE,
            limit=min(request.limit or _FOLDERS, _MAX_FOLDERS),
        )
        return insight_service_pb2.ListFolderOverlapsResponse(overlaps=map(convert.overlap_to, overlaps))

    def DecideDuplicates(
        self, request: insight_service_pb2.DecideDuplicatesRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.DecideDuplicatesResponse:
        """Keep what a person said."""
        services = self._readiness.services()
        check_count(request.decisions, field="decisions")
        if not request.decisions:
            raise InvalidRequest("the request names no decision", field="decisions")
        decisions = [_decision(services.catalogue, decision) for decision in request.decisions]
        return insight_service_pb2.DecideDuplicatesResponse(changed=services.decisions.duplicates.decide(decisions))

    def ListDecisions(
        self, request: insight_service_pb2.ListDecisionsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ListDecisionsResponse:
        """One page of what was said."""
        duplicates, after = self._readiness.services().decisions.duplicates, 0
        if request.page_token:
            with unsealed("decisions", b"", request.page_token, remedy="ask for the next page") as content:
                after = int(content)
        size = size_of(request.page_size)
        decisions = duplicates.page(after, size)
        return insight_service_pb2.ListDecisionsResponse(
            decisions=map(convert.decision_to, decisions),
            # A full page may be the last one; the next one is empty then.
            next_page_token=sealed("decisions", b"", b"%d" % decisions[-1].decision_id)
            if len(decisions) == size
            else "",
        )


def _number(found: Found, request: insight_service_pb2.GetGroupRequest) -> int:
    """The group that a request names.

    Raises:
        InvalidRequest: it names none, or one in two ways.
        NotFound: there is no such group.
    """
    by_path = bool(request.path or request.path_bytes)
    if bool(request.image_id) == by_path:
        raise InvalidRequest("name the group by either image_id or path", field="image_id")
    if by_path:
        path = path_of(request.path, request.path_bytes)
        number, name = found.number_at(path), text_of(path)
    else:
        number, name = found.number_of(image_id_of(request.image_id)), request.image_id
    if number is None:
        raise NotFound(f"{name} is in no group", field="path" if by_path else "image_id")
    return number


def _decision(catalogue: Catalogue, message: insight_service_pb2.Decision) -> Decision:
    """What a person said; of an image by its id, it may be one that is not known now.

    Raises:
        InvalidRequest: it is none, or of too few or too many images.
        NotFound: there is no image at one of the paths.
    """
    check_count(message.image_ids, field="decisions.image_ids")
    images = [image_id_of(text, field="decisions.image_ids") for text in message.image_ids]
    paths = paths_of(message.paths, message.paths_bytes, field="decisions.paths")
    there = catalogue.images_at(paths)
    for path in paths:
        if path not in there:
            raise NotFound(
                f"no image is indexed at {text_of(path)}", field="decisions.paths", remedy="`simctl show` says what is"
            )
    return Decision.of(convert.kind_of(message.kind), [*images, *there.values()])
