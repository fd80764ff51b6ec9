"""Where the undo log of a plan is: the same for each run of it, so that a run goes on where another one ended."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping

from simctl.cleanup.undolog import planned_of
from simctl.errors import SimctlError


def log_path(plan: str, planned: str, environ: Mapping[str, str]) -> str:
    """Beside the plan, or below `$XDG_STATE_HOME/simd/undo` where that cannot be written or the plan is on stdin.

    Args:
        plan: its path, or - for stdin.
        planned: when it was written, as it says: another plan of that name has another log.
        environ: for XDG_STATE_HOME.

    Raises:
        SimctlError: there is no such place and none can be made.
    """
    absolute = os.path.abspath(plan)
    name = os.path.basename(absolute)
    if plan != "-":
        beside = _own(f"{absolute}.undo", planned)
        if os.path.exists(beside) or os.access(os.path.dirname(absolute), os.W_OK):
            return beside
    state = environ.get("XDG_STATE_HOME", "")
    folder = os.path.join(state if state.startswith("/") else os.path.expanduser("~/.local/state"), "simd", "undo")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise SimctlError(
            f"{folder} cannot be made for the undo log: {error.strerror}; name a file by --undo-log"
        ) from error
    if plan == "-":
        return os.path.join(folder, f"{time.strftime('%Y-%m-%dT%H%M%S')}-{os.getpid()}.jsonl")
    mark = hashlib.blake2b(os.fsencode(absolute), digest_size=4).hexdigest()
    return _own(os.path.join(folder, f"{name}-{mark}"), planned)


def _own(stem: str, planned: str) -> str:
    """The first name that is free, or that of a log of this plan."""
    path, number = f"{stem}.jsonl", 1
    while os.path.exists(path) and planned_of(path) not in (None, planned):
        number += 1
        path = f"{stem}-{number}.jsonl"
    return path
