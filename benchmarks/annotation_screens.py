"""Pictures of the annotation page in all its states: `python -m benchmarks.annotation_screens VIDEOS OUT [--axe FILE]`.

VIDEOS is a folder of real videos, whose alphabetically last one is annotated; it is copied first. Each state is shown
at 1024, 1440 and 1920 pixels, light and dark, zoomed to 200 %, and in forced colours. With axe-core's `axe.min.js`
(npm) each picture is checked, and the violations are printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from tests.annotate.browser.live_server import CHROMIUM, OPTIONS, Live, serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video

SIZES = ((1024, 700), (1440, 900), (1920, 1080))
ZOOMED = {"width": 960, "height": 540}  # 1920x1080 at 200 %
THEMES = ("dark", "light")
LONG = "a rehearsal with a very long name, second take, camera on the left, 2024-05-17.mp4"
_THEME = "theme => import('/settings.js').then(m => m.saveSettings({theme}))"
_AXE = """async () => {
  const { violations } = await axe.run(document, {resultTypes: ["violations"]});
  return violations.map(({ id, impact, nodes }) => {
    const reason = nodes[0].any.map(check => check.message).join(" ");
    return `${id} (${impact}): ${nodes.length} x ${nodes[0].html.slice(0, 110)} | ${reason.slice(0, 160)}`;
  });
}"""


class Slowly:
    """A propagator with a pause before each frame, so that a picture of its progress can be made."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def reset(self, objects: Any) -> None:
        """See `Propagator`."""
        self.inner.reset(objects)

    def step(self, image: Any, masks: Any = None) -> Any:
        """See `Propagator`."""
        time.sleep(0.4)
        return self.inner.step(image, masks)


def states(page: Page, live: Live, name: str) -> Iterator[str]:
    """Bring the page into one state after the other."""
    page.goto(live.address)
    page.wait_for_selector("body[data-ready]")
    yield "01 nothing is open"
    user = User(page, live, name)
    yield "02 video without objects"
    yield from _while_drawing(user)
    yield from _while_propagating(user)
    yield from _in_dialogs(user)
    for label in ("a violin with a very long name in the orchestra", "dog", "cat", "drum"):
        user.add_object(label)
    yield "20 many objects"
    open_other(page, LONG)
    yield "21 long name"
    open_other(page, name)
    live.stop()
    user.press("ArrowRight", "1")
    page.mouse.click(*_at(user, 0.4, 0.4))
    page.wait_for_selector("#lost:not([hidden])")
    yield "22 the server is lost"
    live.start()
    page.wait_for_selector("#lost", state="hidden", timeout=60_000)


def _at(user: User, x: float, y: float) -> tuple[float, float]:
    """Return the place on the screen of a point of the image, given in shares of its sides."""
    height, width = user.size
    return user.place(x * width, y * height)


def _while_drawing(user: User) -> Iterator[str]:
    page = user.page
    height, width = user.size
    user.press("t")
    page.fill("[name=label]", "man talking")
    yield "03 new object"
    user.press("Enter")
    user.until(lambda: user.document.objects)
    user.settle()
    user.press("g")
    page.wait_for_selector("dialog[open]")
    yield "04 propose"
    user.press("Enter")
    user.until(lambda: user.document.segments, 60)
    user.settle()
    first = min(user.document.segments.values(), key=lambda item: item.start)
    user.go(first.start)
    page.mouse.move(*_at(user, 0.44, 0.35))
    page.wait_for_timeout(1500)
    yield "05 preview under the pointer"
    user.click(0.44 * width, 0.35 * height)
    page.mouse.click(*_at(user, 0.44, 0.6))
    user.settle()
    user.press("Tab")
    page.wait_for_timeout(1000)
    yield "06 draft with the second mask"
    user.press("z", "b")
    user.drag([(0.06 * width, 0.12 * height), (0.84 * width, 0.99 * height)])
    user.press("p", "Control+ArrowRight", "Control+ArrowUp")
    page.wait_for_timeout(300)
    yield "07 mask by a box, and the crosshair"


def _while_propagating(user: User) -> Iterator[str]:
    page = user.page
    height, width = user.size
    inner = user.session.propagator
    user.session.propagator = Slowly(inner)
    user.press("f")
    page.wait_for_selector("#run-text:has-text('frames/s')")
    yield "08 propagating"
    user.session.propagator = inner
    page.wait_for_selector("#run", state="hidden", timeout=300_000)
    user.settle()
    page.wait_for_timeout(800)
    user.press("n")
    page.wait_for_timeout(800)
    yield "09 check this first"
    user.press("a", "ArrowRight", "ArrowRight", "d")
    user.drag([(0.1 * width, 0.1 * height), (0.16 * width, 0.2 * height)])
    user.press("p", "Shift+A")
    page.wait_for_timeout(800)
    yield "10 review marks, stale frames"


