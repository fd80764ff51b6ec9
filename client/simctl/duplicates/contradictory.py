"""What `simctl duplicates --contradictions` prints: pictures whose files are not labelled alike."""

from __future__ import annotations

from collections.abc import Iterable

from simctl.duplicates import members
from simctl.errors import EXIT_NOTHING_FOUND
from simctl.labels.labelled import Contradiction
from simctl.output import Output, counted, printable


def show(found: Iterable[Contradiction], output: Output, *, json: bool = False, jsonl: bool = False) -> int:
    """Print contradictions as they come; the exit code."""
    if json:
        documents = list(map(document, found))
        output.json({"contradictions": documents})
        return 0 if documents else EXIT_NOTHING_FOUND
    number = 0
    for one in found:
        number += 1
        if jsonl:
            output.json(document(one))
        else:
            _show(one, output)
    if not jsonl:
        output.line(output.style(counted(number, "contradiction"), "dim"))
    return 0 if number else EXIT_NOTHING_FOUND


def document(one: Contradiction) -> dict[str, object]:
    """A contradiction as JSON has it."""
    return {
        "group_id": one.keeper.image_id,
        "kind": one.kind,
        "labels": one.labels,
        "keeper": members.document(one.keeper),
        "members": list(map(members.document, one.members)),
        "member_count": one.member_count,
    }


def _show(one: Contradiction, output: Output) -> None:
    kind = output.style(one.kind, "red" if one.kind == "differing" else "yellow")
    output.line(f"{kind}  {printable(', '.join(one.labels))}")
    files = [(one.keeper, "largest"), *((member, members.relation(member)) for member in one.members)]
    width = max(len(members.labels(member)) for member, _ in files)
    for member, relation in files:
        output.line(f"  {members.labels(member):<{width}}  {printable(member.path)}  {output.style(relation, 'dim')}")
    left_out = one.member_count - len(one.members)
    if left_out:
        output.line(f"  and {counted(left_out, 'more file')}")
    output.line()
