"""Make the report of a run: the pictures in its folder, and the page that holds them."""

from dataclasses import dataclass
from pathlib import Path

from avseg.report.categories import category_section
from avseg.report.controls import control_section
from avseg.report.facts import provenance_section, score_section
from avseg.report.gallery import gallery_section
from avseg.report.page import write_page
from avseg.report.run_files import RunFiles, read_run
from avseg.report.section import Section
from avseg.report.thresholds import threshold_section
from avseg.report.training_curves import training_section
from avseg.utils.errors import UserError
from avseg.utils.files import replace_folder

PAGE = "report.html"


@dataclass(frozen=True)
class Report:
    """The page that was written, and its sections."""

    page: Path
    sections: list[Section]


def make_report(run: Path, out: Path | None = None, clips: int = 8, device: str = "auto") -> Report:
    """Write the report of a run to a folder, by default `report` in the run; an earlier report there is replaced.

    Raises:
        UserError: no run, a damaged file of it, or a folder that holds something else.
    """
    files = read_run(run)
    folder = out or files.run.path / "report"
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / PAGE).is_file())):
        raise UserError(f"--out {folder}: exists and is not a report; name a new folder")
    with replace_folder(folder) as temporary:
        sections = [
            score_section(files),
            training_section(files, temporary),
            category_section(files, temporary),
            threshold_section(files, temporary),
            control_section(files, temporary),
            gallery_section(files, temporary, clips, device),
            provenance_section(files),
        ]
        write_page(temporary / PAGE, _title(files), _subtitle(files), sections)
    return Report(folder / PAGE, sections)


def _title(files: RunFiles) -> str:
    path = files.run.path.resolve()
    return f"{path.parent.name}, {path.name.replace('=', ' ')}"


def _subtitle(files: RunFiles) -> str:
    model = files.config.get("model") or {}
    data = files.config.get("data") or {}
    backbone = (files.config.get("backbone") or {}).get("name")
    texts = [
        f"experiment {files.config.get('experiment', '')}",
        f"model {model.get('name', '')}",
        f"backbone {backbone}" if backbone else "",
        f"data {data.get('name', '')}",
        "" if files.run.complete else "NOT COMPLETE",
    ]
    return ", ".join(filter(None, texts))
