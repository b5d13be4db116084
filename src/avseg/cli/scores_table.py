"""Shows scores as a table."""

from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

from avseg.metrics.registry import metric_info
from avseg.runs import read_json

_SOUNDS = {
    "own": "its own sound",
    "silence": "silence",
    "noise": "white noise",
    "other": "another clip's sound",
    "shuffled": "own, shuffled in time",
}


@rank_zero_only
def show_result(run: Path) -> None:
    """Shows the scores of a complete run and where it lies; of several processes the first one does."""
    show_scores(read_json(run / "result.json"))
    print(f"run directory: {run}")


@rank_zero_only
def show_scores(result: dict[str, Any], folder: Path | None = None) -> None:
    """A row per sound: a model that listens is good with its own sound only; then where the scores were written."""
    print_table(scores_table(result))
    for name, kept in result.get("choices", {}).items():  # what the paper leaves open
        print(f"chosen here, {name}: " + ", ".join(f"{key}={value}" for key, value in kept.items()))
    if folder is not None:
        print(f"written to {folder}")


def scores_table(result: dict[str, Any]) -> Table:
    """The table of one evaluation, in per cent."""
    if "videos" in result:
        return _video_table(result)
    scores: dict[str, dict[str, float]] = result["scores"]
    columns = [metric_info(key) for key in dict.fromkeys(key for row in scores.values() for key in row)]
    table = Table(
        title=f"{result['split']}: {result['clips']} clips",
        caption="per cent; against the original masks: a model that listens is high in the first row only",
    )
    table.add_column("heard")
    for info in columns:
        table.add_column(info.heading, justify="right")
    for sound, row in scores.items():
        cells = [f"{info.scale * row[info.key]:.2f}" if info.key in row else "" for info in columns]
        table.add_row(_SOUNDS.get(sound, sound), *cells)
    return table


def _video_table(result: dict[str, Any]) -> Table:
    """Long videos: the four scores of LU-AVS, with the choices that the paper leaves open."""
    scores: dict[str, float | None] = result["scores"]["own"]
    what = f"{result['region']}, " if result["region"] != "none" else ""
    title = f"{result['split']}: {result['videos']} long videos ({what}{result['modality']}), per cent"
    table = Table(title=title, min_width=len(title))
    for name in scores:
        table.add_column(metric_info(name).heading, justify="right")
    table.add_row(*("-" if value is None else f"{100 * value:.2f}" for value in scores.values()))
    return table


def print_table(table: Table) -> None:
    """Prints a table; without a terminal it is 120 wide, so that no column is cut in a log."""
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)
