"""Measures the load generator and the mock beside others, and prints README's table of how fast and how true they are.

`make bench-load` builds what it needs and runs it. Servers run on CPU 0, clients on CPU 1, all on 127.0.0.1. CPU time is
compared in pairs of short runs in turns; the median of the pairs' ratios counts, and their extremes say how far to trust
it. What a program needs to start is taken off, ours as theirs.
"""

import argparse
import os
import platform
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from figures import FIGURES, Effort, Row
from processes import Failed


def main() -> int:
    arguments = parse()
    # As Ctrl-C does, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if len(os.sched_getaffinity(0)) < 2:
        print("benches/load: needs two CPUs, one for the server and one for the client", file=sys.stderr)
        return 1
    effort = Effort(arguments.rounds, arguments.seconds, arguments.memory_seconds, arguments.quick)
    before = os.getloadavg()[0]
    rows = []
    try:
        for name in arguments.only:
            for row in measured(name, effort):
                rows.append(row)
    except KeyboardInterrupt:
        print("stopped; this is what was measured until then", file=sys.stderr)
        return 130
    finally:
        print(table(rows))
        print(f"\n{conditions(effort)}; load average before it {before:.1f}.")
    return 0


def measured(name: str, effort: Effort) -> Iterator[Row]:
    """What goes wrong with one figure is that figure's row; the others go on."""
    print(f"{name} ...", file=sys.stderr)
    try:
        for row in FIGURES[name](effort):
            print(f"  {row.figure}: {row.measured}{verdict(row, ' - ')}", file=sys.stderr)
            yield row
    except Failed as why:
        print(f"  not measured: {why}", file=sys.stderr)
        yield Row(name, "", f"not measured: {why}")


def verdict(row: Row, before: str = "") -> str:
    return "" if row.met is None else before + ("met" if row.met else "missed")


def table(rows: list[Row]) -> str:
    cells = [("figure", "goal", "measured", ""), *((row.figure, row.goal, row.measured, verdict(row)) for row in rows)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])


def conditions(effort: Effort) -> str:
    """Without which no figure means anything."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{model[1] if model else platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
    quick = "a quick run: " if effort.is_quick else ""
    return f"{machine}; {quick}medians (and extremes) of {effort.rounds} pairs of {effort.seconds} s"


def parse() -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benches/load", description=__doc__, formatter_class=formatter)
    parser.add_argument("--only", type=names, default=list(FIGURES), metavar="NAME,...", help=", ".join(FIGURES))
    parser.add_argument("--rounds", type=int, help="pairs of runs (default: 7; quick: 2)")
    parser.add_argument("--seconds", type=int, help="length of each run (default: 3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="short rounds, which show that this works and little else")
    parser.add_argument("--long", action="store_true", help="compare memory after 10 min instead of after 1 min")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 7)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 3)
    arguments.memory_seconds = 600 if arguments.long else 6 if arguments.quick else 60
    return arguments


def names(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in FIGURES]:
        raise argparse.ArgumentTypeError(f"no figure `{unknown[0]}`; there are {', '.join(FIGURES)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
