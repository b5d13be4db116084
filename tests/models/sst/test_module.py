"""The reconstruction of SST: options, learning rate, loss, attention by brute force, official names."""

import math

import pytest
import torch

from avseg.config.compose import compose_train
from avseg.data.setting import SETTINGS
from avseg.models.sst.deeplab import FrozenNorm
from avseg.models.sst.grid_attention import GridAttention, grid_scores
from avseg.models.sst.loss import hardest_pixels_loss
from avseg.models.sst.module import SSTModule
from avseg.models.sst.network import SSTReconstruction
from avseg.models.sst.schedule import rate_factor
from avseg.models.sst.transformer import Layer, positional_encoding
from avseg.models.sst.weights import load_official, to_official
from avseg.nn.pretrained import create_encoder
from avseg.training.build import DataFacts, build_model
from avseg.utils.errors import UserError
from tests.models.lgvt.test_module import make_clip
from tests.models.sst.golden import shapes


class Trainer:
    """A training of 100 steps."""

    estimated_stepping_batches = 100
    global_step = 100


def build(*words: str) -> SSTModule:
    torch.manual_seed(0)
    model = build_model(compose_train(["model=toy_sst", "data.image_size=48", *words]), DataFacts(SETTINGS["ms3"]))
    assert isinstance(model, SSTModule)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]
    return model


def test_the_name_says_what_it_is():
    config = compose_train(["model=sst_reconstruction", "data=avsbench_ms3"])
    assert config.model.name == "sst_reconstruction"
    assert config.model.label(config) == "sst_reconstruction-resnet101.tv_in1k-scratch"
    assert config.optimizer.target == "torch.optim.SGD"
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (0.01, 1.5e-4)
    assert config.optimizer.options["momentum"] == 0.9
    assert config.trainer.gradient_clip_val == 5


def test_the_sound_changes_no_digit_and_other_frames_do():
    model = build().eval()
    clip = make_clip()
    logits = model(clip).logits
    assert logits.shape == (2, 5, 1, 48, 48)
    clip.sound = torch.ones_like(clip.sound)
    assert torch.equal(model(clip).logits, logits)
    clip.frames[:, 4] = 0
    assert not torch.allclose(model(clip).logits[:, 0], logits[:, 0], rtol=1e-4)


def test_no_frozen_scale_is_zero():
    """Timm begins residual branches at a scale of 0, which a frozen norm would keep."""
    scales = [norm.weight for norm in build().net.feature_extracter.modules() if isinstance(norm, FrozenNorm)]
    assert len(scales) > 10
    assert all((scale != 0).all() for scale in scales)


def test_only_annotated_frames_train(monkeypatch):
    model = build().eval()
    monkeypatch.setattr(type(model), "trainer", Trainer())
    monkeypatch.setattr(type(model), "global_step", 100)
    clip = make_clip()
    clip.annotated[:, 1:] = False
    loss = model.training_step(clip, 0)
    expected = hardest_pixels_loss(model(clip).logits[:, 0, 0], clip.masks[:, 0], 100, 50).mean()
    torch.testing.assert_close(loss, expected)
    clip.masks[:, 1:] = 0
    assert torch.equal(model.training_step(clip, 0), loss)
    loss.backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)


def test_the_share_of_pixels_is_not_rounded_down():
    logits = torch.zeros(1, 10, 10)
    logits[0, 0] = torch.arange(10.0)
    masks = torch.zeros(1, 10, 10)
    loss = torch.nn.functional.softplus(logits).flatten().sort(descending=True).values
    torch.testing.assert_close(hardest_pixels_loss(logits, masks, 50, 50)[0], loss[:15].mean())
    torch.testing.assert_close(hardest_pixels_loss(logits, masks, 0, 50)[0], loss.mean())


def test_the_learning_rate_rises_and_falls():
    assert rate_factor(0, 0.04, 0.9) == 0.01
    assert rate_factor(0.02, 0.04, 0.9) == pytest.approx(0.5)
    assert rate_factor(0.04, 0.04, 0.9) == 1
    assert rate_factor(0.52, 0.04, 0.9) == pytest.approx(0.5**0.9)
    assert rate_factor(1, 0.04, 0.9) == 0


