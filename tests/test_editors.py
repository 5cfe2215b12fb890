"""What editors, checkers and help() know of the public names: literal names in step with the tables, and signatures."""

from typing import Any, get_args

import pytest

from lamina import activations, constraints, initializers, registry, regularizers

# The literal names that an argument completes, and the function that reads them.
NAMES: list[tuple[str, Any, Any]] = [
    ("activation", activations.ActivationName, activations.get),
    ("initializer", initializers.InitializerName, initializers.get),
    ("regularizer", regularizers.RegularizerName, regularizers.get),
    ("constraint", constraints.ConstraintName, constraints.get),
]
# Members of the tables that nobody names in an argument.
UNNAMED: dict[str, set[str]] = {}


@pytest.mark.parametrize(("kind", "alias", "get"), NAMES, ids=[row[0] for row in NAMES])
def test_the_names_that_complete_are_those_of_the_table(kind: str, alias: Any, get: Any):
    names = get_args(alias)
    assert len(names) == len(set(names))
    for name in names:
        assert callable(get(name)), name
    members = registry.TABLES[kind].members
    named = {id(members[name]) for name in names if name in members}
    missing = {name for name, member in members.items() if id(member) not in named} - UNNAMED.get(kind, set())
    assert not missing, f"{kind} has members that no name of the alias completes to: {sorted(missing)}"
