"""Scores a checkpoint on a split and writes what came out: result, a row per clip, a panel of pictures."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from avseg.config.branch import choose, said_choices
from avseg.config.instantiate import instantiate
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.models.avs.module import AVSTask
from avseg.runs import write_json
from avseg.training.build import build_any_data
from avseg.training.load import load_any
from avseg.training.panels import draw_panels
from avseg.training.trainer import call, quiet, share_cores
from avseg.utils.csv_files import write_rows
from avseg.utils.errors import UserError

# how the clips are read, unless it is as in training
_READING = ("root", "batch_size", "num_workers", "packed", "packed_audio")


def evaluate(config: dict[str, Any]) -> dict[str, Any]:
    """Scores a run or checkpoint file on a split, with the controls.

    Args:
        config: a resolved configuration of `conf/evaluate.yaml`.

    Returns:
        `{"split": ..., "scores": {"own": {...}, "silence": {...}, ...}, ...}`, also written to `result.json`.

    Raises:
        UserError: a mistake in the configuration, in the data or in the checkpoint.
    """
    quiet()
    _check_out(config["out"])
    task: Any = load_any(Path(config["checkpoint"]))
    _choose(task, config)
    task.videos_per_group = config["videos_per_group"] or None  # 0 is the whole split
    data_config = dict(task.config["data"])
    data_config |= {key: config[key] for key in _READING if config[key] is not None}
    if config["rate"] is not None:
        data_config["options"] = data_config["options"] | {"rate": config["rate"]}
    data: Any = build_any_data(task.config | {"data": data_config})
    data.test_split = config["split"]
    share_cores(data.num_workers)
    trainer: pl.Trainer = instantiate(
        config["trainer"],
        logger=False,
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    call(trainer, trainer.test, task, datamodule=data, verbose=False)
    folder, source = evaluation_folder(config), {"checkpoint": config["checkpoint"], "root": data_config["root"]}
    if not isinstance(task, AVSTask) or task.config["branch"]["name"] != "none":
        from avseg.models.lu_avs.scores import write_video_scores

        return write_video_scores(task, folder, config["split"], write=trainer.is_global_zero, more=source)
    return write_scores(task, folder, data, picture=trainer.is_global_zero, split=config["split"], source=source)


def _choose(task: Any, config: dict[str, Any]) -> None:
    """Makes the open choices of long videos anew."""
    said = said_choices(config["branch"])
    if task.config["branch"]["name"] == "none":
        if said or config["rate"] is not None:
            key = "rate" if not said else next(f"branch.{topic}.{name}" for topic in said for name in said[topic])
            raise UserError(f"{key} is for runs on long videos; {config['checkpoint']} is an AVS model; leave it out")
        return
    task.config = task.config | {"branch": choose(task.config["branch"], config["branch"])}
    task.check()


def _check_out(out: str | None) -> None:
    if out is not None and (Path(out) / "checkpoints").is_dir():
        raise UserError(f"out={out} is a run directory with scores of its own; name another folder, or leave it out")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise UserError(f"out={out} is a file; name a folder")


def evaluation_folder(config: dict[str, Any]) -> Path:
    """Where an evaluation is written: `out`, or a folder inside the run."""
    if config["out"]:
        return Path(config["out"])
    source = Path(config["checkpoint"])
    if not source.is_dir():
        source = source.parents[1] if source.parent.name == "checkpoints" else source.parent
    name = config["split"] + (f"-{Path(config['root']).name}" if config["root"] else "")
    said = {
        f"{topic}.{key}": v for topic, values in said_choices(config["branch"]).items() for key, v in values.items()
    }
    said |= {} if config["rate"] is None else {"rate": config["rate"]}
    name += "".join(f"-{key}={value}" for key, value in said.items())
    folder: Path = source / "evaluations" / name
    return folder


def write_scores(
    task: AVSTask,
    folder: Path,
    data: AVSBenchDataModule,
    *,
    picture: bool,
    split: str = "test",
    source: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Writes per_clip.csv and a panel; returns the content of result.json.

    Args:
        task: just tested.
        folder: a run directory or a folder of its own; in the latter result.json is written too.
        data: the data module it was tested on.
        picture: whether this process draws and writes (the first one does).
        split: the name of the split.
        source: what an evaluation of its own was made of: the checkpoint and the data folder.
    """
    rows = task.per_clip()
    result = {"split": split, "clips": len(rows), "videos_per_group": task.videos_per_group, "scores": task.test_result}
    result |= source or {}
    if picture:
        write_rows(folder / "per_clip.csv", rows)
        draw_panels(folder / "pictures" / f"{split}.png", task, data.dataset(split), clips=8)
        # in a run directory result.json is the mark of completion, written last
        if source is not None:
            write_json(folder / "result.json", result)
    return result
