"""Why a path is or is not in the answers: what is known of it, beside what is on the disk now.

The disk is examined as a scan would do it: nothing outside the roots, and no directory through a link.
"""

from __future__ import annotations

import os

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import Known
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.roots.roots import Roots
from simd.types import Explanation, PathState, Root, Stamp
from simd.watch.roots import NoFile, RootOffline, found_at, identify, may
from simd.watch.rules import RulesUnread


class Explainer:
    """Explains paths, from any thread."""

    def __init__(self, catalogue: Catalogue, roots: Roots, queue: WorkQueue) -> None:
        self._catalogue = catalogue
        self._roots = roots
        self._queue = queue

    def explain(self, path: bytes) -> Explanation:
        """One path, absolute."""
        path = os.path.normpath(path)
        key = self._roots.locate(path)
        root = self._roots.get(key.root_id) if key is not None else None
        if key is None or root is None:
            detail = "no watched folder holds it; `simctl add` its folder or name it in the setting `roots`"
            return Explanation(path, False, PathState.NOT_IN_A_ROOT, detail)
        found = self._examine(root, key.path)
        known = self._catalogue.known(key)
        if known is None:
            return self._unknown(path, found)
        if known.rejection is None:
            return Explanation(path, True, PathState.INDEXED, self._remark(root, known, found))
        if found == known.stamp:
            return Explanation(path, False, known.rejection.reason, known.rejection.detail)
        return self._unknown(path, found)

    def _unknown(self, path: bytes, found: Stamp | NoFile) -> Explanation:
        """A path that is not decided, or not as it is now."""
        if isinstance(found, NoFile):
            return Explanation(path, False, found.state, found.detail)
        when = "when indexing is resumed: it is paused now" if self._queue.pause_state.paused else "when its turn comes"
        return Explanation(path, False, PathState.WAITING, f"it is new or has changed, and will be indexed {when}")

    def _remark(self, root: Root, known: Known, found: Stamp | NoFile) -> str:
        """What to know about a file that is indexed; empty when it is as it was then."""
        if isinstance(found, Stamp):
            return "" if found == known.stamp else "it has changed: what it is now waits to be indexed"
        if found.state is PathState.NOT_THERE and self._roots.state(root.root_id).held is not None:
            return "it is not there, but so many files are gone that their deletion is held; see `simctl status`"
        stays = "it stays in the answers" if found.state is PathState.ROOT_OFFLINE else "the next scan takes it out"
        return f"{found.detail}; {stays}"

    def _examine(self, root: Root, path: bytes) -> Stamp | NoFile:
        """The file at a path that can be read, or what is in the way of one."""
        state = self._roots.state(root.root_id)
        try:
            identify(root.path)
            if not state.online:
                raise RootOffline(root.path, state.reason)
            found = found_at(root.path, path, self._roots.ignore)
        except RootOffline as offline:
            return NoFile(PathState.ROOT_OFFLINE, f"its root {offline.reason}")
        except RulesUnread as unread:
            return NoFile(PathState.UNREADABLE, f"nothing in its folder is looked at: {unread}")
        except OSError as error:
            return NoFile(PathState.UNREADABLE, f"it cannot be looked at: {error.strerror}")
        if isinstance(found, Stamp) and not may(os.path.join(root.path, path), os.R_OK):
            return NoFile(PathState.UNREADABLE, "the daemon may not read it")
        return found
