"""Writing a plan to a file, as JSON or, where its name ends in .sh, as a shell script."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from simctl.cleanup import planfile, script
from simctl.cleanup.disk import Disk
from simctl.cleanup.plan import PlannedGroup
from simctl.cleanup.planning import LeftOut
from simctl.errors import EXIT_USAGE, SimctlError


@dataclass(slots=True)
class Written:
    """What a plan has.

    Args:
        groups: how many it has.
        files: how many pictures and companions would go.
        size: their bytes.
        left_out: what it does not have, and why.
    """

    groups: int = 0
    files: int = 0
    size: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def write(path: str, planned: Iterable[PlannedGroup | LeftOut], created: str = "") -> Written:
    """Write a plan as its groups come. The file is whole or not there: until its end it has another name.

    Args:
        path: of a file that is not there yet: a person may have edited the one that is.
        planned: what `planning.planned` tells.
        created: when what it comes from was made, as text; empty is now. A script has no such line.

    Raises:
        SimctlError: there is such a file, or it cannot be written.
    """
    if os.path.lexists(path):
        raise _exists(path)
    found = Written()
    part = f"{os.path.abspath(path)}.part"
    is_script = path.endswith(".sh")
    try:
        with open(part, "w", encoding="utf-8", errors="backslashreplace") as stream:
            groups = _counted(planned, found)
            if is_script:
                script.written(groups, stream, path)
                os.fchmod(stream.fileno(), 0o755 & (os.fstat(stream.fileno()).st_mode | 0o111))
            else:
                planfile.written(groups, stream, created)
            stream.flush()
            os.fsync(stream.fileno())
        Disk().rename_new(part, os.path.abspath(path))
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        with suppress(OSError):
            os.unlink(part)
        raise SimctlError(f"cannot write the plan {path}: {error.strerror}", exit_code=EXIT_USAGE) from error
    return found


def _exists(path: str) -> SimctlError:
    return SimctlError(f"{path} is there already, and may have been edited; name another file", exit_code=EXIT_USAGE)


def _counted(planned: Iterable[PlannedGroup | LeftOut], found: Written) -> Iterator[PlannedGroup]:
    for one in planned:
        if isinstance(one, LeftOut):
            found.left_out.append(one)
            continue
        found.groups += 1
        for entry in one.goes:
            sizes = [entry.size, *(companion.size for companion in entry.companions)]
            found.files += len(sizes)
            found.size += sum(sizes)
        yield one
