"""The head of a report: the scores of the run, and how it was made."""

from collections.abc import Mapping
from typing import Any

import yaml

from avseg.metrics.registry import metric_info
from avseg.report.run_files import RunFiles
from avseg.report.section import Section
from avseg.tables.layout import number
from avseg.tables.text import TextTable


def score_section(files: RunFiles) -> Section:
    """Return the test scores with the run's own sound."""
    scores = files.result.get("scores", {}).get("own", {})
    if not scores:
        return Section(
            "Scores", "No scores: the run is not complete; `avseg train` with the same options continues it."
        )
    keys = list(scores)
    cells = []
    for key in keys:
        cells.append("-" if scores[key] is None else number(metric_info(key).scale * scores[key]))
    header = ["split", *(metric_info(key).heading for key in keys)]
    count = files.result.get("clips") or files.result.get("videos")
    group = files.result.get("videos_per_group")
    notes = [f"per cent; {count} {'videos' if files.long_videos else 'clips'}"]
    if group:
        notes.append(f"F: maximum over thresholds per group of {group} videos, averaged")
    return Section("Scores", "", tables=[TextTable("", header, [[str(files.result["split"]), *cells]], notes)])


def provenance_section(files: RunFiles) -> Section:
    """Return configuration, versions and machine."""
    manifest = files.manifest
    rows = [["run directory", str(files.run.path.resolve())], *_manifest_rows(manifest)]
    versions = [[name, str(version or "not installed")] for name, version in manifest.get("versions", {}).items()]
    tables = [TextTable("Run", ["", ""], rows)]
    if versions:
        tables.append(TextTable("Versions", ["package", "version"], versions))
    text = "" if manifest else "No manifest.json: versions, command and machine are not known."
    config = yaml.safe_dump(dict(files.config), sort_keys=False, allow_unicode=True)
    return Section("Configuration and versions", text, tables=tables, details=[("config.yaml", config)])


def _manifest_rows(manifest: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for key in ("command", "seed", "started", "finished", "data_fingerprint"):
        if key in manifest:
            rows.append([key.replace("_", " "), str(manifest[key])])
    git = manifest.get("git")
    if git:
        rows.append(["commit", git["commit"] + (" with uncommitted changes" if git["changed"] else "")])
    for name, record in (manifest.get("plugins") or {}).items():
        rows.append([f"plugin {name}", str(record)])
    hardware = manifest.get("hardware", {})
    if hardware:
        gpus = ", ".join(hardware.get("gpus") or ["no GPU"])
        rows.append(["machine", f"{hardware['system']} {hardware['machine']}, {hardware['cores']} cores, {gpus}"])
    if "wall_seconds" in manifest:
        rows.append(
            ["time", f"{manifest['wall_seconds']:.0f} s, {manifest['peak_memory_mib']:,} MiB of memory at most"]
        )
    return rows
