"""Apply the fixes that cannot lose data.

Remove leftovers of ended writers, recompute log-mel files from the wav, name the unused classes of a synthetic AVSS.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

from avseg.audio.log_mel import read_wav
from avseg.data.avsbench.avss import label_table, read_class_names
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.avsbench.writer import write_patches
from avseg.data.check.findings import Finding, Report
from avseg.data.check.labels import ADD_NAMES
from avseg.data.check.sounds import TOLERANCE, declared_bytes
from avseg.data.palette import AVSS_CLASSES
from avseg.data.setting import SETTINGS, ClipEntry
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

_MIN_AGE = 600  # seconds since the last write to a temporary file


def apply_fixes(report: Report) -> list[Finding]:
    """Fix what can be fixed safely; fixed findings move to `report.fixed`, with the action taken as their `fix`."""
    layout = layout_for(report.setting, report.root) if report.setting in SETTINGS else None
    clips = {} if layout is None else _clips_of_log_mels(report, layout)
    for finding in list(report.findings):  # a copy: fixed ones are removed
        action = ""
        if finding.issue == "leftover":
            action = _remove_leftover(report.root / finding.file)
        elif layout is not None and finding.file in clips:
            action = _recompute_log_mel(layout, clips[finding.file])
        elif layout is not None and finding.fix == ADD_NAMES:
            action = _add_names(layout)
        if action:
            report.findings.remove(finding)
            report.fixed.append(replace(finding, fix=action))
    return report.fixed


def _remove_leftover(path: Path) -> str:
    """Remove a temporary file whose writer has ended; folders stay, since they may hold hours of work."""
    if not path.is_file() or time.time() - path.stat().st_mtime < _MIN_AGE or _may_be_running(path):
        return ""
    path.unlink()
    return "removed: its writer has ended"


def _may_be_running(path: Path) -> bool:
    """False only if the process id in the file's name does not exist on this machine."""
    process_id = path.name.rpartition(".part")[0].rpartition(".")[2]
    if not process_id.isdecimal():  # not a name given by `atomic_file`
        return True
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # a process of another user, or not a process id
        return True
    return True


def _clips_of_log_mels(report: Report, layout: Layout) -> dict[str, ClipEntry]:
    """Return the clip of each log-mel file that has a finding."""
    files = {finding.file for finding in report.findings if finding.file.endswith(".pkl")}
    clips: dict[str, ClipEntry] = {}
    for entry in layout.read_index() if files else ():
        file = layout.log_mel(entry).relative_to(layout.root).as_posix()
        if file in files:
            clips[file] = entry
    return clips


def _recompute_log_mel(layout: Layout, entry: ClipEntry) -> str:
    """Compute the log-mel patches from the wav if it is complete and as long as its clip."""
    wav = layout.wav(entry)
    length = len(layout.frames(entry))
    try:
        waveform, rate = read_wav(wav)
    except UserError:  # the wav has a finding of its own
        return ""
    if declared_bytes(wav) > wav.stat().st_size or abs(waveform.shape[-1] / rate - length) > TOLERANCE:
        return ""
    write_patches(layout, entry)
    return f"recomputed from {wav.name}"


def _add_names(layout: Layout) -> str:
    """Complete the class names of a synthetic set to those that the official reader demands."""
    assert layout.label_file is not None
    names = read_class_names(layout.label_file)
    with atomic_file(layout.label_file) as temporary:
        temporary.write_text(json.dumps(label_table(names), indent=2) + "\n", encoding="utf-8")
    return f"{AVSS_CLASSES - len(names)} unused names added, counted from 1 as released"
