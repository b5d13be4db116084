"""J and F at the size of a model, and at that of the data's own masks."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.metrics import FScore, MaskIoU
from avseg.training.load import load_clip_model
from tests.runs_for_tests import avseg

DATA_SIZE, MODEL_SIZE = 32, 64  # as 224 and 512 of AVSegFormer, 224 and 384 of AAVS
QUIET = ["data.num_workers=0", "trainer.enable_progress_bar=false", "trainer=cpu", "callbacks=none", "debug=one_batch"]
MODELS = {
    "avsegformer": ["model=toy_avsegformer", "model.channels=16", "model.queries=4"],
    "aavs": ["model=toy_aavs", "model.network=tiny", "model.queries=4"],
}


@pytest.mark.parametrize("name", ["avsegformer", pytest.param("aavs", marks=pytest.mark.slow)])
def test_both_sizes_by_hand(name: str, ms3_root: Path, tmp_path: Path) -> None:
    words = [*MODELS[name], f"data.image_size={MODEL_SIZE}", f"data.root={ms3_root}", f"paths.outputs={tmp_path}/runs"]
    trained = avseg(["train", *words, *QUIET], tmp_path / "runs")
    assert trained.code == 0, trained.err
    model = load_clip_model(trained.run)
    group = model.videos_per_group
    for size, options in ((MODEL_SIZE, []), (DATA_SIZE, [f"mask_size={DATA_SIZE}"])):
        out = tmp_path / f"at_{size}"
        done = avseg(["evaluate", f"checkpoint={trained.run}", "trainer=cpu", f"out={out}", *options])
        assert done.code == 0, done.err
        iou, f_score = MaskIoU(group), FScore(group)
        frames = AVSBenchDataset(ms3_root, "ms3", "test", image_size=MODEL_SIZE, frontend=model.frontend)
        masks = AVSBenchDataset(ms3_root, "ms3", "test", image_size=size, frontend=model.frontend)
        for index in range(len(frames)):
            with torch.no_grad():
                prediction = model(frames[index])
            graded = prediction.logits if prediction.graded is None else prediction.graded
            index_of_clip = torch.tensor([index])
            for metric, logits in ((iou, prediction.logits), (f_score, graded)):
                small = F.interpolate(logits[0], (size, size), mode="bilinear", align_corners=False)[None, :, 0]
                metric.update(small, masks[index].masks, index=index_of_clip)
        scores = json.loads((out / "result.json").read_text())["scores"]["own"]
        assert scores["miou"] == pytest.approx(float(iou.compute()), abs=1e-4)
        assert scores["fscore"] == pytest.approx(float(f_score.compute()), abs=1e-3)
        with (out / "per_clip.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(frames)
