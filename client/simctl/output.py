"""What a command prints: for people, as one JSON document, or as paths alone.

Results go to stdout, all else to stderr. Names of files come from anywhere, so for people whatever could steer a
terminal is escaped; for programs (`paths`) the bytes go out as they are.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from simctl.streams import Unwritable, reason, silence

_DEFAULT_COLUMNS = 80
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Output:
    """Prints for one command.

    Args:
        environ: for `NO_COLOR` and `TERM`.
        stdout: where results go.
        stderr: where messages and progress go; what cannot be written there is dropped.

    What prints results raises `Unwritable` when they cannot be written, and BrokenPipeError when their reader has left.
    """

    def __init__(self, environ: Mapping[str, str], stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        self._colour = not plain and self._stdout.isatty()
        self._redraws = environ.get("TERM") != "dumb" and self._stdout.isatty()
        self._progress = self._stderr.isatty()
        self._drawn = False

    def text(self, text: str) -> None:
        """Text that has its own line ends."""
        try:
            self._stdout.write(text)
        except OSError as error:
            raise _unwritable(error) from error

    def line(self, text: str = "") -> None:
        """A line for people."""
        self.text(text + "\n")

    def texts(self, texts: Iterable[str]) -> None:
        """Texts for programs, their bytes as they are."""
        self.flush()
        for text in texts:
            try:
                self._stdout.buffer.write(os.fsencode(text))
            except OSError as error:
                raise _unwritable(error) from error
        self.flush()

    def json(self, document: object) -> None:
        """The one document of a command that was asked for JSON."""
        # Whatever is not ASCII is escaped, so that no locale can spoil it.
        self.text(json.dumps(document) + "\n")

    def paths(self, paths: Iterable[str], *, zero: bool) -> None:
        """Paths alone, their bytes as they are, each ended by a newline or by NUL."""
        self.texts(path + ("\0" if zero else "\n") for path in paths)

    def error(self, message: str) -> None:
        """What went wrong, on stderr."""
        self.clear()
        self._write_message(f"simctl: {printable(message)}\n")

    def note(self, message: str) -> None:
        """Something worth knowing, on stderr."""
        self.clear()
        self._write_message(f"{printable(message)}\n")

    def ask(self, question: str) -> None:
        """A question, on stderr, whose answer is typed behind it."""
        self.clear()
        self._write_message(printable(question))

    def progress(self, text: str) -> None:
        """One line that replaces the one before, cut where the terminal ends; only on a terminal."""
        if self._progress:
            # A line that wraps could not be taken back.
            self._write_message(f"\r\x1b[K{cut(printable(text), self.columns)}")
            self._drawn = True

    @property
    def columns(self) -> int:
        """How many columns a line of progress may take."""
        try:
            columns = os.get_terminal_size(self._stderr.fileno()).columns
        except OSError:
            columns = 0
        # Some terminals wrap as soon as the last column is written to.
        return (columns or _DEFAULT_COLUMNS) - 1

    def clear(self) -> None:
        """Take the progress line away."""
        if self._drawn:
            self._write_message("\r\x1b[K")
            self._drawn = False

    def flush(self) -> None:
        """Let the reader of the results have them now."""
        try:
            self._stdout.flush()
        except OSError as error:
            raise _unwritable(error) from error

    def finish(self) -> None:
        """Write what is left, of messages too: at the interpreter's end it could only fail without a word."""
        self._write_message("")
        self.flush()

    def _write_message(self, text: str) -> None:
        try:
            self._stderr.write(text)
            self._stderr.flush()
        except OSError:
            # There is nowhere left to say it; the exit code still tells.
            silence(self._stderr)

    @contextmanager
    def screen(self) -> Iterator[Callable[[Iterable[str]], None] | None]:
        """What draws the whole screen anew, given its lines; None where results do not go to a terminal."""
        if not self._redraws:
            yield None
            return
        # Lines are cut at the right edge, not wrapped: their number must be known.
        self.text("\x1b[?7l\x1b[2J")
        try:
            yield self._draw
        finally:
            self.text("\x1b[?7h\n")
            self.flush()

    def _draw(self, lines: Iterable[str]) -> None:
        height = shutil.get_terminal_size().lines
        shown = list(lines)[: height - 1]
        self.text("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in shown) + "\x1b[J")
        self.flush()

    def style(self, text: str, colour: str) -> str:
        """The text in a colour, where there are colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colour else text


def _unwritable(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    return Unwritable(f"cannot write to stdout: {reason(error)}")


def cut(text: str, columns: int) -> str:
    """As much of a text as `columns` of a terminal hold."""
    if text.isascii():
        return text[:columns]
    taken = 0
    for at, char in enumerate(text):
        taken += _columns_of(char)
        if taken > columns:
            return text[:at]
    return text


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def printable(text: str) -> str:
    """Text that cannot steer a terminal and can be encoded: control characters and stray bytes are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    code = ord(char)
    # A byte that is not UTF-8 is a lone surrogate here; it is shown as that byte.
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def json_text(path: str) -> str:
    """A path as JSON has it: U+FFFD in place of what is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def json_path(path: str, key: str = "path") -> dict[str, object]:
    """A path, and its exact bytes in base64 where the text is not exact."""
    found: dict[str, object] = {key: json_text(path)}
    if not _is_exact(path):
        found[f"{key}_base64"] = _base64(path)
    return found


def json_paths(paths: Iterable[str], key: str = "paths") -> dict[str, object]:
    """Paths, and the exact bytes of all of them in base64 where one of the texts is not exact."""
    paths = list(paths)
    found: dict[str, object] = {key: [json_text(path) for path in paths]}
    if not all(map(_is_exact, paths)):
        found[f"{key}_base64"] = [_base64(path) for path in paths]
    return found


def _is_exact(path: str) -> bool:
    raw = os.fsencode(path)
    return raw.decode("utf-8", "replace").encode() == raw


def _base64(path: str) -> str:
    return base64.b64encode(os.fsencode(path)).decode("ascii")


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(distance: float, similarity: float) -> str:
    """Similarity for people: 100 % is kept for what is the same."""
    return "100 %" if distance == 0 else f"{min(similarity * 100, 99.9):.1f} %"


def duration(seconds: float) -> str:
    """Seconds as people say them: the two greatest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


def moment(at: float) -> str:
    """A time as people here say it; the day too, if it is another one."""
    local = time.localtime(at)
    today = local[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", local)


def size(number: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
