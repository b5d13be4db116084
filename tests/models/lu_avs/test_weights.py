import warnings
from pathlib import Path

import pytest
import torch

from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.presets import BOX_CONFIGS, MASK_CONFIGS
from avseg.utils.errors import UserError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights of 13 classes, saved by transformers, which uses the names of the published checkpoints."""
    from transformers import DetrForObjectDetection, MaskFormerForInstanceSegmentation

    root = tmp_path_factory.mktemp("coco")
    torch.manual_seed(5)
    MaskFormerForInstanceSegmentation(MASK_CONFIGS["tiny"](13)).save_pretrained(root / "mask")
    DetrForObjectDetection(BOX_CONFIGS["resnet18_dc5"](13)).save_pretrained(root / "box")
    return {"mask": root / "mask", "box": root / "box"}


def _is_class_head(name: str) -> bool:
    return name.startswith(("net.class_predictor.", "net.class_labels_classifier."))


@pytest.mark.parametrize("region", ["mask", "box"])
@pytest.mark.parametrize("classes", [4, 13])
def test_all_but_the_class_head_is_loaded(
    folders: dict[str, Path], region: str, classes: int, capfd: pytest.CaptureFixture[str]
) -> None:
    build, config = (MaskBranch, "tiny") if region == "mask" else (BoxBranch, "resnet18_dc5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        branches = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            branches.append(build(classes, config, str(folders[region])))
    first, second = (branch.state_dict() for branch in branches)
    random = {name for name, tensor in first.items() if not torch.equal(tensor, second[name])}
    assert all(map(_is_class_head, random))
    assert len(random) == (1 if classes == 4 else 0)  # the weight; the bias starts at 0
    plain = build(classes, config).state_dict()
    assert sum(not torch.equal(first[name], plain[name]) for name in first) > 20
    assert first[next(name for name in first if _is_class_head(name))].shape[0] == classes + 1
    assert capfd.readouterr() == ("", "")


def test_weights_of_another_config_are_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"does not fit this config, \d+ of its parameters .*; choose the config"):
        MaskBranch(4, "toy", str(folders["mask"]))


def test_an_empty_or_damaged_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        MaskBranch(4, "tiny", str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes((folders["mask"] / "model.safetensors").read_bytes()[:1000])
    (tmp_path / "config.json").write_text((folders["mask"] / "config.json").read_text())
    with pytest.raises(UserError, match="cannot be read") as raised:
        MaskBranch(4, "tiny", str(tmp_path))
    assert "\n" not in str(raised.value)


def test_missing_weights_name_the_files_and_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path))
    expected = (
        rf"facebook/maskformer-swin-base-coco cannot be downloaded .* model.safetensors .*{tmp_path}/maskformer-swin"
    )
    with pytest.raises(UserError, match=expected) as raised:
        MaskBranch(4, "swin_base", True)
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match=r"facebook/detr-resnet-101-dc5 cannot be downloaded"):
        BoxBranch(4, pretrained=True)
    with pytest.raises(UserError, match="no published weights"):
        BoxBranch(4, "toy", True)
    with pytest.raises(UserError, match="no such folder"):
        BoxBranch(4, "tiny", "/no/such/folder")


def test_the_cache_folder_has_priority(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path))
    monkeypatch.setitem(MASK_CONFIGS, "swin_base", MASK_CONFIGS["tiny"])
    (tmp_path / "maskformer-swin-base-coco").symlink_to(folders["mask"])
    loaded = MaskBranch(13, "swin_base", True).state_dict()
    expected = MaskBranch(13, "tiny", str(folders["mask"])).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.items())
