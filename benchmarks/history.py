"""The stored history of benchmark runs: one line of json each, so that a slow-down is seen."""

import json
import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison

# below this a difference is the machine's mood: rounds of one run differ by as much
NOTICED = 1.25


def entry(found: Sequence[Comparison], machine: str, commit: str, when: str) -> dict[str, Any]:
    """What is kept of a run: the medians, and the ratios where there is a published form."""
    values = {c.name: {"ours": statistics.median(c.ours), "unit": c.unit, "ratio": c.ratio} for c in found}
    return {"when": when, "commit": commit, "machine": machine, "values": values}


def read_history(path: Path) -> list[dict[str, Any]]:
    """The entries, oldest first; a line that was cut off while it was written is passed over."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with suppress(ValueError):
            entries.append(json.loads(line))
    return [each for each in entries if isinstance(each, dict) and {"machine", "values"} <= each.keys()]


def append(path: Path, new: dict[str, Any]) -> None:
    """Adds one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(new) + "\n")


def slower(new: dict[str, Any], before: Sequence[dict[str, Any]]) -> list[str]:
    """What has become slower or larger than the median of the last five runs on the same machine.

    Where there is a published form the ratio counts, since the machine's load meets both forms; else the value itself.
    """
    same = [each for each in before if each["machine"] == new["machine"]][-5:]
    lines = []
    for name, value in new["values"].items():
        known = [each["values"][name] for each in same if name in each["values"]]
        kept = [each["ratio"] for each in known if each["ratio"] is not None]
        if value["ratio"] is not None and kept:
            factor = statistics.median(kept) / value["ratio"]
        elif value["ratio"] is None and known:
            factor = value["ours"] / statistics.median(each["ours"] for each in known)
        else:
            continue
        if factor > NOTICED:
            lines.append(f"{name}: {factor:.2f} times what it was in the last {len(known)} runs")
    return lines
