"""What the log looks like: one line an event, as text for people or as JSON for programs.

    text   [<6>][2026-01-31 12:00:00,000 ]INFO simd.app.daemon: message   <6> for the journal, the time for all others
    json   {"time": "2026-01-31T12:00:00.000+00:00", "level": "info", "logger": "simd.app.daemon", "message": "..."}

Names of files end up in messages, and anybody may have chosen them: whatever cannot be printed (line ends, escape
sequences, bytes that are no UTF-8) is written as an escape, so no name can forge a line or command a terminal. The
lines of a traceback are marked and follow their event; in JSON they are its "exception".
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import TextIO

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_TRACE = "  | "


def printable(text: str) -> str:
    """The text with an escape for every character that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class TextLines(logging.Formatter):
    """Text.

    Args:
        journal: for systemd's journal, which adds the time itself and takes the priority from the line's beginning.
    """

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The event's line, and those of its traceback."""
        stamp = "" if self._journal else f"{self.formatTime(record)} "
        first = f"{stamp}{record.levelname} {record.name}: {printable(record.getMessage())}"
        lines = [first, *(_TRACE + printable(line) for line in _trace(self, record).splitlines())]
        prefix = f"<{_priority(record.levelno)}>" if self._journal else ""
        return "\n".join(prefix + line for line in lines)


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The event's line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        event = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": printable(record.getMessage()),
        }
        if trace := _trace(self, record):
            event["exception"] = "\n".join(map(printable, trace.splitlines()))
        return json.dumps(event)


def to_stderr(
    level: str, form: str = "text", *, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Send the log of the whole process to standard error, from now on.

    Args:
        level: "debug", "info", "warning" or "error".
        form: "text" or "json".
        stream: another one than standard error.
        environ: where systemd says which stream the journal reads; None is the process's own.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    journal = is_journal(stream, os.environ if environ is None else environ)
    handler.setFormatter(JsonLines() if form == "json" else TextLines(journal=journal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    threading.excepthook = _log_death
    # It says at length which of its builds it did not find.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd's journal reads this stream: `$JOURNAL_STREAM` names its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _log_death(death: threading.ExceptHookArgs) -> None:
    """In place of a traceback on standard error: a thread that ends by an error is an event like others."""
    name = death.thread.name if death.thread is not None else "unknown"
    logging.getLogger(__name__).error("the thread %s ended by an error", name, exc_info=death.exc_value)


def _priority(level: int) -> int:
    """The level as syslog numbers it."""
    return next((number for least, number in _PRIORITIES if level >= least), 7)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    return "\n".join([*parts, *([record.stack_info] if record.stack_info else [])])
