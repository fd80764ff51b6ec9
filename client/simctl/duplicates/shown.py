"""Groups of copies as commands show them."""

from __future__ import annotations

from collections.abc import Iterator

from simctl.duplicates.grouped import DuplicateGroup, GroupMember
from simctl.output import Output, counted, json_path, json_paths, percent, printable, size

_LEFT = (0, 2, 4)
"""Columns that begin on the left: words."""


def going(group: DuplicateGroup) -> Iterator[str]:
    """The paths that would go, companions with their pictures."""
    for member in group.members:
        if member.goes:
            yield member.path
            yield from member.companions


def document(group: DuplicateGroup) -> dict[str, object]:
    """A group as JSON has it."""
    return {
        "group_id": group.group_id,
        "tier": group.tier,
        "reason": group.reason,
        "keeper": member_document(group.keeper),
        "members": [member_document(member) for member in group.members],
        "member_count": group.member_count,
        "worst_similarity": group.worst_similarity,
        "reclaimable_bytes": group.reclaimable_bytes,
        "goes_count": group.goes_count,
        "labels": [*group.labels],
    }


def member_document(member: GroupMember) -> dict[str, object]:
    """A file of a group as JSON has it."""
    return {
        **json_path(member.path),
        "image_id": member.image_id,
        "tier": member.tier,
        "similarity": member.similarity,
        "distance": member.distance,
        "share": member.share,
        "mirrored": member.mirrored,
        "turned": member.turned,
        "width": member.width,
        "height": member.height,
        "format": member.format,
        "size": member.size,
        "modified_time": member.modified_time,
        "animated": member.animated,
        "labels": [*member.labels],
        "goes": member.goes,
        "why": member.why,
        "is_new": member.is_new,
        **json_paths(member.companions, "companions"),
    }


def show(group: DuplicateGroup, output: Output) -> None:
    """Print a group for people, a file a line."""
    freed = f"{size(group.reclaimable_bytes)} to free" if group.goes_count else "all stay"
    head = f"{group.tier}, {counted(group.member_count + 1, 'file')}, {freed}"
    output.line(f"{output.style(head, 'bold')}; kept: {printable(group.reason)}")
    rows = [(member, _columns(group, member)) for member in (group.keeper, *group.members)]
    widths = [max(len(columns[at]) for _, columns in rows) for at in range(len(rows[0][1]))]
    for member, columns in rows:
        start = "  ".join([f"{text:{'<' if at in _LEFT else '>'}{widths[at]}}" for at, text in enumerate(columns)])
        remarks = ", ".join(_remarks(group, member))
        path = output.style(printable(member.path), "dim" if member.goes else "bold")
        output.line(f"  {start}  {path}{f'  ({printable(remarks)})' if remarks else ''}")
        for companion in member.companions:
            output.line(f"  {'with it ':>{len(start) + 2}}{output.style(printable(companion), 'dim')}")
    if group.member_count > len(group.members):
        more = counted(group.member_count - len(group.members), "more file")
        least = "" if group.tier == "exact" else f", {min(group.worst_similarity * 100, 99.9):.1f} % similar at least"
        output.line(output.style(f"  and {more}{least}", "dim"))
    output.line()


def _columns(group: DuplicateGroup, member: GroupMember) -> tuple[str, ...]:
    """What is told before the path."""
    pixels = f"{member.width}x{member.height}" if member.width else ""
    about = (pixels, member.format, size(member.size))
    if member is group.keeper:
        return ("keep", *about, "", "")
    word = "go" if member.goes else "stay"
    return (word, *about, member.tier, percent(member.distance, member.similarity))


def _remarks(group: DuplicateGroup, member: GroupMember) -> Iterator[str]:
    """What is told after the path."""
    if member.mirrored:
        yield "mirrored"
    if member.turned:
        yield f"turned by {member.turned} degrees"
    if member.animated:
        yield "animated"
    if member.is_new:
        yield "new"
    if member.labels:
        yield f"labelled {', '.join(member.labels)}"
    if not member.goes and member is not group.keeper:
        yield member.why
