"""`simctl replica`: the replica in which several daemons publish what they index.

`status` ends with 0 while all is in it or about to be, and with 1 otherwise. `rebuild` returns when it is current;
without `--timeout` it gives up soon where it does not get on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from simctl.client import Client
from simctl.errors import EXIT_ERROR, EXIT_USAGE
from simctl.output import Output, counted, duration, printable
from simctl.replica.replicated import ReplicaStatus

PARTS = {
    "status": "show how the replica stands to what is indexed here",
    "rebuild": "publish everything of this host anew, and take out what should not be there",
    "drop": "take everything of this host out, and publish nothing until it is rebuilt",
}

_ANSWER_S = 10.0
"""So long what is only asked or begun may take, if no time limit is given."""
_COLOURS = {"current": "green", "behind": "yellow", "dropped": "yellow"}


def arguments(parser: argparse.ArgumentParser, part: str) -> None:
    """Declare the options of one of `PARTS`."""
    if part == "rebuild":
        parser.add_argument("--no-wait", action="store_true", help="return once it has begun")
    elif part == "drop":
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Do one of `PARTS`."""
    parts: dict[str, Callable[[argparse.Namespace, Client, Output], int]] = {
        "status": _status, "rebuild": _rebuild, "drop": _drop
    }  # fmt: skip
    return parts[args.part](args, client, output)


def lines(replica: ReplicaStatus, output: Output) -> Iterator[str]:
    """How it is, for a person: its state and why, then where it is and what is in it."""
    detail = f": {printable(replica.detail)}" if replica.detail else ""
    searched = ", searched" if replica.searched else ""
    yield output.style(replica.state, _COLOURS.get(replica.state, "red")) + searched + detail
    images = f"{counted(replica.images, 'image')} of {replica.images_of_all:,} of all hosts"
    yield f"{printable(replica.host)} in {printable(replica.address)}: {images}{_waiting(replica)}"


def _waiting(replica: ReplicaStatus) -> str:
    """Such as `; 3 wait, for up to 1 min 30 s`."""
    if replica.outbox_age_s is None:
        return ""
    return (
        f"; {replica.outbox:,} {'waits' if replica.outbox == 1 else 'wait'}, for up to {duration(replica.outbox_age_s)}"
    )


def _status(args: argparse.Namespace, client: Client, output: Output) -> int:
    replica = client.replica(timeout=args.timeout or _ANSWER_S)
    if args.json:
        output.json(replica.document())
    else:
        for line in lines(replica, output):
            output.line(line)
    return 0 if replica.works else EXIT_ERROR


def _rebuild(args: argparse.Namespace, client: Client, output: Output) -> int:
    client.rebuild_replica(timeout=args.timeout or _ANSWER_S)
    if args.no_wait:
        replica = client.replica(timeout=args.timeout or _ANSWER_S)
    else:
        replica = client.wait_for_replica(args.timeout, lambda reading: output.progress(_progress(reading)))
        output.clear()
    is_current = replica.state == "current"
    if args.json:
        output.json({"current": is_current, **replica.document()})
    elif is_current:
        output.line(f"current: {counted(replica.images, 'image')} of {printable(replica.host)}")
    elif args.no_wait:
        output.line("it is being rebuilt; `simctl replica status` says how far that is")
    if is_current or args.no_wait:
        return 0
    after = "" if args.timeout is None else f" after {args.timeout:g} s"
    output.error(f"not current{after}: {_progress(replica)}; it goes on in the background")
    return EXIT_ERROR


def _progress(replica: ReplicaStatus) -> str:
    """How far it is, in one line."""
    detail = f": {replica.detail}" if replica.detail else ""
    return f"{replica.state}{detail}; {counted(replica.images, 'image')} are in it, {replica.outbox:,} to go"


def _drop(args: argparse.Namespace, client: Client, output: Output) -> int:
    if not args.yes and not _agrees(client.replica(timeout=args.timeout or _ANSWER_S), output):
        return EXIT_USAGE
    output.progress("taking images out")
    removed = client.drop_replica()
    output.clear()
    if args.json:
        output.json({"removed": removed})
    else:
        output.line(f"{counted(removed, 'image')} taken out; `simctl replica rebuild` publishes them again")
    return 0


def _agrees(replica: ReplicaStatus, output: Output) -> bool:
    """Whether a person says yes."""
    if not sys.stdin.isatty():
        output.error("searches of other hosts will not find what is here; --yes says that it is meant to go")
        return False
    images = f"{counted(replica.images, 'image')} of {replica.host}"
    output.ask(f"Take {images} out of {replica.address}, and publish nothing more? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
