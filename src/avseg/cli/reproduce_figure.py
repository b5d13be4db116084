"""The figure of `avseg reproduce`: the rows of the experiment side by side on the clips that it names."""

from avseg.cli.reproduce_jobs import Reproduction
from avseg.comparison.compare import compare
from avseg.comparison.request import Method, Request


def draw_figures(reproduction: Reproduction) -> None:
    """Compare the rows of each column that names clips, the first seed; incomplete rows are left out."""
    sweep = reproduction.experiment.sweep
    for column, clips in sweep.clips.items():
        methods: dict[str, Method] = {}  # by row
        for (cell, _), job in reproduction.cells.items():
            if cell.column == column and job.run.complete:
                methods.setdefault(cell.row, Method(cell.row, str(job.run.path)))
        if not methods:
            continue
        folder = reproduction.folder.parent / f"comparison_{column}"
        compare(Request(methods=list(methods.values()), out=folder, show=clips))
        for name in ("panels/figure.png", "panels/figure.pdf", "page.html"):
            print(f"written: {folder / name}")
