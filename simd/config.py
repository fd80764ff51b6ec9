"""Settings: defaults < TOML < SIMD_* environment < flags -> one frozen `Settings`, read once and passed down.

An unknown key is an error with a hint, because a misspelt limit that is silently ignored is found out too late.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import socket
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simd.errors import ConfigError
from simd.verify.opencv import available

MIB = 1 << 20


def _default_state_dir(environ: Mapping[str, str]) -> Path:
    if directory := environ.get("STATE_DIRECTORY"):
        return Path(directory.split(":")[0])
    return Path(environ.get("XDG_STATE_HOME") or _home(environ) / ".local/state") / "simd"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _default_listen(environ: Mapping[str, str]) -> str:
    if directory := environ.get("RUNTIME_DIRECTORY"):
        return f"unix:{directory.split(':')[0]}/simd.sock"
    runtime = environ.get("XDG_RUNTIME_DIR")
    return f"unix:{runtime}/simd/simd.sock" if runtime else f"unix:/tmp/simd-{os.getuid()}/simd.sock"


def _credentials(environ: Mapping[str, str]) -> dict[str, object]:
    """The secrets that systemd hands over, each in a file of the setting's name (`LoadCredential=token_file:PATH`)."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    files = {key: Path(directory) / key for key in _SECRETS} if directory else {}
    return {key: file for key, file in files.items() if file.is_file()}


DEFAULT_MODEL = "simd-copy-1"

DEFAULT_KEEP = ("labelled", "companions", "resolution", "format", "size", "oldest")
"""A label names one picture of its group, so that one stays; the greater picture is seldom made of the smaller one. A
larger file is not better as such, so its size counts only among those of one format and resolution."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Names are the TOML keys; `SIMD_` + upper case is the environment variable."""

    state_dir: Path
    listen: str
    roots: tuple[Path, ...] = ()
    models_dir: Path | None = None
    model: str = DEFAULT_MODEL
    device: str = "auto"
    max_threads: int = 0
    indexing_priority: str = "idle"
    batch_size: int = 16
    max_image_bytes: int = 512 * MIB
    max_image_pixels: int = 250_000_000
    decode_timeout_s: float = 30.0
    decode_memory_bytes: int = 2048 * MIB
    settle_s: float = 1.0
    scan_interval_s: float = 3600.0
    ignore: tuple[str, ...] = ()
    poll: tuple[Path, ...] = ()
    poll_interval_s: float = 30.0
    grace_period_s: float = 7 * 86400.0
    verify: str = "off"
    keep: tuple[str, ...] = DEFAULT_KEEP
    reference: tuple[Path, ...] = ()
    atlas: str = "auto"
    replica: str = ""
    replica_host: str = ""
    replica_token_file: Path | None = None
    replica_ca: Path | None = None
    replica_index: str = "flat"
    replica_down: str = "refuse"
    search: str = "local"
    peers: tuple[str, ...] = ()
    peer_ca: Path | None = None
    peer_token_file: Path | None = None
    thumbnail_cache_bytes: int = 1024 * MIB
    flush_rows: int = 4096
    max_request_bytes: int = 64 * MIB
    max_concurrent_requests: int = 64
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    token_file: Path | None = None
    read_token_file: Path | None = None
    log_level: str = "info"
    log_format: str = "text"
    metrics_listen: str = ""
    http: str = ""
    source: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def threads(self) -> int:
        """Cores that indexing may use: `max_threads`, or all that this process may run on."""
        return self.max_threads or len(os.sched_getaffinity(0))

    @property
    def host(self) -> str:
        """The name under which this daemon publishes: `replica_host`, or the machine's.

        Raises:
            ConfigError: the machine's name cannot be one.
        """
        name = self.replica_host or socket.gethostname()
        if not _HOST.fullmatch(name):
            raise ConfigError(
                f"the machine's name {name!r} cannot be that of a host in a replica: {_HOST_FORM}",
                field="replica_host",
                remedy="set `replica_host`",
            )
        return name

    @property
    def model_cache(self) -> Path:
        """Where converted models are kept."""
        return self.models_dir or self.state_dir / "models"


