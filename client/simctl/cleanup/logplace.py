"""Where the undo log of a plan is: the same for each run of it, so that a run goes on where another one ended."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping

from simctl.errors import SimctlError


def log_path(plan: str, environ: Mapping[str, str]) -> str:
    """Beside the plan, or below `$XDG_STATE_HOME/simd/undo` where that cannot be written or the plan is on stdin.

    Args:
        plan: its path, or - for stdin.
        environ: for XDG_STATE_HOME.

    Raises:
        SimctlError: there is no such place and none can be made.
    """
    absolute = os.path.abspath(plan)
    name = os.path.basename(absolute)
    if plan != "-":
        beside = f"{absolute}.undo.jsonl"
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
    return os.path.join(folder, f"{name}-{mark}.jsonl")
