"""Latencies of the annotation tool in a headless Chromium: `python -m benchmarks.bench_annotate`.

Prints the time from a click to its mask on the screen, from a pointer that rests to the preview of its mask, from a key
to the next frame on the screen (one by one, and in jumps), the time to open a long video, and the server's memory while
scrubbing through it.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avseg.utils.files import write_text

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
_SERVE = "import sys; from avseg.annotate.server import serve; serve(sys.argv[1], port=0)"
# a key, a click or a movement, then the first painting that shows its result
_TIMED = """([act, expected]) => import("/preview.js").then(({ previewed }) => new Promise((done) => {
  const canvas = document.querySelector("#stage");
  const begin = performance.now();
  const listener = (event) => {
    const { frame, picture, masks, version } = event.detail;
    if (expected.frame !== undefined && (frame !== expected.frame || !picture || masks < 0)) return;
    if (expected.version !== undefined && (version <= expected.version || masks < 1)) return;
    if (expected.preview && !previewed()) return;
    canvas.removeEventListener("painted", listener);
    done([performance.now() - begin, version]);
  };
  canvas.addEventListener("painted", listener);
  if (act.key) document.body.dispatchEvent(new KeyboardEvent("keydown", { ...act, bubbles: true }));
  else for (const kind of expected.preview ? ["pointermove"] : ["pointerdown", "pointerup"]) {
    canvas.dispatchEvent(new PointerEvent(kind, { ...act, bubbles: true, pointerId: 1, button: 0 }));
  }
}))"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_annotate",
        description="Latencies of the annotation tool in a headless Chromium.",
        epilog="example: python -m benchmarks.bench_annotate --minutes 10 --out outputs/bench_annotate.json",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long video (default 10)")
    parser.add_argument("--repeats", type=int, default=60, help="clicks, and frames of each kind (default 60)")
    parser.add_argument("--small", action="store_true", help="tiny sizes: only checks that the benchmark runs")
    parser.add_argument("--out", type=Path, help="a json file to write")
    options = parser.parse_args(arguments)
    minutes, repeats = (0.2, 4) if options.small else (options.minutes, options.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        results = measure(Path(temporary), minutes, repeats, (120, 160) if options.small else (720, 1280))
    for name, value in results.items():
        print(f"{name:60} {value:10.1f}")
    if options.out:
        write_text(options.out, json.dumps(results, indent=2) + "\n")
    return 0


def measure(folder: Path, minutes: float, repeats: int, size: tuple[int, int]) -> dict[str, float]:
    """Return all numbers, by name with their unit."""
    from playwright.sync_api import sync_playwright

    make_video(folder / "sharp.mp4", 12.0, size)
    make_video(folder / "long.mp4", 60 * minutes, (size[0] // 2, size[1] // 2))
    results: dict[str, float] = {}
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        for attempt in range(2):  # the first attempt indexes the videos
            with _server(folder) as (address, process):
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                page.goto(address)
                page.wait_for_selector("body[data-ready]")
                results[f"open long.mp4, {('indexing', 'indexed')[attempt]} (ms)"] = _open(page, "long.mp4")
                if attempt:
                    results |= _memory(page, process, repeats)
                    _open(page, "sharp.mp4")
                    results |= _scrub(page, repeats) | _click(page, repeats, size)
                page.close()
        browser.close()
    return results


def make_video(path: Path, seconds: float, size: tuple[int, int], rate: int = 25) -> None:
    """Write a video of a disk that moves over a textured wall, with an intermittent tone."""
    rng, (height, width) = np.random.default_rng(0), size
    wall = np.kron(rng.integers(60, 130, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))[:height, :width]
    rows, columns = np.mgrid[:height, :width]
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "28", "g": "50"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = target.add_stream("aac", rate=16_000, layout="mono")
        radius, period = height // 5, 4 * rate
        loop = []
        for step in range(period):
            x, y = disk(step, size)
            image = wall.copy()
            image[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = (220, 70, 40)
            loop.append(image.astype(np.uint8))
        for number in range(round(seconds * rate)):
            frame = VideoFrame.from_ndarray(loop[number % period], format="rgb24")
            frame.pts = number
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        clock = np.arange(round(seconds * 16_000)) / 16_000
        wave = (0.4 * np.sin(2 * np.pi * 330 * clock) * (clock % 4 < 2)).astype(np.float32)
        for begin in range(0, len(wave), 16_000):
            sound = AudioFrame.from_ndarray(wave[None, begin : begin + 16_000], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16_000, begin
            target.mux(audio.encode(sound))
        target.mux(audio.encode(None))


def disk(step: int, size: tuple[int, int], rate: int = 25) -> tuple[float, float]:
    """Return the centre of the disk, x and y."""
    angle = 2 * np.pi * step / (4 * rate)
    return size[1] * (0.5 + 0.25 * float(np.cos(angle))), size[0] * (0.5 + 0.2 * float(np.sin(angle)))


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the server in a separate process; yield its address."""
    command = [sys.executable, "-c", _SERVE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            results = re.search(r"http://\S+", process.stdout.readline())
            assert results, "the server has not started"
            yield results[0], process
        finally:
            process.terminate()


def _open(page: Any, name: str) -> float:
    """Measure milliseconds from the click on a video to its first frame on the screen."""
    begin = time.perf_counter()
    page.click(f".video:has-text('{name}')")
    page.wait_for_selector(f".video.chosen:has-text('{name}')", timeout=300_000)
    page.wait_for_selector("#clock:has-text('frame 0 of')")
    _timed(page, {"key": "-"}, {"frame": 0})  # painted with its image
    return 1000 * (time.perf_counter() - begin)


def _timed(page: Any, act: dict[str, Any], expected: dict[str, Any]) -> tuple[float, int]:
    milliseconds, version = page.evaluate(_TIMED, [act, expected])
    return float(milliseconds), int(version)


def _scrub(page: Any, repeats: int) -> dict[str, float]:
    """Step frame by frame at a human pace, then ten at a time to frames that are not cached."""
    page.wait_for_timeout(1500)  # the waveform comes first
    results = {}
    frame = 0
    for name, step, modifiers in (("frame by frame", 1, {}), ("ten at a time", 10, {"shiftKey": True})):
        times = []
        for _ in range(repeats if step == 1 else repeats // 3):
            frame += step
            times.append(_timed(page, {"key": "ArrowRight", **modifiers}, {"frame": frame})[0])
            page.wait_for_timeout(30)
        results |= {f"scrub {name}, median (ms)": statistics.median(times), f"scrub {name}, p95 (ms)": _p95(times)}
    return results


def _click(page: Any, repeats: int, size: tuple[int, int]) -> dict[str, float]:
    """Set a first point in consecutive frames; in every second one the pointer rests before."""
    page.keyboard.press("t")
    page.fill("[name=label]", "disk")
    page.keyboard.press("Enter")
    page.wait_for_selector(".object.chosen:has-text('disk')")
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("i")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("o")
    page.keyboard.press("Enter")
    page.wait_for_selector("#segment .badge")
    page.wait_for_selector(".saved.fine")
    page.keyboard.press("Alt+ArrowLeft")
    canvas = page.locator("#stage").bounding_box()
    height, width = size
    scale = min((canvas["width"] - 28) / width, (canvas["height"] - 28) / height)
    left, top = (canvas["width"] - width * scale) / 2, (canvas["height"] - height * scale) / 2
    clicks, previews, previewed_clicks = [], [], []
    for step in range(2 * repeats):
        page.wait_for_timeout(350)  # time to aim; the segmenter encodes the frame meanwhile
        x, y = disk(step, size)
        point = {"clientX": canvas["x"] + left + x * scale, "clientY": canvas["y"] + top + y * scale}
        if step % 2:
            previews.append(_timed(page, point, {"preview": True})[0])
            page.wait_for_timeout(100)  # a person looks at it
        times = previewed_clicks if step % 2 else clicks
        times.append(_timed(page, point, {"version": _version(page)})[0])
        page.evaluate("document.querySelector('#stage').dispatchEvent(new PointerEvent('pointerleave'))")
        page.keyboard.press("ArrowRight")
    results = {}
    names = ("click to mask", "pointer at rest to preview (50 of them a pause)", "click on a preview to mask")
    for name, times in zip(names, (clicks, previews, previewed_clicks), strict=True):
        results |= {f"{name}, median (ms)": statistics.median(times), f"{name}, p95 (ms)": _p95(times)}
    return results


def _version(page: Any) -> int:
    """Return the version of the document that the page shows."""
    return int(page.evaluate("import('/store.js').then(({ state }) => state.version)"))


def _memory(page: Any, process: subprocess.Popen[str], repeats: int) -> dict[str, float]:
    """Measure the server's resident memory after each of four passes through the whole video."""
    frames = int(page.inner_text("#clock").rsplit("–", 1)[1]) + 1  # "frame 0 of 0–299"
    strides = max(1, frames // (10 * max(1, 3 * repeats)))
    measured = []
    for _ in range(4):
        page.keyboard.press("Alt+ArrowLeft")
        for _ in range(0, frames, 10 * strides):
            for _ in range(strides):
                page.keyboard.press("Shift+ArrowRight")
            page.wait_for_timeout(10)
        page.wait_for_timeout(500)
        measured.append(_resident(process.pid))
    times = ("once", "twice", "3 times", "4 times")
    return {f"server memory, scrubbed {name} (MiB)": size for name, size in zip(times, measured, strict=True)}


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def _p95(times: list[float]) -> float:
    return float(np.percentile(times, 95))


if __name__ == "__main__":
    sys.exit(main())