def test_positions_of_time_row_and_column_are_added():
    encoding = positional_encoding(torch.zeros(1, 6, 2, 3, 4, dtype=torch.float64))  # (C, T, h, w)
    for channel in range(6):
        frequency = 100 ** (-2 * (channel // 2) / 6)
        wave = math.cos if channel % 2 else math.sin
        expected = sum(wave(position * frequency) for position in (1, 2, 3))
        assert float(encoding[channel, 1, 2, 3]) == pytest.approx(expected)


def test_a_layer_norms_each_frame_behind_its_residuals():
    torch.manual_seed(0)
    layer = Layer(8, 2)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)

    def frame_norm(y, norm):
        scaled = y / (y**2).mean((3, 4), keepdim=True).add(1e-6).sqrt()
        return scaled * norm.weight[:, None, None, None] + norm.bias[:, None, None, None]

    x = torch.randn(1, 8, 2, 3, 4)
    with torch.no_grad():
        y = frame_norm(x + layer.attention(x), layer.norm1)
        hidden = torch.maximum(frame_norm(layer.fc1(y), layer.act), layer.act.tau[:, None, None, None])
        torch.testing.assert_close(layer(x), frame_norm(y + layer.fc2(hidden), layer.norm2))


def test_the_first_layer_sees_the_embedding_and_its_positions():
    network = build().net.eval()
    values = {}
    network.semantic_embedding.register_forward_hook(lambda module, inputs, output: values.update(embedding=output))
    network.layers[0].register_forward_hook(lambda module, inputs, output: values.update(first=inputs[0]))
    with torch.no_grad():
        network(torch.randn(1, 2, 3, 48, 48))
    embedding = values["embedding"].unflatten(0, (1, 2)).transpose(1, 2)
    torch.testing.assert_close(values["first"], embedding + positional_encoding(embedding))


def test_attention_against_a_loop_over_cells():
    torch.manual_seed(0)
    module = GridAttention(8, 2)
    x = torch.randn(1, 8, 2, 3, 4)
    attention = module.attend(x)[0]  # (heads, Z, T, H, W)
    t, y, column = 1, 2, 3
    keys = [(t, y, i) for i in range(4)] + [(t, j, column) for j in range(3) if j != y] + [(0, y, column)]
    query = module.attnweight["query_conv"](x)[0, :, t, y, column].view(2, 4)
    key = torch.stack([module.attnweight["key_conv"](x)[0, :, a, b, c].view(2, 4) for a, b, c in keys], 1)
    expected = torch.einsum("hc,hzc->hz", query, key).softmax(1)
    torch.testing.assert_close(attention[:, :, t, y, column], expected)
    assert grid_scores(x[:, :, :1], x[:, :, :1]).shape == (1, 6, 1, 3, 4)  # one frame


def test_names_are_those_of_the_published_code():
    with torch.device("meta"):
        network = SSTReconstruction()
    state = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert state == shapes("reconstruction")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    buffers = sum(buffer.numel() for buffer in network.buffers())
    assert 66e6 < parameters < parameters + buffers < 68e6


def test_weights_round_trip():
    network, other = build().net, build().net
    for tensor in other.state_dict().values():
        torch.nn.init.normal_(tensor)
    official = to_official(other)
    official["module.layers.0.attention.attnweight.x_embeddings"] = torch.zeros(1, 8)
    load_official(network, official)
    again = to_official(network)
    assert all(torch.equal(tensor, again[name]) for name, tensor in to_official(other).items())
    del official["decoder.conv2.weight"]
    with pytest.raises(UserError, match=r"1 missing \(decoder.conv2.weight\)"):
        load_official(network, official)


def test_weights_of_the_backbone_come_from_a_file(tmp_path):
    weights = create_encoder("test_resnet").state_dict()
    for tensor in weights.values():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.5, 1)
    torch.save(weights, tmp_path / "resnet.pth")
    backbone = build(f"backbone.pretrained={tmp_path / 'resnet.pth'}").net.feature_extracter.backbone
    assert all(torch.equal(tensor, weights[name]) for name, tensor in backbone.state_dict().items())
    assert [block.conv2.dilation for block in backbone["layer4"]] == [(2, 2)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.channels=30"], "multiple of model.heads"),
        (["model.width=40"], "multiple of 16"),
        (["backbone=tiny"], "needs a resnet"),
        (["data=toy_avss"], "marks one class"),
        (["audio=mel"], "audio"),
    ],
)
def test_refusals(words, message):
    with pytest.raises(UserError, match=message):
        compose_train(["model=toy_sst", *words])
