"""Commands that need no network and no model answer without importing torch."""

import json
import subprocess
import sys

from avseg.config.paths import options

# a child process, since torch is imported in that of the tests; it refuses to import what takes seconds
_CHILD = """
import contextlib, io, json, sys
from importlib.abc import MetaPathFinder

HEAVY = ("torch", "torchmetrics", "torchvision", "torchaudio", "pytorch_lightning", "lightning_fabric", "timm",
         "transformers", "wandb", "scipy", "matplotlib", "pandas", "av", "cv2")

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise RuntimeError("imports " + name)
        return None

sys.meta_path.insert(0, Refuse())
from avseg.cli.main import main

results = []
for command in json.load(sys.stdin):
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            code = main(command)
        except SystemExit as exit:
            code = exit.code
        except RuntimeError as error:
            code = str(error)
    results.append((code, output.getvalue()))
json.dump(results, sys.stdout)
"""


def _run_without_torch(commands: list[list[str]]) -> list[tuple[int | str, str]]:
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, input=json.dumps(commands), capture_output=True, text=True, check=True)
    return [(code, output) for code, output in json.loads(done.stdout)]


def test_answers_that_need_no_torch_import_none(tmp_path):
    outputs = ["--out", str(tmp_path)]
    codes: dict[tuple[str, ...], int] = {
        ("status", *outputs): 0,
        ("reproduce", "toy_table_2", "--dry-run", *outputs): 0,
        ("reproduce", "no_such_table"): 2,
        ("leaderboard", "--setting", "ms3", "--runs", str(tmp_path)): 0,
        ("data", "help"): 0,
        ("weights",): 0,
        ("data", "help", "s4"): 0,
        ("convert", "--help"): 0,
        ("train", "--help"): 0,
        ("compare", "--help"): 0,
        ("compare", "a/b"): 2,
        ("train", "modle=avs"): 2,
        ("train", "model=avs", "model.channels=none"): 2,
        ("train", "-m", "model=avs", "seed=1,2", "--dry-run", f"paths.outputs={tmp_path}"): 0,
        ("evaluate", "chekpoint=best.ckpt"): 2,
        ("evaluate",): 2,
    }
    models = {}
    for name in options("model"):
        data = ["data=lu_avs"] if "lu_avs" in name or "long" in name else []
        models[name] = ["train", f"model={name}", *data, "--cfg", "job"]
    results = _run_without_torch([*map(list, codes), *models.values()])
    for (command, code), result in zip(codes.items(), results[: len(codes)], strict=True):
        assert result[0] == code, (command, result)
    for name, (code, output) in zip(models, results[len(codes) :], strict=True):
        # the refusal of a data set comes after the options of the model were read
        assert code == 0 or "change one of the two" in output, (name, code, output)
