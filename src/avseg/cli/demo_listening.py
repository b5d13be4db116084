"""The proof that a model listens: differences of mIoU that a deaf model, or one that cannot tell when, never shows."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from avseg.cli.scores_table import print_table
from avseg.runs import RunDirectory, read_json

if TYPE_CHECKING:
    from avseg.data.clip import Clip
    from avseg.models.avs.module import AVSTask


def check_listening(runs: dict[str, RunDirectory], oracles: dict[str, float]) -> bool:
    """Prints the four checks; says whether all are passed.

    Args:
        runs: "deaf" and "clip" on clips whose sound stays, "clip, changing" and "frame, changing" on clips whose
            sounding objects change from second to second.
        oracles: the audio-blind oracle's mIoU on both sets, "clip" and "second".
    """
    score = {name: read_json(run.result)["scores"] for name, run in runs.items()}
    own = {name: 100 * scores["own"]["miou"] for name, scores in score.items()}
    frame = score["frame, changing"]
    checks = [
        ("sounding=clip: TPAVI, clip scope", "no TPAVI", own["clip"], own["deaf"], 10),
        (
            "sounding=clip: TPAVI, clip scope",
            "another clip's sound",
            own["clip"],
            100 * score["clip"]["other"]["miou"],
            10,
        ),
        ("sounding=second: frame scope", "clip scope", own["frame, changing"], own["clip, changing"], 20),
        (
            "sounding=second: frame scope",
            "sound shuffled in time",
            own["frame, changing"],
            100 * frame["shuffled"]["miou"],
            20,
        ),
    ]
    table = Table(title="does it listen? (mIoU on the test split, per cent)")
    for column in ("what", "against", "J", "J of the other", "difference", "at least", ""):
        table.add_column(column, justify="left" if column in ("what", "against") else "right")
    for what, against, high, low, least in checks:
        passed = "yes" if high - low >= least else "NO"
        table.add_row(what, against, f"{high:.1f}", f"{low:.1f}", f"{high - low:+.1f}", str(least), passed)
    print_table(table)
    print(f"an audio-blind oracle: {100 * oracles['clip']:.1f} (clip), {100 * oracles['second']:.1f} (second)")
    return all(high - low >= least for _, _, high, low, least in checks)


def draw_scopes(clip_scope: RunDirectory, frame_scope: RunDirectory, path: Path, among: int = 21) -> None:
    """Both scopes on a test clip, second by second: the one of the median gain, so neither the best nor the worst."""
    from avseg.draw.scopes import save_scopes
    from avseg.training.build import build_data
    from avseg.training.load import load_task

    tasks = {"clip scope": load_task(clip_scope.path), "frame scope": load_task(frame_scope.path)}
    dataset = build_data(tasks["clip scope"].config).dataset("test")
    views = [_View(dataset[index], tasks) for index in range(min(among, len(dataset)))]
    view = sorted(views, key=lambda item: item.gain)[len(views) // 2]
    clip = view.clip
    save_scopes(
        path,
        clip.frames[0].permute(0, 2, 3, 1).numpy(),
        clip.sound[0, :, 0].numpy(),
        clip.masks[0].numpy(),
        {name: values.numpy() for name, values in view.maps.items()},
        scores=view.scores,
        title=f"{clip.video_id[0]}: the clip of the median gain of {len(views)}",
    )


class _View:
    """A clip as two models see it."""

    def __init__(self, clip: "Clip", tasks: "dict[str, AVSTask]") -> None:
        import torch

        from avseg.metrics import mask_iou

        self.clip = clip
        self.maps = {name: task.predict_clip(clip.frames, clip.sound)[0] for name, task in tasks.items()}
        self.scores: dict[str, list[float]] = {
            name: mask_iou(torch.logit(values, eps=1e-6), clip.masks[0]).tolist() for name, values in self.maps.items()
        }
        clip_scope, frame_scope = self.scores.values()
        self.gain = sum(frame_scope) - sum(clip_scope)
