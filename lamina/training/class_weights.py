"""``class_weight=`` of ``fit`` as weights of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lamina.dialects import habits
from lamina.dialects.generation import Habits
from lamina.graph.symbolic import leaves

AsTensor = Callable[[Any, torch.dtype], torch.Tensor]


@dataclass
class ByClass:
    """Weights of rows by their class.

    Arguments:
        weights: class index -> weight; where the generation knew them for several outputs, a list or dict of such.
        names: the names of the outputs, as far as the model knows them.
        habits: of the generation that the model was compiled in.

    Raises:
        TypeError: when the weights are no dict of class numbers.
    """

    weights: Any
    names: Sequence[str] | None = None
    habits: Habits = field(default_factory=habits)

    def __post_init__(self) -> None:
        if self._is_of_outputs():
            return
        if self.weights is not None and not isinstance(self.weights, Mapping):
            if not self.habits.strict_class_weights:
                raise TypeError("class_weight must be a dict of class numbers and their weights, {0: 1.0, 1: 5.0}, and got "
                                f"{self.weights!r:.80}.")  # fmt: skip
            self.weights = None  # 'auto' was let pass, and changed nothing

    def _is_of_outputs(self) -> bool:
        """Whether there are weights for each of several outputs, which Keras 1 and 2 knew."""
        if not self.habits.strict_class_weights or self.names is None or len(self.names) < 2:
            return False
        given = self.weights
        return isinstance(given, (list, tuple)) or (isinstance(given, Mapping) and set(given) <= set(self.names))

    def of(self, y: Any, sample_weight: Any, dtype: torch.dtype, as_tensor: AsTensor) -> Any:
        """The weights of a batch's rows, together with its sample weights."""
        if self.weights is None:
            return sample_weight
        if not self._is_of_outputs():
            return self._together(y, self.weights, sample_weight, dtype, as_tensor)
        names = list(self.names or ())
        targets, weights, given = (part if isinstance(part, Mapping) else dict(zip(names, part or (), strict=False))
                                   for part in (y, self.weights, sample_weight))  # fmt: skip
        return [self._together(targets[name], weights[name], given.get(name), dtype, as_tensor)
                if weights.get(name) is not None and targets.get(name) is not None else given.get(name)
                for name in names]  # fmt: skip

    def _together(self, y: Any, weights: Any, given: Any, dtype: torch.dtype, as_tensor: AsTensor) -> Any:
        if given is not None and self.habits.sample_weight_replaces:
            return given
        of_class = class_weights(y, weights, dtype, as_tensor, self.habits.strict_class_weights)
        return of_class if given is None else of_class * as_tensor(given, dtype).to(of_class.device)


def class_weights(
    y: Any, weights: Mapping[int, float], dtype: torch.dtype, as_tensor: AsTensor, strict: bool = False
) -> torch.Tensor:
    """The weight of each row (or of each step in it) by its class: an index, or the largest of a one-hot row.

    Raises:
        ValueError: for several targets; for a class without a weight, if ``strict``.
    """
    labels = leaves(y)
    if len(labels) != 1 or labels[0] is None:
        raise ValueError("class_weight needs targets of one output.")
    label = as_tensor(labels[0], dtype)
    if label.dtype is torch.bool:
        label = label.byte()
    if label.dim() > 1:
        label = label.squeeze(-1) if label.shape[-1] == 1 else label.argmax(-1)
    label = label.round().long() if label.is_floating_point() else label.long()
    if strict:
        missing = sorted(set(label.unique().tolist()) - {int(index) for index in weights})
        if missing:
            raise ValueError(f"class_weight must have a weight for each class, and has none for {missing[0]} (it has "
                             f"{sorted(map(int, weights))}).")  # fmt: skip
    numbers = [1.0] * (max(map(int, weights), default=0) + 1)
    for index, weight in weights.items():
        numbers[int(index)] = weight
    table = torch.tensor(numbers, dtype=dtype, device=label.device)
    unknown = (label < 0) | (label >= len(numbers))  # a negative label is no class
    return torch.where(unknown, 1.0, table[label.clamp(0, len(numbers) - 1)])
