"""simctl: the client of simd, as a library and as a command.

    with simctl.Client() as client:
        for match in client.search(image=data).matches:
            ...

It needs the daemon's wire contract and gRPC, and nothing that the daemon needs.
"""

from simctl.answers import Match, SearchResult
from simctl.client import Client
from simctl.errors import DaemonUnreachable, SimctlError

__all__ = ["Client", "DaemonUnreachable", "Match", "SearchResult", "SimctlError"]
