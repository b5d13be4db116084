"""Defects to plant into a valid tree, each with its expected findings: issue, file, part of the message."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from avseg.data.avsbench.layout import Layout
from avseg.data.palette import voc_palette
from avseg.data.setting import ClipEntry
from tests.data.check.tree import SIZE, image_bytes, log_mel_bytes, mask_bytes, replace_file, wav_bytes

Finding = tuple[str, str, str]
Plant = Callable[[Layout, ClipEntry], list[Finding]]


@dataclass(frozen=True)
class Defect:
    """A defect: its name, its setting, and the function that plants it at a test clip."""

    name: str
    setting: str
    plant: Plant


DEFECTS: list[Defect] = []


def defect(setting: str = "s4") -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        DEFECTS.append(Defect(f"{setting}_{plant.__name__}", setting, plant))
        return plant

    return add


def relative(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()


def cut(path: Path, share: float = 0.5) -> None:
    """Truncate a file, but not its hard links."""
    content = path.read_bytes()
    replace_file(path, content[: int(len(content) * share)])


@defect()
def frame_missing(layout, clip):
    layout.frames(clip)[2].unlink()
    return [("missing", relative(layout, layout.frames(clip)[2]), "frame")]


@defect()
def masks_missing(layout, clip):
    shutil.rmtree(layout.masks(clip)[0].parent)
    return [("missing", relative(layout, layout.masks(clip)[0].parent), "none of the clip's 5 masks")]


@defect()
def only_mask_of_a_training_clip_missing(layout, clip):
    mask = layout.masks(layout.entries("train")[0])[0]
    mask.unlink()
    return [("missing", relative(layout, mask), "mask")]


@defect()
def wav_missing(layout, clip):
    layout.wav(clip).unlink()
    return [("missing", relative(layout, layout.wav(clip)), "sound")]


@defect("ms3")
def log_mel_missing(layout, clip):
    layout.log_mel(clip).unlink()
    return [("missing", relative(layout, layout.log_mel(clip)), "log-mel")]


@defect()
def frame_truncated(layout, clip):
    cut(layout.frames(clip)[0])
    return [("unreadable", relative(layout, layout.frames(clip)[0]), "not a readable frame")]


@defect("avss")
def jpeg_truncated(layout, clip):
    cut(layout.frames(clip)[3], 0.9)
    return [("unreadable", relative(layout, layout.frames(clip)[3]), "Truncated")]


@defect()
def frame_empty(layout, clip):
    replace_file(layout.frames(clip)[4], b"")
    return [("unreadable", relative(layout, layout.frames(clip)[4]), "0 bytes")]


@defect()
def mask_truncated(layout, clip):
    cut(layout.masks(clip)[1], 0.7)
    return [("unreadable", relative(layout, layout.masks(clip)[1]), "not a readable mask")]


@defect()
def mask_of_another_size(layout, clip):
    replace_file(layout.masks(clip)[0], image_bytes(np.full((8, 8), 255, np.uint8), ".png"))
    return [("size", relative(layout, layout.masks(clip)[0]), "is 8 x 8, its frame 16 x 16")]


@defect()
def frame_of_another_size(layout, clip):
    replace_file(layout.frames(clip)[1], image_bytes(np.zeros((20, 24, 3), np.uint8), ".png"))
    return [("size", relative(layout, layout.frames(clip)[1]), "is 24 x 20, the clip's other frames 16 x 16")]


@defect()
def clip_of_another_size(layout, clip):
    for path in layout.frames(clip) + layout.masks(clip):
        big = Image.open(path).resize((2 * SIZE, 2 * SIZE), Image.Resampling.NEAREST)
        path.unlink()
        big.save(path)
    return [("size", relative(layout, layout.frames(clip)[0].parent), "32 x 32, those of the other clips are 16 x 16")]


@defect()
def grey_mask(layout, clip):
    replace_file(layout.masks(clip)[2], mask_bytes("s4", value=130))
    return [("mask values", relative(layout, layout.masks(clip)[2]), "0, 130")]


@defect("ms3")
def mask_with_two_marks(layout, clip):
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[2:5], labels[8:12] = 1, 255
    replace_file(layout.masks(clip)[2], image_bytes(labels, ".png"))
    return [("mask values", relative(layout, layout.masks(clip)[2]), "0, 1, 255")]


@defect()
def mask_that_marks_nothing(layout, clip):
    replace_file(layout.masks(clip)[3], mask_bytes("s4", (slice(0, 0), slice(0, 0))))
    return [("empty mask", relative(layout, layout.masks(clip)[3]), "not silent")]


@defect("ms3")
def clip_that_marks_nothing(layout, clip):
    for path in layout.masks(clip):
        replace_file(path, mask_bytes("ms3", (slice(0, 0), slice(0, 0))))
    return [("empty mask", relative(layout, layout.masks(clip)[0].parent), "all 5 masks")]


@defect()
def sound_too_short(layout, clip):
    replace_file(layout.wav(clip), wav_bytes(3.2))
    return [("length", relative(layout, layout.wav(clip)), "lasts 3.20 s, its clip 5 s")]


@defect()
def sound_too_long(layout, clip):
    replace_file(layout.wav(clip), wav_bytes(10))
    return [("length", relative(layout, layout.wav(clip)), "lasts 10.00 s")]


@defect()
def sound_truncated_by_a_little(layout, clip):
    cut(layout.wav(clip), 0.97)
    return [("unreadable", relative(layout, layout.wav(clip)), "truncated: 38842 of 40044 bytes")]


@defect()
def sound_is_a_text(layout, clip):
    replace_file(layout.wav(clip), b"<html>quota exceeded</html>")
    return [("unreadable", relative(layout, layout.wav(clip)), "not a readable sound file")]


@defect("ms3")
def log_mel_damaged(layout, clip):
    cut(layout.log_mel(clip))
    return [("unreadable", relative(layout, layout.log_mel(clip)), "not a pickled tensor")]


@defect("ms3")
def log_mel_with_too_few_patches(layout, clip):
    replace_file(layout.log_mel(clip), log_mel_bytes(4))
    return [("length", relative(layout, layout.log_mel(clip)), "4 patches for 5 seconds")]


class Evil:
    """Creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@defect("ms3")