_KEYS = tuple(f.name for f in dataclasses.fields(Settings) if f.name != "source")
_SECRETS = (
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "token_file",
    "read_token_file",
    "replica_token_file",
    "replica_ca",
    "peer_ca",
    "peer_token_file",
)
_CLIENTS = ("SIMD_ADDRESS", "SIMD_TLS_CA", "SIMD_CLIENT_CERT", "SIMD_CLIENT_KEY")
"""Variables of the client."""
_CHOICES = {
    "device": ("auto", "cpu", "gpu"),
    "indexing_priority": ("idle", "low", "normal"),
    "verify": ("off", "pairs", "search"),
    "atlas": ("auto", "off"),
    "replica_index": ("flat", "hnsw"),
    "replica_down": ("refuse", "local"),
    "search": ("local", "replica"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}
_LISTS = {
    "roots": os.pathsep,
    "ignore": os.pathsep,
    "poll": os.pathsep,
    "reference": os.pathsep,
    "keep": ",",
    "peers": ",",
}
"""Settings that are lists, and what separates their items in the environment."""
_HOST = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST_FORM = "1 to 64 letters, digits, '.', '_' and '-' are needed"
_MAY_BE_ZERO = {"max_threads", "settle_s", "grace_period_s", "thumbnail_cache_bytes"}


def load(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Settings:
    """Read the settings in force.

    Args:
        file: a TOML file that must exist; None looks for the XDG one and `/etc/simd/simd.toml`.
        environ: the environment, `os.environ` if None.
        flags: values given on the command line; None values are not given.

    Raises:
        ConfigError: unreadable or malformed file, unknown key, or a value out of its range.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {
        "state_dir": _default_state_dir(environ),
        "listen": _default_listen(environ),
        "verify": "pairs" if available() else "off",
    }
    source = dict.fromkeys(_KEYS, "default")
    hints = typing.get_type_hints(Settings)
    for origin, layer in (
        ("credential", _credentials(environ)),
        _from_file(file, environ),
        ("environment", _from_environment(environ)),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ):
        for key, value in layer.items():
            _known(key, origin)
            values[key] = _convert(key, value, hints[key], origin)
            source[key] = origin
    if values.get("search") == "replica" and not values.get("replica"):
        raise ConfigError(
            f"search = 'replica' ({source['search']}) needs a replica, and none is configured",
            field="search",
            remedy="set `replica` to http://HOST:PORT/COLLECTION, or `search` to 'local'",
        )
    return Settings(**values, source=source)  # type: ignore[arg-type]


def _from_file(file: Path | None, environ: Mapping[str, str]) -> tuple[str, dict[str, object]]:
    if file is None:
        config_home = Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")
        candidates = [config_home / "simd/simd.toml", Path("/etc/simd/simd.toml")]
        file = next((c for c in candidates if c.is_file()), None)
        if file is None:
            return "default", {}
    try:
        with file.open("rb") as stream:
            return str(file), tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """`SIMD_*` variables that are settings. Others are somebody else's, unless they look like a slip of the pen."""
    found: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith("SIMD_") or name in _CLIENTS:
            continue
        key = name.removeprefix("SIMD_").lower()
        if key in _KEYS or difflib.get_close_matches(key, _KEYS, 1, 0.8):
            found[key] = text.split(_LISTS[key]) if key in _LISTS else text
    return found


def _known(key: str, origin: str) -> None:
    if key in _KEYS:
        return
    close = difflib.get_close_matches(key, _KEYS, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"known settings: {', '.join(_KEYS)}"
    raise ConfigError(f"unknown setting `{key}` ({origin})", field=key, remedy=hint)


def _convert(key: str, value: object, kind: object, origin: str) -> object:
    """One value as its field's type, checked against its range."""
    if isinstance(kind, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    try:
        if kind == tuple[Path, ...]:
            return tuple(Path(os.path.abspath(os.path.expanduser(i))) for i in _list(value, "directories"))
        if kind == tuple[str, ...]:
            return _peers(_list(value, "NAME=ADDRESS")) if key == "peers" else tuple(_list(value, "patterns"))
        if kind is Path:
            if not isinstance(value, str | Path):
                raise TypeError("a path is needed")
            return Path(os.path.abspath(os.path.expanduser(str(value))))
        if kind is str:
            return _choice(key, value)
        return _number(key, value, int if kind is int else float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"setting `{key}` ({origin}) cannot be {value!r}: {error}", field=key) from error


def _list(value: object, of: str) -> list[str]:
    items = [value] if isinstance(value, str | Path) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | Path) for item in items):
        raise TypeError(f"a list of {of} is needed")
    return [str(item) for item in items]


def _choice(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    allowed = _CHOICES.get(key)
    if allowed and value not in allowed:
        raise ValueError(f"choose one of {', '.join(allowed)}")
    if key == "replica_host" and value and not _HOST.fullmatch(value):
        raise ValueError(_HOST_FORM)
    return value


def _peers(items: list[str]) -> tuple[str, ...]:
    """Hosts with the addresses of their daemons, each host once."""
    names = [item.partition("=")[0] for item in items]
    for item, name in zip(items, names, strict=True):
        if not _HOST.fullmatch(name) or not item.partition("=")[2]:
            raise ValueError(f"{item!r} is not of the form NAME=ADDRESS; of a NAME {_HOST_FORM}")
        if names.count(name) > 1:
            raise ValueError(f"the host {name} is there more than once")
    return tuple(items)


def _number(key: str, value: object, kind: type[int] | type[float]) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("a number is needed")
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError("it must be a whole number")
    number = kind(value)
    if not (0 <= number < float("inf")) or (number == 0 and key not in _MAY_BE_ZERO):
        raise ValueError("it must be positive" if key not in _MAY_BE_ZERO else "it must not be negative")
    return number
