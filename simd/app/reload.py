"""Settings that change while the daemon runs: read anew, compared with those in force, applied one by one.

A configuration that cannot be read changes nothing. A setting that only a restart can change is named, again with
every reload, until there was one.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping

from simd.config import Settings
from simd.errors import SimdError

log = logging.getLogger(__name__)

Apply = Callable[[Settings], None]
"""Makes one setting of the new ones take effect."""


class Reload:
    """Reads and applies, when it is called.

    Args:
        settings: those in force.
        load: reads them anew, as they were read at the start; raises `ConfigError`.
        live: what applies a setting, by its name; every other setting needs a restart.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings], live: Mapping[str, Apply]) -> None:
        self._settings = settings
        self._load = load
        self._live = live

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._settings

    def __call__(self) -> None:
        """Read the configuration anew, and say in the log what came of it."""
        try:
            fresh = self._load()
        except SimdError as error:
            log.error("the configuration cannot be used, the old one stays in force: %s", error)
            return
        changed = [key for key in _keys() if getattr(fresh, key) != getattr(self._settings, key)]
        applied = [key for key in changed if key in self._live and self._apply(key, fresh)]
        log.info("the configuration was read again: %s", f"{', '.join(applied)} changed" if applied else "no change")
        waiting = [key for key in changed if key not in self._live]
        if waiting:
            log.warning("a restart is needed to change %s", ", ".join(waiting))

    def _apply(self, key: str, fresh: Settings) -> bool:
        try:
            self._live[key](fresh)
        except SimdError as error:
            log.error("the setting %s cannot be changed, the old one stays in force: %s", key, error)
            return False
        except Exception:
            log.exception("the setting %s cannot be changed, the old one stays in force", key)
            return False
        source = {**self._settings.source, key: fresh.source[key]}
        self._settings = dataclasses.replace(self._settings, source=source, **{key: getattr(fresh, key)})
        return True


def _keys() -> list[str]:
    return [field.name for field in dataclasses.fields(Settings) if field.name != "source"]