def log_mel_that_runs_code(layout, clip):
    replace_file(layout.log_mel(clip), pickle.dumps(Evil(layout.root / "it-ran")))
    return [("unreadable", relative(layout, layout.log_mel(clip)), "asks for")]


@defect()
def same_name_in_two_splits(layout, clip):
    original = layout.entries("train")[0]
    twin = ClipEntry(original.name, clip.category, clip.split, clip.start)
    _rename(layout, clip, twin)
    return [("duplicate", relative(layout, layout.frames(twin)[0].parent), f"the name of '{original.name}' in train")]


@defect()
def same_content_in_two_splits(layout, clip):
    original = layout.entries("val")[1]
    replace_file(layout.frames(clip)[0], layout.frames(original)[0].read_bytes())
    return [("duplicate", relative(layout, layout.frames(clip)[0].parent), f"sound of '{original.name}' in val")]


@defect()
def row_left_out_of_the_index(layout, clip):
    layout.write_index([entry for entry in layout.read_index() if entry != clip])
    folders = [layout.frames(clip)[0].parent, layout.masks(clip)[0].parent, layout.wav(clip)]
    files = _topmost(layout, folders)
    number = len(layout.entries("test"))
    return [("count", layout.index_name, f"test: {number} clips")] + [("unknown", file, "no row") for file in files]


@defect()
def row_twice_in_the_index(layout, clip):
    text = layout.index_file.read_text()
    layout.index_file.write_text(text + text.splitlines()[-1] + "\n")
    return [("index", layout.index_name, "is already in row")]


