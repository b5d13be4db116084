"""Score a checkpoint on a split and write result, a row per test item, the curve of F, and a panel of clips."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from avseg.config.compose import compose_train
from avseg.config.schema import EvaluateConfig, Plain, TrainConfig
from avseg.models.base import AVSegModule
from avseg.models.experiment import ExperimentModule
from avseg.runs import write_json
from avseg.training.build import build_data
from avseg.training.load import load_model, saved_config
from avseg.training.panels import draw_panels
from avseg.training.trainer import configure_logging, make_plain_trainer, run_trainer, share_cores
from avseg.utils.csv_files import write_rows
from avseg.utils.errors import UserError
from avseg.weights.hub import PREFIX

CURVE_FILE = "f_curve.csv"  # F by threshold under every sound
# how the data is read, unless it is as in training
_READING = ("root", "batch_size", "num_workers", "packed", "packed_audio", "rate")


def evaluate(config: EvaluateConfig) -> dict[str, Plain]:
    """Score a run or checkpoint file on a split, with the controls; returns the content of result.json.

    `{"split": ..., "scores": {"own": {...}, "silence": {...}, ...}, ...}`

    Raises:
        UserError: a mistake in the configuration, in the data or in the checkpoint.
    """
    configure_logging()
    _check_out(config.out)
    model = load_model(config.checkpoint, dict(config.model))
    trained = saved_config(model.record)
    if isinstance(model, AVSegModule) and config.videos_per_group is not None:
        model.videos_per_group = config.videos_per_group or None  # 0 is the whole split
    used = replace(trained, data=_evaluated_data(trained, config))
    data = build_data(used)
    if config.dataset is not None and data.setting.num_classes != model.setting.num_classes:
        raise UserError(
            f"dataset={config.dataset} has {data.setting.num_classes} classes, the model {model.setting.num_classes}; "
            "evaluate it on data of its kind"
        )
    data.test_split = config.split
    if config.mask_size is not None:
        if not hasattr(data, "mask_size"):
            raise UserError(f"mask_size={config.mask_size} is not read by data={trained.data.name}; leave it out")
        data.mask_size = config.mask_size
    share_cores(data.num_workers)
    trainer = make_plain_trainer(config.trainer)
    run_trainer(trainer, trainer.test, model, datamodule=data, verbose=False)
    source: dict[str, Plain] = {"checkpoint": config.checkpoint, "root": used.data.root}
    if config.mask_size is not None:
        source["mask_size"] = config.mask_size
    folder = evaluation_folder(config)
    return write_scores(model, folder, data, write=trainer.is_global_zero, split=config.split, source=source)


def _evaluated_data(trained: TrainConfig, config: EvaluateConfig) -> Any:
    """Return the data of the training with the options that the evaluation changes."""
    used = trained.data if config.dataset is None else _other_data(trained, config.dataset)
    changes: dict[str, Plain] = {}
    for key in _READING:
        if (value := getattr(config, key)) is not None:
            changes[key] = value
            if not hasattr(used, key):
                raise UserError(f"{key}={value} is not read by data={used.name}; leave it out")
    return replace(used, **changes)


def _other_data(trained: TrainConfig, name: str) -> Any:
    """Return another data set of short clips, read at the size and in the batches of the training."""
    if trained.data.data_kind != "clips":
        raise UserError(f"dataset={name}: the model was trained on {trained.data.name}, long videos; leave it out")
    data = compose_train([f"data={name}"]).data  # with the default model, of short clips
    same: dict[str, Any] = {key: getattr(trained.data, key) for key in ("image_size", "batch_size", "num_workers")}
    return replace(data, **same)


def _check_out(out: str | None) -> None:
    if out is not None and (Path(out) / "checkpoints").is_dir():
        raise UserError(f"out={out} is a run directory with scores of its own; name another folder, or leave it out")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise UserError(f"out={out} is a file; name a folder")


def evaluation_folder(config: EvaluateConfig) -> Path:
    """Return `out`, or a folder inside the run, named after the differences from the training.

    Evaluations of published weights and of models of the Hub are in `outputs/evaluations`.
    """
    if config.out:
        return Path(config.out)
    source = Path(config.checkpoint)
    if not source.exists():
        source = Path("outputs") / "evaluations" / config.checkpoint.removeprefix(PREFIX).replace("/", "--")
    elif not source.is_dir():
        source = source.parents[1] if source.parent.name == "checkpoints" else source.parent
    name = config.split + (f"-{config.dataset}" if config.dataset else "")
    name += f"-{Path(config.root).name}" if config.root else ""
    for group in sorted(config.model):
        for key, value in config.model[group].items():
            name += f"-{group}.{key}={value}"
    if config.rate is not None:
        name += f"-rate={config.rate}"
    if config.mask_size is not None:
        name += f"-mask_size={config.mask_size}"
    return source / "evaluations" / name


def write_scores(
    model: ExperimentModule,
    folder: Path,
    data: Any,
    *,
    write: bool,
    split: str = "test",
    source: dict[str, Plain] | None = None,
) -> dict[str, Plain]:
    """Write the rows of a tested model and a panel of clips; returns the content of result.json.

    The folder is a run directory, or that of an evaluation: then `source` names the checkpoint and the data folder, and
    result.json is written too. `write` is True in the first process alone.
    """
    rows = model.rows()
    curves = model.f_curves() if isinstance(model, AVSegModule) else []
    result = {"split": split, **model.result(rows), **(source or {})}
    if write:
        write_rows(folder / model.rows_file, rows)
        if curves:
            write_rows(folder / CURVE_FILE, curves)
        if isinstance(model, AVSegModule) and model.config.data_kind == "clips":
            draw_panels(folder / "pictures" / f"{split}.png", model, data.dataset(split), clips=8)
        # in a run directory result.json is the mark of completion, written last
        if source is not None:
            write_json(folder / "result.json", result)
    return result
