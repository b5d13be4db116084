"""A simulated user: goes to frames, adds segments and clicks on objects by keyboard and mouse."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.document.document import Document
from avseg.annotate.session import Session
from tests.annotate.browser.live_server import Live

Mask = npt.NDArray[np.bool_]
_MARGIN = 14  # pixels around the fitted image, as on the page
# the label is drawn in the next animation frame, so it may still be that of before the last input
_SAVED = """() => import("/store.js").then(({ state }) =>
  state.requests + state.saving === 0 && document.querySelector("#saved").className === "saved fine")"""


def wait_until_drawn(page: Any) -> None:
    """Wait until the page shows its state: it draws it in the next animation frame."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


class User:
    """Works on one video in one tab.

    Args:
        page: of playwright.
        live: the server, to see which masks are on the screen.
        name: of the video.
    """

    def __init__(self, page: Any, live: Live, name: str) -> None:
        self.page, self.name, self.live = page, name, live
        page.goto(live.address)
        page.wait_for_selector("body[data-ready]")
        page.click(f".video:has-text('{name}')")
        page.wait_for_selector(f".video.chosen:has-text('{name}')")
        self.size = (self.document.video.height, self.document.video.width)
        self.settle()

    @property
    def document(self) -> Document:
        return self.live.document(self.name)

    @property
    def session(self) -> Session:
        return self.live.session(self.name)

    def settle(self) -> None:
        """Wait until everything that was done before is saved."""
        self.until(lambda: self.page.evaluate(_SAVED))

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{condition} is not true; status line: {self.status_text}"
            self.page.wait_for_timeout(20)

    @property
    def status_text(self) -> str:
        wait_until_drawn(self.page)
        return str(self.page.inner_text("#status"))

    @property
    def frame(self) -> int:
        """Frame number in the clock above the timeline."""
        wait_until_drawn(self.page)
        return int(self.page.inner_text("#clock").split("frame ")[1].split(" ")[0])

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def go(self, frame: int) -> None:
        """Go to a frame by the arrow keys."""
        self.press("Alt+ArrowLeft", *["Shift+ArrowRight"] * (frame // 10), *["ArrowRight"] * (frame % 10))
        self.until(lambda: self.frame == frame)

    def add_object(self, label: str) -> None:
        before = len(self.document.objects)
        self.press("t")
        self.page.fill("[name=label]", label)
        self.press("Enter")
        self.until(lambda: len(self.document.objects) == before + 1)
        self.page.wait_for_selector(f".object.chosen:has-text('{label}')")
        self.settle()

    def add_segment(self, start: int, end: int) -> None:
        before = len(self.document.segments)
        self.go(start)
        self.press("i")
        self.go(end - 1)
        self.press("o", "Enter")
        self.until(lambda: len(self.document.segments) == before + 1)
        self.settle()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Screen position of a pixel of the video."""
        canvas = self.page.locator("#stage").bounding_box()
        (height, width), wide, high = self.size, canvas["width"], canvas["height"]
        scale = min((wide - 2 * _MARGIN) / width, (high - 2 * _MARGIN) / height)
        left, top = (wide - width * scale) / 2, (high - height * scale) / 2
        return canvas["x"] + left + (x + 0.5) * scale, canvas["y"] + top + (y + 0.5) * scale

    def click(self, x: float, y: float, button: str = "left") -> None:
        version = self.document.version
        self.page.mouse.click(*self.place(x, y), button=button)
        self.until(lambda: self.document.version > version or "error" in self.page.get_attribute("#status", "class"))
        self.settle()

    def stroke(self, points: list[tuple[float, float]]) -> None:
        """Drag without waiting for an answer."""
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=4)
        self.page.mouse.up()

    def drag(self, points: list[tuple[float, float]]) -> None:
        version = self.document.version
        self.stroke(points)
        self.until(lambda: self.document.version > version)
        self.settle()

    def mask(self, object: int, target: Mask, clicks: int = 8, enough: float = 0.93) -> float:
        """Click in the current frame until the mask is good enough.

        Args:
            object: id.
            target: the true mask; it only determines where to click.
            clicks: at most.
            enough: IoU that is good enough.

        Returns:
            The IoU.
        """
        for _ in range(clicks):
            now = self.document.mask(object, self.frame)
            now = np.zeros(self.size, bool) if now is None else now
            if overlap(now, target) >= enough:
                break
            missing, surplus = middle(target & ~now), middle(now & ~target)
            if surplus[2] > missing[2]:
                self.click(surplus[0], surplus[1], "right")
            else:
                self.click(missing[0], missing[1])
        now = self.document.mask(object, self.frame)
        return overlap(np.zeros(self.size, bool) if now is None else now, target)

    def propagate(self, key: str = "f") -> None:
        """Propagate and wait until the result is shown."""
        before = self.session.propagation
        self.press(key)
        self.until(lambda: self.session.propagation is not before)
        self.until(self.session.propagation.wait, 90)  # type: ignore[union-attr]
        self.until(lambda: "propagated: " in self.status_text)  # the event of the end, not the answer
        self.page.wait_for_selector("#run", state="hidden")
        self.settle()


def overlap(one: Mask, other: Mask) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def middle(mask: Mask) -> tuple[float, float, float]:
    """x, y and distance from the border of the pixel deepest inside a mask."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x), float(y), float(depth.max())
