"""
Programs that do the same job, measured beside each other in one run.

Every measurement is a process of its own, and the programs take turns, so that a busy moment of the
machine hits all of them. Counted are processor seconds from columns in memory to trades, exact
cash, float equity and figures; start-up and the making of the bars are left out. Take the ratios,
not the seconds.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.bare import Outcome

__all__ = ["LIMITS", "Contest", "Program"]

Program = Callable[[Any], Outcome]
LIMITS: Final = {"vector": "bare numpy", "event": "bare loop"}
"""What limits the project's engines."""
_WARM_BARS: Final = 2_000


class Contest(NamedTuple):
    """Who is measured, over what."""

    module: str
    """The program that a fresh process runs."""
    make_bars: Callable[[int], Any]
    """Makes a market of so many bars."""
    programs: Mapping[str, Program]
    """All that must agree, each limit before what it limits."""
    peers: Mapping[str, Program]
    """Libraries, by the name of the module that has to be installed; their money is float."""

    def run(self, description: str) -> None:
        """Read the options and run."""
        names = [*self.programs, *self.peers]
        parser = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
        parser.add_argument("--bars", type=int, nargs="+", default=[100_000, 1_000_000])
        parser.add_argument("--repeat", type=int, default=3)
        parser.add_argument("--one", choices=names, help="measure one and print JSON")
        options = parser.parse_args()
        if options.one:
            print(json.dumps(self._measure(options.one, options.bars[0])))
            return
        for bars in options.bars:
            self._compare(bars, options.repeat)

    def _measure(self, name: str, bars: int) -> dict[str, object]:
        """Return the inner time of one program in this process, its outcome and its memory."""
        program = {**self.programs, **self.peers}[name]
        program(self.make_bars(_WARM_BARS))  # imports and caches
        market = self.make_bars(bars)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        outcome = program(market)
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "seconds": seconds,
            "cash": str(outcome.cash),
            "trades": outcome.trades,
            "peak_mb": peak / 1024,
            "grown_mb": (peak - before) / 1024,
        }

    def _in_a_process(self, name: str, bars: int) -> dict[str, object]:
        """Return `_measure` of a fresh process."""
        command = [sys.executable, "-m", self.module, "--one", name, "--bars", str(bars)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result: dict[str, object] = json.loads(answer.stdout)
        return result

    def _compare(self, bars: int, repeat: int) -> None:
        """Measure all programs over *bars* bars, in turns, and print what came out."""
        peers = [name for name in self.peers if importlib.util.find_spec(name)]
        names = [*self.programs, *peers]
        runs = [{name: self._in_a_process(name, bars) for name in names} for _ in range(repeat)]
        seconds = {name: median(float(str(run[name]["seconds"])) for run in runs) for name in names}
        print(f"\n{bars:,} bars, median of {repeat}, {runs[0]['bare loop']['trades']} trades")
        print(
            f"{'':14} {'seconds':>8} {'bars/s':>12} {'x limit':>8} {'peak MB':>8} {'grown MB':>9}"
        )
        for name in names:
            limit = LIMITS.get(name)
            ratio = f"{seconds[name] / seconds[limit]:8.2f}" if limit else " " * 8
            memory = runs[0][name]
            print(
                f"{name:14} {seconds[name]:8.3f} {bars / seconds[name]:12,.0f} {ratio} "
                f"{memory['peak_mb']:8.0f} {memory['grown_mb']:9.0f}"
            )
        self._check_agreement(runs[0], bars)

    def _check_agreement(self, run: dict[str, dict[str, object]], bars: int) -> None:
        """Stop when the exact programs disagree: then their times say nothing."""
        outcomes = {
            (Decimal(str(run[name]["cash"])), run[name]["trades"]) for name in self.programs
        }
        if len(outcomes) != 1:
            raise SystemExit(f"the programs disagree over {bars} bars: {outcomes}")
        (cash, _trades) = outcomes.pop()
        print(f"all end with exactly {cash.normalize():f} in cash")
