from pathlib import Path

import numpy as np
import pytest
import torch

from avseg.comparison.logits import exact_logits
from avseg.comparison.mask_files import Levels, read_values, to_probability
from avseg.comparison.mask_folder import MaskFolder, open_folder
from avseg.data.setting import ClipEntry
from avseg.metrics import FScore
from avseg.metrics.f_score import THRESHOLDS, count_thresholds
from avseg.utils.errors import UserError
from tests.comparison.masks import save_grey, save_palette

ENTRIES = [ClipEntry("dog", "animal"), ClipEntry("cat_7", "animal")]
MASK = np.zeros((6, 8), dtype=bool)
MASK[1:4, 2:5] = True


def write(root: Path, stem: str, save=save_palette, content=MASK, first: int = 1) -> None:
    for entry in ENTRIES:
        for index in range(5):
            name = stem.format(name=entry.name, category=entry.category, number=index + first)
            save(root / f"{name}.png", content)


def opened(root: Path, **options) -> MaskFolder:
    return open_folder(root, ENTRIES, "test", [5, 5], (6, 8), **options)


@pytest.mark.parametrize(
    ("stem", "first"),
    [
        ("test/animal/{name}/{name}_{number}", 1),
        ("gt_masks/test/{name}/{name}_{number}", 1),
        ("{name}/{name}_{number}", 0),
        ("{name}/{number}", 0),
        ("{name}/masks/{number:06d}", 0),
        ("{name}_{number}", 1),
    ],
)
def test_known_names_are_found(tmp_path: Path, stem: str, first: int) -> None:
    write(tmp_path, stem, first=first)
    folder = opened(tmp_path)
    assert not folder.findings
    assert not folder.soft
    np.testing.assert_array_equal(folder.read(1, 6, 8, 5), np.stack([MASK] * 5).astype(np.float32))


def test_a_pattern_names_other_files(tmp_path: Path) -> None:
    write(tmp_path, "{category}-{name}/frame{number:03d}_pred")
    with pytest.raises(UserError, match="no mask of split 'test' under a known name"):
        opened(tmp_path)
    pattern = "{category}-{name}/frame{number:03d}_pred.png"
    assert not opened(tmp_path, pattern=pattern).findings
    with pytest.raises(UserError, match="is not a pattern"):
        opened(tmp_path, pattern="{clip}.png")
    with pytest.raises(UserError, match="no file is named"):
        opened(tmp_path, pattern="{name}.png")


def test_palettes_count_by_colour(tmp_path: Path) -> None:
    save_palette(tmp_path / "a.png", MASK)
    save_palette(tmp_path / "b.png", MASK, background_last=True)
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read_values(tmp_path / name) != 0, MASK)
    save_palette(tmp_path / "empty.png", np.zeros_like(MASK), background_last=True)
    assert not read_values(tmp_path / "empty.png").any()


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 7)])
def test_two_levels_are_hard(values: tuple[int, int]) -> None:
    levels = Levels()
    for mask in (MASK, ~MASK, np.zeros_like(MASK)):
        levels.add(np.where(mask, values[1], values[0]).astype(np.uint8))
    assert not levels.soft


def test_levels_across_files_are_soft() -> None:
    # each file alone has two values
    levels = Levels()
    levels.add(np.array([[0, 255]], dtype=np.uint8))
    levels.add(np.array([[0, 1]], dtype=np.uint8))
    assert levels.soft
    np.testing.assert_allclose(to_probability(np.array([[1]], dtype=np.uint8), soft=True), 1 / 255)


@pytest.mark.parametrize("bits", [8, 16])
def test_soft_maps_keep_their_values(tmp_path: Path, bits: int) -> None:
    soft = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    write(tmp_path, "{name}/{name}_{number}", lambda path, content: save_grey(path, content, bits), soft)
    folder = opened(tmp_path)
    assert folder.soft
    np.testing.assert_allclose(folder.read(0, 6, 8, 5)[3], soft, atol=0.51 / (2**bits - 1))


def test_arrays_of_whole_clips(tmp_path: Path) -> None:
    soft = np.random.default_rng(0).random((5, 6, 8)).astype(np.float32)
    np.savez_compressed(tmp_path / "dog.npz", masks=soft)
    np.savez(tmp_path / "cat_7.npz", soft[:, None])
    folder = opened(tmp_path)
    assert folder.soft
    assert folder.pattern == "{name}.npz"
    np.testing.assert_array_equal(folder.read(0, 6, 8, 5), soft)
    np.testing.assert_array_equal(folder.read(1, 6, 8, 5), soft)
    np.savez(tmp_path / "dog.npz", 3 * soft)  # logits, say
    np.savez(tmp_path / "cat_7.npz", soft[:4])
    findings = {finding.kind: finding for finding in opened(tmp_path).findings}
    assert findings["unreadable"].count == 5
    assert "outside of 0 to 1" in findings["unreadable"].text
    assert findings["missing"].count == 1


def test_every_defect_is_one_line_with_its_count(tmp_path: Path) -> None:
    write(tmp_path, "{name}/{name}_{number}")
    (tmp_path / "dog/dog_2.png").unlink()
    (tmp_path / "dog/dog_3.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    save_palette(tmp_path / "dog/dog_4.png", np.kron(MASK, np.ones((2, 2))).astype(bool))
    save_palette(tmp_path / "bird/bird_1.png", MASK)
    folder = opened(tmp_path)
    assert [(item.kind, item.count, item.refused) for item in folder.findings] == [
        ("missing", 1, True),
        ("unreadable", 1, True),
        ("size", 1, False),
        ("extra", 1, False),
    ]
    assert all("\n" not in item.text for item in folder.findings)
    assert "dog/dog_4.png is 16 x 12" in folder.findings[2].text
    maps = folder.read(0, 6, 8, 5)
    assert maps.sum((1, 2)).tolist() == [9, 0, 0, 9, 9]


def test_logits_stand_for_their_probabilities_exactly() -> None:
    random = torch.rand(20_000)
    near = torch.cat([THRESHOLDS, THRESHOLDS.nextafter(torch.tensor(0.0)), THRESHOLDS.nextafter(torch.tensor(1.0))])
    p = torch.cat([random, near.clamp(0, 1), torch.tensor([0.5, 0.50000006, 0.49999997])])
    back = exact_logits(p).sigmoid()
    assert torch.equal(count_thresholds(back), count_thresholds(p))
    assert torch.equal(back > 0.5, p > 0.5)
    # the usual way moves some of them
    assert not torch.equal(count_thresholds(torch.logit(p).sigmoid()), count_thresholds(p))


def test_f_of_probabilities_is_that_of_the_logits() -> None:
    logits = 3 * torch.randn(4, 5, 16, 16)
    target = (torch.rand(4, 5, 16, 16) > 0.7).byte()
    own, other = FScore(), FScore()
    own.update(logits, target)
    other.update(exact_logits(logits.sigmoid()), target)
    assert own.compute() == other.compute()
