"""Writes the facts that these tests need, from the full inventories of layers and of import paths:
``python make_signatures.py layers.json import_paths.json``.

``signatures.json``: for each layer class and generation its constructor's arguments in order, with their defaults, then
after ``|`` those that it takes out of ``**kwargs`` by hand. ``inventory.json``: for each generation its layer classes
(``classes``), its second names for them (``aliases``), its functions, and which of these each public module has
(``modules``). ``paths.json``: each generation's public modules.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

GENERATIONS = {
    "1.2.2": "keras1",
    "2.2.4": "keras2",
    "2.3.1": "keras2.3",
    "tf_keras-2.21": "tf_keras",
    "3.15.1": "keras3",
}


def compact(entry: dict) -> str:
    arguments = ["=".join(parameter) for parameter in entry["sig"] or [] if not parameter[0].startswith("*")]
    arguments = [argument.replace(" ", "") for argument in arguments]
    return " ".join(arguments) + " | " + " ".join(entry.get("kwargs_handled", []))


def write_paths(inventory: str) -> None:
    found = json.loads(Path(inventory).read_text())["paths"]
    written: dict[str, list[str]] = {}
    for version, modules in found.items():
        name = next((name for known, name in GENERATIONS.items() if version == known or version.startswith(f"{known} (")),
                    None)  # fmt: skip
        if name is not None:
            public = [module for module in modules if not any(part in module for part in (".src", "__", "protobuf"))]
            written[name] = sorted(public)
    Path(__file__).with_name("paths.json").write_text(json.dumps(written, indent=0) + "\n")


def write_signatures(inventory: str) -> None:
    layers = json.loads(Path(inventory).read_text())["layers"]
    written = {
        name: {GENERATIONS[version]: compact(entry) for version, entry in found["generations"].items()
               if entry["kind"] == "class" and version in GENERATIONS}
        for name, found in layers.items()
    }  # fmt: skip
    # Aliases and functions of layers.Merge's kind have entries without classes.
    written = {name: generations for name, generations in sorted(written.items()) if generations}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(generations)}" for name, generations in written.items())
    Path(__file__).with_name("signatures.json").write_text("{\n" + lines + "\n}\n")


def modules_of(found: dict, version: str) -> dict[str, list[str]]:
    """The names that can be imported from each public module of a generation."""
    modules = next(modules for known, modules in found.items() if known == version or known.startswith(f"{version} ("))
    named = {module.replace("tensorflow.keras", "keras", 1): names for module, names in modules.items()}
    public = {
        module: names
        for module, names in named.items()
        if re.match(r"keras($|\.(layers|engine|legacy|models))", module)
    }
    kinds = ("defined", "reexported", "names")
    return {module: [name for kind in kinds for name in names.get(kind, ())] for module, names in public.items()}


def write_inventory(layers: str, import_paths: str) -> None:
    entries = json.loads(Path(layers).read_text())["layers"]
    paths = json.loads(Path(import_paths).read_text())["paths"]
    written = {}
    for version, generation in GENERATIONS.items():
        # What only another namespace has (tf.compat.v1, keras._tf_keras) is no part of the generation.
        mine = {name: found["generations"][version] for name, found in sorted(entries.items())
                if version in found["generations"] and "only" not in found["generations"][version].get("path", "")}  # fmt: skip
        classes = {name: entry for name, entry in mine.items() if entry["kind"] == "class"}
        aliases = {name: entry["alias_of"] for name, entry in classes.items() if "alias_of" in entry}
        modules = {
            module: " ".join(sorted(set(names) & set(mine))) for module, names in modules_of(paths, version).items()
        }
        written[generation] = {
            "classes": [name for name, entry in classes.items() if entry.get("is_layer") and name not in aliases],
            "aliases": aliases,
            "functions": [name for name in mine if name not in classes],
            "modules": {module: names for module, names in sorted(modules.items()) if names},
        }
    Path(__file__).with_name("inventory.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    write_signatures(sys.argv[1])
    write_inventory(sys.argv[1], sys.argv[2])
    write_paths(sys.argv[2])
