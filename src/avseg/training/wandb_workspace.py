"""Build the wandb workspace: scores by cell, training curves, controls, clips to watch and play, the machine.

It shows what `avseg.training` logs. Runs are grouped into the cells of a table, so that a curve or a bar is a mean over
seeds. wandb-workspaces is a preview interface and an optional extra; building needs no login, saving does.
"""

import json
from importlib import import_module
from typing import Any

from avseg.data.controls import CONTROLS
from avseg.metrics.registry import registered_metrics
from avseg.utils.errors import UserError

# what makes two runs cells of a table instead of seeds of one, from the outside in
CELL = ("experiment", "data", "backbone", "fusion", "init")
_RANDOM = "__id__"  # wandb draws one for each panel
_SYSTEM = ("system/gpu.0.gpu", "system/gpu.0.memoryAllocated", "system/cpu", "system/memory_percent")


def build_workspace(project: str, entity: str = "", *, experiment: str | None = None, data: str | None = None) -> Any:
    """Build the workspace of wandb's project, of all runs or those of one experiment or data set alone.

    Scores of several data sets cannot be compared. The entity, a user or team, may be empty until it is saved.
    """
    ws, expr = _library("workspaces"), _library("expr")
    columns = {"experiment": experiment, "data": data}
    conditions = [expr.Config(name) == value for name, value in columns.items() if value]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=" ".join(["avseg", *filter(None, columns.values())]),
        sections=_sections(),
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=50),
        runset_settings=ws.RunsetSettings(
            groupby=list(map(expr.Config, CELL)),
            filters=expr.And(*conditions) if conditions else "",
            order=[expr.Ordering(expr.Summary("test/miou"), ascending=False)],
            pinned_columns=["summary:test/miou", "summary:test/fscore", "summary:best/epoch"],
        ),
    )


def workspace_json(workspace: Any) -> str:
    """Return the workspace as text, the same each time: without the random names of the panels."""
    view = json.loads(workspace._to_model().model_dump_json(by_alias=True, exclude_none=True))
    return json.dumps(_without_names(view), indent=2) + "\n"


def save_workspace(workspace: Any, url: str | None = None) -> str:
    """Upload the workspace as a new saved view, or in place of the one at `url`; returns the address of the view."""
    import wandb

    if not wandb.login(prompt=False, verify=False):
        raise UserError("--save needs a login at wandb; run `wandb login` first, or leave --save out to write the json")
    try:
        if not workspace.entity:
            workspace.entity = wandb.Api().default_entity
        if url:
            saved = _library("workspaces").Workspace.from_url(url)
            workspace._internal_name = saved._internal_name
            workspace._internal_id = saved._internal_id
        return str(workspace.save().url)
    except Exception as error:  # the network, the rights, the address: each has a kind of its own
        raise UserError(f"wandb does not save the workspace ({' '.join(str(error).split())})") from error


def _sections() -> list[Any]:
    ws, wr = _library("workspaces"), _library("reports.v2")

    def section(name: str, panels: list[Any], columns: int = 3, *, opened: bool = True) -> Any:
        layout = ws.SectionLayoutSettings(columns=columns, rows=-(-len(panels) // columns))
        return ws.Section(name=name, panels=panels, is_open=opened, layout_settings=layout)

    def bars(title: str, *metrics: str, by: str | None = None) -> Any:
        group = wr.Config(by) if by else None  # without one, by the cells of the runs' list
        return wr.BarPlot(title=title, metrics=list(metrics), groupby=group, groupby_aggfunc="mean" if by else None)

    def curves(*metrics: str) -> list[Any]:
        return [wr.LinePlot(title=metric, x="epoch", y=[metric], max_runs_to_show=50) for metric in metrics]

    def under_controls(key: str) -> list[str]:
        return [f"test/{control}/{key}" for control in CONTROLS]

    def media(key: str) -> Any:
        return wr.MediaBrowser(title=key, media_keys=[key], num_columns=2)

    axes = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(name)) for name in CELL]
    axes.append(wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric("test/miou")))
    means = [bars(f"test J by {name}, mean of the runs shown", "test/miou", by=name) for name in CELL[2:]]
    tested = [bars("test J by cell", "test/miou"), bars("test F by cell", "test/fscore")]
    validated = ["val/miou", "val/fscore"]
    for info in registered_metrics():
        tested.append(bars(f"test {info.heading} by cell", f"test/{info.key}"))
        validated.append(f"val/{info.key}")
    return [
        section("Scores", tested, 2),
        section("Backbone, fusion, initialization", [*means, wr.ParallelCoordinatesPlot(title="all", columns=axes)], 2),
        section("Training", curves(*validated, "train/loss", "train/mask_loss", "train/mapping_loss")),
        section(
            "Controls",
            [
                bars("J by what is heard (own sound: high, else low)", "test/miou", *under_controls("miou")),
                bars("G-mIoU (high: it listens)", *under_controls("g_miou")),
                bars("share of pixels marked", "test/marked", *under_controls("marked")),
            ],
        ),
        section("Validation clips", [media("val/clips"), media("val/panels")], 2),
        section("Test clips", [media("test/videos"), wr.WeavePanelSummaryTable(table_name="test/clips")], 1),
        section("System", curves(*_SYSTEM), 4, opened=False),
    ]


def _library(module: str) -> Any:
    try:
        return import_module(f"wandb_workspaces.{module}")
    except ImportError as error:
        raise UserError("dashboards need wandb-workspaces; install it with pip install 'avseg[dashboards]'") from error


def _without_names(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_names(value) for key, value in node.items() if key != _RANDOM}
    return list(map(_without_names, node)) if isinstance(node, list) else node
