"""A propagator that is built when it is first used: one with a network imports torch, which takes seconds."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from avseg.annotate.protocols import Image, Mask, Propagator, Step


class LazyPropagator:
    """Builds a propagator at its first `reset` or `step`, in the thread that runs the models."""

    def __init__(self, name: str, module: str, factory: str) -> None:
        self.name = name
        self._module, self._factory = module, factory
        self._built: Propagator | None = None

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._propagator().reset(objects)

    def step(self, image: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        return self._propagator().step(image, masks)

    def load(self) -> None:
        """Build it now, in any thread."""
        self._propagator()

    def _propagator(self) -> Propagator:
        if self._built is None:
            build: Callable[[], Propagator] = getattr(import_module(self._module), self._factory)
            self._built = build()
        return self._built


def lazy_light() -> LazyPropagator:
    """Return the propagator `light`."""
    return LazyPropagator("light", "avseg.annotate.backends.light.propagator", "LightAffinity")
