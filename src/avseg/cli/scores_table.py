"""Print scores as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from rich.table import Table

from avseg.cli.console_table import print_table
from avseg.metrics.registry import SOUND_TITLES, metric_info
from avseg.runs import read_json


@rank_zero_only
def show_result(run: Path) -> None:
    """Print the scores of a complete run and its directory, on the first process only."""
    show_scores(read_json(run / "result.json"))
    print(f"run directory: {run}")


@rank_zero_only
def show_scores(result: Mapping[str, Any], folder: Path | None = None) -> None:
    """Print the scores of a result.json, a row per sound, and the folder that they were written to."""
    print_table(scores_table(result))
    # choices that the paper leaves open
    for name, choices in result.get("choices", {}).items():
        print(f"chosen here, {name}: " + ", ".join(f"{key}={value}" for key, value in choices.items()))
    if folder is not None:
        print(f"written to {folder}")


def scores_table(result: Mapping[str, Any]) -> Table:
    """Build the table of one evaluation, in per cent."""
    if "videos" in result:
        return _video_table(result)
    scores: dict[str, dict[str, float]] = result["scores"]
    keys: dict[str, None] = {}  # sounds may have different scores
    for row in scores.values():
        keys |= dict.fromkeys(row)
    if _same_in_print(scores, "miou", "frame_miou"):
        keys.pop("frame_miou", None)
    metrics = list(map(metric_info, keys))
    table = Table(
        title=f"{result['split']}: {result['clips']} clips",
        caption="per cent, against the original masks; a model that uses the sound is high in the first row only",
    )
    table.add_column("sound", no_wrap=True)
    for metric in metrics:
        table.add_column(metric.heading, justify="right")
    for sound, row in scores.items():
        cells = []
        for metric in metrics:
            cells.append(f"{metric.scale * row[metric.key]:.2f}" if metric.key in row else "")
        table.add_row(SOUND_TITLES.get(sound, sound), *cells)
    return table


def _same_in_print(scores: Mapping[str, Mapping[str, float]], first: str, second: str) -> bool:
    """True if two scores are printed alike under every sound, as J over groups of equal size and over frames are."""
    rows = [row for row in scores.values() if first in row and second in row]
    return all(f"{100 * row[first]:.2f}" == f"{100 * row[second]:.2f}" for row in rows)


def _video_table(result: Mapping[str, Any]) -> Table:
    scores: dict[str, float | None] = result["scores"]["own"]
    region = "" if result["region"] == "none" else f"{result['region']}, "
    title = f"{result['split']}: {result['videos']} long videos ({region}{result['modality']}), per cent"
    table = Table(title=title, min_width=len(title))
    cells = []
    for name, value in scores.items():
        table.add_column(metric_info(name).heading, justify="right")
        cells.append("-" if value is None else f"{100 * value:.2f}")
    table.add_row(*cells)
    return table
