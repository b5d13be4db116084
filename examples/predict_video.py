"""Predict on a video: `predict_video.py RUN VIDEO OUT`, or without arguments on a synthetic video."""

# %% a video with sound, and a model
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import avseg
from avseg.config.compose import compose_train
from avseg.data.setting import find_setting
from avseg.media.video_writer import make_clip_video
from avseg.training.build import DataFacts, build_model

if len(sys.argv) == 4:
    model = avseg.load(sys.argv[1])  # a run or a checkpoint
    video, out = Path(sys.argv[2]), Path(sys.argv[3])
else:
    # an untrained model, to show the calls
    torch.manual_seed(0)
    config = compose_train(["recipe=toy", "model.channels=8", "data.image_size=64"])
    model = build_model(config, DataFacts(find_setting("ms3"))).eval()
    folder = Path(tempfile.mkdtemp())
    video, out = folder / "video.mp4", folder / "prediction"
    frames = np.zeros((5, 96, 128, 3), np.uint8)
    frames[:, 30:60, 40:80] = (255, 60, 60)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(5 * 16000) / 16000).astype(np.float32)
    make_clip_video(frames, tone[None], video, sample_rate=16000)

# %% second by second, in memory that does not grow with the length
result = avseg.predict(model, video)
for time, probability in result:  # probability that a pixel sounds, (H, W) at the video's size
    print(f"{time:4.1f} s: {(probability > 0.5).mean():.1%} of the pixels sound")

# %% overlay.mp4, masks and scores.json
print(result.save(out))
print(sorted(path.name for path in out.iterdir()))

# %% arrays instead of a file
frames = np.zeros((5, 48, 64, 3), np.uint8)
print(model.predict_clip(frames, np.zeros(5 * 16000, np.float32), 16000).shape)
