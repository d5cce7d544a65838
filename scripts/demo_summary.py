#!/usr/bin/env python3
"""Prints what `make demo` reached, and exits 1 where that is less than it has to be."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="the JSON file of `simscale eval`")
    parser.add_argument("--required", type=float, required=True, help="least success rate in percent")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--video", type=Path, required=True, help="the folder of the videos")
    arguments = parser.parse_args()

    report = json.loads(arguments.report.read_text())
    rate = 100 * report["success_rate"]
    low, high = (100 * bound for bound in report["success_ci95"])
    videos = sorted(arguments.video.glob("*.mp4"))

    print(
        f"\n{report['env']}: {report['successes']} of {report['n_episodes']} episodes succeed,"
        f" {rate:.1f} % (95 % interval {low:.1f}-{high:.1f} %)"
    )
    print(f"  checkpoint  {arguments.checkpoint}")
    print(f"  report      {arguments.report}")
    print(f"  video       {videos[0] if videos else 'none was written'}")
    if len(videos) > 1:
        print(f"              and {len(videos) - 1} more in {arguments.video}")
    if rate < arguments.required:
        print(f"error: success is below {arguments.required:g} %", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
