"""No input is lost or means something else because an answer is slow, the server restarts, or a box came before."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.annotate.protocols import Candidate
from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video

HEIGHT, WIDTH = 120, 160


class SlowDiscs:
    """Marks a disc around each point on the object and the box, without discs around the points off it; slowly."""

    def __init__(self, delay: Callable[[], float]) -> None:
        self.delay = delay

    def encode(self, image: np.ndarray) -> tuple[int, int]:
        return image.shape[0], image.shape[1]

    def predict(self, encoded: tuple[int, int], points: Any = (), box: Any = None, mask: Any = None) -> list[Candidate]:
        time.sleep(self.delay())
        result = np.zeros(encoded, bool) if mask is None else np.asarray(mask > 0.5).copy()
        if box is not None:
            left, top, right, bottom = (round(side) for side in box)
            result[top:bottom, left:right] = True
        y, x = np.mgrid[: encoded[0], : encoded[1]]
        for px, py, positive in points:
            result[(x - px) ** 2 + (y - py) ** 2 < 12**2] = positive
        return [Candidate(result, 0.7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawing")
    make_video(folder / "fast.mp4", frames=20, size=(HEIGHT, WIDTH))
    shutil.copy(folder / "fast.mp4", folder / "slow.mp4")
    return folder


@pytest.fixture
def live(folder: Path) -> Iterator[Live]:
    shutil.rmtree(folder / ".avseg", ignore_errors=True)
    delays = random.Random(0)

    def prepare(app: Any) -> None:
        app.state.workspace.segmenter = SlowDiscs(lambda: delays.uniform(0.05, 0.4))

    with serving(folder, prepare) as server:
        yield server


def begin(page: Any, live: Live, name: str = "fast.mp4") -> User:
    """A user at the first frame, where an object sounds."""
    user = User(page, live, name)
    user.add_object("square")
    user.press("Alt+ArrowLeft", "i", "Alt+ArrowRight", "o", "Enter", "Alt+ArrowLeft")
    user.until(lambda: user.document.segments)
    user.settle()
    return user


def inputs(user: User) -> list[str]:
    return [item.kind for item in user.document.frame_info(1, 0).inputs]


def test_all_of_three_fast_clicks_are_kept_and_undo_takes_back_one(page: Any, live: Live) -> None:
    user = begin(page, live)
    for x, y in ((40, 40), (60, 60), (100, 80)):
        page.mouse.click(*user.place(x, y))
    user.settle()
    info = user.document.frame_info(1, 0)
    np.testing.assert_allclose(
        [point[:2] for point in info.points], [(40.5, 40.5), (60.5, 60.5), (100.5, 80.5)], atol=1
    )
    assert all(user.document.mask(1, 0)[y, x] for x, y in ((40, 40), (60, 60), (100, 80)))  # type: ignore[index]
    user.press("z")
    user.until(lambda: len(user.document.frame_info(1, 0).points) == 2)
    user.settle()
    assert not user.document.mask(1, 0)[80, 100]  # type: ignore[index]  # drawn from the two that are left


@pytest.mark.slow
def test_a_box_is_refined_by_points_and_all_of_them_can_be_removed(page: Any, live: Live) -> None:
    user = begin(page, live)
    page.mouse.click(*user.place(50, 50), button="right")  # off the object, before there is any mask
    user.press("b")
    user.stroke([(30, 30), (110, 90)])
    user.press("p")
    page.mouse.click(*user.place(100, 80), button="right")
    page.mouse.click(*user.place(60, 60))
    user.settle()
    assert inputs(user) == ["point", "box", "point", "point"]
    mask = user.document.mask(1, 0)
    assert mask is not None
    assert (mask[60, 40], mask[50, 50], mask[80, 100], mask[60, 62]) == (True, False, False, True)
    user.drag([(110, 60), (90, 60)])  # the right side of the box
    assert user.document.frame_info(1, 0).box[2] < 95  # type: ignore[index]
    for _ in range(4):
        page.locator("#segment .input").first.click()
    user.until(lambda: inputs(user) == [])
    assert user.document.mask(1, 0) is None


@pytest.mark.slow
def test_painting_is_kept_by_clicks_over_a_restart(page: Any, live: Live) -> None:
    user = begin(page, live)
    user.press("d")
    user.drag([(20, 60), (140, 60)])
    painted = user.document.mask(1, 0)
    assert painted is not None
    user.press("p")
    user.click(60, 62)  # agrees with what is painted
    live.restart()
    page.mouse.click(*user.place(80, 95))  # while the page does not know of it yet
    user.until(lambda: len(user.document.frame_info(1, 0).points) == 2)
    user.settle()
    mask = user.document.mask(1, 0)
    assert mask is not None
    assert mask[painted].all()
    assert mask[95, 80]
    page.wait_for_selector("#lost", state="hidden")
    user.press("e")
    user.drag([(20, 60), (50, 60)])  # a stroke after the clicks
    page.locator("#segment .input:has-text('stroke')").click()
    user.until(lambda: inputs(user) == ["point", "point", "stroke"])
    user.settle()
    mask = user.document.mask(1, 0)
    assert mask is not None
    assert not mask[60, 130]  # the removed stroke
    assert mask[95, 80]


def run(user: User, live: Live, sequence: list[tuple[Any, ...]], pause: Callable[[], None], restarts: bool) -> None:
    for verb, *values in sequence:
        if verb == "click":
            (x, y), button = values
            user.press("p")
            user.page.mouse.click(*user.place(x, y), button=button)
        elif verb == "undo":
            user.press("z")
        elif verb == "restart":
            if restarts:
                live.restart()
        else:
            user.press({"box": "b", "stroke": "d", "erase": "e"}[verb])
            user.stroke(values[0])
        pause()
    user.page.mouse.move(*user.place(1, 1))
    user.until(lambda: user.page.evaluate("document.querySelector('#saved').className") == "saved fine", 60)


def random_sequence(chance: random.Random) -> list[tuple[Any, ...]]:
    """1 to 12 inputs; undo only where there is something to undo."""
    sequence: list[tuple[Any, ...]] = []
    depth = 0
    for _ in range(chance.randint(1, 12)):
        verbs = ["click", "click", "box", "stroke", "erase", *(["undo"] if depth else []), "restart"]
        verb = chance.choice(verbs)
        spots = [(chance.uniform(10, 150), chance.uniform(10, 110)) for _ in range(2)]
        if verb == "click":
            sequence.append((verb, spots[0], chance.choice(["left", "left", "right"])))
        elif verb in ("undo", "restart"):
            sequence.append((verb,))
        else:
            sequence.append((verb, spots))
        depth += {"undo": -1, "restart": 0}.get(verb, 1)
    return sequence


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 24))])
def test_a_fast_sequence_gives_the_mask_of_a_slow_one(page: Any, live: Live, seed: int) -> None:
    chance = random.Random(seed)
    sequence = random_sequence(chance)
    user = begin(page, live)
    run(user, live, sequence, lambda: page.wait_for_timeout(chance.uniform(0, 400)), restarts=True)
    slow = begin(page, live, "slow.mp4")
    run(slow, live, sequence, slow.settle, restarts=False)
    one, other = live.document("fast.mp4").mask(1, 0), live.document("slow.mp4").mask(1, 0)
    assert (one is None) == (other is None), sequence
    if one is not None and other is not None:
        np.testing.assert_array_equal(one, other, str(sequence))
