"""LGVT against values of the official code: network, sampling, losses, two training steps."""

from functools import cache

import pytest
import torch
from torch import Tensor

from avseg.models.lgvt.energy import Energy
from avseg.models.lgvt.langevin import sample_posterior, sample_prior
from avseg.models.lgvt.loss import energy_loss, likelihood_loss, structure_loss
from avseg.models.lgvt.network import LGVT
from tests.golden_recipe import arr, blob_masks, relative_error
from tests.models.lgvt.golden import EVALUATIONS, NOISE, energy_weights, filled_network, noises, reference

TOLERANCE = 5e-6
GRADIENT_NORMS = (
    "encoder.patch_embed.proj.weight",
    "encoder.layers.0.blocks.0.attn.relative_position_bias_table",
    "encoder.layers.2.blocks.17.mlp.fc1.weight",
    "encoder.layers.3.blocks.1.norm2.bias",
    "reduce.0.conv.weight",
    "reduce.4.norm.weight",
    "noise_conv.weight",
    "noise_conv.bias",
    "decoder.refine.0.conv1.weight",
    "decoder.refine.2.gate.2.bias",
    "decoder.merge.1.branches.3.weight",
    "decoder.classify.branches.0.bias",
)


def filled_energy(seed: int) -> Energy:
    energy = Energy(NOISE[0])
    weights = {name.replace("ebm.", "layers."): tensor for name, tensor in energy_weights(seed).items()}
    energy.load_state_dict(weights)
    return energy


def test_structure_loss_and_its_gradient():
    logits = (2 * arr("sl_logits", (3, 1, 96, 80), 35)).requires_grad_()
    masks = blob_masks(3, 96, 80, 35)[:, None]
    loss = structure_loss(logits, masks)
    loss.backward()
    assert relative_error(loss, reference()["sl.loss"]) < TOLERANCE
    assert relative_error(logits.grad[:, 0, ::4, ::4], reference()["sl.grad"]) < TOLERANCE
    assert relative_error(likelihood_loss(logits, masks), reference()["sl.mse_over_2sigma2"]) < TOLERANCE


@pytest.mark.parametrize("name", EVALUATIONS)
def test_prior_samples(name):
    _, batch, seed = EVALUATIONS[name]
    energy = filled_energy(seed)
    z = arr("z_e0", (batch, *NOISE), seed)
    for step, noise in enumerate(noises("prior{k}", batch, seed)):
        assert relative_error(energy(z)[:, 0], reference()[f"{name}.prior_energy"][step]) < TOLERANCE
        z = sample_prior(energy, z, [noise])
        assert relative_error(z[..., 0, 0], reference()[f"{name}.prior_z"][step]) < TOLERANCE
    with torch.inference_mode():
        again = sample_prior(energy, arr("z_e0", (batch, *NOISE), seed), noises("prior{k}", batch, seed))
    assert torch.equal(again, z)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATIONS)
def test_network(name):
    size, batch, seed = EVALUATIONS[name]
    expected = {key.removeprefix(f"{name}."): value for key, value in reference().items() if key.startswith(name)}
    network = filled_network(size, seed)
    outputs: dict[str, Tensor] = {}
    modules = {f"conv{number + 1}": reduce.norm for number, reduce in enumerate(network.reduce)}
    modules |= dict(zip(("racb54", "racb543", "racb5432", "racb54321"), network.decoder.refine, strict=True))
    modules |= dict(zip(("conv54", "conv543", "conv5432"), network.decoder.merge, strict=True))
    modules |= {"noise_conv": network.noise_conv, "clc_layer": network.decoder.classify}
    for key, module in modules.items():
        module.register_forward_hook(lambda _, inputs, output, key=key: outputs.__setitem__(f"{key}_mean", output))
    images = arr("images", (batch, 3, size, size), seed)
    z = sample_prior(network.energy, arr("z_e0", (batch, *NOISE), seed), noises("prior{k}", batch, seed))
    with torch.no_grad():
        taps = network.encoder(images)
        logits = network(images, z)
        means = {key: output.mean((2, 3)) for key, output in outputs.items()}
        without_noise = network.decode(network.encode(images), torch.zeros_like(z))
    for number, tap in enumerate(taps, 1):
        means[f"x{number}_mean"] = tap.mean((2, 3))
        means[f"x{number}_std"] = tap.flatten(2).std(2)
        means[f"x{number}_corner"] = tap[:, :8, :4, :4]
    means["logits"] = logits[:, 0, ::8, ::8]
    means["logits_z0"] = without_noise[:, 0, ::8, ::8]
    means["logits_mean_std"] = torch.stack((logits.mean(), logits.std()))
    means["structure_loss"] = structure_loss(logits, blob_masks(batch, size, size, seed)[:, None])
    assert means.keys() == expected.keys() - {"prior_z", "prior_energy"}
    for key, value in means.items():
        assert relative_error(value, expected[key]) < TOLERANCE, key


