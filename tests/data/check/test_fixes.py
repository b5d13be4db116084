"""Fixes lose no data: leftovers of ended writers are removed, log-mel files are recomputed from a complete wav."""

import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.layout import Layout
from avseg.data.check.fixes import apply_fixes
from avseg.data.check.inspect import inspect_set
from avseg.data.setting import ClipEntry
from tests.data.check.tree import SMALL, make_tree, replace_file, small, wav_bytes


def tree(root: Path) -> tuple[Layout, ClipEntry]:
    layout = make_tree(root / "tree", "ms3", SMALL["ms3"], log_mel=True)
    return layout, layout.entries("val")[1]


def write_old_file(path: Path) -> Path:
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 10_000,) * 2)
    return path


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_leftovers_of_ended_writers_are_removed(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    folder = layout.wav(clip).parent
    ended = write_old_file(folder / f".a.{ended_process()}.part.wav")
    running = write_old_file(folder / f".b.{os.getpid()}.part.wav")
    fresh = folder / f".c.{ended_process()}.part.wav"
    fresh.write_bytes(b"half")
    directory = layout.root / ".set.x1y2z3.part"
    directory.mkdir()
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert [finding.issue for finding in report.findings] == ["leftover"] * 4
    assert [finding.file for finding in apply_fixes(report)] == [ended.relative_to(layout.root).as_posix()]
    assert (ended.exists(), running.exists(), fresh.exists(), directory.exists()) == (False, True, True, True)
    assert len(report.findings) == 3
    assert not report.valid


def test_log_mel_files_are_recomputed(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    other = layout.entries("test")[0]
    layout.log_mel(clip).unlink()
    replace_file(layout.log_mel(other), b"no pickle")
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert sorted(finding.issue for finding in report.findings) == ["missing", "unreadable"]
    assert len(apply_fixes(report)) == 2
    assert report.valid
    assert inspect_set(layout.root, "ms3", small("ms3")).valid
    for entry in (clip, other):
        expected = log_mel_patches(*read_wav(layout.wav(entry)))[:5]
        torch.testing.assert_close(read_log_mel(layout.log_mel(entry))[: len(expected)], expected, rtol=0, atol=0)


def test_a_log_mel_file_without_a_complete_wav_stays(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    other = layout.entries("test")[0]
    for entry, content in ((clip, wav_bytes(2)), (other, wav_bytes(5)[:-3000])):
        replace_file(layout.wav(entry), content)
        replace_file(layout.log_mel(entry), b"no pickle")
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert apply_fixes(report) == []
    assert layout.log_mel(clip).read_bytes() == layout.log_mel(other).read_bytes() == b"no pickle"
    assert len(report.findings) == 4
