"""Where the page is, by which names browsers may ask for it, and who must log in before.

On loopback everybody on this machine may look. What other machines can reach needs TLS, the page's own or that of a
proxy that is named, and a file of tokens to log in with.

A name that is not known here is refused: a site of somebody else could have its own name lead to this machine, and
read the page in a visitor's browser (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simctl.address import is_loopback

from simd.errors import ConfigError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY = ("0.0.0.0", "::")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """The page's place.

    Attributes:
        host: what it listens on.
        port: likewise; 0 means any that is free.
        names: the hosts by which browsers may ask for it, in lower case.
        origin: of a proxy that answers for it, such as "https://photos.example"; empty without one.
        encrypted: whether it speaks TLS itself.
    """

    host: str
    port: int
    names: frozenset[str]
    origin: str = ""
    encrypted: bool = False

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by HTTPS."""
        return self.encrypted or self.origin.startswith("https:")

    @property
    def has_proxy(self) -> bool:
        """Whether a proxy of another name answers for it."""
        return bool(self.origin)

    @property
    def is_exposed(self) -> bool:
        """Whether other machines may reach it."""
        return not (is_loopback(self.host) and self.names == _LOOPBACK | {self.host})

    @property
    def url(self) -> str:
        """What a person types to see it."""
        if self.origin:
            return f"{self.origin}/"
        host = next(iter(sorted(self.names))) if self.host in _ANY else self.host
        return f"{'https' if self.encrypted else 'http'}://{_joined(host, self.port)}/"

    def knows(self, host: str) -> bool:
        """Whether a request's Host names the page."""
        return _split(host)[0] in self.names

    def is_origin(self, origin: str, host: str) -> bool:
        """Whether what asks was loaded from the page itself.

        Args:
            origin: the request's Origin.
            host: its Host, which is known.
        """
        scheme = "https" if self.is_secure else "http"
        return origin.lower() in (self.origin, f"{scheme}://{host.lower()}")


def site(
    http: str, *, names: Sequence[str] = (), proxy: str = "", encrypted: bool = False, has_login: bool = False
) -> Site:
    """Where the page is to be.

    Args:
        http: `HOST:PORT` to listen on.
        names: more hosts by which browsers may ask for it.
        proxy: the public name of a proxy that passes requests on, `HOST` or `HOST:PORT`.
        encrypted: whether the page has a certificate.
        has_login: whether visitors log in.

    Raises:
        ConfigError: the address cannot be, or other machines could reach it and must not.
    """
    host, port = _split(http)
    if not host or port is None:
        raise ConfigError(f"cannot listen on {http!r}: write HOST:PORT", field="http")
    host = "127.0.0.1" if host == "localhost" else host
    made = Site(host, port, _names(host, names, proxy), _origin(proxy), encrypted)
    if not is_loopback(host) and not (encrypted or proxy):
        raise ConfigError(
            f"cannot listen on {http}: other machines could reach it, and nothing would be encrypted",
            field="http",
            remedy="give --cert and --key, or --proxy NAME if a proxy does TLS; or listen on 127.0.0.1:PORT",
        )
    if made.is_exposed and not has_login:
        raise ConfigError(
            f"cannot listen on {http}: other machines could reach it, and nothing would ask who they are",
            field="http",
            remedy="--login-token-file FILE has them log in; umask 077; openssl rand -hex 32 > FILE makes one",
        )
    if not made.names:
        raise ConfigError(
            f"cannot listen on {http}: under which name browsers ask for the page is not known",
            field="host",
            remedy="name it with --host NAME",
        )
    return made


def _names(host: str, names: Sequence[str], proxy: str) -> frozenset[str]:
    if proxy:
        public = _split(proxy)[0]
        return _LOOPBACK | {public} if is_loopback(public) else frozenset({public})
    own = _LOOPBACK | {host} if is_loopback(host) else frozenset({host} - set(_ANY))
    more = {name: _split(name)[0] for name in names}
    for name, found in more.items():
        if not found:
            raise ConfigError(f"--host {name!r} is no name of a host", field="host", remedy="write NAME, or an address")
    return own | frozenset(more.values())


def _origin(proxy: str) -> str:
    """What is published on this machine's loopback needs no TLS, and is asked for by any of its names."""
    if not proxy:
        return ""
    host, port = _split(proxy)
    if not host or "/" in proxy:
        raise ConfigError(f"--proxy {proxy!r} is no name: write HOST or HOST:PORT, without https://", field="proxy")
    scheme = "http" if is_loopback(host) else "https"
    return f"{scheme}://{_joined(host, _PORTS[scheme] if port is None else port)}".removesuffix(f":{_PORTS[scheme]}")


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(text: str) -> tuple[str, int | None]:
    """Host and port of `HOST:PORT`; no port where there is none, and no host where it is malformed."""
    host, separator, port = text.lower().rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text.lower(), ""
    elif not port.isdecimal() or int(port) > 65535:
        return "", None
    if host.startswith("[") != host.endswith("]") or ("[" not in host and ":" in host):
        return "", None
    return host.removeprefix("[").removesuffix("]"), int(port) if port else None
