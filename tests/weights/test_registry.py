"""The registry: complete records, key lists that fit our networks, entries of plugins, a list without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avseg.audio.vggish import VGGish
from avseg.config import plugins
from avseg.config.compose import compose_train
from avseg.config.paths import options
from avseg.models.avs.network import AVSModel
from avseg.models.avs.weights import to_official
from avseg.nn.xmem import XMem
from avseg.training.source import find_source
from avseg.utils.errors import UserError
from avseg.weights.registry import PublishedFile, find, published
from tests.runs_for_tests import avseg

MODELS = [record for record in published().values() if record.overrides]


def test_all_published_files_are_there() -> None:
    counts = {"avsegformer_": 12, "aavs_": 3, "tpavi_": 2}
    for prefix, count in counts.items():
        assert sum(name.startswith(prefix) for name in published()) == count
    assert {"vggish", "pvt_v2_b5", "xmem", "sam"} <= published().keys()
    assert len({record.link + record.pattern for record in published().values()}) == len(published())
    assert len({record.file for record in published().values()}) == len(published())


@pytest.mark.parametrize("record", published().values(), ids=list(published()))
def test_a_record_is_complete(record: PublishedFile) -> None:
    assert record.link.startswith("https://")
    assert record.licence
    assert bool(record.overrides) != bool(record.use)
    if record.overrides:
        assert record.setting in record.name
        assert record.miou is not None
        assert record.f_score is not None
        assert record.f_score > record.miou


@pytest.mark.parametrize("record", MODELS, ids=[record.name for record in MODELS])
def test_the_configuration_of_a_model_composes(record: PublishedFile) -> None:
    (model,) = [override.removeprefix("model=") for override in record.overrides if override.startswith("model=")]
    assert model in options("model")
    config = compose_train(record.overrides)
    assert config.data.setting == record.setting
    assert config.data.image_size == record.input_size


@pytest.mark.parametrize("name", ["avsegformer_pvt_ms3", "aavs_s4"])
def test_a_missing_extra_is_reported_before_the_download(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    monkeypatch.setattr("avseg.training.source.fetch", lambda record: pytest.fail("it was fetched"))
    with pytest.raises(UserError, match=rf"{name} needs the package transformers; .*avseg\[{name.split('_')[0]}\]"):
        find_source(name)


@pytest.mark.parametrize("record", MODELS, ids=[record.name for record in MODELS])
def test_a_model_on_transformers_names_its_extra(record: PublishedFile) -> None:
    method = record.name.partition("_")[0]
    assert record.extra == ("" if method == "tpavi" else method)


def test_the_key_list_of_tpavi_is_what_we_export() -> None:
    with torch.device("meta"):
        network = AVSModel("resnet50", (1, 2, 3, 4), num_classes=71)
    expected = find("tpavi_r50_avss").shapes()
    # the AVSS model has no bias there
    exported = {name: tuple(tensor.shape) for name, tensor in to_official(network).items()}
    assert {name for name in exported if name not in expected} <= {
        f"tpavi_b{i}.align_channel.bias" for i in range(1, 5)
    }
    assert all(exported[name] == shape for name, shape in expected.items() if "align_channel" not in name)


def test_the_key_lists_of_vggish_and_xmem() -> None:
    for name, network in (("vggish", VGGish()), ("xmem", XMem())):
        shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        assert find(name).shapes() == shapes


def test_parameters_of_the_key_lists() -> None:
    """Numbers of parameters in the authors' code."""
    for name, parameters in (("avsegformer_r50_s4", 150_902_528), ("avsegformer_pvt_ms3", 186_053_504)):
        floats = {key: shape for key, shape in find(name).shapes().items() if not key.endswith("num_batches_tracked")}
        running = [shape for key, shape in floats.items() if "running_" in key]
        assert sum(map(_size, floats.values())) - sum(map(_size, running)) == parameters
    assert len(find("avsegformer_r50_s4_paper").shapes()) == 768
    assert len(find("aavs_avss").shapes()) == len(find("aavs_s4").shapes()) + 3


def _size(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())


def test_the_list_prints_every_name() -> None:
    done = avseg(["weights"])
    assert done.code == 0
    for name in published():
        assert name in done.out
    shown = avseg(["weights", "show", "avsegformer_pvt_ms3"])
    for text in ("1iKTxWtehAgCkNVty-4H1zVyAOaNxipHv", "512 x 512", "J 61.33, F 73", "none stated", "not fetched"):
        assert text in shown.out


def test_a_wrong_name_is_one_line() -> None:
    for verb in ("show", "fetch"):
        done = avseg(["weights", verb, "aavs_ms4"])
        assert done.code == 2
        assert "did you mean 'aavs_" in done.err


def test_the_list_does_not_import_torch() -> None:
    code = "import sys; from avseg.cli.main import main; main(['weights']); main(['weights', 'show', 'xmem']); "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'gdown', 'huggingface_hub')))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = plugins.Plugin("mine", "mine", tmp_path, "1.0")
    monkeypatch.setattr("avseg.weights.registry.plugins", lambda: (package,))
    published.cache_clear()
    yield tmp_path
    published.cache_clear()


def test_a_plugin_adds_its_own(plugin: Path) -> None:
    (plugin / "keys.json").write_text(json.dumps({"all": {"layer.weight": [3, 4]}}))
    (plugin / "published.toml").write_text(
        '[mine_ms3]\ntitle = "Mine"\nsource = "hf:me/mine"\npage = "https://example.org"\nlicence = "MIT"\n'
        'file = "mine"\nmegabytes = 3\nhub_files = ["config.json", "model.safetensors"]\n'
        'key_list = { file = "keys.json", groups = ["all"] }\noverrides = ["model=mine"]\n'
    )
    record = find("mine_ms3")
    assert record.shapes() == {"layer.weight": (3, 4)}
    assert record.weights == record.path / "model.safetensors"
    assert "xmem" in published()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mine", "is not a toml file"),
        ("mine = 3", "mine=3 is outside of a table"),
        ('[mine]\ntitle = "x"', "mine.source has no value"),
        (
            '[mine]\ntitle = "x"\nsource = "ftp:x"\npage = ""\nlicence = ""\nfile = ""\nmegabytes = 1',
            "mine.source=ftp:x",
        ),
    ],
)
def test_a_mistake_of_a_plugin_names_its_file(plugin: Path, text: str, told: str) -> None:
    (plugin / "published.toml").write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        published()
    assert str(plugin / "published.toml") in str(caught.value)
