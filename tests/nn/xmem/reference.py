"""Reference implementation of XMem's inference: one object at a time, unlimited memory, dense softmax in float64."""

import torch
from torch import Tensor

from avseg.nn.xmem import XMem


def reference_read(
    keys: list[Tensor], shrinkages: list[Tensor], values: list[Tensor], query, selection, k: int
) -> Tensor:
    """Read one query cell at a time; keys (CK,), shrinkages (), values (CV,) per memory cell; (CV, cells)."""
    out = []
    for q, e in zip(query.double().flatten(2)[0].T, selection.double().flatten(2)[0].T, strict=True):
        distances = torch.stack([(e * (key.double() - q) ** 2).sum() for key in keys])
        scores = -torch.stack(shrinkages).double() * distances / len(q) ** 0.5
        nearest = scores >= scores.sort(descending=True).values[min(k, len(scores)) - 1]
        weights = torch.where(nearest, scores.exp(), 0)
        out.append((weights / weights.sum()) @ torch.stack(values).double())
    return torch.stack(out, 1)


class ReferenceXMem:
    """Without long-term memory and groups; frames must be multiples of 16; masks by object id."""

    def __init__(self, network: XMem, k: int, every: int, deep_update_every: int = -1) -> None:
        self.network, self.k, self.every = network, k, every
        self.deep_update_every = deep_update_every
        self.last_deep_update = -deep_update_every
        self.objects: dict[int, dict] = {}
        self.index = self.last = -1

    @torch.no_grad()
    def step(self, frame: Tensor, masks_by_id: dict[int, Tensor] | None = None) -> Tensor:
        self.index += 1
        masks_by_id = masks_by_id or {}
        features = self.network.encode_key(frame[None])
        memorise = bool(masks_by_id) or self.index - self.last >= self.every
        h, w = features.key.shape[2:]
        predicted = torch.zeros(0, *frame.shape[1:])
        if set(self.objects) - set(masks_by_id):
            logits = []
            for memory in self.objects.values():
                readout = reference_read(
                    memory["k"], memory["s"], memory["v"], features.key, features.selection, self.k
                )
                readout = readout.float().view(1, -1, h, w)
                update = not memorise or self.deep_update_every >= 0
                object_logits, memory["h"] = self.network.decode(features, readout, memory["h"], update=update)
                logits.append(object_logits[0])
            predicted = compete(torch.stack(logits).sigmoid())[1:]
        if masks_by_id:
            for mask in masks_by_id.values():
                predicted = torch.where(mask > 0.5, 0, predicted)
            masks = {
                name: predicted[i] if i < len(predicted) else None for i, name in enumerate(self.objects)
            } | masks_by_id
            for name in masks_by_id:
                empty = {"k": [], "s": [], "v": [], "h": torch.zeros(1, self.network.hidden_channels, h, w)}
                self.objects.setdefault(name, empty)
            predicted = compete(torch.stack([masks[name] for name in self.objects]))[1:]
        if memorise:
            self._memorise(frame, features, predicted)
        return torch.cat([1 - predicted.sum(0, keepdim=True), predicted])

    def _memorise(self, frame: Tensor, features, masks: Tensor) -> None:
        self.last = self.index
        hidden = torch.cat([memory["h"] for memory in self.objects.values()])
        values, refreshed = self.network.encode_value(frame[None], features, masks, hidden)
        if self.deep_update_every < 0 or self.index - self.last_deep_update >= self.deep_update_every:
            hidden, self.last_deep_update = refreshed, self.index
        for i, memory in enumerate(self.objects.values()):
            memory["h"] = hidden[i : i + 1]
            memory["k"] += list(features.key[0].flatten(1).T)
            memory["s"] += list(features.shrinkage.flatten())
            memory["v"] += list(values[i].flatten(1).T)


def compete(probabilities: Tensor) -> Tensor:
    """Normalise the odds o of all objects; the independent probability of an object is o / (1 + o)."""
    p = torch.cat([(1 - probabilities).prod(0, keepdim=True), probabilities]).double().clamp(1e-7, 1 - 1e-7)
    odds = p / (1 - p)
    return (odds / odds.sum(0)).float()
