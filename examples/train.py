"""Train from Python: compose a configuration, train, evaluate, read the scores."""

# %% synthetic clips in the layout of AVSBench MS3
import json
import tempfile
from pathlib import Path

import avseg
from avseg.cli.main import main as command
from avseg.config.compose import compose_train

folder = Path(tempfile.mkdtemp())
data = folder / "toy_ms3"
toy = ["data", "toy", "--setting", "ms3", "--size", "32", "--train", "8", "--val", "2", "--test", "4"]
assert command([*toy, "--out", str(data)]) == 0

# %% the configuration: the same overrides as on the command line; a mistake raises avseg.UserError
overrides = [
    "recipe=toy",
    "fusion=frame_1234",
    "model.channels=8",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
    "data.image_size=32",
    "data.num_workers=0",
    "callbacks=none",
    f"data.root={data}",
    f"paths.outputs={folder / 'outputs'}",
]
config = compose_train(overrides)  # frozen dataclasses
print(config.model.name, config.data.batch_size, config.trainer.max_epochs)

# %% train; the same call again finds the complete run
assert command(["train", *overrides]) == 0
(run,) = (folder / "outputs").glob("*/*/seed=*")
print(json.loads((run / "result.json").read_text())["scores"]["own"])

# %% evaluate another split; F-score over the whole split at once
result = avseg.evaluate(run, split="val", videos_per_group=0, out=folder / "val")
for sound, scores in result["scores"].items():
    print(f"{sound:10s} mIoU {scores['miou']:.3f}")
