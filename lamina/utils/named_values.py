"""Keras 3's ``Config``: named values, as attributes or as a dictionary."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any

from lamina.errors import did_you_mean


class Config(MutableMapping[str, Any]):
    """Settings of a program: read and written as attributes or by key, and closed to changes by :meth:`freeze`.

    Arguments:
        kwargs: the first values by name.

    Raises:
        AttributeError: for a name that has no value; ``KeyError`` when it is asked for as a key.
        ValueError: for a change after :meth:`freeze`.

    Source: https://keras.io/api/utils/experiment_management_utils/

    >>> settings = Config(learning_rate=0.1)
    >>> settings.momentum = 0.9
    >>> settings["momentum"], settings.to_json()
    (0.9, '{"learning_rate": 0.1, "momentum": 0.9}')
    """

    def __init__(self, **kwargs: Any) -> None:
        vars(self).update(_values=kwargs, _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        vars(self)["_frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        vars(self)["_frozen"] = False

    def as_dict(self) -> dict[str, Any]:
        """The values by name, as a new dictionary."""
        return dict(self._values)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._values)

    def keys(self) -> KeysView[str]:
        """The names, in the order in which they came; ``for name in config`` goes by the alphabet."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order of :meth:`keys`."""
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        """Names with their values, in the order of :meth:`keys`."""
        return self._values.items()

    def _check_open(self) -> None:
        if self._frozen:
            raise ValueError("This Config is frozen: unfreeze() it before you change it.")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_open()
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_open()
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        values = vars(self).get("_values", {})  # a copy in the making has none
        if name.startswith("__") or name not in values:
            raise AttributeError(f"The Config has no value {name!r}.{did_you_mean(name, values)}")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in dir(type(self)):
            raise AttributeError(
                f"A value of a Config can't be called {name!r}, which is the name of one of its methods."
            )
        self[name] = value

    def __repr__(self) -> str:
        return f"<Config {self._values}>"