@cache
def training_steps() -> dict[str, Tensor]:
    """Two steps at 192 pixels, in train mode, without the random drop path."""
    seed, size, batch = 33, 192, 2
    network = network_without_drop_path(size, seed)
    adam = {"lr": 6e-5, "betas": (0.5, 0.999)}
    optimizer = torch.optim.Adam(network.parameters(), **adam)
    steps: dict[str, list[Tensor]] = {}
    for s in (0, 1):
        images = arr(f"train_x{s}", (batch, 3, size, size), seed)
        masks = blob_masks(batch, size, size, 60 + s + seed)[:, None]
        record = run_step(network, optimizer, images, masks, s, seed)
        for key, value in record.items():
            steps.setdefault(key, []).append(value)
    record = {key: torch.stack(values) for key, values in steps.items()}
    record["param_noise_conv"] = network.noise_conv.weight.flatten()[:256]
    record["param_clc"] = network.decoder.classify.branches[0].weight.flatten()[:256]
    record["param_ebm4"] = network.energy.layers[4].weight.flatten()
    record["running_mean_conv1"] = network.reduce[0].norm.running_mean
    return {key: value.detach() for key, value in record.items()}


def network_without_drop_path(size: int, seed: int) -> LGVT:
    network = filled_network(size, seed).train()
    for module in network.encoder.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return network


def run_step(
    network: LGVT, optimizer: torch.optim.Optimizer, images: Tensor, masks: Tensor, s: int, seed: int
) -> dict[str, Tensor]:
    batch = len(images)
    maps = network.encode(images, passes=6)
    detached = [item.detach() for item in maps]

    def decode(z: Tensor) -> Tensor:
        return network.decode(detached, z)

    record: dict[str, list[Tensor]] = {"posterior_z": [], "likelihood_grad": [], "posterior_energy_grad": []}
    z = arr(f"z_g0_{s}", (batch, *NOISE), seed)
    for noise in noises(f"post{{k}}_{s}", batch, seed):
        record["posterior_z"].append(z)
        record["likelihood_grad"].append(gradient(lambda point: likelihood_loss(decode(point), masks), z))
        record["posterior_energy_grad"].append(gradient(lambda point: network.energy(point).sum(), z))
        z = sample_posterior(decode, network.energy, masks, z, [noise])
    record["posterior_z"].append(z)
    record["prior_energy_grad"] = []
    prior = arr(f"z_e0_{s}", (batch, *NOISE), seed)
    for noise in noises(f"prior{{k}}_{s}", batch, seed):
        record["prior_energy_grad"].append(gradient(lambda point: network.energy(point).sum(), prior))
        prior = sample_prior(network.energy, prior, [noise])
    values = {key: torch.stack(items)[..., 0, 0] for key, items in record.items()}

    logits = network.decode(maps, z)
    loss = structure_loss(logits, masks)
    energies = energy_loss(network.energy(z), network.energy(prior))
    optimizer.zero_grad()
    (loss + energies).backward()  # one optimizer and one pass: no parameter has a gradient of both
    parameters = dict(network.named_parameters())
    values["grad_norms"] = torch.stack([parameters[name].grad.norm() for name in GRADIENT_NORMS])
    optimizer.step()
    return values | {"pred": logits[:, 0, ::16, ::16].detach(), "loss": loss, "ebm_loss": energies}


def gradient(function, z: Tensor) -> Tensor:
    point = z.detach().requires_grad_()
    return torch.autograd.grad(function(point), point)[0]


@pytest.mark.slow
def test_two_training_steps():
    expected = {key.removeprefix("t192."): value for key, value in reference().items() if key.startswith("t192.")}
    record = training_steps()
    assert record.keys() == expected.keys()
    # a ReLU may switch within the rounding of float32: the same code in float64 is at 1.4e-7 in the first step
    loose = {"likelihood_grad": 5e-5}
    for key, value in record.items():
        error = relative_error(value, expected[key])
        assert error < loose.get(key, TOLERANCE), f"{key}: {error:.1e}"
