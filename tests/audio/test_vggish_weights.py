import pickle
import warnings
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from avseg.audio.vggish import VGGish
from avseg.audio.vggish_weights import load_vggish_weights
from avseg.models.avs.network import AVSModel
from avseg.nn.backbone import Backbone
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return timm.create_model("test_resnet")


class Trap:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_weights_file_never_runs(tmp_path: Path, write) -> None:
    path, sprung = tmp_path / "evil.pth", tmp_path / "sprung"
    write({"conv1.weight": Trap(sprung)}, path)
    for attempt in (
        lambda: read_state_dict(path),
        lambda: AVSModel("test_resnet", channels=8, pretrained=str(path)),
        lambda: load_vggish_weights(VGGish(), path),
    ):
        with pytest.raises(UserError, match=r"evil\.pth: ") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert not sprung.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would stand before the one line
        with pytest.raises(UserError):
            read_state_dict(path)
    torch.load(path, weights_only=False) if write is torch.save else pickle.loads(path.read_bytes())  # noqa: S301
    assert sprung.exists()  # the trap works


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pth", b""),
        ("text.pth", b"<html>404</html>"),
        ("empty.safetensors", b""),
        ("text.safetensors", b"<html>404 not found</html>"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=name):
        read_state_dict(path)


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "short.pth"
    torch.save({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"short\.pth"):
        read_state_dict(path)


def test_files_without_a_state_dict(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such weights file"):
        read_state_dict(tmp_path / "nowhere.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="no state dict"):
        read_state_dict(tmp_path / "list.pth")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_backbone_from_a_local_file(tmp_path: Path, network: torch.nn.Module, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save({"state_dict": network.state_dict()}, path)
    backbone = Backbone("test_resnet", str(path)).eval()
    picture = torch.randn(1, 3, 64, 64)
    expected = network.eval().forward_intermediates(
        picture * backbone.scale + backbone.shift if backbone.scale is not None else picture, intermediates_only=True
    )
    torch.testing.assert_close(backbone(picture)[3], expected[-1])


def test_original_pvt_names_load(tmp_path: Path) -> None:
    from avseg.models.avs.weights import to_official

    torch.manual_seed(3)
    model = AVSModel("pvt_v2_b0", (), channels=8)
    prefix = "encoder_backbone."
    original = {n.removeprefix(prefix): t for n, t in to_official(model).items() if n.startswith(prefix)}
    torch.save(original | {"head.weight": torch.zeros(1000, 256), "head.bias": torch.zeros(1000)}, tmp_path / "pvt.pth")
    loaded = Backbone("pvt_v2_b0", str(tmp_path / "pvt.pth")).state_dict()
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


def test_weights_of_another_backbone_are_refused(tmp_path: Path, network: torch.nn.Module) -> None:
    save_file(network.state_dict(), tmp_path / "other.safetensors")
    for backbone in ("resnet18", "pvt_v2_b0"):
        with pytest.raises(UserError, match=f"does not fit the backbone '{backbone}'") as caught:
            Backbone(backbone, str(tmp_path / "other.safetensors"))
        assert "\n" not in str(caught.value)


def test_building_with_weights_leaves_the_random_state_alone(tmp_path: Path, network: torch.nn.Module) -> None:
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Backbone("test_resnet", str(tmp_path / "w.safetensors"))
    assert torch.equal(torch.rand(1), expected)


def test_without_a_network_the_error_says_where_to_put_the_file(
    cache: Path, network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(UserError, match=rf"put them at {cache / 'test_resnet'}\.safetensors") as caught:
        Backbone("test_resnet", True)
    assert "\n" not in str(caught.value)
    save_file(network.state_dict(), cache / "test_resnet.safetensors")
    assert torch.equal(Backbone("test_resnet", True).net.state_dict()["conv1.0.weight"], network.conv1[0].weight)


def test_vggish_from_a_file_and_from_the_cache(cache: Path) -> None:
    weights = {name: torch.full_like(t, 0.01) for name, t in VGGish().state_dict().items()}
    torch.save(weights | {"pproc.pca_means": torch.zeros(128)}, cache / "vggish-10086976.pth")
    for source in ("download", cache / "vggish-10086976.pth"):
        vggish = VGGish()
        load_vggish_weights(vggish, source)
        assert all(bool((t == 0.01).all()) for t in vggish.state_dict().values())


def test_vggish_without_a_network(cache: Path) -> None:
    with pytest.raises(UserError, match=rf"put the file at {cache / 'vggish-10086976.pth'}") as caught:
        load_vggish_weights(VGGish())
    assert "\n" not in str(caught.value)
    assert [path.name for path in cache.iterdir()] == [".partial"]


def test_a_file_that_is_not_vggish(tmp_path: Path, network: torch.nn.Module) -> None:
    torch.save(network.state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth: is not VGGish"):
        load_vggish_weights(VGGish(), tmp_path / "other.pth")
