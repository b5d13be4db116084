"""Frames are resized as by cv2, and all damage is detected."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.data.prepare.images import FrameDecoder, resize_bilinear, write_frames
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.data.prepare.raw_samples import damage_middle
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


def test_each_selected_frame_is_written_to_all_its_files(tmp_path: Path) -> None:
    video = frame_index(make_video(tmp_path / "v.mp4", frames=50, options={"bf": "3"})).video
    paths_by_frame = {
        7: [tmp_path / "a.png"],
        31: [tmp_path / "x/b.png", tmp_path / "x/c.png"],
        49: [tmp_path / "d.png"],
    }
    write_frames(FrameDecoder(video, strict=True), paths_by_frame, 64)
    for number, paths in paths_by_frame.items():
        for path in paths:
            assert read_number(np.array(Image.open(path))) == number


def _noisy(path: Path, codec: str) -> Path:
    """Write large packets, so that the damage is inside a frame, where decoders guess."""
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
def test_damage_that_the_decoder_hides_is_detected(tmp_path: Path, codec: str, share: float) -> None:
    path = _noisy(tmp_path / "v.mp4", codec)
    assert len(list(FrameDecoder(frame_index(path).video, strict=True).decode(range(40)))) == 40
    damage_middle(path, 8, share)
    video = frame_index(path).video
    with pytest.raises(UserError, match="is damaged near"):
        list(FrameDecoder(video, strict=True).decode(range(40)))
    lenient = FrameDecoder(video, strict=False)
    assert [number for number, _ in lenient.decode(range(40))] == list(range(40))


def test_a_lost_frame_is_replaced_by_the_one_before_and_counted(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", frames=50, codec="mjpeg", pix_fmt="yuvj420p", sound=None)
    video = frame_index(path).video
    content = path.read_bytes()
    starts = [start for start in range(len(content)) if content.startswith(b"\xff\xd8\xff", start)]
    damaged = bytearray(content)
    damaged[starts[20] : starts[20] + 600] = bytes(600)
    path.write_bytes(damaged)
    decoder = FrameDecoder(video, strict=False)
    shown = {number: read_number(frame.to_ndarray(format="rgb24")) for number, frame in decoder.decode([3, 20])}
    assert shown == {3: 3, 20: 19}
    assert decoder.replaced == [20]
    with pytest.raises(UserError, match="damaged"):
        list(FrameDecoder(video, strict=True).decode([3, 20]))
