"""Use a folder at random, give the daemon on it one bad day after another, and say whether they agree."""

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
    parser.add_argument("--trial-every", type=float, default=10.0, metavar="SECONDS", help="between two bad days")
    parser.add_argument("--use-alone", action="store_true", help="no bad days: does what the daemon takes stay level?")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument(
        "--keep", action="store_true", help="leave the folder, the state and the log if problems are found"
    )
    options = parser.parse_args()
    daemon = Daemon()
    daemon.settings["SIMD_ATLAS"] = "auto"
    verdict: Verdict | None = None
    print(f"seed {options.seed}, in {daemon.work}", file=sys.stderr)
    try:
        plan = Plan(
            options.minutes * 60, options.files, options.trial_every, options.seed, trials=not options.use_alone
        )
        verdict = soak(daemon, plan, lambda line: print(line, file=sys.stderr, flush=True))
    finally:
        if not options.keep or (verdict is not None and not verdict.problems):
            daemon.close()
    step = max(1, len(verdict.samples) // 12)
    for sample in [*verdict.samples[:-1:step], *verdict.samples[-1:]]:
        taken = f"{sample.rss_mib:6.0f} MiB  {sample.descriptors:4} descriptors  {sample.threads:3} threads"
        print(f"{sample.at_s:7.0f} s  {taken}")
    for name, value in verdict.figures.items():
        print(f"{name} = {value:.6g}")
    print("\n".join(verdict.problems) or "everything agrees")
    return int(bool(verdict.problems))


if __name__ == "__main__":
    sys.exit(main())
