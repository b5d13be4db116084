"""The published recipe of the strong baseline, and what is not published: against tables written by hand."""

import dataclasses
import inspect

import pytest
import torch

from avseg.metrics import LongVideoScore
from avseg.models.lu_avs.activity import Smoothing
from avseg.models.lu_avs.aggregation import Aggregation
from avseg.models.lu_avs.config import AggregationConfig, ScoreConfig, SilentConfig, SmoothingConfig
from avseg.models.lu_avs.silent_loss import SilentObjectLoss
from avseg.runs.configure import training_config
from tests.training.long.build import built

# LU-AVS, supplementary text: networks, epochs, AdamW and its rates; decay and clip are those of MaskFormer and DETR
PUBLISHED = {
    "mask": {"model": "swin_base", "epochs": 5, "lr": 6e-5, "backbone_lr": None, "decay": 0.01, "clip": 0.01},
    "box": {"model": "resnet101_dc5", "epochs": 6, "lr": 1e-4, "backbone_lr": 1e-5, "decay": 1e-4, "clip": 0.1},
    "audio": {"epochs": 60, "lr": 1e-3, "backbone_lr": None},
}
# facts of the paper, section 7: what nobody has published, with the defaults of this project
OPEN = {
    "model.silent.mode": "soft",
    "model.silent.no_object_weight": 0.1,
    "model.silent.duplicate_iou": 0.5,
    "model.silent.gamma": 1.0,
    "model.silent.tau": 0.5,
    "model.silent.floor": 0.05,
    "model.silent.warmup": 1.0,
    "model.silent.sounding_elsewhere": False,
    "model.silent.teacher_iou": 0.5,
    "model.silent.teacher_score": 0.7,
    "model.score.unit": "video_class",
    "model.score.fp_policy": "zero",
    "model.score.beta2": 0.3,
    "model.score.drop_empty_gt": True,
    "model.score.gate_only_counts": False,
    "model.score.merge_classes": False,
    "model.score.empty_video": "skip",
    "model.score.m_tIoU": "gt_range",
    "model.score.predicted_range": None,
    "model.aggregation.mode": "product",
    "model.aggregation.keep": "best",
    "model.aggregation.threshold": 0.0,
    "model.smoothing.median": 3.0,
    "model.smoothing.threshold": 0.5,
    "model.smoothing.min_run": 1.0,
    "model.smoothing.min_gap": 1.0,
    "model.heads": "mlp",
    "model.pos_weight": 1.0,
    "data.labels": 88,
    "data.rate": 2.0,
}


def at(config, key):
    for name in key.split("."):
        config = getattr(config, name)
    return config


def open_options(branch):
    """The open options that a model has: the loss is the visual branches', the heads are the audio branch's."""
    absent = ("model.heads", "model.pos_weight") if branch != "audio" else ()
    absent += ("model.silent.",) if branch not in ("mask", "box") else ()
    return {key: value for key, value in OPEN.items() if not key.startswith(absent)} if absent else OPEN


@pytest.mark.parametrize("branch", PUBLISHED)
def test_the_published_recipe(branch):
    config = training_config([f"model=lu_avs_{branch}"])
    published = PUBLISHED[branch]
    assert config.optimizer.target == "torch.optim.AdamW"
    assert config.optimizer.lr == published["lr"]
    assert config.trainer.max_epochs == published["epochs"]
    if branch == "audio":
        assert (config.audio.name, config.audio.hop, config.data.share) == ("vggish", "second", 0.5)
        return
    assert config.model.backbone_lr == published["backbone_lr"]
    assert (config.model.network, config.model.pretrained) == (published["model"], True)
    assert config.optimizer.weight_decay == published["decay"]
    assert config.trainer.gradient_clip_val == published["clip"]


@pytest.mark.parametrize("branch", ["mask", "box", "audio", "strong_mask", "strong_box"])
def test_what_is_open_is_an_option_with_its_default(branch):
    config = training_config([f"model=lu_avs_{branch}"])
    assert {key: at(config, key) for key in open_options(branch)} == open_options(branch)


@pytest.mark.parametrize(
    ("conf", "of", "apart"),
    [
        (SilentConfig, SilentObjectLoss, ()),
        (SmoothingConfig, Smoothing, ()),
        (AggregationConfig, Aggregation, ("modality", "groups")),
        (ScoreConfig, None, ()),
    ],
)
def test_no_option_is_left_out(conf, of, apart):
    """Each setting of what is built can be said in the configuration, and has the same default there."""
    settings = inspect.signature(of or LongVideoScore.__init__).parameters.values()
    other = {"self", "region", "auxiliary", "kwargs", *apart}
    defaults = {p.name: p.default for p in settings if p.name not in other}
    if of is None:
        defaults["predicted_range"] = None  # follows from the modality
    assert {item.name: item.default for item in dataclasses.fields(conf)} == defaults


@pytest.mark.parametrize("branch", PUBLISHED)
def test_each_parameter_learns_at_its_published_rate(branch):
    small = {"mask": ["model.network=tiny"], "box": ["model.network=resnet18_dc5"], "audio": ["audio.weights=random"]}
    words = [f"model=lu_avs_{branch}", *small[branch], *(["model.pretrained=false"] if branch != "audio" else [])]
    task = built(words, ["a", "b", "c"])
    optimizer = task.configure_optimizers()
    assert type(optimizer) is torch.optim.AdamW
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in task.named_parameters():
        if not parameter.requires_grad:
            assert id(parameter) not in rates
            continue
        own = 1e-5 if branch == "box" and name.startswith("net.net.model.backbone.") else PUBLISHED[branch]["lr"]
        assert rates[id(parameter)] == own, name
    decayed = {group["weight_decay"] for group in optimizer.param_groups} - {0.0}
    assert decayed == {PUBLISHED[branch].get("decay", 0.01)}


def test_the_toy_s_backbone_learns_as_fast_as_the_rest():
    task = built(["model=toy_lu_avs_box", "model.network=tiny"], ["a", "b"])
    assert len({group["lr"] for group in task.configure_optimizers().param_groups}) == 1


def test_the_audio_branch_is_trained_by_binary_cross_entropy():
    task = built(["model=toy_lu_avs_audio"], ["a", "b"])
    logits, targets = torch.randn(2, 3, 2), torch.randint(0, 2, (2, 3, 2)).float()
    valid = torch.tensor([[True, True, True], [True, False, False]])
    p = logits.sigmoid()[valid]
    wanted = -(targets[valid] * p.log() + (1 - targets[valid]) * (1 - p).log()).mean()
    torch.testing.assert_close(task.loss(logits, targets, valid), wanted)
