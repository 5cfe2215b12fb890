"""Under which attributes a model owns the layers that it was described with: what its ``state_dict`` keys are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from lamina.engine.calling import who
from lamina.engine.layer import Layer
from lamina.errors import did_you_mean
from lamina.graph.plan import Plan, module_keys
from lamina.saving import older_keys
from lamina.tracebacks import door


class Keyed(Layer):
    """The part of a model that owns layers by keys of its own making (see ``module_keys``)."""

    _version = older_keys.VERSION
    _plan: Plan | None
    compile_plan: Callable[[], Any]
    layers: Any

    def keyed_modules(self) -> dict[str, nn.Module]:
        """The modules that are owned so; what an author makes an attribute goes by the attribute's name."""
        return {} if self._plan is None else {key: getattr(self, key) for key in self._plan.modules}

    @door
    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this index of :attr:`layers`."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"{who(self)} has {len(layers)} layers, and index {index} was asked for.")
            return layers[index]
        names = [getattr(layer, "name", type(layer).__name__) for layer in layers]
        if name not in names:
            raise ValueError(f"{who(self)} has no layer named {name!r}.{did_you_mean(name, names)} "
                             f"Its layers are: {', '.join(names)}.")  # fmt: skip
        return layers[names.index(name)]

    def __dir__(self) -> list[str]:
        # torch.jit reads all that is listed; a model whose author wrote its `call` has no generated code.
        planned = self._plan is not None or vars(self).get("_chain") is not None
        return [name for name in super().__dir__() if planned or name != "code"]

    def _keys_of(self, modules: Sequence[nn.Module]) -> list[str]:
        """The attributes under which the model owns, or is to own, modules."""
        owned = {id(module): key for key, module in self._modules.items()}
        new = [module for module in modules if id(module) not in owned]
        owned.update(zip(map(id, new), module_keys(new, self._is_reserved, self._modules), strict=True))
        return [owned[id(module)] for module in modules]

    def _is_reserved(self, key: str) -> bool:
        return hasattr(type(self), key) or key in self.__dict__

    def __setattr__(self, name: str, value: Any) -> None:
        # In torch, `model.head = other` exchanges a module; in the class of a user, an attribute is another one, as in Keras.
        if isinstance(value, nn.Module) and not self._is_builtin and self.__dict__.get("_plan") is not None:
            self._make_room(name, value)
        super().__setattr__(name, value)

    def _make_room(self, name: str, value: nn.Module) -> None:
        """Own a layer of the graph under another key when an attribute takes its own."""
        plan: Any = self._plan
        other = plan.modules.get(name)
        if other is None or other is value:
            return
        key = module_keys([other], self._is_reserved, [*self._modules, name])[0]
        modules = {key if one == name else one: module for one, module in self._modules.items()}
        self._modules.clear()
        self._modules.update(modules)
        plan.rename(name, key)
        self.compile_plan()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any, **kwargs: Any
    ) -> None:
        version = local_metadata.get("version")
        complaint = older_keys.renew(self, state_dict, prefix, version) if self.built else None
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **kwargs)
        if complaint:
            args[-1].append(complaint)  # the messages of errors
