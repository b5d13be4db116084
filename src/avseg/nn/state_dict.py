"""Load the state dict of another code base only if it fits exactly; one message lists all differences."""

from collections.abc import Mapping

from torch import Tensor, nn

from avseg.utils.errors import UserError


def load_exactly(
    network: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    subject: str,
    advice: str,
    original_names: Mapping[str, str] | None = None,
) -> None:
    """Load weights, or raise and leave the network unchanged.

    The counters `num_batches_tracked`, which torch added to BatchNorm later and which change no output, may be missing.
    The message names the network as `subject`, prints `original_names` for names of `state_dict`, and ends with
    `advice`.

    Raises:
        UserError: lists what is missing, unexpected or of another shape.
    """
    expected = network.state_dict()
    weights = dict(state_dict)
    names = original_names or {}
    missing: list[str] = []
    for name, tensor in expected.items():
        if name in weights:
            continue
        if name.endswith("num_batches_tracked"):
            weights[name] = tensor  # keep the network's counter
        else:
            missing.append(name)
    unexpected: list[str] = []
    reshaped: list[str] = []
    for name, tensor in weights.items():
        original = names.get(name, name)
        if name not in expected:
            unexpected.append(original)
        elif tensor.shape != expected[name].shape:
            reshaped.append(f"{original} {tuple(tensor.shape)} instead of {tuple(expected[name].shape)}")
    differences: list[str] = []
    for problem, items in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped)):
        if items:
            differences.append(f"{len(items)} {problem} ({', '.join(items[:3])}{', ...' if len(items) > 3 else ''})")
    if differences:
        raise UserError(f"weights: do not fit {subject}: {'; '.join(differences)}; {advice}")
    network.load_state_dict(weights)


def without_parallel_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefix `module.` of weights that were saved from a `DataParallel` model."""
    return {name.removeprefix("module."): tensor for name, tensor in state_dict.items()}
