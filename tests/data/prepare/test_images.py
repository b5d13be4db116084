"""Pictures: resized as by cv2, and no damage unnoticed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.data.prepare.images import PictureDecoder, resize_bilinear, write_pictures
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.data.prepare.make_raw import damage_middle
from tests.media.make_video import make_video, read_number


@pytest.mark.parametrize("shape", [(360, 640), (224, 224), (97, 131), (1080, 1920), (50, 40), (1, 3)])
def test_resizing_is_that_of_cv2(shape: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    ours, original = resize_bilinear(image, 224), cv2.resize(image, (224, 224))
    assert np.abs(ours.astype(int) - original).max() <= 1
    assert (ours != original).mean() < 0.2  # cv2 counts in fixed point
    smoothed = np.array(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))
    if min(shape) > 300:
        assert np.abs(smoothed.astype(int) - original).max() > 50


def test_each_wanted_frame_is_written_to_all_its_places(tmp_path: Path) -> None:
    video = frame_index(make_video(tmp_path / "v.mp4", frames=50, options={"bf": "3"})).video
    places = {7: [tmp_path / "a.png"], 31: [tmp_path / "x/b.png", tmp_path / "x/c.png"], 49: [tmp_path / "d.png"]}
    write_pictures(PictureDecoder(video, strict=True), places, 64)
    for number, paths in places.items():
        for path in paths:
            assert read_number(np.array(Image.open(path))) == number


def _noisy(path: Path, codec: str) -> Path:
    """Big packets, so that damage falls inside of a picture, where decoders guess."""
    from fractions import Fraction

    import av
    from av.video.frame import VideoFrame

    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 120, 160, "yuv420p"
        for number in range(40):
            frame = VideoFrame.from_ndarray(np.roll(noise, 3 * number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("share", [0.25, 0.45, 0.75])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damage_that_the_decoder_hides_is_noticed(tmp_path: Path, codec: str, share: float) -> None:
    path = _noisy(tmp_path / "v.mp4", codec)
    assert len(list(PictureDecoder(frame_index(path).video, strict=True).pictures(range(40)))) == 40
    damage_middle(path, 8, share)
    video = frame_index(path).video
    with pytest.raises(UserError, match="is damaged near"):
        list(PictureDecoder(video, strict=True).pictures(range(40)))
    lenient = PictureDecoder(video, strict=False)
    assert [number for number, _ in lenient.pictures(range(40))] == list(range(40))


def test_a_lost_frame_is_replaced_by_the_one_before_and_counted(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", frames=50, codec="mjpeg", pix_fmt="yuvj420p", sound=None)
    video = frame_index(path).video
    content = path.read_bytes()
    starts = [place for place in range(len(content)) if content.startswith(b"\xff\xd8\xff", place)]
    damaged = bytearray(content)
    damaged[starts[20] : starts[20] + 600] = bytes(600)
    path.write_bytes(damaged)
    decoder = PictureDecoder(video, strict=False)
    shown = {number: read_number(picture.to_ndarray(format="rgb24")) for number, picture in decoder.pictures([3, 20])}
    assert shown == {3: 3, 20: 19}
    assert decoder.replaced == [20]
    with pytest.raises(UserError, match="damaged"):
        list(PictureDecoder(video, strict=True).pictures([3, 20]))
