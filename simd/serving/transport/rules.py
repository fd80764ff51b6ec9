"""Which role and which lane each call has.

A call that is not in the table needs the role admin, so that one that is forgotten there is closed rather than open.
"""

from __future__ import annotations

from dataclasses import dataclass

from simd.serving.transport.auth import Role
from simd.serving.transport.lanes import LaneName


@dataclass(frozen=True, slots=True)
class Rule:
    """What applies to a call."""

    role: Role
    lane: LaneName


_SEARCH = Rule(Role.READ, LaneName.SEARCH)
_LOOK = Rule(Role.READ, LaneName.LOOK)
_IMAGE = Rule(Role.READ, LaneName.IMAGE)
_ORIGINAL = Rule(Role.READ, LaneName.ORIGINAL)
_GROUP = Rule(Role.READ, LaneName.GROUP)
_READ_STREAM = Rule(Role.READ, LaneName.STREAM)
_STEER = Rule(Role.ADMIN, LaneName.LOOK)
_CHANGE = Rule(Role.ADMIN, LaneName.CHANGE)
_ADMIN_STREAM = Rule(Role.ADMIN, LaneName.STREAM)

_SEARCHING = "/simd.v1.SearchService/"
_INDEXING = "/simd.v1.IndexService/"
_IMAGES = "/simd.v1.ImageService/"
_INSIGHT = "/simd.v1.InsightService/"

RULES = {
    _SEARCHING + "Search": _SEARCH,
    _SEARCHING + "BatchSearch": _READ_STREAM,
    _SEARCHING + "Compare": _SEARCH,
    _INDEXING + "Add": _CHANGE,
    _INDEXING + "Remove": _CHANGE,
    _INDEXING + "Scan": _CHANGE,
    _INDEXING + "Status": _LOOK,
    _INDEXING + "WatchStatus": _READ_STREAM,
    _INDEXING + "ListFiles": _LOOK,
    _INDEXING + "ListErrors": _LOOK,
    _INDEXING + "GetFile": _LOOK,
    _INDEXING + "GetImage": _LOOK,
    _INDEXING + "Pause": _STEER,
    _INDEXING + "Resume": _STEER,
    _INDEXING + "Compact": _CHANGE,
    _INDEXING + "Verify": _CHANGE,
    _INDEXING + "Export": _ADMIN_STREAM,
    _INDEXING + "RebuildReplica": _CHANGE,
    _INDEXING + "DropReplica": _CHANGE,
    _IMAGES + "GetThumbnail": _IMAGE,
    _IMAGES + "GetImage": _ORIGINAL,
    _INSIGHT + "ListDuplicateGroups": _GROUP,
    _INSIGHT + "GetGroup": _GROUP,
    _INSIGHT + "ListFolderOverlaps": _GROUP,
    _INSIGHT + "DecideDuplicates": _CHANGE,
    _INSIGHT + "ListDecisions": _LOOK,
    _INSIGHT + "ImportLabels": _CHANGE,
    _INSIGHT + "ExportLabels": _LOOK,
    _INSIGHT + "CountLabels": _LOOK,
    _INSIGHT + "ClearLabels": _CHANGE,
    _INSIGHT + "ListContradictions": _GROUP,
    _INSIGHT + "ListLeaks": _GROUP,
    _INSIGHT + "Split": _READ_STREAM,
    _INSIGHT + "Suggest": _READ_STREAM,
    _INSIGHT + "DescribeAtlas": _LOOK,
    _INSIGHT + "Atlas": _READ_STREAM,
    _INSIGHT + "GetAtlasTile": _IMAGE,
    _INSIGHT + "LayOutAtlas": _CHANGE,
    # Health checks seldom have a token, and learn nothing but whether there is a daemon.
    "/grpc.health.v1.Health/Check": Rule(Role.ANYONE, LaneName.HEALTH),
    "/grpc.health.v1.Health/List": Rule(Role.READ, LaneName.HEALTH),
    "/grpc.health.v1.Health/Watch": _READ_STREAM,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": _READ_STREAM,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _READ_STREAM,
}


def rule_of(method: str) -> Rule:
    """What applies to a call, by its full name `/package.Service/Method`."""
    return RULES.get(method, _ADMIN_STREAM)
