"""MSSL against the authors' code: front end, both stages, gradients, training steps, maps, names of the weights."""

from functools import cache

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.models.mssl import MSSL
from avseg.models.mssl.frontend import WideLogMel
from avseg.models.mssl.localisation import class_confidence, divide_by_maximum, weighted_average
from avseg.models.mssl.loss import coarse_loss, counted_pairs, fine_distance, fine_loss, pair_loss, total
from avseg.models.mssl.weights import PREFIXES, load_official, to_official
from avseg.nn.normalise import normalise
from avseg.nn.resnet18_weights import renamed
from tests.golden_recipe import arr, relative_error
from tests.models.golden_pairs import check, gradients, images, official_weights, picture, reference, statistics

SEED = 41


@cache
def names() -> dict[str, str]:
    return {name: renamed(name, PREFIXES) for name in official_weights("mssl")}


def network(*, centred: bool = False) -> MSSL:
    net = MSSL()
    weights = dict(official_weights("mssl"))
    if centred:
        for name in ("class_a.weight", "class_v.weight"):
            weights[name] = weights[name] - weights[name].mean(1, keepdim=True)
    load_official(net, weights)
    return net


def spectrograms(name: str, count: int = 4, frames: int = 251) -> Tensor:
    noise, columns = arr(name, (count, 1, frames, 64), SEED), arr(f"{name}_cols", (count, 1, 1, 64), SEED)
    return -6 + 2 * noise + 3 * columns


def labels(step: object = "") -> tuple[Tensor, Tensor]:
    sound, image = (arr(f"mssl_label_{side}{step}", (4, 7), SEED, "uniform") for side in "av")
    return sound, image


def test_the_log_mel_spectrogram() -> None:
    wave = 0.8 * (2 * arr("mssl_wave", (110250,), SEED, "uniform").double() - 1)
    wave[8820:17640] = 0
    wave[30000:] *= 0.05
    items = WideLogMel()(wave, 22050)
    assert items.shape == (1, 1, 251, 64)
    log_mel = items[0, 0]
    values = {"logmel": log_mel[::4, ::2], "logmel_mean_std": torch.stack([log_mel.mean(), log_mel.std()])}
    check(values, "mssl", "frontend")


def test_the_image() -> None:
    frame = torch.from_numpy(picture("mssl_rgb", (256, 256), (16, 16), 16, SEED)).movedim(-1, 0)
    check({"image": normalise(frame)[:, ::8, ::8]}, "mssl", "frontend")


def test_the_fine_loss_on_given_maps() -> None:
    net = network()
    net.image_projection.load_state_dict(net.audio_projection.state_dict())
    mean = 3 * arr("mssl_head_mean", (3, 512, 1, 1), SEED)
    audio = (mean + 3 * arr("mssl_head_audio", (3, 512, 5, 2), SEED)).relu().requires_grad_()
    image = (mean + 3 * arr("mssl_head_image", (3, 512, 4, 6), SEED)).relu().requires_grad_()
    output = net.compare(image, audio)
    terms = fine_loss(output)
    total(terms).backward()
    assert image.grad is not None
    assert audio.grad is not None
    assert output.audio_fine is not None
    assert output.image_fine is not None
    values = {
        "avc": output.pair_logits,
        "cls_a": output.audio_logits,
        "cls_v": output.image_logits,
        "fine_a": output.audio_fine,
        "fine_v": output.image_fine,
        "distance": fine_distance(output.audio_fine, output.image_fine),
        "eff": counted_pairs(output.audio_logits, output.image_logits),
        "pos_dis": terms["attract_loss"],
        "neg_dis": terms["repel_loss"],
        "grad_image": image.grad[:, ::64],
        "grad_image_norm": image.grad.norm(),
        "grad_audio_norm": audio.grad.norm(),
    }
    check(values, "mssl", "head")


@pytest.mark.parametrize(("row", "name", "scale"), [(0, "mssl_vis_prob", 1.0), (1, "mssl_vis_low", 0.29)])
def test_the_average_of_the_classes(row: int, name: str, scale: float) -> None:
    maps = 0.2 + arr("mssl_vis_maps", (2, 7, 16, 16), SEED, "uniform")[row : row + 1]
    confidence = scale * arr(name, (7,), SEED, "uniform")[None]
    large = F.interpolate(maps, (256, 256), mode="bilinear", align_corners=False)
    location = divide_by_maximum(weighted_average(large, confidence))
    assert relative_error(location[:, ::8, ::8], reference("mssl")["vis.location"][row : row + 1]) < 1e-5


def test_localisation_of_one_clip() -> None:
    localise(1)


@pytest.mark.slow
def test_localisation_of_three_clips() -> None:
    localise(3)


