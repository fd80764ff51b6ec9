"""The log: one line an event whatever names are in it, for people, for the journal and for programs."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simd.logs import JsonLines, TextLines, is_journal, printable

HOSTILE = [
    "a\n2026-01-01 00:00:00,000 INFO simd.app.daemon: forged",
    "a\r\nb",
    "\x1b[2J\x1b]0;title\x07",
    "\x85next\u2028line\u2029paragraph",
    "\u202eright to left",
    os.fsdecode(b"caf\xe9 \xff"),
    "null\0",
]


def record(message: str, *, level: int = logging.INFO, error: Exception | None = None) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("simd.test", level, __file__, 1, "found %s", (message,), trace)


def caught(message: str) -> Exception:
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", [TextLines(journal=True), TextLines(journal=False), JsonLines()])
def test_an_event_is_one_line_of_printable_characters_whatever_its_names_are(
    name: str, form: logging.Formatter
) -> None:
    line = form.format(record(name))
    assert line.isprintable()
    line.encode("utf-8")


def test_names_that_can_be_printed_stay_as_they_are() -> None:
    assert printable("Größe 図.jpg") == "Größe 図.jpg"
    assert printable("a\nb") == r"a\nb"
    assert printable(os.fsdecode(b"\xff")) == r"\udcff"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_line_of_a_traceback_can_be_taken_for_an_event(name: str) -> None:
    first, *more = TextLines(journal=True).format(record("x", level=logging.ERROR, error=caught(name))).split("\n")
    assert first == "<3>ERROR simd.test: found x"
    assert more and all(line.startswith("<3>  | ") and line.isprintable() for line in more)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_the_journal_gets_the_priority_and_no_time(level: int, priority: int) -> None:
    line = TextLines(journal=True).format(record("x", level=level))
    assert line == f"<{priority}>{logging.getLevelName(level)} simd.test: found x"


def test_json_tells_time_level_logger_message_and_exception() -> None:
    event = json.loads(JsonLines().format(record("x", level=logging.ERROR, error=caught("no\nway"))))
    assert (event["level"], event["logger"], event["message"]) == ("error", "simd.test", "found x")
    assert event["time"].endswith("+00:00")
    assert "RuntimeError: no" in event["exception"]


def test_only_the_stream_that_the_journal_reads_gets_priorities(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_process_writes_lines_of_the_form_it_was_told(form: str) -> None:
    program = (
        "import logging, warnings; from simd import logs; "
        f"logs.to_stderr('info', {form!r}); logging.info('a\\nb'); logging.debug('no'); warnings.warn('careful')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert r"a\nb" in (json.loads(lines[0])["message"] if form == "json" else lines[0])


def test_a_thread_that_ends_by_an_error_is_an_event_like_others() -> None:
    program = (
        "import logging, threading\nfrom simd.logs import to_stderr\nto_stderr('info')\n"
        "thread = threading.Thread(target=lambda: 1 / 0, name='short-lived')\nthread.start()\nthread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *trace = done.stderr.splitlines()
    assert first.endswith("ERROR simd.logs: the thread short-lived ended by an error")
    assert trace[-1] == "  | ZeroDivisionError: division by zero"
