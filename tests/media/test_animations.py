"""Animated images are videos without sound, or refused with what to do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from avseg.media.folder import search_folder
from avseg.media.frames import frames
from avseg.media.video import UprightRGB, probe
from avseg.utils.errors import UserError
from tests.media.make_video import numbered, read_number


def animate(path: Path, count: int = 6) -> Path:
    """Write numbered images of 0.2 s each; a still image if it is one."""
    images = [Image.fromarray(numbered(number, 64, 96)) for number in range(count)]
    options = {"save_all": True, "append_images": images[1:], "duration": 200} if count > 1 else {}
    images[0].save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["gif", "png", "apng", "avif"])
def test_an_animation_is_a_video(tmp_path: Path, suffix: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow does not write AVIF")
    path = animate(tmp_path / f"a.{suffix}")
    video = probe(path)
    assert (video.duration, video.sound) == (pytest.approx(1.2), None)
    np.testing.assert_allclose(video.times, np.arange(6) / 5)
    upright = UprightRGB(video.view, video.height, video.width)
    assert [read_number(upright(frame.image)) for frame in frames(video)] == list(range(6))
    assert search_folder(tmp_path, tmp_path / "out").videos == [path]


def test_an_animated_webp_is_refused_with_the_command_that_converts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = animate(tmp_path / "a.webp")
    with pytest.raises(UserError, match=r"a\.webp: is an animated WebP, which FFmpeg does not read; convert") as caught:
        probe(path)
    monkeypatch.chdir(tmp_path)
    exec(str(caught.value).split('"')[1].replace("FILE", "a.webp"))
    assert len(probe(tmp_path / "animation.apng").times) == 6


def test_still_and_animated_webp_in_a_folder(tmp_path: Path) -> None:
    animated, still = animate(tmp_path / "a.webp"), animate(tmp_path / "b.webp", count=1)
    content = search_folder(tmp_path, tmp_path / "out")
    assert (content.videos, content.others) == ([], [still])
    assert content.unusable[animated].startswith("is an animated WebP, which FFmpeg does not read; convert it first: ")
    with pytest.raises(UserError, match=r"b\.webp: is an image"):
        probe(still)
