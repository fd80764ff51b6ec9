"""simctl: the client of simd, as a library and as a command.

    with simctl.Client() as client:
        for match in client.search(image=data).matches:
            ...

It needs the daemon's wire contract and gRPC, and nothing that the daemon needs.
"""

from simctl.answers import BatchAnswer, Comparison, Match, SearchResult
from simctl.client import Client
from simctl.connection import Subject
from simctl.errors import DaemonUnreachable, SimctlError

__all__ = [
    "BatchAnswer",
    "Client",
    "Comparison",
    "DaemonUnreachable",
    "Match",
    "SearchResult",
    "SimctlError",
    "Subject",
]
