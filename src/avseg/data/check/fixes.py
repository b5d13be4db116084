"""Mends where nothing can be lost: removes leftovers of dead writers, computes log-mel files anew from the wav."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from avseg.data.avsbench.index import ClipEntry
from avseg.data.avsbench.layout import SETTINGS, layout_for
from avseg.data.check.findings import Finding, Report
from avseg.data.check.sounds import SLACK, promised_bytes
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

_REST = 600  # seconds for which a temporary file must have been left alone


def mend(report: Report) -> list[Finding]:
    """Mends what can be mended; the findings move from `report.findings` to `report.mended`.

    Returns:
        What was mended, each with what was done as its `mend`.
    """
    clips = _log_mel_clips(report)
    for finding in list(report.findings):
        path = report.root / finding.file
        done = ""
        if finding.kind == "leftover":
            done = _remove(path)
        elif finding.file in clips:
            done = _rebuild(report, clips[finding.file])
        if done:
            report.findings.remove(finding)
            report.mended.append(replace(finding, mend=done))
    return report.mended


def _remove(path: Path) -> str:
    """Removes a temporary file whose writer is gone; folders stay, since they may hold hours of work."""
    if not path.is_file() or time.time() - path.stat().st_mtime < _REST or _alive(path):
        return ""
    path.unlink()
    return "removed: its writer is gone"


def _alive(path: Path) -> bool:
    """Whether the process that a temporary file names lives, as far as this machine knows."""
    number = path.name.rpartition(".part")[0].rpartition(".")[2]
    if not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _log_mel_clips(report: Report) -> Mapping[str, ClipEntry]:
    """The clip of each log-mel file with a finding."""
    files = {finding.file for finding in report.findings if finding.file.endswith(".pkl")}
    if not files or report.setting not in SETTINGS:
        return {}
    layout = layout_for(report.setting, report.root)
    places = {layout.log_mel(entry).relative_to(layout.root).as_posix(): entry for entry in layout.read_index()}
    return {file: entry for file, entry in places.items() if file in files}


def _rebuild(report: Report, entry: ClipEntry) -> str:
    """Computes the log-mel patches anew from a wav that is whole and as long as its clip."""
    import torch

    from avseg.audio.frontend import fit_to_frames
    from avseg.audio.log_mel import log_mel_patches, read_wav

    layout = layout_for(report.setting, report.root)
    wav, length = layout.wav(entry), len(layout.frames(entry))
    try:
        waveform, rate = read_wav(wav)
    except UserError:
        return ""
    if promised_bytes(wav) > wav.stat().st_size or abs(waveform.shape[-1] / rate - length) > SLACK:
        return ""
    patches = fit_to_frames(log_mel_patches(waveform, rate), length)
    with atomic_file(layout.log_mel(entry)) as temporary:
        torch.save(patches, temporary)
    return f"computed anew from {wav.name}"
