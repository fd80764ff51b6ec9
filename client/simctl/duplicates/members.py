"""Files of one picture, as commands show them."""

from __future__ import annotations

from simctl.labels.labelled import Member
from simctl.output import json_path, printable


def document(member: Member) -> dict[str, object]:
    """A file as JSON has it."""
    found: dict[str, object] = {
        **json_path(member.path),
        "image_id": member.image_id,
        "tier": member.tier,
        "similarity": member.similarity,
        "width": member.width,
        "height": member.height,
        "labels": member.labels,
    }
    if member.mirrored:
        found["mirrored"] = True
    if member.turned:
        found["turned"] = member.turned
    return found


def relation(member: Member) -> str:
    """What a file is to another one, for a person: `near 93.1 %, mirrored`."""
    words = [member.tier if member.tier == "exact" else f"{member.tier} {min(member.similarity * 100, 99.9):.1f} %"]
    words += ["mirrored"] if member.mirrored else []
    words += [f"turned by {member.turned} degrees"] if member.turned else []
    return ", ".join(words)


def labels(member: Member) -> str:
    """Its labels, for a person."""
    return printable(", ".join(member.labels)) if member.labels else "-"
