"""From a configuration to a task on long videos."""

from pathlib import Path
from typing import Any, cast

from avseg.audio.vggish import VGGish
from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule
from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.audio_loss import SoundLoss
from avseg.models.lu_avs.audio_module import SoundBranchTask
from avseg.models.lu_avs.base import VideoTest
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.box_loss import BoxQueryLoss
from avseg.models.lu_avs.composition import StrongBaselineTask
from avseg.models.lu_avs.frame_module import FrameBranchTask
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.mask_loss import MaskQueryLoss
from avseg.models.lu_avs.silent_loss import SilentObjectLoss
from avseg.models.lu_avs.tpavi_module import LongAVSTask
from avseg.runs.find import complete_run, runs_of
from avseg.utils.errors import UserError

# how frames and sounds of a branch are read
_READ_AS = {"strong_mask": "mask", "strong_box": "box", "tpavi": "avs"}


def build_long_data(config: dict[str, Any]) -> LUAVSDataModule:
    """The data module of a branch.

    Raises:
        UserError: an unknown option, or a release with other labels than `data.labels` says.
    """
    data, branch = config["data"], config["branch"]["name"]
    settings = {key: data[key] for key in ("root", "image_size", "batch_size", "num_workers", "labels")}
    try:
        options = LUAVSConfig(**settings, **data["options"])
    except TypeError as error:
        raise UserError(f"data.options={data['options']}: {error}; see `avseg.data.lu_avs.LUAVSConfig`") from error
    module = LUAVSDataModule(options, _READ_AS.get(branch, branch), seed=config["seed"])
    module.release  # noqa: B018  # checks the number of labels before anything starts
    return module


def build_long_task(
    config: dict[str, Any], labels: list[str], *, pretrained: bool = True, outputs: Path | None = None
) -> VideoTest:
    """The task of a branch, or the composition of two finished ones.

    Args:
        config: a resolved and validated training configuration.
        labels: the names of the classes; a composition knows its branches', and checks that these are the same, if any.
        pretrained: load the weights that the configuration names; False when a checkpoint fills them anyway.
        outputs: where the runs of a composition are looked for too, if not in `paths.outputs`.

    Raises:
        UserError: a run that the composition is of is missing or unfinished; an unknown choice.
    """
    task = _task(config, labels, pretrained, outputs)
    task.check()  # else it would be told after the training
    return task


def _task(config: dict[str, Any], labels: list[str], pretrained: bool, outputs: Path | None) -> VideoTest:
    branch = config["branch"]
    if branch["name"] == "tpavi":
        from avseg.training.build import build_avs

        return LongAVSTask(config, *build_avs(config, pretrained=pretrained), labels)
    if branch["name"] == "audio":
        return _sound_branch(config, labels, pretrained)
    if branch["name"] in ("mask", "box"):
        return _frame_branch(config, labels, pretrained)
    visual, audio = (_finished(config, part, outputs) for part in ("visual", "audio"))
    assert isinstance(visual, FrameBranchTask)
    assert isinstance(audio, SoundBranchTask)
    composed = StrongBaselineTask(config, visual, audio)
    if labels:
        composed.check_labels(config["data"]["root"], labels)
    return composed


def _frame_branch(config: dict[str, Any], labels: list[str], pretrained: bool) -> FrameBranchTask:
    branch = config["branch"]
    silent, weights = SilentObjectLoss(**branch["silent"]), branch["pretrained"] if pretrained else False
    if branch["name"] == "mask":
        mask = MaskBranch(len(labels), branch["model"], weights)
        task = FrameBranchTask(config, labels, mask, MaskQueryLoss(silent))
    else:
        box = BoxBranch(len(labels), branch["model"], weights)
        task = FrameBranchTask(config, labels, box, BoxQueryLoss(silent))
    if pretrained:
        task.read_teacher()  # what is missing is told before anything is written
    return task


def _sound_branch(config: dict[str, Any], labels: list[str], pretrained: bool) -> SoundBranchTask:
    branch, audio = config["branch"], config["audio"]
    net = AudioBranch(len(labels), encoder=audio["name"], heads=branch["heads"], hidden=branch["hidden"])
    if pretrained and audio["name"] == "vggish" and audio["weights"] != "random":
        from avseg.audio.vggish_weights import load_vggish_weights

        load_vggish_weights(cast(VGGish, net.encoder), audio["weights"] or "download")
    return SoundBranchTask(config, labels, net, SoundLoss(branch["pos_weight"]))


def _finished(config: dict[str, Any], part: str, moved: Path | None) -> VideoTest:
    """The task of the finished run that is one part of a composition."""
    from avseg.training.load import load_any

    run_id, command = config["branch"][f"{part}_run"], config["branch"][f"{part}_command"]
    outputs = Path(config["paths"]["outputs"]).expanduser()
    run = complete_run(outputs, run_id)
    if run is None and moved is not None:
        run = complete_run(moved, run_id)
    if run is None:
        begun = runs_of(outputs, run_id)
        state = f"is not finished ({begun[0].path})" if begun else "is missing"
        raise UserError(f"branch={config['branch']['name']}: the {part} branch {run_id} {state}; `{command}` makes it")
    task = load_any(run.path)
    assert isinstance(task, VideoTest)
    return task
