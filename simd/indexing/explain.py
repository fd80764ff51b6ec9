"""Why a path is or is not in the answers: what is known of it, beside what is on the disk now.

The disk is looked at as a scan would look at it: nothing outside the roots, and no directory through a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from simd.catalogue.rows import Known
from simd.indexing.roots import Roots
from simd.indexing.rootstate import RootState
from simd.types import Explanation, FileKey, PathState, Root, Stamp
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline, identify, linked_directory
from simd.watch.rules import RulesUnread


@dataclass(frozen=True, slots=True)
class _Found:
    """What is on the disk: a regular file with this stamp, or what is in the way of one."""

    stamp: Stamp | None
    state: PathState = PathState.WAITING
    detail: str = ""


class Explainer:
    """Explains paths, from any thread.

    Args:
        known: what the catalogue says of a file.
        state: what the scans found out about a root.
        paused: whether indexing is.
    """

    def __init__(
        self,
        *,
        known: Callable[[FileKey], Known | None],
        roots: Roots,
        ignore: Ignore,
        state: Callable[[int], RootState],
        paused: Callable[[], bool],
    ) -> None:
        self._known = known
        self._roots = roots
        self._ignore = ignore
        self._state = state
        self._paused = paused

    def explain(self, path: bytes) -> Explanation:
        """One path, absolute."""
        path = os.path.normpath(path)
        key = self._roots.locate(path)
        root = self._roots.get(key.root_id) if key is not None else None
        if key is None or root is None:
            detail = "no watched folder holds it; `simctl add` its folder or name it in the setting `roots`"
            return Explanation(path, False, PathState.NOT_IN_A_ROOT, detail)
        found = self._look(root, key.path)
        known = self._known(key)
        if known is None:
            return self._unknown(path, found)
        if known.rejection is None:
            return Explanation(path, True, PathState.INDEXED, self._although(root, known, found))
        if found.stamp == known.stamp:
            return Explanation(path, False, known.rejection.reason, known.rejection.detail)
        return self._unknown(path, found)

    def _unknown(self, path: bytes, found: _Found) -> Explanation:
        """A path that nothing has been decided about, or not as it is now."""
        detail = found.detail
        if found.stamp is not None:
            when = "when indexing is resumed: it is paused now" if self._paused() else "when its turn comes"
            detail = f"it is new or has changed, and will be indexed {when}"
        return Explanation(path, False, found.state, detail)

    def _although(self, root: Root, known: Known, found: _Found) -> str:
        """What is remarkable about a file that is indexed."""
        if found.stamp == known.stamp:
            return ""
        if found.stamp is not None:
            return "it has changed: what it is now waits to be indexed"
        if found.state is PathState.NOT_THERE and self._state(root.root_id).held is not None:
            return "it is not there, but so many files are gone that their deletion is held; see `simctl status`"
        stays = "it stays in the answers" if found.state is PathState.ROOT_OFFLINE else "the next scan takes it out"
        return f"{found.detail}; {stays}"

    def _look(self, root: Root, path: bytes) -> _Found:
        """What is at a path."""
        state = self._state(root.root_id)
        try:
            identify(root.path)
            if not state.online:
                return _Found(None, PathState.ROOT_OFFLINE, f"its root {state.reason}")
            return self._look_inside(root, path)
        except RootOffline as offline:
            return _Found(None, PathState.ROOT_OFFLINE, f"its root {offline.reason}")
        except RulesUnread as unread:
            return _Found(None, PathState.UNREADABLE, f"nothing in its folder is looked at: {unread}")
        except (FileNotFoundError, NotADirectoryError):
            return _Found(None, PathState.NOT_THERE, "there is no such file")
        except OSError as error:
            return _Found(None, PathState.UNREADABLE, f"it cannot be looked at: {error.strerror}")

    def _look_inside(self, root: Root, path: bytes) -> _Found:
        """What is at a path of a root that is there."""
        linked = linked_directory(root.path, path)
        full = os.path.join(root.path, path) if path else root.path
        status = os.lstat(full) if linked is None else None
        if status is not None and stat.S_ISLNK(status.st_mode):
            status = os.stat(full)
            linked = path if stat.S_ISDIR(status.st_mode) else None
        if status is None or linked is not None:
            name = os.fsdecode(linked or path)
            return _Found(None, PathState.LINKED_DIRECTORY, f"{name!r} is a link to a folder; those are not followed")
        is_dir = stat.S_ISDIR(status.st_mode)
        verdict = self._ignore.verdict(root.path, path, is_dir) if path else None
        if verdict is not None:
            what = "" if verdict.path.rstrip(b"/") == path else f"{os.fsdecode(verdict.path)!r} is passed over: "
            return _Found(None, PathState.IGNORED, f"{what}{verdict.rule}")
        if is_dir:
            return _Found(None, PathState.DIRECTORY, "a folder is not indexed, but the files in it are")
        if not stat.S_ISREG(status.st_mode):
            return _Found(None, PathState.NOT_A_FILE, "it is a device, a pipe or a socket")
        if not os.access(full, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            return _Found(None, PathState.UNREADABLE, "the daemon may not read it")
        return _Found(Stamp.of(status))