def localise(count: int) -> None:
    net = network(centred=True).eval()
    pictures = images("mssl_loc_image", 3, 256, SEED)[:count]
    log_mel = spectrograms("mssl_loc_spec", 3)[:count]
    with torch.inference_mode():
        image_map, audio_map = net.image_encoder(pictures), net.audio_encoder(log_mel)
        size = (256, 256)
        location = net.localise_maps(image_map, audio_map, size)
        single = net.localise_maps(image_map, audio_map, size, "single")
        fine = net.fine_audio(audio_map)
        values = {
            "similarity": net.similarity(image_map, fine),
            "cam_a": net.activation(audio_map, "audio"),
            "cam_v": net.activation(image_map, "image")[:, :, ::2, ::2],
            "cls_a": net.classify_audio(audio_map),
            "fine_a": fine,
            "location": location[:, ::8, ::8],
            "location_mean": location.mean((1, 2)),
            "location_single_sigmoid": single[:, ::8, ::8],
        }
    for name, value in values.items():
        assert relative_error(value, reference("mssl")[f"loc.{name}"][:count]) < 1e-5, name
    area = (location > 0.5).float().mean((1, 2))
    assert torch.equal(area, reference("mssl")["loc.area_at_half"][:count])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("prefix", ["one", "two"])
def test_a_training_step_and_its_gradients(prefix: str) -> None:
    net = network().train()
    output = net(images("mssl_image", 4, 256, SEED), spectrograms("mssl_spec"), fine=prefix == "two")
    coarse = coarse_loss(output, *labels())
    values = {"cls_a": output.audio_logits, "cls_v": output.image_logits}
    if prefix == "one":
        loss = total(coarse)
        loss.backward()
        assert net.audio_classes.weight.grad is not None
        values |= {
            "avc": output.pair_logits,
            "loss_a": coarse["audio_class_loss"],
            "loss_v": coarse["image_class_loss"],
            "loss_avc": coarse["pair_loss"],
            "grad.class_a.weight": net.audio_classes.weight.grad[:, :, 0, 0],
        }
    else:
        fine = fine_loss(output)
        loss = total(coarse | fine)
        loss.backward()
        assert output.audio_fine is not None
        assert output.image_fine is not None
        assert net.image_projection.narrow.weight.grad is not None
        values |= {
            "fine_a": output.audio_fine,
            "fine_v": output.image_fine,
            "eff": counted_pairs(output.audio_logits, output.image_logits),
            "distance": fine_distance(output.audio_fine, output.image_fine),
            "pos_dis": fine["attract_loss"],
            "neg_dis": fine["repel_loss"],
            "grad.project_v.2.weight": net.image_projection.narrow.weight.grad[:8, ::8, 0],
        }
    values |= {"loss": loss, **gradients(net, "mssl", prefix, names()), **statistics(net, "mssl", prefix, names())}
    check(values, "mssl", prefix)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("prefix", "lr"), [("one", 1e-3), ("two", 1e-4)])
def test_four_steps_of_sgd(prefix: str, lr: float) -> None:
    net = network().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    losses: list[Tensor] = []
    for step in range(4):
        pictures, sounds = images(f"mssl_image{step}", 4, 256, SEED), spectrograms(f"mssl_spec{step}")
        output = net(pictures, sounds, fine=prefix == "two")
        loss = total(coarse_loss(output, *labels(step)) | (fine_loss(output) if prefix == "two" else {}))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    check({"steps_sgd_loss": torch.stack(losses)}, "mssl", prefix)


@pytest.mark.slow
def test_evaluation_of_the_coarse_stage() -> None:
    net = network().eval()
    with torch.inference_mode():
        output = net(images("mssl_image", 4, 256, SEED), spectrograms("mssl_spec"), fine=False)
    values = {"avc": output.pair_logits, "cls_a": output.audio_logits, "cls_v": output.image_logits}
    check(values, "mssl", "one_eval")


def test_matched_and_mismatched_pairs_weigh_the_same() -> None:
    logits = arr("pairs", (4, 4, 2), SEED)
    entropy = torch.stack([torch.logsumexp(logits, 2) - logits[..., number] for number in (0, 1)])
    matched = torch.stack([entropy[1, pair, pair] for pair in range(4)])
    mismatched = torch.stack([entropy[0, row, column] for row in range(4) for column in range(4) if row != column])
    torch.testing.assert_close(pair_loss(logits), (matched.mean() + mismatched.mean()) / 2)


def test_the_confidence_of_the_two_filters() -> None:
    logits = torch.tensor([[-9.0, -1.0, 0.0, 9.0]])
    assert class_confidence(logits, "official").min() > 0.5
    assert (class_confidence(logits, "single") > 0.3).tolist() == [[False, False, True, True]]


def test_the_authors_weights_return_unchanged() -> None:
    official = official_weights("mssl")
    net = MSSL()
    load_official(net, official)
    exported = to_official(net)
    assert set(exported) == set(official)
    assert all(torch.equal(exported[name], tensor) for name, tensor in official.items())
    projection = net.audio_projection.wide.weight.clone()
    load_official(net, {name: tensor for name, tensor in official.items() if not name.startswith("project_")})
    assert torch.equal(net.audio_projection.wide.weight, projection)
