"""`simctl status`: how the daemon is."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from simctl.client import Client
from simctl.output import Output, counted, duration, json_path, printable, size
from simctl.reports import RootStatus, Status


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: there are none."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Print the status."""
    status = client.status()
    if args.json:
        output.json(document(status))
    else:
        _print(status, output)
    return 0


def document(status: Status) -> dict[str, object]:
    """The status as JSON has it."""
    return {
        "ready": status.ready,
        "detail": status.detail,
        "images": status.images,
        "files": status.files,
        "pending": status.pending,
        "failed": status.failed,
        "failed_by_reason": status.failed_by_reason,
        "paused": status.paused,
        "scanning": status.scanning,
        "images_per_s": round(status.images_per_s, 3),
        "roots": [_root(root) for root in status.roots],
        "model": status.model,
        "device": status.device,
        "index": status.index,
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
        return "nothing is pending"
    speed = f", {status.images_per_s:.1f} images/s" if status.images_per_s else ""
    state = " (paused)" if status.paused else ", scanning" if status.scanning else ""
    return f"{status.pending:,} pending{state}{speed}; {counted(status.images, 'image')} searchable"


def _print(status: Status, output: Output) -> None:
    about = f"simd {status.version}, up {duration(status.uptime_s)}"
    if not status.ready:
        output.line(f"{output.style('not ready', 'yellow')}: {printable(status.detail)}  ({about})")
        return
    output.line(f"{output.style('ready', 'green')}  ({about})")
    pending = summary(status) if status.pending else "0"
    failed = f"{status.failed:,}"
    if status.failed:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in status.failed_by_reason.items())
        failed = output.style(f"{failed} ({reasons}); `simctl errors` lists them", "red")
    model, index = status.model, status.index
    rows = {
        "images": f"{status.images:,} in {counted(status.files, 'file')}",
        "pending": output.style(pending, "yellow") if status.pending else pending,
        "failed": failed,
        "model": f"{model['name']}, dimension {model['dimension']}, {model['licence']}",
        "device": _device(status.device),
        "index": f"{index['kind']}, {index['vectors']:,} vectors, {index['dead']:,} dead, {size(_number(index))}",
    }
    for name, text in rows.items():
        output.line(f"  {name:<8} {text}")
    output.line("  roots" if status.roots else "  roots    none; `simctl add DIR` adds one")
    for root in status.roots:
        _print_root(root, output)


def _device(device: Mapping[str, str]) -> str:
    """Such as `cpu, openvino (no NVIDIA device found)`."""
    reason = device["reason"].removeprefix(f"{device['device']}: ")
    return f"{device['device']}, {device['engine']}" + (f" ({reason})" if reason else "")


def _number(index: dict[str, object]) -> float:
    disk = index["disk_bytes"]
    return float(disk) if isinstance(disk, int) else 0.0


def _print_root(root: RootStatus, output: Output) -> None:
    state = root.watching if root.online else output.style("offline", "red")
    scanned = "not scanned yet"
    if root.last_scan_time is not None:
        scanned = f"scanned {duration(max(0.0, time.time() - root.last_scan_time))} ago"
    detail = f"; {printable(root.detail)}" if root.detail else ""
    output.line(
        f"    {output.style(printable(root.path), 'bold')}  {state}, {counted(root.files, 'file')}, {scanned}{detail}"
    )
