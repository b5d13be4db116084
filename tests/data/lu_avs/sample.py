"""Write a small LU-AVS release as the archives unpack, with every irregularity that the real one may have.

Frames show their numbers. Row r of a segment marks the r + 1 columns on the left (masks), or is the box
(r, 1, r + 10, 9), so that every row is different.
"""

import json
from pathlib import Path

import numpy as np

from tests.media.make_video import make_video

LABELS = {"male singing": 46, "playing piano": 5, "dog barking": 12}
ODD_ID = "-a_b__st__7__et__9"
VARYING, SILENT, HARD, VAL, TEST = "--v_2", "quiet_1", "_hard-1", "val_1", "test_1"
GAPS = np.cumsum([0, *np.random.default_rng(3).choice([0.02, 0.1, 0.3], 44)]).round(3).tolist()
SIZE = (64, 96)


def row_masks(rows, size=SIZE, dtype=np.bool_):
    masks = np.zeros((rows, *size), dtype)
    for row in range(rows):
        masks[row, :, : row + 1] = 1
    return masks


def row_boxes(rows):
    return np.array([[row, 1, row + 10, 9] for row in range(rows)], np.float32).reshape(-1, 4)


class Sample:
    """Writes videos, segment folders and annotation files below a root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, dict] = {}

    def video(self, name, split, segments, *, hard=False, frames=40, rate=10, times=None):
        folder = self.make_folder(f"LAVS_{'Bbox' if hard else 'Seg'}_Videos")
        make_video(folder / f"{name}.mp4", frames=frames, rate=rate, times=times, size=SIZE, options={"bf": "2"})
        annotations = [{"segment": [s, e], "label": label, "label_id": LABELS[label]} for s, e, label in segments]
        entry = {"duration": frames / rate, "fps": float(rate), "subset": split, "annotations": annotations}
        self.files.setdefault(f"{'bbox_segs' if hard else 'seg'}_{split}.json", {})[name] = entry

    def segment(self, name, start, end, label, rows, *, hard=False):
        folder = f"{name}__{label.replace(' ', '_')}__st__{start}__et__{end}"
        parent = "LAVS_Bbox_Annos/bboxes" if hard else "LAVS_Seg_Annos/masks"
        path = self.make_folder(f"{parent}/{folder}")
        np.save(path / ("bbox.npy" if hard else "masks.npy"), rows)
        return path

    def write(self):
        for name, content in self.files.items():
            (self.make_folder("jsons") / name).write_text(json.dumps(content))
        return self.root

    def make_folder(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def make_sample(root: Path) -> Path:
    """Write the whole sample, see the module."""
    sample = Sample(root)
    # overlapping segments of two classes; one array a row short; a class that returns; 0 and 255 instead of bool
    sample.video(ODD_ID, "train", [(3, 20, "male singing"), (10, 30, "playing piano"), (33, 40, "male singing")])
    sample.segment(ODD_ID, 3, 20, "male singing", row_masks(17))
    sample.segment(ODD_ID, 10, 30, "playing piano", row_masks(19))
    sample.segment(ODD_ID, 33, 40, "male singing", row_masks(7, dtype=np.uint8) * 255)
    # a variable frame rate, an array a row too long, a segment that ends one frame after the video
    sample.video(VARYING, "train", [(0, 12, "dog barking"), (30, 46, "playing piano")], frames=45, times=GAPS)
    sample.segment(VARYING, 0, 12, "dog barking", row_masks(13))
    sample.segment(VARYING, 30, 46, "playing piano", row_masks(16))
    sample.video(SILENT, "train", [])
    # boxes only: rows that are NaN, negative, without area, and across the border
    boxes = row_boxes(20)
    boxes[3] = np.nan
    boxes[4] = -1
    boxes[5] = (7, 7, 7, 9)
    boxes[6] = (-5, -5, 200, 9)
    sample.video(HARD, "train", [(5, 25, "dog barking")], hard=True)
    sample.segment(HARD, 5, 25, "dog barking", boxes, hard=True)
    for name, split in ((VAL, "val"), (TEST, "test")):
        sample.video(name, split, [(0, 15, "male singing"), (20, 30, "dog barking")])
        sample.segment(name, 0, 15, "male singing", row_masks(15))
        # the name of its folder is off by one
        sample.segment(name, 21, 30, "dog barking", row_masks(10))
    return sample.write()
