"""Files with more tracks than one of video and one of sound."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avseg.cli.predict_video import OpenVideo, VideoJob
from avseg.media.video import probe
from tests.media.joined import clicks, drawn, join, make_part
from tests.media.make_video import make_video, numbered, tone


def _write(path: Path, images: dict[str, int], sounds: list[float]) -> Path:
    """Write video tracks of so many frames, by codec, at 25 fps, and tones of so many seconds."""
    with av.open(str(path), "w") as output:
        films = {}
        for codec in images:
            films[codec] = output.add_stream(codec, rate=25)
            films[codec].height, films[codec].width = (32, 32) if codec == "mjpeg" else (64, 96)
            films[codec].pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        tracks = [output.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in sounds]
        for codec, film in films.items():
            for number in range(images[codec]):
                frame = VideoFrame.from_ndarray(numbered(number, film.height, film.width), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(film.encode(frame))
            output.mux(film.encode(None))
        for track, seconds in zip(tracks, sounds, strict=True):
            wave = (tone(seconds, 16000, 1) * 32767).astype(np.int16)
            frame = AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            output.mux(track.encode(frame))
            output.mux(track.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_a_title_image_before_the_film(tmp_path: Path, suffix: str) -> None:
    video = probe(_write(tmp_path / f"v.{suffix}", {"mjpeg": 1, "libx264": 25}, [1.0]))
    assert (video.codec, len(video.times), video.tracks) == ("h264", 25, 1)


def test_a_film_of_images_alone(tmp_path: Path) -> None:
    video = probe(_write(tmp_path / "v.mov", {"mjpeg": 25}, [1.0]))
    assert (video.codec, len(video.times)) == ("mjpeg", 25)


def test_films_are_counted(tmp_path: Path) -> None:
    assert probe(_write(tmp_path / "v.mkv", {"libx264": 25, "mpeg4": 10}, [])).tracks == 2


def test_another_track_that_is_longer_is_no_truncation(tmp_path: Path) -> None:
    path = _write(tmp_path / "v.mkv", {"libx264": 25}, [1.0, 30.0])
    assert probe(path).missing == 0
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[:200_000])  # of the second sound
    assert probe(cut).missing > 0.5
    assert probe(path, 1).missing == 0


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs FFmpeg")
def test_the_sound_is_of_the_program_of_the_video(tmp_path: Path) -> None:
    source = make_video(tmp_path / "v.mkv", frames=25, sound="flac", sample_rate=48000)
    words = f"-v error -f lavfi -i anullsrc=r=48000:cl=mono:d=1 -i {source} -map 0:a -map 1:v -map 1:a -c:a mp2"
    programs = ["-program", "title=radio:st=0", "-program", "title=television:st=1:st=2"]
    subprocess.run(["ffmpeg", *words.split(), *programs, str(tmp_path / "v.ts")], check=True)
    video = probe(tmp_path / "v.ts")
    assert len(drawn(video)) == 25
    assert clicks(video)  # not the silence of the radio
    assert not clicks(probe(tmp_path / "v.ts", 0))


def test_frames_before_the_first_time_stamp(tmp_path: Path) -> None:
    path = make_video(tmp_path / "whole.mp4", frames=50, sound="aac", options={"bf": "2", "g": "10"})
    early = tmp_path / "early.mkv"
    with (
        av.open(str(path)) as source,
        av.open(str(early), "w", container_options={"avoid_negative_ts": "disabled"}) as target,
    ):
        tracks = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                shift = round(Fraction(3, 2) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = tracks[packet.stream.index]
                target.mux(packet)
    video = probe(early)
    assert video.start == pytest.approx(-1.5, abs=0.1)  # FFmpeg reads no negative times of Matroska frames
    assert drawn(video) == list(range(50))


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs FFmpeg")
def test_a_part_with_other_tracks_is_reported(tmp_path: Path) -> None:
    first = make_part(tmp_path / "first.ts", 0)
    second = make_part(tmp_path / "second.ts", 50)
    moved = tmp_path / "moved.ts"
    words = f"-v error -i {second} -map 0 -c copy -mpegts_start_pid 0x300 {moved}"
    subprocess.run(["ffmpeg", *words.split()], check=True)
    video = probe(join(tmp_path / "joined.ts", [first, moved]))
    assert drawn(video) == list(range(50))
    assert 0.3 < video.unread < 0.7
    notes = OpenVideo(VideoJob(video.path, tmp_path), video, None).notes()
    assert any("of the file belong to other tracks" in note for note in notes)
    assert probe(join(tmp_path / "same.ts", [first, second])).unread == 0
    assert probe(first).unread == 0
