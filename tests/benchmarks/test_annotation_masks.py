import json
from pathlib import Path

import numpy as np
from benchmarks.annotation_films import Studio
from PIL import Image

from benchmarks import bench_annotation_masks


def draw_cutouts(folder: Path) -> Path:
    """Write four disks of different colours, transparent around them."""
    rows, columns = np.mgrid[:40, :40]
    disk = (rows - 20) ** 2 + (columns - 20) ** 2 < 300
    for name, colour in {"a": (220, 40, 30), "b": (30, 200, 60), "c": (40, 60, 230), "d": (230, 220, 20)}.items():
        image = np.zeros((40, 40, 4), np.uint8)
        image[disk] = (*colour, 255)
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


def test_films_have_the_exact_mask_of_the_named_object(tmp_path: Path) -> None:
    film = Studio(draw_cutouts(tmp_path), height=64).film("a", seed=1, frames=4)
    assert film.pictures.shape == (4, 64, 96, 3)
    for picture, mask in zip(film.pictures, film.masks, strict=True):
        red = (picture[..., 0] > 180) & (picture[..., 1] < 90)
        assert (red & mask).sum() > 0.9 * max(red.sum(), mask.sum())


def test_a_part_is_the_upper_part_of_the_object(tmp_path: Path) -> None:
    studio = Studio(draw_cutouts(tmp_path), height=64)
    whole, part = (studio.film("a", seed=1, frames=1, part=part).mask(0) for part in (False, True))
    assert (part <= whole).all()
    assert 0 < part.sum() < 0.6 * whole.sum()


def test_the_benchmark_prints_clicks_boxes_and_propagations(tmp_path: Path) -> None:
    cutouts, out = draw_cutouts(tmp_path), tmp_path / "results.json"
    arguments = ["--cutouts", str(cutouts), "--frames", "1", "--films", "a", "--film-frames", "3", "--out", str(out)]
    assert bench_annotation_masks.main([*arguments, "--height", "64"]) == 0
    results = json.loads(out.read_text())
    assert 0.5 < results["composed: exact mask and one click"] <= 1
    assert 0.9 < results["a: propagated"] <= 1


def test_one_mask_fills_three_segments(tmp_path: Path) -> None:
    cutouts, out = draw_cutouts(tmp_path), tmp_path / "results.json"
    arguments = ["--cutouts", str(cutouts), "--frames", "0", "--films", "a", "--film-frames", "9", "--height", "64"]
    assert bench_annotation_masks.main([*arguments, "--segments", "--out", str(out)]) == 0
    results = json.loads(out.read_text())
    segments = [value for name, value in results.items() if "segment" in name]
    assert len(segments) == 6  # with the moving camera
    assert all(0 <= value <= 1 for value in segments)
    assert min(segments[:3]) > 0.7
