import importlib
import sys
from pathlib import Path

import pytest

from avseg.annotate.backends import PROPAGATORS, SEGMENTERS, make_propagator, make_segmenter
from avseg.utils.errors import UserError
from tests.fresh_process import FreshProcess


def test_unknown_names_and_options_are_refused_in_one_line() -> None:
    with pytest.raises(
        UserError,
        match=r"'sam3' is unknown; allowed: default, light, grabcut, isnet, sam, sam2, edgetam, tiny; did you mean",
    ):
        make_segmenter("sam3")
    with pytest.raises(UserError, match=r"'mem' is unknown; allowed: default, light, flow, xmem, tiny; did"):
        make_propagator("mem")
    with pytest.raises(UserError, match=r"segmenter 'default': .*unexpected keyword argument 'weights'"):
        make_segmenter("default", weights="x")
    with pytest.raises(UserError, match="side: 3 pixels"):
        make_propagator("flow", side=3)


@pytest.mark.parametrize(
    ("make", "name"), [(make_segmenter, "sam"), (make_segmenter, "sam2"), (make_propagator, "xmem")]
)
def test_missing_weights_are_reported(make: object, name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"'{name}': no weights; give weights="):
        make(name)
    with pytest.raises(UserError) as refusal:
        make(name, weights=tmp_path / "nowhere")
    assert str(refusal.value).count("\n") == 0
    assert "nowhere" in str(refusal.value)


def test_all_names_are_listed() -> None:
    assert list(SEGMENTERS) == ["default", "light", "grabcut", "isnet", "sam", "sam2", "edgetam", "tiny"]
    assert list(PROPAGATORS) == ["default", "light", "flow", "xmem", "tiny"]


def test_the_default_propagator_is_flow_where_the_weights_of_the_extra_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert make_propagator().name == "light"
    monkeypatch.setattr("avseg.annotate.backends._LIGHT_WEIGHTS", "no_such_package")
    assert make_propagator().name == "flow"


@pytest.mark.slow
def test_without_opencv_the_extra_is_named() -> None:
    done = FreshProcess(make_segmenter_without_opencv).end()
    assert done.out.strip().endswith("pip install 'avseg[annotate]'"), done


def make_segmenter_without_opencv() -> None:
    # whatever imports OpenCV is imported again
    for name in [name for name in sys.modules if name == "cv2" or name.startswith("avseg.annotate")]:
        del sys.modules[name]
    sys.modules["cv2"] = None  # type: ignore[assignment]
    backends = importlib.import_module("avseg.annotate.backends")
    try:
        backends.make_segmenter()
    except UserError as error:
        print(error)
