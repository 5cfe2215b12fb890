"""What a file says of its names: which are Keras's, what its imports bind, and what it does that calls depend on."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import libcst as cst
from libcst import metadata

from lamina.compat import paths
from lamina.dialects.tf_names import TF_OWN
from lamina.migrate import names
from lamina.migrate.calls import Facts
from lamina.migrate.kinds import Kinds
from lamina.migrate.names import Place, below_root
from lamina.migrate.values import code_of

_IMPORT = metadata.QualifiedNameSource.IMPORT
_OF_FORMAT = ("dim_ordering", "data_format", "channels_first", "image_data_format")
_OF_RATE = ("LearningRateScheduler", "ReduceLROnPlateau", ".lr", "learning_rate")


class Chain(NamedTuple):
    """A dotted name of Keras's.

    Arguments:
        local: the name in the file that it begins with.
        path: what that is bound to, below Keras.
        rest: the attributes behind it.
        how: ``"module"`` or ``"name"`` of an import; ``"star"``, for one of all that a module has; ``"around"``, where the
            import is of something around Keras (``tf.keras``).
    """

    local: str
    path: str
    rest: tuple[str, ...]
    how: str


class File:
    """A parsed file, and what it says of names."""

    def __init__(self, wrapper: metadata.MetadataWrapper, source: str) -> None:
        self.module = wrapper.module
        self.qualified = wrapper.resolve(metadata.QualifiedNameProvider)
        self.parents = wrapper.resolve(metadata.ParentNodeProvider)
        self.places = wrapper.resolve(metadata.PositionProvider)
        self.facts = Facts(
            any(word in source for word in _OF_FORMAT),
            any(_freezes(node) for node in (*_all(self.module, cst.AssignTarget), *_all(self.module, cst.Arg))),
            any(word in source for word in _OF_RATE),
        )
        self.as_names: dict[str, bool] = {}  # by local name of an import: whether it was chosen by the file
        self.stars: list[str] = []  # paths of modules whose names are all imported
        self.imports_keras = False
        self.words = {node.value for node in _all(self.module, cst.Name) if self._binds_or_reads(node)}
        for node in (*_all(self.module, cst.Import), *_all(self.module, cst.ImportFrom)):
            self._read_import(node)
        self.bare_roots = {node.value for node in _all(self.module, cst.Name) if self._is_bare_root(node)}
        self._read_uses()
        self.given_names = {code_of(arg.value).strip("'\"") for arg in _all(self.module, cst.Arg)
                            if arg.keyword is not None and arg.keyword.value == "name"}  # fmt: skip
        self.frozen_later = self._compiled() & {
            code_of(target.target.value) for target in _all(self.module, cst.AssignTarget) if _freezes(target)
        }
        self.kinds = Kinds(self.path_of, self.qualified)
        wrapper.visit(self.kinds)
        self.kinds.conclude()

    def _compiled(self) -> set[str]:
        """What ``compile`` is called of."""
        calls = (call.func for call in _all(self.module, cst.Call))
        return {
            code_of(func.value) for func in calls if isinstance(func, cst.Attribute) and func.attr.value == "compile"
        }

    # -- imports --

    def _read_import(self, node: cst.Import | cst.ImportFrom) -> None:
        module = (
            dotted(node.module)
            if isinstance(node, cst.ImportFrom) and node.module is not None and not node.relative
            else ""
        )
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            path = below_root(module)
            if path is not None:
                self.stars.append(path)
                self.imports_keras = True
            return
        if isinstance(node, cst.ImportFrom) and not module:
            return
        for alias in node.names:  # pyright: ignore[reportGeneralTypeIssues]
            name = dotted(alias.name)
            whole = f"{module}.{name}".strip(".")
            if below_root(whole) is None and not any(root.startswith(f"{whole}.") for root in paths.ROOTS):
                continue
            self.imports_keras = self.imports_keras or below_root(whole) is not None
            local = alias.asname.name.value if alias.asname is not None else (  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
                name if isinstance(node, cst.ImportFrom) else name.partition(".")[0])  # fmt: skip
            self.as_names[local] = alias.asname is not None and local != name.rpartition(".")[2]

    # -- names --

    def line_of(self, node: cst.CSTNode) -> int:
        """The line that a piece of source begins in."""
        return self.places[node].start.line

    def is_use(self, node: cst.CSTNode) -> bool:
        """Whether a name or dotted name stands for what it names, the whole of it: not in an import, nor as a keyword."""
        parent = self.parents.get(node)
        if isinstance(parent, cst.Attribute):
            return False if parent.attr is node else self.chain_of(parent) is None
        if isinstance(parent, (cst.ImportAlias, cst.ImportFrom, cst.AsName, cst.AssignTarget, cst.NameItem, cst.Del)):
            return False
        if isinstance(parent, cst.Param):
            return parent.name is not node
        if isinstance(parent, cst.Arg) and parent.keyword is node:
            return False
        return not (isinstance(parent, (cst.FunctionDef, cst.ClassDef)) and parent.name is node)

    def _is_bare_root(self, node: cst.Name) -> bool:
        """Whether this is ``keras`` itself, without a name of its behind it."""
        chain = self.chain_of(node) if self.is_use(node) and not self._is_dotted(node) else None
        return chain is not None and chain.path == ""

    def _binds_or_reads(self, node: cst.Name) -> bool:
        """Whether a name is one of the file's variables, functions, classes or imports from elsewhere."""
        parent = self.parents.get(node)
        if isinstance(parent, cst.Attribute):
            around = self.parents.get(parent)
            while isinstance(around, cst.Attribute):
                around = self.parents.get(around)
            return parent.attr is not node and not isinstance(around, (cst.ImportAlias, cst.ImportFrom))
        return not (isinstance(parent, cst.ImportFrom) or (isinstance(parent, cst.Arg) and parent.keyword is node))

    def _is_dotted(self, node: cst.CSTNode) -> bool:
        parent = self.parents.get(node)
        return isinstance(parent, cst.Attribute) and parent.value is node

    def path_of(self, node: cst.CSTNode) -> str | None:
        """The path below Keras of a name or dotted name; ``None`` for what is not Keras's, or not for certain."""
        chain = self.chain_of(node)
        return None if chain is None else ".".join(part for part in (chain.path, *chain.rest) if part)

    def chain_of(self, node: cst.CSTNode) -> Chain | None:
        """The same with what it is made of."""
        rest: list[str] = []
        while isinstance(node, cst.Attribute):
            rest.insert(0, node.attr.value)
            node = node.value
        if not isinstance(node, cst.Name):
            return None
        found = self._bound(node)
        if found is None:
            return None
        path, how = found
        if how != "around":
            return Chain(node.value, path, tuple(rest), how)
        for end in range(1, len(rest) + 1):
            if below_root(".".join((path, *rest[:end]))) == "":
                return Chain(node.value, "", tuple(rest[end:]), "around")
        return None

    def _bound(self, name: cst.Name) -> tuple[str, str] | None:
        """What a name is bound to, below Keras, and how; of ``tf``, TensorFlow's name."""
        known = self.qualified.get(name, set())
        known = known() if callable(known) else known
        if not known or all(one.source is metadata.QualifiedNameSource.BUILTIN for one in known):
            path = self._of_star(name.value) if not hasattr(builtins, name.value) else None
            return None if path is None else (path, "star")
        if any(one.source is not _IMPORT for one in known):
            return None
        found = sorted(below_root(one.name) or "" for one in known if below_root(one.name) is not None)
        if len({names.place(path, "lamina", "keras2") for path in found}) > 1 or 0 < len(found) < len(known):
            return None
        path = found[0] if found else None
        if path is not None:
            return path, "module" if names.is_module(path) and path not in paths.CALLED else "name"
        around = next(iter(known)).name
        return (around, "around") if any(root.startswith(f"{around}.") for root in paths.ROOTS) else None

    def _of_star(self, name: str) -> str | None:
        for path in reversed(self.stars):
            for target in paths.PATHS.get(path, ()):
                module = names._module(target)
                if name in (vars(module).get("__all__") or dir(module)) or names.place(
                    f"{path}.{name}", "lamina", "keras2"
                ):
                    return f"{path}.{name}"
        return None

    def is_imported(self, node: cst.CSTNode) -> bool:
        """Whether a name is an import's: ``re`` in ``re.compile``."""
        known: Any = self.qualified.get(node, set())
        known = known() if callable(known) else known
        return any(one.source is _IMPORT for one in known)

    def tf_path(self, node: cst.CSTNode) -> tuple[str, str] | None:
        """The name in the file, and the path behind it, of a dotted name of TensorFlow's that is none of Keras's."""
        rest: list[str] = []
        while isinstance(node, cst.Attribute):
            rest.insert(0, node.attr.value)
            node = node.value
        found = self._bound(node) if isinstance(node, cst.Name) and rest else None
        if found is None or found[1] != "around":
            return None
        whole = ".".join((found[0], *rest))
        return (node.value, whole.partition(".")[2]) if below_root(whole) is None else None  # pyright: ignore[reportAttributeAccessIssue]

    def _read_uses(self) -> None:
        self.uses: Counter[str] = Counter()
        self.leaves_tf = True  # nothing in it makes tensors of TensorFlow's own
        for node in _all(self.module, cst.Name):
            if not isinstance(self.parents.get(node), (cst.ImportAlias, cst.AsName)) and self.qualified.get(node):
                whole: cst.CSTNode = node
                while self._is_dotted(whole):
                    whole = self.parents[whole]
                self.uses[node.value] += 1
                path = self.tf_path(whole)
                self.leaves_tf = self.leaves_tf and (path is None or path[1].partition(".")[0] not in TF_OWN)

    # -- what imports become --

    def import_of(self, chain: Chain, to: str, dialect: str) -> Place | None:
        """What the import that binds a chain's local name gives, as it is written anew."""
        if chain.how == "around":
            return None
        found = names.place(chain.path, to, dialect)
        if chain.how != "star" or found is None:
            return found
        stars = [names.place(path, to, dialect) for path in self.stars]
        return found if any(star is not None and star.module == found.module for star in stars) else None

    def local_name(self, chain: Chain, to: str, dialect: str) -> str:
        """The name in the file for what an import gives."""
        found = names.place(chain.path, to, dialect)
        if found is None or self.as_names.get(chain.local):
            return chain.local
        if chain.path == "":  # import keras
            return self.name_of_root(found.module) if chain.local not in self.bare_roots else chain.local
        return self.free_name(found.whole.rpartition(".")[2], chain.local)

    def name_of_root(self, root: str) -> str:
        """What ``lamina`` (or ``keras``) itself is called."""
        return root if root not in self.words or root in self.as_names else f"{root}_"

    def free_name(self, wanted: str, old: str) -> str:
        """``wanted``, unless the file uses that name for something else; then the old one."""
        return wanted if wanted == old or wanted not in self.words or wanted in self.as_names else old

    # -- classes --

    def is_in_layer(self, node: cst.CSTNode) -> bool:
        """Whether a function is a method of a class that comes of a class of Keras's."""
        parent = self.parents.get(node)
        while parent is not None and not isinstance(parent, cst.ClassDef):
            parent = self.parents.get(parent)
        return parent is not None and parent.name.value in self.kinds.classes


def _freezes(node: cst.AssignTarget | cst.Arg) -> bool:
    """``layer.trainable = ...``, ``Dense(trainable=False)``"""
    if isinstance(node, cst.Arg):
        return node.keyword is not None and node.keyword.value == "trainable" and code_of(node.value) != "True"
    return isinstance(node.target, cst.Attribute) and node.target.attr.value == "trainable"


def dotted(node: Any) -> str:
    """``keras.layers`` out of its node."""
    return code_of(node).strip()


def _all(module: cst.Module, kind: type[Any]) -> Iterator[Any]:
    waiting: list[cst.CSTNode] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, kind):
            yield node
        waiting.extend(node.children)