@defect()
def category_misspelt(layout, clip):
    _rename(layout, clip, ClipEntry(clip.name, f"{clip.category}s", clip.split, clip.start))
    findings = [("count", layout.index_name, f"category '{clip.category}s' (1 clips)")]
    if clip.category == "helicopter":
        findings.append(("count", layout.index_name, "category 'helicopter'"))
    return findings


@defect()
def unknown_file(layout, clip):
    stray = layout.frames(clip)[0].with_name("copy of 3.png")
    stray.write_bytes(layout.frames(clip)[3].read_bytes())
    return [("unknown", relative(layout, stray), "no row")]


@defect("ms3")
def unknown_clip(layout, clip):
    folder = layout.frames(clip)[0].parent.with_name("forgotten")
    shutil.copytree(layout.frames(clip)[0].parent, folder)
    return [("unknown", relative(layout, folder), "a folder that no row")]


@defect("avss")
def unknown_uid(layout, clip):
    folder = layout.root / clip.subset / "forgotten"
    shutil.copytree(layout.wav(clip).parent, folder)
    return [("unknown", relative(layout, folder), "a folder that no row")]


@defect()
def leftover(layout, clip):
    path = layout.wav(clip).with_name(f".{clip.name}.123.part.wav")
    path.write_bytes(b"half")
    return [("leftover", relative(layout, path), "half written")]


@defect("avss")
def stray_colour(layout, clip):
    pixels = np.array(Image.open(layout.masks(clip)[0]).convert("RGB"))
    pixels[0, :3] = (1, 2, 3)
    replace_file(layout.masks(clip)[0], image_bytes(pixels, ".png"))
    return [("stray colour", relative(layout, layout.masks(clip)[0]), "3 pixels")]


@defect("avss")
def stray_pixels(layout, clip):
    pixels = np.array(Image.open(layout.masks(clip)[1]).convert("RGB"))
    pixels[0, 0] = pixels[1, 1] = voc_palette()[2]  # touch at a corner: one spot
    replace_file(layout.masks(clip)[1], image_bytes(pixels, ".png"))
    return [("stray pixels", relative(layout, layout.masks(clip)[1]), "1 spot of 'dog' under 10 pixels (2 in all)")]


@defect("avss")
def class_that_the_label_does_not_name(layout, clip):
    pixels = voc_palette()[np.full((SIZE, SIZE), 3)]
    replace_file(layout.masks(clip)[2], image_bytes(pixels, ".png"))
    return [("class", relative(layout, layout.masks(clip)[2]), "marks man, the clip's label is 'cat_dog'")]


@defect("avss")
def class_names_with_a_gap(layout, clip):
    layout.label_file.write_text(json.dumps({"background": 0, "cat": 2}))
    return [("index", "label2idx.json", "without gaps")]


def _rename(layout: Layout, clip: ClipEntry, new: ClipEntry) -> None:
    """Move a clip's files and its row."""
    entries = [new if entry == clip else entry for entry in layout.read_index()]
    path_functions = (layout.frames, layout.masks, lambda entry: [layout.wav(entry)])
    for paths_of in path_functions:
        for old, path in zip(paths_of(clip), paths_of(new), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            old.rename(path)
            for folder in (old.parent, old.parent.parent):
                if not any(folder.iterdir()):
                    folder.rmdir()
    layout.write_index(entries)


def _topmost(layout: Layout, paths: list[Path]) -> list[str]:
    """Return the highest folder above each path that no other clip uses."""
    kept = layout.read_index()
    used = {
        parent
        for entry in kept
        for path in [*layout.frames(entry), *layout.masks(entry), layout.wav(entry)]
        for parent in path.parents
    }
    tops = []
    for path in paths:
        while path.parent not in used:
            path = path.parent
        tops.append(relative(layout, path))
    return tops
