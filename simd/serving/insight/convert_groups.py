"""Between the wire's messages and groups, decisions and folders."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence

from simd.decisions.duplicates import Decision, Kind
from simd.errors import InvalidRequest
from simd.insight.groups.found import GroupKey, MemberKey
from simd.insight.groups.group import Group, Member
from simd.insight.groups.options import Options
from simd.insight.groups.overlaps import FolderOverlap
from simd.insight.pairs.pair import SAME, TIERS, Tier
from simd.serving.admin.convert import exact_of, paths_of, paths_to, text_of, time_to
from simd.v1 import insight_service_pb2 as wire

_GROUP = struct.Struct(">q16s")
_MEMBER = struct.Struct(">?d")
_TOLD = [tier.value for tier in TIERS if tier is not Tier.DIFFERENT]


def options_of(message: wire.DuplicateOptions) -> Options:
    """Among which files, and which stay.

    Raises:
        InvalidRequest: a path that no path can be, an unknown tier, or a similarity that none can be.
    """
    return Options(
        within=_paths(message.within, message.within_bytes, "options.within"),
        between=message.between,
        against=_paths(message.against, message.against_bytes, "options.against"),
        across_folders=message.across_folders,
        reference=_paths(message.reference, message.reference_bytes, "options.reference"),
        tiers=_tiers(message.tiers),
        keep=tuple(message.keep),
        min_similarity=_similarity(message, "min_similarity", -1.0),
        max_similarity=_similarity(message, "max_similarity", 1.0),
        include_decided=message.include_decided,
    )


def _paths(texts: Sequence[str], exact: Sequence[bytes], field: str) -> tuple[bytes, ...]:
    return tuple(map(os.path.normpath, paths_of(texts, exact, field=field)))


def _tiers(names: Sequence[str]) -> tuple[Tier, ...]:
    for name in names:
        if name not in _TOLD:
            raise InvalidRequest(f"{name[:80]!r} is no tier: choose among {', '.join(_TOLD)}", field="options.tiers")
    return tuple(tier for tier in TIERS if tier.value in names) if names else SAME


def _similarity(message: wire.DuplicateOptions, field: str, default: float) -> float:
    if not message.HasField(field):
        return default
    value = float(getattr(message, field))
    if math.isnan(value) or not -1.0 <= value <= 1.0:
        raise InvalidRequest(f"{field} {value:g} is not in -1..1", field=f"options.{field}")
    return value


def group_to(group: Group) -> wire.DuplicateGroup:
    """A group with the members that it has."""
    return wire.DuplicateGroup(
        group_id=group.group_id.hex(),
        tier=group.tier.value,
        reason=group.keeper.why,
        keeper=member_to(group.keeper),
        members=[member_to(member) for member in group.members],
        member_count=group.member_count,
        worst_similarity=group.worst_similarity,
        reclaimable_bytes=group.reclaimable_bytes,
        goes_count=group.goes_count,
        labels=group.labels,
    )


def member_to(member: Member) -> wire.GroupMember:
    """A file of a group."""
    text, facts = text_of(member.path), member.facts
    companions, companions_bytes = paths_to(member.companions)
    return wire.GroupMember(
        image_id=member.image_id.hex(),
        path=text,
        path_bytes=exact_of(member.path, text),
        tier=member.tier.value,
        similarity=member.similarity,
        distance=member.distance,
        share=member.share,
        mirrored=member.mirrored,
        turned=member.turned,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
        format=facts.format if facts else "",
        size=member.size,
        modified_time=time_to(member.mtime_ns),
        animated=bool(facts and facts.animated),
        labels=member.labels,
        goes=member.goes,
        why=member.why,
        is_new=member.is_new,
        companions=companions,
        companions_bytes=companions_bytes,
    )


def overlap_to(overlap: FolderOverlap) -> wire.FolderOverlap:
    """A folder that is in another one."""
    folder, other = text_of(overlap.folder), text_of(overlap.other)
    return wire.FolderOverlap(
        folder=folder,
        folder_bytes=exact_of(overlap.folder, folder),
        other=other,
        other_bytes=exact_of(overlap.other, other),
        files=overlap.files,
        shared=overlap.shared,
    )


def decision_to(decision: Decision) -> wire.Decision:
    """What was said."""
    return wire.Decision(
        kind=decision.kind.value,
        image_ids=[image_id.hex() for image_id in decision.images],
        decided_time=time_to(decision.at_ms * 1_000_000),
    )


def kind_of(name: str) -> Kind:
    """What is said.

    Raises:
        InvalidRequest: it is none of what can be.
    """
    try:
        return Kind(name)
    except ValueError as error:
        known = ", ".join(kind.value for kind in Kind)
        raise InvalidRequest(f"{name[:80]!r} is no decision: choose among {known}", field="decisions.kind") from error


def group_key_to(key: GroupKey) -> bytes:
    """As tokens hold it."""
    return _GROUP.pack(*key)


def group_key_of(content: bytes) -> GroupKey:
    """From a token; raises struct.error."""
    less, group_id = _GROUP.unpack(content)
    return less, group_id


def member_key_to(key: MemberKey) -> bytes:
    """As tokens hold it."""
    edited, less, path = key
    return _MEMBER.pack(edited, less) + path


def member_key_of(content: bytes) -> MemberKey:
    """From a token; raises struct.error."""
    edited, less = _MEMBER.unpack(content[: _MEMBER.size])
    return edited, less, content[_MEMBER.size :]
