"""Use a folder at random, kill the daemon on it again and again, and say whether they agree in the end."""

from __future__ import annotations

import argparse
import random
import sys

from tests.e2e.daemon import Daemon
from tests.e2e.soak import Plan, Verdict, soak


def main() -> int:
    """Run one and say what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--kill-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument(
        "--keep", action="store_true", help="leave the folder, the state and the log if problems are found"
    )
    options = parser.parse_args()
    daemon = Daemon()
    verdict: Verdict | None = None
    print(f"seed {options.seed}, in {daemon.work}", file=sys.stderr)
    try:
        verdict = soak(daemon, Plan(options.minutes * 60, options.files, options.kill_every, options.seed))
    finally:
        if not options.keep or (verdict is not None and not verdict.problems):
            daemon.close()
    for name, value in verdict.figures.items():
        print(f"{name} = {value:.6g}")
    print("\n".join(verdict.problems) or "everything agrees")
    return int(bool(verdict.problems))


if __name__ == "__main__":
    sys.exit(main())
