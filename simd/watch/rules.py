"""Rules of what to pass over: those of the settings, and those of the `.simdignore` files in a tree.

A file's rules hold in its directory and below. Of all rules that are about a path the innermost file's count first, and
in one file the last line; a negated one says that the path is not to be passed over.

A file that cannot be understood as a whole raises `RulesUnread`, because to take it for empty would index what
somebody wants hidden. Of lines that can match nothing the others still hold; they are `flaws`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from simd.types import Stamp
from simd.watch.patterns import BadPattern, Pattern, parse, text_of

RULES_FILE = b".simdignore"

_MAX_BYTES = 64 << 10
_MAX_RULES = 1000
_FILES_KEPT = 1000


class RulesUnread(Exception):
    """What a directory's rules are cannot be told, so nothing in it is to be indexed, nor taken for gone.

    Args:
        path: the file.
        reason: what was found, for a person.
    """

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{os.fsdecode(path)!r} {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, and for a person where it stands."""

    pattern: Pattern
    where: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one file or setting, in the order in which they stand there."""

    rules: tuple[Rule, ...] = ()
    flaws: tuple[str, ...] = ()

    def last(self, path: str, is_dir: bool) -> Rule | None:
        """The rule that counts for a path relative to where the rules hold."""
        return next((rule for rule in reversed(self.rules) if rule.pattern.matches(path, is_dir)), None)


@dataclass(frozen=True, slots=True)
class Scope:
    """All rules in force in a directory: each with the length of the path of the directory where they hold, innermost
    first. Immutable, so that a walk keeps one for each directory on the way down."""

    levels: tuple[tuple[int, Rules], ...] = ()

    def within(self, directory: bytes, rules: Rules | None) -> Scope:
        """The rules in force in a directory that has rules of its own; `directory` is b"" or ends with a slash."""
        if rules is None or not rules.rules:
            return self
        return Scope(((len(text_of(directory)), rules), *self.levels))

    def rule_for(self, path: bytes) -> Rule | None:
        """The rule by which an entry of the directory is passed over, if any; a directory ends with a slash."""
        text = text_of(path)
        is_dir = text.endswith("/")
        if is_dir:
            text = text[:-1]
        for length, rules in self.levels:
            if (rule := rules.last(text[length:], is_dir)) is not None:
                return None if rule.pattern.negated else rule
        return None


def compiled(lines: Iterable[str], where: str) -> Rules:
    """The rules that lines of text are.

    Args:
        lines: patterns, comments and empty lines.
        where: what a person is told of where a rule stands; `{}` in it is the number of the line.
    """
    rules: list[Rule] = []
    flaws: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            pattern = parse(line)
        except BadPattern as bad:
            flaws.append(f"{where.format(number)}: {line.strip()!r} matches nothing: {bad}")
            continue
        if pattern is not None:
            rules.append(Rule(pattern, where.format(number)))
    return Rules(tuple(rules), tuple(flaws))


class RuleFiles:
    """Reads rule files; what was read is kept, and read again when the file is another one. Safe from any thread."""

    def __init__(self) -> None:
        self._read = lru_cache(_FILES_KEPT)(_read)

    def rules_in(self, directory: bytes) -> Rules | None:
        """The rules that stand in a directory; None if it has no rule file.

        Raises:
            RulesUnread: it has one, and what it says cannot be told.
        """
        path = os.path.join(directory, RULES_FILE)
        try:
            status = os.lstat(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise RulesUnread(path, f"cannot be read: {error.strerror}") from error
        if stat.S_ISDIR(status.st_mode):
            return None
        return self._read(path, Stamp.of(status))


def _read(path: bytes, stamp: Stamp) -> Rules:
    """The rules in a file, which `stamp` tells from what it was before."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RulesUnread(path, "is not a regular file")
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        why = "is a symbolic link, which is not followed" if error.errno == errno.ELOOP else None
        raise RulesUnread(path, why or f"cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise RulesUnread(path, f"has more than {_MAX_BYTES:,} bytes, which is the limit")
    if b"\0" in data:
        raise RulesUnread(path, "is not a text file")
    name = os.fsdecode(path).replace("{", "{{").replace("}", "}}")
    rules = compiled(text_of(data.removeprefix(b"\xef\xbb\xbf")).split("\n"), f"line {{}} of {name}")
    if len(rules.rules) > _MAX_RULES:
        raise RulesUnread(path, f"has {len(rules.rules):,} patterns; {_MAX_RULES:,} is the limit")
    return rules
