"""What is passed over: by name whatever the settings say, and by the rules of the settings and of `.simdignore` files.

By name: hidden things, trash, snapshots, thumbnails of other programs, unfinished downloads. Names and paths only,
never content: every other regular file is a candidate, and the decoder says what is not an image.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from simd.errors import ConfigError
from simd.watch.patterns import escaped, text_of
from simd.watch.rules import RuleFiles, Rules, RulesUnread, Scope, compiled

_DIRECTORIES = frozenset(
    {
        b"#recycle",
        b"#snapshot",
        b"$recycle.bin",
        b"@eadir",
        b"@recently-snapshot",
        b"@recycle",
        b"__macosx",
        b"found.000",
        b"lost+found",
        b"node_modules",
        b"recycled",
        b"recycler",
        b"system volume information",
    }
)
_FILES = frozenset(
    {b"desktop.ini", b"ehthumbs.db", b"ehthumbs_vista.db", b"picasa.ini", b"thumbs.db", b"zbthumbnail.info"}
)
_UNFINISHED = (
    b".!qb",
    b".!ut",
    b".aria2",
    b".bc!",
    b".crdownload",
    b".download",
    b".filepart",
    b".opdownload",
    b".part",
    b".partial",
    b".swp",
    b".temp",
    b".tmp",
    b".uploading",
    b"~",
)
_THUMBNAILS = re.compile(rb"(thumbcache|iconcache)(_[0-9a-z_]+)?\.db")
"""Of Windows' own caches."""


_ROOTS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is passed over, relative to its root (a directory ends with a slash), and by which rule, for a person."""

    path: bytes
    rule: str


class Ignore:
    """The rules in force. Safe to use from any thread.

    Args:
        patterns: in the syntax of gitignore, relative to each root.
        own: an absolute path, of the directory in which the daemon keeps its state: it is passed over in every root
            that holds it.

    Raises:
        ConfigError: a pattern can match nothing.
    """

    def __init__(self, patterns: Iterable[str] = (), own: bytes | None = None) -> None:
        self._files = RuleFiles()
        self._settings = _settings(patterns)
        self._own = os.path.realpath(own) if own is not None else None
        self._own_in = lru_cache(_ROOTS_KEPT)(self._find_own)

    def configure(self, patterns: Iterable[str]) -> bool:
        """Put these patterns in the place of those of the settings; whether they are others.

        Raises:
            ConfigError: a pattern can match nothing; those before are still in force.
        """
        before, self._settings = self._settings, _settings(patterns)
        return before != self._settings

    def skips(self, name: bytes, is_dir: bool) -> bool:
        """Whether a directory entry is passed over whatever the rules say; upper and lower case are alike."""
        if name.startswith(b"."):
            return True
        name = name.lower()
        if is_dir:
            return name in _DIRECTORIES
        # Emacs saves #like this# while a file is edited.
        is_autosave = len(name) > 2 and name.startswith(b"#") and name.endswith(b"#")
        return name in _FILES or name.endswith(_UNFINISHED) or is_autosave or bool(_THUMBNAILS.fullmatch(name))

    def entering(self, scope: Scope, top: bytes, directory: bytes) -> tuple[Scope, Rules | None]:
        """The rules in force in a directory, given those of the one above, and those of its own that are among them.

        Args:
            scope: of the directory above.
            top: the root.
            directory: relative to the root: b"", or with a slash at its end.

        Raises:
            RulesUnread: what the directory's own rules are cannot be told.
        """
        rules = self._files.rules_in(os.path.join(top, directory))
        return scope.within(directory, rules), rules

    def above(self, top: bytes, directory: bytes) -> Scope:
        """The rules in force in the directory that holds `directory`; for b"" those of the settings.

        Raises:
            RulesUnread: one of the rule files on the way cannot be understood.
        """
        scope = self._outermost(top)
        for parent in _parents(directory):
            scope, _ = self.entering(scope, top, parent)
        return scope

    def verdict(self, top: bytes, path: bytes, is_dir: bool = False) -> Verdict | None:
        """Why a path relative to its root is passed over, for itself or for a directory on the way; None if it is not.

        Raises:
            RulesUnread: one of the rule files on the way cannot be understood.
        """
        scope = self._outermost(top)
        *steps, last = [*_parents(path), path + b"/" if is_dir else path]
        for directory, entry in zip(steps, [*steps[1:], last], strict=True):
            name = entry[len(directory) :]
            if self.skips(name.rstrip(b"/"), name.endswith(b"/")):
                return Verdict(entry, "such names are always passed over")
            scope, _ = self.entering(scope, top, directory)
            if scope.levels and (rule := scope.rule_for(entry)) is not None:
                return Verdict(entry, f"{rule.pattern.text!r}, {rule.where}")
        return None

    def ignores(self, top: bytes, path: bytes, is_dir: bool = False) -> bool:
        """Whether a path is passed over, or is not to be touched because a rule file on the way is not understood."""
        try:
            return self.verdict(top, path, is_dir) is not None
        except RulesUnread:
            return True

    def _outermost(self, top: bytes) -> Scope:
        """The rules in force in the directory that holds a root."""
        return Scope().within(b"", self._settings).within(b"", self._own_in(top))

    def _find_own(self, top: bytes) -> Rules | None:
        """A rule that passes the daemon's own directory over, in a root that holds it."""
        inside = os.path.realpath(top).rstrip(b"/") + b"/"
        if self._own is None or not self._own.startswith(inside):
            return None
        name = text_of(self._own[len(inside) :])
        return compiled([f"/{escaped(name)}/"], "the daemon keeps its state there")


def _parents(path: bytes) -> list[bytes]:
    """The directories that hold a path, outermost first: b"", then each with a slash at its end; none for b""."""
    if not path:
        return []
    found = [b""]
    for name in path.rstrip(b"/").split(b"/")[:-1]:
        found.append(found[-1] + name + b"/")
    return found


def _settings(patterns: Iterable[str]) -> Rules:
    found = compiled(patterns, "pattern {} of the setting `ignore`")
    if found.flaws:
        raise ConfigError("; ".join(found.flaws), field="ignore", remedy="mend it or take it out")
    return found
