"""Start-up: commands that need no model, and the import of what trains, next to `import torch` in the same rounds.

`python -m benchmarks.bench_startup` prints seconds, processor seconds and peak memory.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Comparison

ROOT = Path(__file__).parent.parent
TORCH = ("-c", "import torch")
TRAINING = ("-c", "import avseg.training.fit")
_AVSEG = ("-m", "avseg")
COMMANDS: dict[str, tuple[str, ...]] = {
    "avseg status": (*_AVSEG, "status"),
    "avseg status table_3": (*_AVSEG, "status", "table_3"),
    "avseg reproduce table_3 --dry-run": (*_AVSEG, "reproduce", "table_3", "--dry-run"),
    "avseg reproduce table_a1 --dry-run": (*_AVSEG, "reproduce", "table_a1", "--dry-run"),
    "avseg data help": (*_AVSEG, "data", "help"),
    "avseg weights": (*_AVSEG, "weights"),
    "avseg convert --help": (*_AVSEG, "convert", "--help"),
    "avseg train modle=avs": (*_AVSEG, "train", "modle=avs"),
    "avseg evaluate chekpoint=x": (*_AVSEG, "evaluate", "chekpoint=x"),
    "import avseg.training.fit": TRAINING,
}


# the peak memory of a process begins with that of the process that starts it, so a small one does
_WATCH = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - begin
print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


@dataclass(frozen=True)
class Start:
    """One run of a process: wall time (s), processor time (s), peak memory (MiB)."""

    wall: float
    processor: float
    memory: float


def measure(repeats: int = 5, *, small: bool = False) -> list[Comparison]:
    """Compare each command with `import torch`; training may import for at most twice as long."""
    starts = run_rounds({"avseg data help": COMMANDS["avseg data help"]} if small else COMMANDS, repeats)
    torch = starts.pop("import torch")
    comparisons = []
    for name, runs in starts.items():
        target = 0.5 if COMMANDS[name] == TRAINING else None
        comparisons.append(
            Comparison(f"{name} against import torch", "ms", _milliseconds(runs), _milliseconds(torch), target)
        )
        comparisons.append(Comparison(f"{name}: peak memory", "MiB", [run.memory for run in runs]))
    return comparisons


def run_rounds(commands: dict[str, tuple[str, ...]], repeats: int) -> dict[str, list[Start]]:
    """Run every command and `import torch` once per round, after a round that writes the bytecode."""
    starts: dict[str, list[Start]] = {"import torch": []} | {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats + 1):
            for name, runs in starts.items():
                start = _run(commands.get(name, TORCH), folder)
                if number > 0:
                    runs.append(start)
    return starts


def _run(arguments: Sequence[str], folder: str) -> Start:
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _WATCH, sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    code, wall, processor, memory = map(float, done.stdout.split())
    if code not in (0, 2):  # 2: the mistake that it shall report
        raise RuntimeError(f"{' '.join(arguments)} ended with {code:.0f}")
    return Start(wall, processor, memory)


def _milliseconds(runs: Sequence[Start]) -> list[float]:
    return [1000 * run.wall for run in runs]


def main(repeats: int = 5) -> None:
    """Print the medians."""
    table = Table("command", "seconds", "processor seconds", "of import torch", "MiB", title=f"medians of {repeats}")
    starts = run_rounds(COMMANDS, repeats)
    torch = statistics.median(start.processor for start in starts["import torch"])
    for name, runs in starts.items():
        wall = statistics.median(run.wall for run in runs)
        processor = statistics.median(run.processor for run in runs)
        memory = statistics.median(run.memory for run in runs)
        table.add_row(name, f"{wall:.2f}", f"{processor:.2f}", f"{processor / torch:.2f}", f"{memory:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
