"""Checks that a model uses the sound, by differences of mIoU that an audio-blind model cannot show."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from avseg.cli.console_table import new_table, print_table
from avseg.data.clip import Clip
from avseg.draw.panel import save_comparison
from avseg.metrics import mask_iou
from avseg.models.base import AVSegModule
from avseg.runs import RunDirectory, read_json
from avseg.training.build import build_data
from avseg.training.load import load_clip_model, saved_config

# least differences of mIoU in points, where sounds stay over the clip and where they change every second
_MIN_GAIN_CLIP = 10
_MIN_GAIN_SECOND = 20


class _Check(NamedTuple):
    """A pair of scores (per cent) of which the first must be higher by `min_gain` points."""

    subject: str
    reference: str
    score: float
    reference_score: float
    min_gain: int  # points of mIoU

    @property
    def gain(self) -> float:
        return self.score - self.reference_score

    @property
    def passed(self) -> bool:
        return self.gain >= self.min_gain


def check_listening(runs: dict[str, RunDirectory], oracles: dict[str, float]) -> bool:
    """Print a table of the four checks; return True if all are passed.

    Args:
        runs: "no fusion" and "clip" on clips whose sounding objects stay the same, "clip, changing" and
            "frame, changing" on clips whose sounding objects change every second.
        oracles: mIoU of the audio-blind oracle on both data sets, "clip" and "second".
    """
    miou: dict[str, dict[str, float]] = {}  # per cent, by run and sound
    for name, run in runs.items():
        scores = read_json(run.result)["scores"]
        miou[name] = {sound: 100 * score["miou"] for sound, score in scores.items()}
    clip = miou["clip"]
    frame = miou["frame, changing"]
    clip_model = "sounding=clip: TPAVI, clip scope"
    frame_model = "sounding=second: frame scope"
    changing = miou["clip, changing"]["own"]
    checks = [
        _Check(clip_model, "no TPAVI", clip["own"], miou["no fusion"]["own"], _MIN_GAIN_CLIP),
        _Check(clip_model, "another clip's sound", clip["own"], clip["other"], _MIN_GAIN_CLIP),
        _Check(frame_model, "clip scope", frame["own"], changing, _MIN_GAIN_SECOND),
        _Check(frame_model, "sound shuffled in time", frame["own"], frame["shuffled"], _MIN_GAIN_SECOND),
    ]
    _print_checks(checks)
    print(f"an audio-blind oracle: {100 * oracles['clip']:.1f} (clip), {100 * oracles['second']:.1f} (second)")
    return all(check.passed for check in checks)


def _print_checks(checks: list[_Check]) -> None:
    titles = ("model", "reference", "J", "J of the reference", "difference", "at least", "")
    title = "does the model use the sound? (mIoU on the test split, per cent)"
    table = new_table(title, titles, ("model", "reference"))
    for check in checks:
        numbers = (f"{check.score:.1f}", f"{check.reference_score:.1f}", f"{check.gain:+.1f}", str(check.min_gain))
        table.add_row(check.subject, check.reference, *numbers, "yes" if check.passed else "NO")
    print_table(table)


def draw_scopes(clip_scope: RunDirectory, frame_scope: RunDirectory, path: Path, max_clips: int = 21) -> None:
    """Draw two models, whose fusion attends over the whole clip or within each frame, second by second.

    The clip is that of the median gain among the first `max_clips` test clips.
    """
    models = {"clip scope": load_clip_model(clip_scope.path), "frame scope": load_clip_model(frame_scope.path)}
    dataset = build_data(saved_config(models["clip scope"].record)).dataset("test")
    views = []
    for index in range(min(max_clips, len(dataset))):
        views.append(_View(dataset[index], models))
    views.sort(key=lambda view: view.gain)
    median = views[len(views) // 2]
    clip = median.clip
    save_comparison(
        path,
        clip.frames[0].permute(0, 2, 3, 1).numpy(),  # (T, H, W, 3)
        clip.sound[0, :, 0].numpy(),
        clip.masks[0].numpy(),
        {name: probabilities.numpy() for name, probabilities in median.maps.items()},
        scores=median.scores,
        title=f"{clip.video_id[0]}: the clip of the median gain of {len(views)}",
    )


class _View:
    def __init__(self, clip: Clip, models: dict[str, AVSegModule]) -> None:
        self.clip = clip
        self.maps: dict[str, Tensor] = {}  # (T, H, W) probabilities by the name of the model
        self.scores: dict[str, list[float]] = {}  # J of each second
        for name, model in models.items():
            probabilities = model.predict_batch(clip.frames, clip.sound)[0]
            self.maps[name] = probabilities
            self.scores[name] = mask_iou(torch.logit(probabilities, eps=1e-6), clip.masks[0]).tolist()
        first, second = self.scores.values()
        self.gain = sum(second) - sum(first)  # of the second model
