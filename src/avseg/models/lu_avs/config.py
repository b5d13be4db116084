"""Options of the strong baseline of LU-AVS (CVPR 2024) and of the AVS model on long videos.

The paper publishes neither code nor most of these values; the defaults are this project's, and are printed next to
results. Options of `aggregation`, `smoothing` and `score` may be changed in an evaluation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from avseg.config.schema import AtLeastOne, AudioConfig, Config, ModelConfig, Plain, Preset, SourceRun, TrainConfig
from avseg.models.aavs.config import AAVSConfig
from avseg.models.avs.config import AVSConfig
from avseg.models.avsegformer.config import AVSegFormerConfig
from avseg.utils.errors import UserError

# groups of options that an evaluation may change
EVALUATION_CHOICES = ("aggregation", "smoothing", "score")


@dataclass(frozen=True)
class SilentConfig(Config):
    """The silent-object-aware loss, see `avseg.models.lu_avs.silent_loss`."""

    # how much an unmatched query learns "no object": "soft": the less, the more certain its object is; "ignore": not
    # above `tau`; "teacher": not where a frozen detector sees an object; "off": always fully
    mode: Literal["soft", "ignore", "teacher", "off"] = "soft"
    no_object_weight: float = 0.1  # weight of "no object", that of MaskFormer and DETR
    duplicate_iou: float = 0.5  # IoU with an annotated object from which a query is a duplicate of it
    gamma: float = 1.0  # exponent of "soft"
    tau: float = 0.5  # threshold of "ignore"
    floor: float = 0.05  # smallest weight of a query in every mode but "off"
    warmup: float = 1.0  # epochs in which the loss is "off"
    sounding_elsewhere: bool = False  # weight 0 also where the query's class sounds anywhere in the video
    teacher_iou: float = 0.5  # IoU with an object of the teacher from which the weight is 0
    teacher_score: float = 0.7  # smallest score of the teacher's objects


@dataclass(frozen=True)
class AggregationConfig(Config):
    """The choice of regions by sound, see `avseg.models.lu_avs.aggregation`."""

    # "argmax": a query's most probable class must sound; "product": probability times that of the sound; "group": with
    # the probabilities of classes that look alike summed up
    mode: Literal["argmax", "product", "group"] = "product"
    keep: Literal["best", "all"] = "best"  # "product", "group": the "best" query of each class, or "all"
    threshold: float = 0.0  # score from which a region is kept


@dataclass(frozen=True)
class SmoothingConfig(Config):
    """From probabilities per second to intervals (in seconds), see `avseg.models.lu_avs.activity`."""

    median: float = 3.0  # seconds of the median filter; 0 for none
    threshold: float = 0.5  # probability above which a class is audible
    min_run: float = 1.0  # shorter intervals are dropped
    min_gap: float = 1.0  # shorter gaps are filled


@dataclass(frozen=True)
class ScoreConfig(Config):
    """Definitions of the four scores, see `avseg.metrics.LongVideoScore` and docs/metrics_lu_avs.md."""

    unit: Literal["video_class", "segment", "video"] = "video_class"  # what is averaged
    fp_policy: Literal["zero", "ignore"] = "zero"  # a predicted class that is not in the ground truth: score 0, or none
    beta2: float = 0.3  # beta squared of the F-score, as in AVSBench
    drop_empty_gt: bool = True  # annotated frames with an empty mask do not count; false: with J = 0
    gate_only_counts: bool = False  # frames where a class is heard without a region count as predicted, with J = 0
    merge_classes: bool = False  # one region for all classes, for methods without labels
    empty_video: Literal["skip", "one"] = "skip"  # a video with nothing annotated or predicted: no score, or 1
    m_tIoU: Literal["gt_range", "temporal_iou"] = "gt_range"  # the name's reading: ours, or that of VidSTG
    # time in which a class counts as predicted; null: "first_to_last" for a visual branch alone (as in the paper), else
    # "regions"
    predicted_range: Literal["regions", "first_to_last"] | None = None


@dataclass(frozen=True)
class LongVideoConfig(ModelConfig):
    """Options that every model of long videos has."""

    data_kind: ClassVar[str] = "long_videos"

    score: ScoreConfig = field(default_factory=ScoreConfig)


@dataclass(frozen=True)
class BranchConfig(LongVideoConfig):
    """Options that the branches and their composition share."""

    aggregation: AggregationConfig = field(default_factory=AggregationConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)


@dataclass(frozen=True)
class VisualBranchConfig(BranchConfig):
    """The mask branch (MaskFormer) or the box branch (DETR)."""

    builds: ClassVar[str] = "avseg.models.lu_avs.frame_module:FrameModule"
    region: ClassVar[str] = "mask"

    # mask branch: "swin_base" (published), "toy", "tiny"; box branch: "resnet101_dc5" (published), "resnet50_dc5", ...
    network: str = ""
    pretrained: bool | str = False  # false, true (COCO weights from the hub), or a folder or file with them
    backbone_lr: Annotated[float, Ge(0)] | None = None  # learning rate of the backbone; null for the optimizer's
    silent: SilentConfig = field(default_factory=SilentConfig)  # the silent-object-aware loss
    teacher: bool | str = False  # for silent.mode=teacher: true (the COCO weights of `network`), a folder or a hub name

    def label(self, config: TrainConfig) -> str:
        """Branch, network and mode of the loss."""
        return f"{self.region}-{self.network}-{self.silent.mode}"

    def check(self) -> None:
        """Check that a teacher is named for the mode "teacher" alone."""
        if (self.silent.mode == "teacher") != bool(self.teacher):
            raise UserError(
                f"model.silent.mode={self.silent.mode} with model.teacher={self.teacher}: the mode teacher needs "
                "model.teacher=FOLDER (a detector with COCO's classes; true: the published one), the other modes none"
            )


@dataclass(frozen=True)
class MaskBranchConfig(VisualBranchConfig):
    """MaskFormer with Swin-base: 5 epochs, AdamW 6e-5 (supplementary text); 384 pixels are not published."""

    reading: ClassVar[str] = "mask"

    name: str = "lu_avs_mask"

    def preset(self, setting: str) -> Preset:
        """384 is the side that Swin-base was pre-trained at; upstream reads COCO at 800, four times as slow."""
        return Preset(max_epochs=5, batch_size=8, image_size=384)


@dataclass(frozen=True)
class BoxBranchConfig(VisualBranchConfig):
    """DETR-DC5 with ResNet-101: 6 epochs, AdamW 1e-4 (supplementary text); sizes and rates are upstream's."""

    reading: ClassVar[str] = "box"
    region: ClassVar[str] = "box"

    name: str = "lu_avs_box"

    def preset(self, setting: str) -> Preset:
        """The short side of frames in pixels is upstream's."""
        return Preset(max_epochs=6, batch_size=4, image_size=800)