def _in_dialogs(user: User) -> Iterator[str]:
    page = user.page
    user.press("y")
    page.wait_for_selector("dialog[open] table")
    yield "11 board"
    close_dialog(page)
    for button, content, state in (
        ("Export all…", "dialog:has-text('Folder inside')", "12 export, what is missing"),
        ("Cost…", "dialog:has-text('has cost')", "13 cost"),
        ("Agreement…", "dialog:has-text('Agreement of')", "14 agreement"),
        ("Classes…", "dialog textarea", "15 classes"),
        ("Quality…", "dialog:has-text('of these wrong')", "16 quality"),
    ):
        user.press("y")
        page.click(f"dialog button:has-text('{button}')")
        page.wait_for_selector(content)
        yield state
        close_dialog(page)
    heard = [{"label": label, "start": 10, "end": 60, "score": 0.7} for label in ("man talking", "tapping on a desk")]
    page.route("**/propose", lambda route: route.fulfill(json={"proposals": heard}))
    user.press("g")
    page.select_option("dialog [name=method]", "audio_branch")
    yield "23 propose classes"
    user.press("Enter")
    page.wait_for_selector("dialog:has-text('Classes that sound')")
    yield "24 classes that sound"
    close_dialog(page)
    page.unroute("**/propose")
    user.press("?")
    page.wait_for_selector("dialog[open] .keys")
    yield "17 keys"
    close_dialog(page)
    page.click("#settings")
    page.wait_for_selector("dialog[open] .switch")
    yield "18 settings"
    close_dialog(page)
    user.press("Control+s")
    page.wait_for_selector("dialog[open]")
    yield "19 export of one video"
    close_dialog(page)


def close_dialog(page: Page) -> None:
    """Press Escape and wait: a key that comes before the dialog is closed is not for the page."""
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="hidden")


def open_other(page: Page, name: str) -> None:
    """Open another video of the folder."""
    page.click(f".video:has-text('{name[:30]}')")
    page.wait_for_selector(f".video.chosen:has-text('{name[:30]}')")
    page.wait_for_timeout(800)


def second_annotator(folder: Path, name: str) -> None:
    """An annotation of the first video by somebody else, to compare with."""
    from avseg.annotate.project import Project

    with Project(folder, annotator="bob") as project:
        document = project.open(name)
        document.do({"op": "add_object", "label": "man talking"})
        document.do({"op": "add_segment", "object": 1, "start": 30, "end": 100})


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; return 1 if axe finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("--only", default="", help="beginning of the names of states, such as 08")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    count = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = sorted(path.name for path in options.videos.iterdir() if path.is_file() and path.suffix == ".mp4")
        for name in names:
            shutil.copy(options.videos / name, folder)
        make_video(folder / LONG, frames=20, size=(120, 160))
        second_annotator(folder, names[-1])
        with sync_playwright() as engine, serving(folder, audio_branch=Path("outputs/audio/seed=123")) as live:
            browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
            page = browser.new_page(viewport={"width": 1280, "height": 720}, bypass_csp=True)
            for state in states(page, live, names[-1]):
                if state.startswith(options.only):
                    count += _show(page, state, options.out, options.axe)
            browser.close()
    print(f"{count} violations" if options.axe else "axe was not run")
    return 1 if count else 0


def _violations(page: Page, axe: Path | None, view: str) -> set[str]:
    if axe is None:
        return set()
    page.add_script_tag(path=axe)
    return {f"{view}: {line}" for line in page.evaluate(_AXE)}


def _show(page: Page, state: str, out: Path, axe: Path | None) -> int:
    """Make the pictures of a state; return the number of violations."""
    violations: set[str] = set()
    for theme in THEMES:
        page.evaluate(_THEME, theme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(350)
            page.screenshot(path=out / f"{state} {theme} {width}.png")
            violations |= _violations(page, axe, f"{theme} {width}")
    page.set_viewport_size(ZOOMED)
    page.wait_for_timeout(350)
    page.screenshot(path=out / f"{state} zoomed.png")
    violations |= _violations(page, axe, "zoomed")
    page.emulate_media(forced_colors="active")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_timeout(300)
    page.screenshot(path=out / f"{state} forced 1440.png")
    violations |= _violations(page, axe, "forced colours")
    page.emulate_media(forced_colors="none")
    page.evaluate(_THEME, "dark")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_timeout(300)
    for line in sorted(violations):
        print(f"{state}: {line}", flush=True)
    return len(violations)


if __name__ == "__main__":
    sys.exit(main())
