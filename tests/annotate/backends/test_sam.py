import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from avseg.annotate.backends import make_segmenter
from avseg.annotate.backends.crop import padded_box
from avseg.annotate.backends.sam import Sam
from avseg.annotate.protocols import Segmenter
from avseg.utils.errors import UserError
from tests.annotate.synthetic_videos import toy_film

PROMPTS = ("points", "box", "mask", "all")


def prompt(kind: str, mask: np.ndarray) -> dict[str, Any]:
    row, column = (int(places.mean()) for places in np.nonzero(mask))
    kinds = {"points": ((column, row, True), (2, 3, False)), "box": padded_box(mask), "mask": mask}
    return kinds if kind == "all" else {kind: kinds[kind]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random models, saved as the real ones are."""
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )  # fmt: skip

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("sam")
    make_segmenter("tiny").model.save_pretrained(root / "sam")
    backbone = Sam2HieraDetConfig(
        image_size=[128, 128], hidden_size=16, num_attention_heads=1, blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[16, 32, 64, 128], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 4, 4], global_attention_blocks=[3],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[128, 64, 32, 16],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]], fpn_hidden_size=128,
    )  # fmt: skip
    config = Sam2Config(
        vision_config=vision,
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=128, image_size=128),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=128, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32
        ),
    )
    Sam2Model(config).save_pretrained(root / "sam2")
    save_edgetam(root / "edgetam")
    return {"sam": root / "sam", "sam2": root / "sam2", "edgetam": root / "edgetam"}


def save_edgetam(folder: Path) -> None:
    from transformers import (
        EdgeTamConfig,
        EdgeTamMaskDecoderConfig,
        EdgeTamModel,
        EdgeTamPromptEncoderConfig,
        EdgeTamVisionConfig,
        TimmWrapperConfig,
    )

    backbone = TimmWrapperConfig(
        architecture="test_efficientnet",
        model_args={"in_chans": 3, "features_only": True, "out_indices": [1, 2, 3, 4]},
    )
    vision = EdgeTamVisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 48, 32, 24],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]], fpn_hidden_size=128,
    )  # fmt: skip
    config = EdgeTamConfig(
        vision_config=vision,
        prompt_encoder_config=EdgeTamPromptEncoderConfig(hidden_size=128, image_size=128),
        mask_decoder_config=EdgeTamMaskDecoderConfig(
            hidden_size=128, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32
        ),
    )
    EdgeTamModel(config).save_pretrained(folder)


@pytest.mark.parametrize("name", ["sam", "sam2", "edgetam"])
@pytest.mark.parametrize("kind", PROMPTS)
def test_all_kinds_of_prompts_for_several_objects(folders: dict[str, Path], name: str, kind: str) -> None:
    film, segmenter = toy_film(2), make_segmenter(name, weights=str(folders[name]))
    encoded = segmenter.encode(film.image(0))
    answers = [segmenter.predict(encoded, **prompt(kind, film.truth(number, 0))) for number in (1, 2, 3)]
    for candidates in answers:
        assert len(candidates) == 3
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)
        assert all(candidate.mask.shape == (64, 96) and candidate.mask.dtype == np.bool_ for candidate in candidates)
        assert all(0 <= score <= 1 for score in scores)
    # objects get different masks, and the result is reproducible
    assert any((answers[0][i].mask != answers[1][i].mask).any() for i in range(3))
    again = segmenter.predict(encoded, **prompt(kind, film.truth(1, 0)))
    assert all((a.mask == b.mask).all() for a, b in zip(again, answers[0], strict=True))


def library_masks(segmenter: Sam, name: str, image: np.ndarray, prompts: dict[str, Any]) -> list[np.ndarray]:
    """Masks by the processors of `transformers`, best score first."""
    from transformers import Sam2ImageProcessor, Sam2Processor, SamImageProcessor, SamProcessor

    points, labels = [list(point[:2]) for point in prompts["points"]], [int(point[2]) for point in prompts["points"]]
    if name == "sam":
        images: Any = SamImageProcessor(
            size={"longest_edge": 256}, pad_size={"height": 256, "width": 256},
            mask_size={"longest_edge": 64}, mask_pad_size={"height": 64, "width": 64},
        )  # fmt: skip
        processor: Any = SamProcessor(images)
        inputs = processor(
            images=image, input_points=[[points]], input_labels=[[labels]], input_boxes=[[list(prompts["box"])]],
            return_tensors="pt",
        )  # fmt: skip
    else:
        images = Sam2ImageProcessor(size={"height": 128, "width": 128}, mask_size={"height": 32, "width": 32})
        processor = Sam2Processor(images, target_size=128)
        inputs = processor(
            images=image, input_points=[[points]], input_labels=[[labels]], input_boxes=[[list(prompts["box"])]],
            return_tensors="pt",
        )  # fmt: skip
    sizes = [inputs.pop("original_sizes")] + ([inputs.pop("reshaped_input_sizes")] if name == "sam" else [])
    with torch.no_grad():
        given = {key: value.float() if value.is_floating_point() else value for key, value in inputs.items()}
        output = segmenter.model(**given)
    masks = images.post_process_masks(output.pred_masks, *sizes)[0][0].numpy()
    return [masks[i] for i in output.iou_scores[0, 0].argsort(descending=True)]


@pytest.mark.parametrize("name", ["sam", "sam2", "edgetam"])
def test_masks_are_those_of_the_library(folders: dict[str, Path], name: str) -> None:
    film, segmenter = toy_film(2), make_segmenter(name, weights=folders[name])
    prompts = {key: prompt("all", film.truth(1, 0))[key] for key in ("points", "box")}
    ours = segmenter.predict(segmenter.encode(film.image(0)), **prompts)
    theirs = library_masks(segmenter, name, film.image(0), prompts)
    for candidate, mask in zip(ours, theirs, strict=True):
        # images are resampled by slightly different filters; the masks of random weights are noise
        assert (candidate.mask != mask).mean() < 0.03


def test_a_prior_is_placed_like_the_image_in_the_square(folders: dict[str, Path]) -> None:
    segmenter = make_segmenter("sam", weights=folders["sam"])
    mask = np.zeros((64, 96), np.bool_)
    mask[:, 48:] = True
    prior = segmenter._prior(mask, segmenter.encode(toy_film(0).image(0)))
    assert prior.shape == (1, 1, 64, 64)
    assert (prior[0, 0, :43, 33:] > 0).all()
    assert (prior[0, 0, :43, :31] < 0).all()
    assert (prior[0, 0, 44:] <= 0).all()


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_wrong_weights_and_prompts_are_refused(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    other = {"sam": "sam2", "sam2": "sam"}[name]
    for folder in (tmp_path, folders[other]):
        with pytest.raises(UserError) as refusal:
            make_segmenter(name, weights=folder)
        assert "\n" not in str(refusal.value)
        assert str(folder) in str(refusal.value)
    (tmp_path / "sam_vit_b.pth").write_bytes(b"the file that the authors offer")
    with pytest.raises(UserError, match=r"is a file; give a folder with config\.json and model\.safetensors"):
        make_segmenter(name, weights=tmp_path / "sam_vit_b.pth")
    segmenter: Segmenter = make_segmenter(name, weights=folders[name])
    encoded = segmenter.encode(toy_film(0).image(0))
    for nothing in ({}, {"points": ((3, 4, False),)}, {"mask": np.zeros((64, 96), np.bool_)}):
        with pytest.raises(UserError, match="no point on the object, no box and no mask"):
            segmenter.predict(encoded, **nothing)


class Program:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.mark,))


def test_a_program_among_the_weights_is_never_run(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(folders["sam"] / "config.json", tmp_path)
    torch.save({"weight": Program(tmp_path / "ran")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"could run code, so it was not loaded\); download it again$"):
        make_segmenter("sam", weights=tmp_path)
    assert not (tmp_path / "ran").exists()
