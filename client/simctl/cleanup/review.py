"""A review: what a person chose on the page. It names files and says what of them goes; the disk was not looked at.

Before it is applied it is completed to a plan, which lies beside it: what was changed since is left out and said, what
belongs to the pictures is added. That plan is what is applied, and what another run goes on with.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from simctl.cleanup import planfile, writing
from simctl.cleanup.fields import ANEW, Fields, broken
from simctl.cleanup.plan import Plan
from simctl.cleanup.planning import FoundGroup, FoundMember, LeftOut, planned

VERSION = 1
_NAME = "simd_review"


@dataclass(frozen=True, slots=True)
class Review:
    """A review; `created` is when it was made, as text."""

    created: str
    groups: tuple[FoundGroup, ...]


def is_review(document: object) -> bool:
    """Whether a JSON document is a review, and not a plan."""
    return isinstance(document, dict) and _NAME in document


def of(document: object, name: str) -> Review:
    """The review that a JSON document is.

    Args:
        document: of the file.
        name: of the file, for messages.

    Raises:
        SimctlError: it is none; the message has the place and the remedy.
    """
    top = Fields(document, name, {_NAME, "created", "groups", "left_out"})
    version = top.take(_NAME, int)
    if version != VERSION:
        raise broken(f"{name} is a review of version {version}, and this simctl knows version {VERSION}; {ANEW}")
    groups = top.take("groups", list)
    return Review(
        top.take("created", str), tuple(_group(one, f"{name}, group {number}") for number, one in enumerate(groups, 1))
    )


def plan_path(path: str) -> str:
    """Where the plan of a review lies: `review.json` has `review.plan.json`."""
    return f"{path.removesuffix('.json')}.plan.json"


def drafted(review: Review, left_out: list[LeftOut]) -> Plan:
    """The plan of a review as the disk is now, and what it does not have; nothing is written."""
    found = list(planned(review.groups))
    left_out += [one for one in found if isinstance(one, LeftOut)]
    return Plan(review.created, tuple(one for one in found if not isinstance(one, LeftOut)))


def completed(review: Review, path: str, left_out: list[LeftOut]) -> Plan:
    """The plan of a review, from the file beside it; that is written if it is not there.

    Args:
        review: what a person chose.
        path: of its plan.
        left_out: is given what the plan does not have, where it is written now.

    Raises:
        SimctlError: the plan is one of another review, makes no sense, or cannot be written.
    """
    if not os.path.lexists(path):
        left_out += writing.write(path, planned(review.groups), created=review.created).left_out
    try:
        with open(path, "rb") as stream:
            plan = planfile.parsed(stream.read(), path)
    except OSError as error:
        raise broken(f"cannot read the plan {path}: {error.strerror}") from error
    if plan.created != review.created:
        raise broken(f"{path} is the plan of another review; move it away, or apply it by its own name")
    return plan


def _group(value: object, place: str) -> FoundGroup:
    # What a later daemon tells in addition is of no matter here.
    fields = Fields(value, place, None)
    members = fields.take("members", list)
    return FoundGroup(
        group_id=fields.digest("group_id"),
        tier=fields.take("tier", str),
        reason=fields.take("reason", str),
        keeper=_member(fields.take("keeper", dict), f"{place}, keeper"),
        members=tuple(_member(one, f"{place}, member {number}") for number, one in enumerate(members, 1)),
    )


def _member(value: object, place: str) -> FoundMember:
    fields = Fields(value, place, None)
    return FoundMember(
        path=fields.path("path"),
        image_id=fields.digest("image_id"),
        size=fields.number("size"),
        tier=fields.take("tier", str),
        similarity=fields.real("similarity"),
        goes=fields.take("goes", bool),
        why=fields.take("why", str),
        labels=fields.texts("labels", empty=True),
        companions=fields.paths("companions"),
    )
