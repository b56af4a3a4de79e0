"""Measure how long `harness --help` and `harness plan` take, and which heavy libraries they import.

    python benchmarks/startup.py [--suite suites/quickstart.yaml] [--repeats 7]

It times whole processes by the wall clock, alternating with a bare interpreter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEAVY = ("torch", "transformers", "sentence_transformers", "faiss", "mteb", "ir_datasets", "duckdb", "altair")


def seconds(command: list[str]) -> float:
    """Return how long one process takes, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def heavy_imports(arguments: list[str]) -> list[str]:
    """Return which heavy libraries a command imports."""
    command = [sys.executable, "-X", "importtime", "-m", "harness", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    return [name for name in HEAVY if name in loaded]


def main() -> None:
    """Run the measurement and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, default=Path(__file__).parents[1] / "suites" / "quickstart.yaml")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "harness --help": [sys.executable, "-m", "harness", "--help"],
        "harness plan": [sys.executable, "-m", "harness", "plan", str(options.suite)],
    }
    for command in commands.values():
        seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.repeats):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    for name, values in taken.items():
        heavy = heavy_imports(commands[name][3:]) if "harness" in name else []
        loads = f"; imports of the heavy libraries: {', '.join(heavy) or 'none'}" if "harness" in name else ""
        print(f"{name:<16} median {statistics.median(values):.3f} s, {min(values):.3f} to {max(values):.3f}{loads}")


if __name__ == "__main__":
    main()