@dataclass(frozen=True)
class AudioBranchConfig(BranchConfig):
    """VGGish and two MLPs: 60 epochs, AdamW 1e-3, binary cross-entropy (supplementary text)."""

    builds: ClassVar[str] = "avseg.models.lu_avs.audio_module:AudioModule"
    reads: ClassVar[tuple[str, ...]] = ("audio", "init", "optimizer")
    reading: ClassVar[str] = "audio"

    name: str = "lu_avs_audio"
    # "mlp": two layers in sequence; "two_heads": one for the class, one for the presence of any sound
    heads: Literal["mlp", "two_heads"] = "mlp"
    hidden: AtLeastOne = 128  # width of the hidden layer
    pos_weight: float = 1.0  # weight of sounding seconds in the loss

    def preset(self, setting: str) -> Preset:
        """The image size plays no role."""
        return Preset(max_epochs=60, batch_size=16, image_size=None, hop="second")

    def label(self, config: TrainConfig) -> str:
        """Encoder and heads."""
        assert isinstance(config.audio, AudioConfig)
        return f"audio-{config.audio.name}-{self.heads}"


@dataclass(frozen=True)
class StrongConfig(BranchConfig):
    """The strong baseline: a finished visual branch and a finished audio branch; nothing is trained.

    `avseg.runs.configure` fills in the runs that follow from the overrides.

    Attributes:
        visual: overrides that turn this command into that of the visual branch.
        audio: overrides that turn this command into that of the audio branch.
    """

    builds: ClassVar[str] = "avseg.models.lu_avs.composition:StrongModule"
    reads: ClassVar[tuple[str, ...]] = ()
    reading: ClassVar[str] = "mask"
    trained: ClassVar[bool] = False

    visual: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    visual_source: SourceRun | None = None
    audio_source: SourceRun | None = None

    @classmethod
    def check_overrides(cls, options: Mapping[str, Plain], overrides: Sequence[str]) -> None:
        """Refuse options of a branch, which would change nothing in the composition but its name."""
        for override in overrides:
            key = override.partition("=")[0].lstrip("+~")
            option = key.removeprefix("model.").split(".")[0]
            if not key.startswith("model."):
                continue
            if option.endswith("_source"):
                raise UserError(f"{key} follows from model.visual and model.audio; leave it out")
            if option not in (*EVALUATION_CHOICES, "visual", "audio"):
                raise UserError(
                    f"{key} is read by the branches, not by their composition; give it to the branch that reads it, "
                    f"such as model.visual=[{','.join([*options['visual'], override])}], and train that"
                )

    def identity(self) -> dict[str, Plain]:
        """The two runs by their own identity, not by the overrides that led to them; the seed is kept apart."""
        values = self.science()
        for role in ("visual", "audio"):
            values.pop(role)
            values.pop(f"{role}_source")
        for role, source in self.sources().items():
            values[f"{role}_run"] = source.run.rpartition("-s")[0]
        return values

    def label(self, config: TrainConfig) -> str:
        """Name and aggregation."""
        return f"{self.name.removeprefix('lu_avs_')}-{self.aggregation.mode}"

    def sources(self) -> Mapping[str, SourceRun]:
        """The runs of the two branches, once they are known."""
        sources = {"visual": self.visual_source, "audio": self.audio_source}
        return {role: source for role, source in sources.items() if source}


