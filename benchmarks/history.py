"""The stored history of benchmark runs, one line of json per run, to detect slow-downs."""

import json
import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison

# factor below which a difference is noise: rounds of one run differ by as much
THRESHOLD = 1.25


def entry(comparisons: Sequence[Comparison], machine: str, commit: str, when: str) -> dict[str, Any]:
    """Return the entry of a run: the medians, and the ratios where there is a published form."""
    medians = {c.name: {"ours": statistics.median(c.ours), "unit": c.unit, "ratio": c.ratio} for c in comparisons}
    return {"when": when, "commit": commit, "machine": machine, "values": medians}


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the entries, oldest first; skip a line that was cut off while it was written."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with suppress(ValueError):
            entries.append(json.loads(line))
    return [
        run_entry for run_entry in entries if isinstance(run_entry, dict) and {"machine", "values"} <= run_entry.keys()
    ]


def append(path: Path, new: dict[str, Any]) -> None:
    """Append one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(new) + "\n")


def slower(new: dict[str, Any], earlier: Sequence[dict[str, Any]]) -> list[str]:
    """List values that are slower or larger than the median of the last five runs on the same machine.

    With a published form the ratio counts, since the machine's load affects both forms; else the value itself.
    """
    same = [run_entry for run_entry in earlier if run_entry["machine"] == new["machine"]][-5:]
    lines = []
    for name, value in new["values"].items():
        values = [run_entry["values"][name] for run_entry in same if name in run_entry["values"]]
        ratios = [run_entry["ratio"] for run_entry in values if run_entry["ratio"] is not None]
        if value["ratio"] is not None and ratios:
            factor = statistics.median(ratios) / value["ratio"]
        elif value["ratio"] is None and values:
            factor = value["ours"] / statistics.median(run_entry["ours"] for run_entry in values)
        else:
            continue
        if factor > THRESHOLD:
            lines.append(f"{name}: {factor:.2f} times what it was in the last {len(values)} runs")
    return lines
