"""What a running daemon tells those who operate it: metrics over HTTP, and a log that programs can read."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = pytest.mark.timeout(180)


def test_metrics_and_a_log_in_json(daemon: Daemon) -> None:
    for photo in sorted(PHOTOS.iterdir())[:2]:
        (daemon.root / photo.name).write_bytes(photo.read_bytes())
    (daemon.root / "forged\n{}.jpg").write_bytes(b"no image")
    daemon.start(env={"SIMD_METRICS_LISTEN": "127.0.0.1:0", "SIMD_LOG_FORMAT": "json"}).wait()
    daemon.search(next(PHOTOS.iterdir()))
    events = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    assert any("forged" in event["message"] for event in events)
    told = next(event["message"] for event in events if "metrics on" in event["message"])
    with urllib.request.urlopen(told.removeprefix("metrics on "), timeout=10) as answer:
        text = answer.read().decode()
    assert "simd_images 2.0" in text
    assert 'simd_rejected_files{reason="not_an_image"} 1.0' in text
    assert re.search(r'simd_requests_total\{.*SearchService/Search"\} 1\.0', text)
    assert "simd_search_seconds_bucket" in text and "process_resident_memory_bytes" in text
    assert 'simd_decode_workers_lost_total{pool="indexing"} 0.0' in text
    assert daemon.stop() == 0


def test_metrics_that_other_machines_could_reach_are_refused(daemon: Daemon) -> None:
    process = daemon.launch(env={"SIMD_METRICS_LISTEN": "0.0.0.0:0"})
    assert process.wait(60) == 2
    daemon.process = None
    assert "metrics_listen" in daemon.log.read_text()
