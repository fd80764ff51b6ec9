"""`simctl status`: how the daemon is."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping

from simctl.answers import Levels
from simctl.client import Client
from simctl.commands import replica
from simctl.output import Output, counted, duration, json_path, moment, printable, size
from simctl.reports import Job, ModelSwitch, RootStatus, Status

_NAMED = 3
"""Folders that are away and are named in one line."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--watch", action="store_true", help="go on and show every change; with --json a line each")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Print the status, once or after every change."""
    if args.watch:
        _watch(args, client, output)
        return 0
    status = client.status()
    if args.json:
        output.json(document(status))
    else:
        for line in _lines(status, output):
            output.line(line)
    return 0


def _watch(args: argparse.Namespace, client: Client, output: Output) -> None:
    with output.screen() as draw:
        for status in client.watch_status(timeout=args.timeout):
            if args.json:
                output.json(document(status))
                output.flush()
            elif draw is not None:
                draw([f"{time.strftime('%X')}  every change is shown; Ctrl-C ends", "", *_lines(status, output)])
            else:
                # What is damaged is in the summary of a daemon that is not ready.
                problems = status.problems if status.ready else ()
                output.line(f"{time.strftime('%X')}  {printable('; '.join((summary(status), *problems)))}")
                output.flush()


def document(status: Status) -> dict[str, object]:
    """The status as JSON has it."""
    return {
        "ready": status.ready,
        "detail": status.detail,
        "problems": list(status.problems),
        "thread_failures": status.thread_failures,
        "images": status.images,
        "files": status.files,
        "pending": status.pending,
        "failed": status.failed,
        "failed_by_reason": status.failed_by_reason,
        "paused": status.paused,
        "paused_until": status.paused_until,
        "scanning": status.scanning,
        "images_per_s": round(status.images_per_s, 3),
        "eta_s": None if status.eta_s is None else round(status.eta_s, 1),
        "files_decided": status.files_decided,
        "roots": [_root(root) for root in status.roots],
        "model": {**status.model, "levels": status.levels and dataclasses.asdict(status.levels)},
        "jobs": [dataclasses.asdict(job) for job in status.jobs],
        "model_switch": None if status.model_switch is None else dataclasses.asdict(status.model_switch),
        "device": status.device,
        "index": status.index,
        "replica": None if status.replica is None else status.replica.document(),
        "version": status.version,
        "uptime_s": round(status.uptime_s, 3),
    }


def _root(root: RootStatus) -> dict[str, object]:
    return {
        **json_path(root.path),
        "online": root.online,
        "watching": root.watching,
        "files": root.files,
        "last_scan_time": root.last_scan_time,
        "detail": root.detail,
    }


def summary(status: Status) -> str:
    """What is going on, in one line."""
    if not status.ready:
        return f"not ready: {status.detail}"
    if not status.pending:
        nothing = idle(status) if status.idle else "nothing is pending"
        return nothing + (f"; {paused(status)}" if status.paused else "")
    speed = f", {status.images_per_s:.1f} images/s" if status.images_per_s else ""
    state = f"; {paused(status)}" if status.paused else ", scanning" if status.scanning else ""
    return f"{status.pending:,} pending{state}{speed}{_left(status)}; {counted(status.images, 'image')} searchable"


def idle(status: Status) -> str:
    """Why nothing can be indexed: which folders are away."""
    if not status.roots:
        return "no folder is watched; `simctl add DIR` adds one"
    away = [offline(root) for root in status.roots]
    more = f"; and {counted(len(away) - _NAMED, 'more')}" if len(away) > _NAMED else ""
    return f"no watched folder can be read: {'; '.join(away[:_NAMED])}{more}"


def offline(root: RootStatus) -> str:
    """Such as `/mnt/usb cannot be reached: No such file or directory`."""
    return f"{root.path} {root.detail}".rstrip()


def paused(status: Status) -> str:
    """That it is paused, and until when."""
    if status.paused_until is None:
        return "indexing is paused until `simctl resume`"
    return f"indexing is paused until {moment(status.paused_until)}"


def _left(status: Status) -> str:
    if status.eta_s is None:
        return ""
    return f", {'at least' if status.scanning else 'about'} {duration(status.eta_s)} left"


def _lines(status: Status, output: Output) -> Iterator[str]:
    about = f"simd {status.version}, up {duration(status.uptime_s)}"
    if not status.ready and not status.problems:
        yield f"{output.style('not ready', 'yellow')}: {printable(status.detail)}  ({about})"
        return
    state = output.style("ready", "green") if status.ready else output.style("damaged", "red")
    yield f"{state}  ({about})"
    yield from (f"  {output.style('problem', 'red')}  {printable(problem)}" for problem in status.problems)
    failed = f"{status.failed:,}"
    if status.failed:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in status.failed_by_reason.items())
        failed = output.style(f"{failed} ({reasons}); `simctl errors` lists them", "red")
    model, index = status.model, status.index
    rows = {
        "images": f"{status.images:,} in {counted(status.files, 'file')}",
        "pending": output.style(summary(status), "yellow") if status.pending or status.paused else "0",
        "failed": failed,
        "model": f"{model['name']}, dimension {model['dimension']}, {model['licence']}{_levels(status.levels)}",
        "device": _device(status.device),
        "index": f"{index['kind']}, {index['vectors']:,} vectors, {index['dead']:,} dead, {size(_number(index))}",
    }
    if status.replica is not None:
        # The second line has no name.
        rows |= zip(("replica", ""), replica.lines(status.replica, output), strict=True)
    if status.thread_failures:
        failures = ", ".join(f"{name} {number:,}" for name, number in status.thread_failures.items())
        rows["bugs"] = output.style(f"threads failed and went on ({failures}); the daemon's log has the errors", "red")
    if status.model_switch is not None:
        rows["switch"] = output.style(_switch(status.model_switch), "yellow")
    if status.jobs:
        rows["jobs"] = ", ".join(f"{job.name} {_percent(job)}".rstrip() for job in status.jobs)
    yield from (f"  {name:<8} {text}" for name, text in rows.items())
    yield "  roots" if status.roots else "  roots    none; `simctl add DIR` adds one"
    yield from (_root_line(root, output) for root in status.roots)


def _levels(levels: Levels | None) -> str:
    """Such as `; same from 83 %, near from 68 %`."""
    if levels is None:
        return ""
    return "; " + ", ".join(f"{word} from {100 * least:g} %" for word, least in dataclasses.asdict(levels).items())


def _percent(job: Job) -> str:
    """How much of it is done, where that is known."""
    return f"{job.done / job.total:.0%}" if job.total else ""


def _switch(switch: ModelSwitch) -> str:
    """Such as `from a to b: 5 of 9 images are in its index`."""
    text = f"from {switch.from_model} to {switch.to_model}: {switch.done:,} of {switch.total:,} images are in its index"
    unreachable = f", {switch.unreachable:,} cannot be read now" if switch.unreachable else ""
    return printable(text + unreachable + (f"; {switch.detail}" if switch.detail else ""))


def _device(device: Mapping[str, str]) -> str:
    """Such as `cpu, openvino (no NVIDIA device found)`."""
    reason = device["reason"].removeprefix(f"{device['device']}: ")
    return f"{device['device']}, {device['engine']}" + (f" ({reason})" if reason else "")


def _number(index: dict[str, object]) -> float:
    disk = index["disk_bytes"]
    return float(disk) if isinstance(disk, int) else 0.0


def _root_line(root: RootStatus, output: Output) -> str:
    state = root.watching if root.online else output.style("offline", "red")
    scanned = "not scanned yet"
    if root.last_scan_time is not None:
        scanned = f"scanned {duration(max(0.0, time.time() - root.last_scan_time))} ago"
    detail = f"; {printable(root.detail)}" if root.detail else ""
    path = output.style(printable(root.path), "bold")
    return f"    {path}  {state}, {counted(root.files, 'file')}, {scanned}{detail}"
