"""What a decode worker may do, by the kernel's word: libraries that decode hostile files are taken over now and then.

It reads the files that it is handed open, and the libraries that decode them; it answers. It has no network, starts no
process, makes, changes and removes no file, and cannot read the daemon's state, its tokens or its memory. Where the
kernel cannot keep it from something, `missing` says what is not kept from it, and `simd doctor` tells it.
"""

from __future__ import annotations

import os
import resource
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from simd.featurize.workers import landlock, seccomp

_OPEN_FILES = 64
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/dev/null")

NO_LANDLOCK = "reading other files of the daemon's user (Landlock, Linux 5.13)"
NO_SECCOMP = "the network and other processes of the daemon's user (seccomp)"


def missing() -> tuple[str, ...]:
    """What this machine's kernel cannot keep from a worker."""
    return (*(() if landlock.abi() else (NO_LANDLOCK,)), *(() if seccomp.available() else (NO_SECCOMP,)))


def limit(memory_bytes: int) -> None:
    """Let this process take `memory_bytes` more than it has now, write no file and dump no core."""
    with open("/proc/self/statm") as statm:
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
    for which, value in (
        (resource.RLIMIT_AS, in_use + memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(which, (value, value))


def confine() -> tuple[str, ...]:
    """Leave to this process what it needs, for good; what could not be taken from it."""
    left = []
    for act, what in ((_read_libraries_only, NO_LANDLOCK), (seccomp.install, NO_SECCOMP)):
        try:
            act()
        except OSError as error:
            left.append(f"{what}: {error.strerror}")
    return tuple(left)


def _read_libraries_only() -> None:
    landlock.restrict(_libraries())


def _libraries() -> Iterator[str]:
    """Where modules and shared libraries are: some are loaded when the first picture of their kind comes."""
    yield from _SYSTEM_LIBRARIES
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (os.path.join(prefix, "lib") for prefix in {sys.prefix, sys.base_prefix})
    yield from site.getsitepackages()
    yield site.getusersitepackages()
    # Where a .pth file says that more of them are.
    yield from (path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages"))
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    yield str(Path(__file__).resolve().parents[2])
