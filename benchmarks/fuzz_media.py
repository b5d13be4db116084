"""Read damaged videos: every file must end in a result or in one line, in bounded time and memory.

    python -m benchmarks.fuzz_media [--files 300] [--seed 0]

Videos of twelve containers are cut, bytes of them are flipped, zeroed or moved, packets are dropped. One process per
file reads it as `avseg predict` does (index, frames, sound, overlay), so that its time and memory can be measured.
"""

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import av
import numpy as np
from tests.media.make_video import make_video

from avseg.media.frame_index import FrameReader, frame_index
from avseg.media.frames import official_frames
from avseg.media.sound_reader import sound_seconds
from avseg.media.upright import UprightRGB
from avseg.media.video_writer import repaint
from avseg.utils.errors import UserError

ROOT = Path(__file__).parent.parent
# of the processor, so that a busy machine does not count; a process that waits longer than MAX_WAIT hangs as well
MAX_SECONDS, MAX_WAIT = 60, 600
MAX_BYTES = 2 << 30
WEBM = {"codec": "libvpx", "sound": "libopus", "sample_rate": 48000}
CONTAINERS: dict[str, dict[str, object]] = {
    "mp4": {},
    "mov": {"codec": "mpeg4", "sound": "pcm_s16le"},
    "m4v": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "mkv": {"sound": "flac"},
    "webm": WEBM,
    "ts": {"sample_rate": 48000},
    "mpg": {"codec": "mpeg2video", "sound": "mp2", "sample_rate": 48000},
    "avi": {"codec": "mpeg4", "sound": "libmp3lame"},
    "flv": {"sample_rate": 44100},
    "wmv": {"codec": "wmv2", "sound": "libmp3lame", "sample_rate": 44100},
    "ogg": WEBM,
    "nut": {"sound": "ac3", "sample_rate": 48000},
}
DAMAGES = ("cut", "head", "flip", "zero", "swap", "drop", "twice", "join")


def damage(source: Path, path: Path, kind: str, rng: np.random.Generator) -> None:
    """Write a damaged copy of a video."""
    if kind == "drop":
        _drop_packets(source, path, rng)
        return
    data = bytearray(source.read_bytes())
    size = len(data)
    begin, end = sorted(rng.integers(0, size, 2).tolist())
    if kind == "cut":
        del data[begin + 1 :]
    elif kind == "head":
        del data[: begin // 4]
    elif kind == "flip":
        for position in rng.integers(0, size, int(rng.integers(1, 60))):
            data[position] ^= 1 << int(rng.integers(8))
    elif kind == "zero":
        data[begin : begin + 2000] = bytes(len(data[begin : begin + 2000]))
    elif kind == "swap":
        data[begin : begin + 1000], data[end : end + 1000] = data[end : end + 1000], data[begin : begin + 1000]
    elif kind == "twice":
        data[begin:begin] = data[begin // 2 : begin]
    else:
        data += data[begin:]
    path.write_bytes(data)


def _drop_packets(source: Path, path: Path, rng: np.random.Generator) -> None:
    """Copy a video without a tenth of its packets; some of the others get a wrong time."""
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        tracks = {stream.index: writing.add_stream_from_template(stream) for stream in reading.streams}
        for packet in reading.demux():
            if packet.dts is None or rng.random() < 0.1:
                continue
            packet.stream = tracks[packet.stream.index]
            try:
                writing.mux(packet)
            except av.error.FFmpegError:
                continue


def read(path: Path) -> str:
    """Read a video as `avseg predict` does; return what happened."""
    try:
        index = frame_index(path)
        video = index.video
        upright = UprightRGB(video.view, video.height, video.width)
        with FrameReader(index) as reader:
            for frame in reader.decode(official_frames(video)):
                upright(frame.image)
        seconds = sum(1 for _ in sound_seconds(video))
        repaint(video, path.with_name("overlay.mp4"), lambda image, frame: image)
    except UserError as error:
        return "several lines" if "\n" in str(error) else "one line"
    return f"result {seconds} s" if seconds > 20 else "result"


def main() -> int:
    """Damage and read the videos; returns 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", type=Path, nargs="*")
    arguments = parser.parse_args()
    if arguments.read:
        warnings.simplefilter("ignore")
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        for path in arguments.read:
            start = time.process_time()
            outcome = read(path)
            print(f"{path.name}: {outcome}, {time.process_time() - start:.1f} s", flush=True)
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB", flush=True)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return _fuzz(Path(folder), arguments.files, arguments.seed)


def _fuzz(folder: Path, files: int, seed: int) -> int:
    sources: dict[str, Path] = {}
    for suffix, options in CONTAINERS.items():
        sources[suffix] = make_video(folder / f"source.{suffix}", frames=100, **options)  # type: ignore[arg-type]
    outcomes: Counter[str] = Counter()
    failures = 0
    slowest, largest = 0.0, 0
    for number in range(files):
        rng = np.random.default_rng([seed, number])
        suffix = list(CONTAINERS)[number % len(CONTAINERS)]
        kind = DAMAGES[number // len(CONTAINERS) % len(DAMAGES)]
        path = folder / f"{number:03d}_{kind}.{suffix}"
        damage(sources[suffix], path, kind, rng)
        command = [sys.executable, "-m", "benchmarks.fuzz_media", "--read", str(path)]
        outcome, seconds, memory, text = _read_in_a_process(command)
        slowest, largest = max(slowest, seconds), max(largest, memory)
        outcomes[outcome] += 1
        # "result 3600 s": seconds that the video does not have
        if outcome not in ("result", "one line") or memory << 20 > MAX_BYTES:
            failures += 1
            print(f"{path.name}: {outcome}, {memory} MiB\n{text[-1500:]}", flush=True)
        path.unlink()
    print(f"{files} files: {dict(outcomes)}; slowest {slowest:.1f} processor seconds, largest {largest} MiB")
    return int(failures > 0)


def _read_in_a_process(command: list[str]) -> tuple[str, float, int, str]:
    """Return the outcome of `--read`, its processor seconds and memory in MiB, and what it wrote to stderr."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_WAIT, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired:
        return "HANGS", 0.0, 0, ""
    if done.returncode:
        out_of_time = -done.returncode in (signal.SIGXCPU, signal.SIGKILL)
        return "HANGS" if out_of_time else "FAILED", 0.0, 0, done.stderr
    result, peak = done.stdout.splitlines()
    outcome, seconds = result.split(": ")[1].removesuffix(" s").split(", ")
    return outcome, float(seconds), int(peak.split()[1]), done.stderr


if __name__ == "__main__":
    sys.exit(main())
