"""Mending loses nothing: dead writers' leftovers go, living ones' stay; log-mel files are computed from a whole wav."""

import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.layout import ClipEntry, Layout
from avseg.data.check import inspect_set
from avseg.data.check.fixes import mend
from tests.data.check.tree import SMALL, make_tree, replace_file, small, wav_bytes


def tree(root: Path) -> tuple[Layout, ClipEntry]:
    layout = make_tree(root / "tree", "ms3", SMALL["ms3"], log_mel=True)
    return layout, layout.entries("val")[1]


def old(path: Path) -> Path:
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 10_000,) * 2)
    return path


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_the_leftovers_of_dead_writers_go(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    folder = layout.wav(clip).parent
    dead = old(folder / f".a.{dead_process()}.part.wav")
    alive = old(folder / f".b.{os.getpid()}.part.wav")
    fresh = folder / f".c.{dead_process()}.part.wav"
    fresh.write_bytes(b"half")
    directory = layout.root / ".set.x1y2z3.part"
    directory.mkdir()
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert [finding.kind for finding in report.findings] == ["leftover"] * 4
    assert [finding.file for finding in mend(report)] == [dead.relative_to(layout.root).as_posix()]
    assert (dead.exists(), alive.exists(), fresh.exists(), directory.exists()) == (False, True, True, True)
    assert len(report.findings) == 3
    assert not report.sound


def test_log_mel_files_are_computed_anew(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    other = layout.entries("test")[0]
    layout.log_mel(clip).unlink()
    replace_file(layout.log_mel(other), b"no pickle")
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert sorted(finding.kind for finding in report.findings) == ["missing", "unreadable"]
    assert len(mend(report)) == 2
    assert report.sound
    assert inspect_set(layout.root, "ms3", small("ms3")).sound
    for entry in (clip, other):
        wanted = log_mel_patches(*read_wav(layout.wav(entry)))[:5]
        torch.testing.assert_close(read_log_mel(layout.log_mel(entry))[: len(wanted)], wanted, rtol=0, atol=0)


def test_what_has_no_whole_wav_stays_as_it_is(tmp_path: Path) -> None:
    layout, clip = tree(tmp_path)
    other = layout.entries("test")[0]
    for entry, content in ((clip, wav_bytes(2)), (other, wav_bytes(5)[:-3000])):
        replace_file(layout.wav(entry), content)
        replace_file(layout.log_mel(entry), b"no pickle")
    report = inspect_set(layout.root, "ms3", small("ms3"))
    assert mend(report) == []
    assert layout.log_mel(clip).read_bytes() == layout.log_mel(other).read_bytes() == b"no pickle"
    assert len(report.findings) == 4
