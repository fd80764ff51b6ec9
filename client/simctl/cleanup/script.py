"""The plan as a shell script that a person can read and edit: every group is one block that can be deleted.

Each block hands its group to `simctl apply -` as one line of JSON in ASCII, within a quoted here-document, so that no
name, whatever bytes it is made of, is ever a word of the shell.
"""

from __future__ import annotations

import io
import json
import os
import shlex
from collections.abc import Iterable, Iterator

from simctl.cleanup.plan import Entry, PlannedGroup
from simctl.cleanup.planfile import now, whole
from simctl.output import printable, size

_HEAD = """\
#!/bin/sh
# A clean-up of copies, planned by simctl at {now}.
#
# Read it, delete the groups that you do not want to be cleaned up, and run it:
#
#   sh {name} --dry-run          tells what would happen
#   sh {name}                    puts what goes into the trash
#   sh {name} --move DIR         or moves it to a folder; --hardlink and --reflink are the other ways
#   simctl undo {log}
#                                takes all of it back
#
# The comments are for you; what counts is the line of JSON in each block. Files that are not as they were are left.
status=0
apply() {{
    simctl apply "$@" --yes --undo-log {log} -
    code=$?
    case $code in
    0) ;;
    5) status=5 ;;
    *) exit "$code" ;;
    esac
}}
"""


def written(groups: Iterable[PlannedGroup], stream: io.TextIOBase, path: str) -> int:
    """Write a script for these groups, as they come; returns how many there are.

    Args:
        groups: of the plan.
        stream: of the script.
        path: where the script will be; its undo log is beside it.
    """
    absolute = os.path.abspath(path)
    # The name of the script is said in comments too, where a line end would end them.
    stream.write(_HEAD.format(now=now(), name=shlex.quote(printable(path)), log=_word(f"{absolute}.undo.jsonl")))
    number = 0
    for number, group in enumerate(groups, 1):
        stream.writelines(f"{line}\n" for line in _block(number, group))
    stream.write('\nexit "$status"\n')
    return number


def _block(number: int, group: PlannedGroup) -> Iterator[str]:
    freed = sum(entry.size for entry in group.goes)
    yield ""
    yield f"# group {number}: {printable(group.tier)}, frees {size(freed)}; {printable(group.reason)}"
    for entry in group.stays:
        yield f"#   stays  {printable(entry.path)}"
    for entry in group.goes:
        yield f"#   goes   {printable(entry.path)}{_about(entry)}"
        for companion in entry.companions:
            yield f"#     with it {printable(companion.path)}"
    for labels in group.labels:
        yield f"#   labels carried over: {printable(', '.join(labels.labels))}"
    for sidecar in group.sidecars:
        conflict = f", beside {printable(sidecar.against)}, which differs" if sidecar.against else ""
        yield f"#   carried over: {printable(sidecar.source)} to {printable(sidecar.to)}{conflict}"
    yield "apply \"$@\" <<'END'"
    yield json.dumps(whole([group]))
    yield "END"


def _about(entry: Entry) -> str:
    words = [entry.tier] if entry.tier else []
    words += [] if entry.similarity is None else [f"{entry.similarity:.1%} similar"]
    words += [entry.why] if entry.why else []
    return f"  ({printable(', '.join(words))})" if words else ""


def _word(path: str) -> str:
    """A path as one word of the shell, in ASCII whatever its bytes are."""
    raw = os.fsencode(path)
    if raw.isascii() and path.isprintable():
        return shlex.quote(path)
    octal = "".join(f"\\{byte:03o}" for byte in raw)
    return f"\"$(printf '{octal}')\""
