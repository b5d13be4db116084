"""The proof that a model listens: differences of mIoU that a deaf model, or one that cannot tell when, never shows."""

from pathlib import Path

from rich.table import Table
from torch import Tensor

from avseg.app.report import print_table
from avseg.runs import RunDirectory, read_json


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


def draw_scopes(clip_scope: RunDirectory, frame_scope: RunDirectory, path: Path) -> None:
    """Both scopes on the test clip whose sounding objects change most often, second by second."""
    import torch

    from avseg.draw.scopes import save_scopes
    from avseg.metrics import mask_iou
    from avseg.tasks.build import build_data
    from avseg.tasks.load import load_task

    tasks = {"clip scope": load_task(clip_scope.path), "frame scope": load_task(frame_scope.path)}
    dataset = build_data(tasks["clip scope"].config).dataset("test")
    clip = max((dataset[index] for index in range(min(20, len(dataset)))), key=lambda item: _changes(item.masks[0]))
    truth = clip.masks[0]
    maps = {name: task.predict_clip(clip.frames, clip.audio)[0] for name, task in tasks.items()}
    scores = {name: mask_iou(torch.logit(values, eps=1e-6), truth).tolist() for name, values in maps.items()}
    save_scopes(
        path,
        clip.frames[0].permute(0, 2, 3, 1).numpy(),
        clip.audio[0, :, 0].numpy(),
        truth.numpy(),
        {name: values.numpy() for name, values in maps.items()},
        scores=scores,
        title=f"{clip.video_id[0]}: the sounding objects change from second to second",
    )


def _changes(masks: Tensor) -> float:
    """How much a clip's masks (T, H, W) differ from each second to the next."""
    return float((masks[1:] != masks[:-1]).float().mean())