@dataclass(frozen=True)
class StrongMaskConfig(StrongConfig):
    """The mask branch with the audio branch."""

    name: str = "lu_avs_strong_mask"
    visual: tuple[str, ...] = ("model=lu_avs_mask",)
    audio: tuple[str, ...] = ("model=lu_avs_audio",)

    def preset(self, setting: str) -> Preset:
        """Frames of the size that the mask branch was trained on."""
        return Preset(max_epochs=1, image_size=384)


@dataclass(frozen=True)
class StrongBoxConfig(StrongConfig):
    """The box branch with the audio branch."""

    reading: ClassVar[str] = "box"

    name: str = "lu_avs_strong_box"
    visual: tuple[str, ...] = ("model=lu_avs_box",)
    audio: tuple[str, ...] = ("model=lu_avs_audio",)

    def preset(self, setting: str) -> Preset:
        """Frames of the size that the box branch was trained on."""
        return Preset(max_epochs=1, image_size=800)


@dataclass(frozen=True)
class ClipModelConfig(LongVideoConfig):
    """A model of short clips on long videos: it knows no classes, so all regions of a frame are one."""

    reading: ClassVar[str] = "avs"

    score: ScoreConfig = field(default_factory=lambda: ScoreConfig(merge_classes=True))


@dataclass(frozen=True)
class LongAVSConfig(ClipModelConfig, AVSConfig):
    """The AVS model as the paper adapts it (Table 2, TPAVI): one second of sound, five frames of it, no classes."""

    builds: ClassVar[str] = "avseg.models.lu_avs.tpavi_module:LongAVSModule"

    name: str = "avs_long"

    def preset(self, setting: str) -> Preset:
        """As in MS3, with the sound of exact seconds."""
        return Preset(max_epochs=30, hop="second")


@dataclass(frozen=True)
class LongAVSegFormerConfig(ClipModelConfig, AVSegFormerConfig):
    """AVSegFormer on long videos: the frames of a second with the sound of that second, no classes."""

    builds: ClassVar[str] = "avseg.models.lu_avs.tpavi_module:LongAVSegFormerModule"

    name: str = "avsegformer_long"

    def preset(self, setting: str) -> Preset:
        """As for short clips at 224 pixels, with the sound of exact seconds."""
        return replace(super().preset(setting), hop="second")


@dataclass(frozen=True)
class LongAAVSConfig(ClipModelConfig, AAVSConfig):
    """AAVS on long videos: the frames of a second with the sound of that second, no classes."""

    builds: ClassVar[str] = "avseg.models.lu_avs.tpavi_module:LongAAVSModule"

    name: str = "aavs_long"

    def preset(self, setting: str) -> Preset:
        """As for short clips, with the sound of exact seconds."""
        return replace(super().preset(setting), hop="second")
