"""
How long the command line takes to start, beside the bare imports it cannot do without.

    python -m benchmarks.startup --repeat 15

The commands take turns and the fastest run of each counts: whatever else the machine does can only
make a start slower. Nothing is asserted; the targets are in README.md.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

BARE = "import click, attrs, pluggy, importlib.metadata as m; m.entry_points()"
ALGOPIONEER = str(Path(sys.executable).with_name("algopioneer"))
COMMANDS = {
    "bare imports": [sys.executable, "-c", BARE],
    "--help": [ALGOPIONEER, "--help"],
    "plugins list": [ALGOPIONEER, "plugins", "list"],
}


def seconds(command: list[str]) -> float:
    """Return how long one run of *command* takes, with compiled modules cached as usual."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    for command in COMMANDS.values():
        seconds(command)  # writes the cache
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeat):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    limit = min(times["bare imports"])
    for name, measured in times.items():
        best = min(measured)
        print(f"{name:14} {1000 * best:7.0f} ms {best / limit:6.2f} x bare")


if __name__ == "__main__":
    main()
