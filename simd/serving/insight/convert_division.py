"""Between the wire's messages and what labels and copies say together."""

from __future__ import annotations

import math
from collections.abc import Iterable

from simd.errors import InvalidRequest
from simd.insight.labels.contradictions import Contradiction, Question
from simd.insight.labels.leaks import Leak, Sides
from simd.insight.labels.member import Member, Tied
from simd.insight.labels.scope import Scope, below
from simd.insight.labels.split import Count, Request, SplitFile
from simd.insight.pairs.pair import SAME, TIERS, Tier
from simd.serving.admin.convert import check_count, exact_of, path_of, paths_of, text_of
from simd.v1 import insight_service_pb2 as wire

_MAX_NAME_BYTES = 200
"""A share's name becomes that of a file or a folder."""
_MAX_SHARES = 1000


def question_of(request: wire.ListContradictionsRequest, roots: Iterable[bytes]) -> Question:
    """Which contradictions are asked for.

    Args:
        request: asks for them.
        roots: between which they are, where it names no paths.

    Raises:
        InvalidRequest: a path or a tier that cannot be.
    """
    options = request.options
    unknown = sorted(set(options.tiers) - set(TIERS))
    if unknown:
        raise InvalidRequest(
            f"the tier {unknown[0][:80]!r} is none", field="options.tiers", remedy=f"there are {', '.join(TIERS)}"
        )
    within = tuple(paths_of(options.within, options.within_bytes, field="options.within"))
    return Question(
        Scope(
            within or (tuple(roots) if options.between else ()),
            options.between,
            tuple(paths_of(options.against, options.against_bytes, field="options.against")),
            options.across_folders,
        ),
        frozenset(map(Tier, options.tiers or SAME)).intersection(SAME),
        not options.include_decided,
        request.differing_only,
    )


def sides_of(request: wire.ListLeaksRequest) -> Sides:
    """The sides of a split.

    Raises:
        InvalidRequest: one is missing, or lies in the other one.
    """
    left = path_of(request.left, request.left_bytes, field="left").rstrip(b"/") or b"/"
    right = path_of(request.right, request.right_bytes, field="right").rstrip(b"/") or b"/"
    if below(left, (right,)) or below(right, (left,)):
        raise InvalidRequest(
            f"{text_of(left)!r} and {text_of(right)!r} are one, or one lies in the other, so files are on both sides",
            field="right",
            remedy="name two folders beside each other",
        )
    return Sides(left, right)


def request_of(request: wire.SplitRequest) -> Request:
    """How to divide.

    Raises:
        InvalidRequest: fewer than two shares, one that is not greater than 0, or a name that cannot be, or twice.
    """
    check_count(request.shares, field="shares")
    shares = {one.name: one.share for one in request.shares}
    if not 2 <= len(request.shares) <= _MAX_SHARES or len(shares) < len(request.shares):
        raise InvalidRequest(
            f"shares has {len(request.shares)} items with {len(shares)} names; 2 to {_MAX_SHARES} are divided between, "
            "with different names",
            field="shares",
            remedy="such as train=0.8 and val=0.2",
        )
    for name, share in shares.items():
        if not name or len(name.encode()) > _MAX_NAME_BYTES:
            raise InvalidRequest(
                f"the name of a share has 1 to {_MAX_NAME_BYTES} bytes, not {len(name.encode())}", field="shares"
            )
        if not 0 < share < math.inf:
            raise InvalidRequest(f"the share {share:g} of {name[:80]!r} is not greater than 0", field="shares")
    if math.isinf(sum(shares.values())):
        raise InvalidRequest("the sum of the shares is too great", field="shares", remedy="make them parts of 1")
    within = paths_of(request.within, request.within_bytes, field="within")
    return Request(shares, within, request.labelled_only, request.seed, request.keepers_only)


def contradiction_to(found: Contradiction) -> wire.Contradiction:
    """A picture whose files are not labelled alike."""
    members = [tied_to(one) for one in found.members]
    return wire.Contradiction(
        kind=found.key.kind.name.lower(),
        group=wire.DuplicateGroup(
            group_id=found.keeper.image_id.hex(),
            tier=max((one.tier for one in found.members), key=TIERS.index, default=Tier.EXACT),
            reason="it is the largest",
            keeper=member_to(found.keeper),
            members=members,
            member_count=found.count,
            worst_similarity=min((one.similarity for one in members), default=1.0),
            labels=found.labels,
        ),
    )


def leak_to(leak: Leak) -> wire.Leak:
    """A pair of files on different sides."""
    return wire.Leak(left=member_to(leak.left), right=tied_to(leak.right))


def tied_to(tied: Tied) -> wire.GroupMember:
    """A file, and what it is to another one."""
    message = member_to(tied.member)
    message.tier = tied.tier
    pair = tied.pair
    if pair is not None:
        message.similarity = pair.similarity
        message.distance = math.sqrt(max(0.0, 2.0 - 2.0 * pair.similarity))
        message.share = pair.share
        message.mirrored = pair.mirrored
        message.turned = pair.turned_in(tied.member.image_id)
    elif tied.tier is not Tier.EXACT:
        message.similarity, message.distance = 0.0, math.sqrt(2.0)
    return message


def member_to(member: Member) -> wire.GroupMember:
    """A file, alone."""
    text = text_of(member.path)
    return wire.GroupMember(
        image_id=member.image_id.hex(),
        path=text,
        path_bytes=exact_of(member.path, text),
        tier=Tier.EXACT,
        similarity=1.0,
        width=member.facts.width,
        height=member.facts.height,
        format=member.facts.format,
        labels=member.labels,
    )


def files_to(files: Iterable[SplitFile]) -> wire.SplitResponse:
    """Some files of a split."""
    found = []
    for file in files:
        text = text_of(file.path)
        found.append(
            wire.SplitFile(
                path=text,
                path_bytes=exact_of(file.path, text),
                share=file.side,
                labels=file.labels,
                image_id=file.image_id.hex(),
            )
        )
    return wire.SplitResponse(files=found)


def counts_to(counts: Iterable[Count]) -> wire.SplitResponse:
    """How each label came to be divided."""
    return wire.SplitResponse(
        counts=[wire.ShareCount(label=one.label, share=one.side, files=one.files, wanted=one.wanted) for one in counts]
    )
