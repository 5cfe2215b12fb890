"""Which variables of a file hold models, as far as the file itself shows: what is assigned, returned and passed on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import libcst as cst
from libcst import metadata

MODEL, SEQUENTIAL, HISTORY, TENSOR = "Model", "Sequential", "History", "Tensor"
_INSTANCE = "instance of "  # and the class of the file
_MAKERS = frozenset({"load_model", "model_from_json", "model_from_yaml", "model_from_config", "clone_model"})
Kind = str | tuple[Any, ...] | None


class Kinds(cst.CSTVisitor):
    """Reads a file; then :meth:`of` knows an expression's kind.

    Arguments:
        path_of: the path below Keras of a name or attribute, ``None`` for what is not Keras's.
        qualified: the qualified names of nodes.
    """

    def __init__(self, path_of: Callable[[cst.CSTNode], str | None], qualified: Mapping[cst.CSTNode, Any]) -> None:
        super().__init__()
        self.qualified = qualified
        self.path_of = path_of
        self.assigned: dict[str, list[tuple[cst.BaseExpression, int | None]]] = defaultdict(list)
        self.returned: dict[str, list[cst.BaseExpression]] = defaultdict(list)
        self.parameters: dict[str, list[str]] = {}
        self.called: list[cst.Call] = []
        self.classes: dict[str, str] = {}
        self.bases: dict[str, list[str]] = {}  # of each class of the file
        self.known: dict[str, Kind] = {}
        self.inside: list[str] = []  # functions around
        self.classes_around: list[str] = []
        self.class_of: dict[cst.CSTNode, str] = {}  # of `self`

    # -- reading --

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """A class of the file, which may be a model's."""
        name = self._own_name(node) or node.name.value
        self.bases[name] = [own for base in node.bases if (own := self._own_name(base.value)) is not None]
        for base in node.bases:
            path = self.path_of(base.value)
            own = self._own_name(base.value)
            kind = path.rpartition(".")[2] if path is not None else self.classes.get(own or "")
            if kind is not None:
                self.classes[name] = kind
        self.classes_around.append(name)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        """The end of a class."""
        self.classes_around.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        """A function, with the names of its parameters."""
        name = self._own_name(node) or node.name.value
        self.inside.append(name)
        self.parameters[name] = [f"{name}.<locals>.{one.name.value}" for one in node.params.params]

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        """The end of a function."""
        self.inside.pop()

    def visit_Return(self, node: cst.Return) -> None:
        """What a function gives."""
        if node.value is not None and self.inside:
            self.returned[self.inside[-1]].append(node.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        """``model = ...``, ``self.model = ...``, ``a, b = ...``"""
        for target in node.targets:
            self._assign(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        """``model: Model = ...``"""
        if node.value is not None:
            self._assign(node.target, node.value)

    def visit_Call(self, node: cst.Call) -> None:
        """A call, maybe of a function of the file."""
        self.called.append(node)

    def visit_Name(self, node: cst.Name) -> None:
        """``self``, whose class is the one around."""
        if node.value == "self" and self.classes_around:
            self.class_of[node] = self.classes_around[-1]

    def _assign(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        if isinstance(target, (cst.Tuple, cst.List)):
            for number, element in enumerate(target.elements):
                same = isinstance(value, (cst.Tuple, cst.List)) and len(value.elements) == len(target.elements)
                key = self._key(element.value)
                if key is not None:
                    self.assigned[key].append((value.elements[number].value, None) if same else (value, number))  # pyright: ignore[reportAttributeAccessIssue]
            return
        key = self._key(target)
        if key is not None:
            self.assigned[key].append((value, None))

    def _key(self, node: cst.CSTNode) -> str | None:
        """What a variable or attribute is kept under."""
        if isinstance(node, cst.Attribute):
            around = self._class_of(node.value)
            return f"{around}.self.{node.attr.value}" if around is not None else None
        return self._own_name(node) if isinstance(node, cst.Name) else None

    def _class_of(self, node: cst.BaseExpression) -> str | None:
        """The file's class whose instance an expression is."""
        if isinstance(node, cst.Name) and node.value == "self":
            return self.class_of.get(node, self.classes_around[-1] if self.classes_around else None)
        kind = self.of(node)
        return kind.removeprefix(_INSTANCE) if isinstance(kind, str) and kind.startswith(_INSTANCE) else None

    def _with_bases(self, name: str) -> list[str]:
        """A class of the file and those that it comes of."""
        found = [name]
        for one in found:
            found += [base for base in self.bases.get(one, ()) if base not in found]
        return found

    def _called_name(self, function: cst.BaseExpression) -> str | None:
        """The function or method of the file that a call runs."""
        if not isinstance(function, cst.Attribute):
            return self._own_name(function)
        around = self._class_of(function.value)
        methods = [f"{name}.{function.attr.value}" for name in self._with_bases(around)] if around is not None else []
        return next((method for method in methods if method in self.parameters), None)

    def _own_name(self, node: cst.CSTNode) -> str | None:
        names: Any = self.qualified.get(node)
        names = names() if callable(names) else names
        found = {one.name for one in names or () if one.source is metadata.QualifiedNameSource.LOCAL}
        return found.pop() if len(found) == 1 else None

    # -- concluding --

    def conclude(self) -> None:
        """Go round until no more is known."""
        for _ in range(5):
            before = dict(self.known)
            for key, values in self.assigned.items():
                self._learn(key, [_part(self.of(value), number) for value, number in values if not _is_none(value)])
            passed: dict[str, list[Kind]] = defaultdict(list)
            for call in self.called:
                for key, argument in self._passed(call):
                    passed[key].append(self.of(argument))
            for key, kinds in passed.items():
                self._learn(key, kinds)
            if before == self.known:
                return

    def _passed(self, call: cst.Call) -> list[tuple[str, cst.BaseExpression]]:
        """The parameters of the file's functions that a call gives something."""
        name = self._called_name(call.func)
        if name in self.bases:  # a class is made
            name = next(
                (f"{one}.__init__" for one in self._with_bases(name) if f"{one}.__init__" in self.parameters), None
            )
        parameters = self.parameters.get(name or "", [])
        parameters = parameters[1:] if parameters and parameters[0].endswith(".self") else parameters
        by_name = {key.rpartition(".")[2]: key for key in parameters}
        found = []
        for number, argument in enumerate(call.args):
            if argument.keyword is not None and argument.keyword.value in by_name:
                found.append((by_name[argument.keyword.value], argument.value))
            elif argument.keyword is None and not argument.star and number < len(parameters):
                found.append((parameters[number], argument.value))
        return found

    def _learn(self, key: str, kinds: Sequence[Kind]) -> None:
        together = set(kinds)
        if len(together) == 1:
            self.known[key] = kinds[0]
        elif together == {MODEL, SEQUENTIAL}:
            self.known[key] = MODEL
        else:
            self.known.pop(key, None)

    def of(self, node: cst.BaseExpression) -> Kind:
        """The kind of an expression; ``None`` for what is not known."""
        if isinstance(node, cst.Tuple):
            return tuple(self.of(one.value) for one in node.elements)
        if isinstance(node, cst.Call):
            return self._of_call(node)
        if isinstance(node, cst.BinaryOperation):
            return TENSOR if TENSOR in (self.of(node.left), self.of(node.right)) else None
        if isinstance(node, (cst.Name, cst.Attribute)):
            return self._of_name(node)
        return None

    def _of_name(self, node: cst.Name | cst.Attribute) -> Kind:
        if isinstance(node, cst.Name) and node in self.class_of:
            known = self.classes.get(self.class_of[node])
            return known if known in (MODEL, SEQUENTIAL) else _INSTANCE + self.class_of[node]
        if isinstance(node, cst.Attribute):
            around = self._class_of(node.value)
            keys = [f"{name}.self.{node.attr.value}" for name in self._with_bases(around)] if around is not None else []
            return next((self.known[key] for key in keys if key in self.known), None)
        return self.known.get(self._own_name(node) or "")

    def _of_call(self, node: cst.Call) -> Kind:
        path = self.path_of(node.func)
        if path is not None:
            name = path.rpartition(".")[2]
            if name in (SEQUENTIAL, MODEL):
                return name
            if path.startswith("backend."):
                return TENSOR
            return MODEL if name in _MAKERS or (path.startswith("applications.") and name[:1].isupper()) else None
        own = self._called_name(node.func)
        if own in self.bases:
            return self.classes[own] if self.classes.get(own) in (MODEL, SEQUENTIAL) else _INSTANCE + own
        if own in self.returned:
            kinds = {self.of(value) for value in self.returned[own] if not _is_none(value)}
            return kinds.pop() if len(kinds) == 1 else MODEL if kinds == {MODEL, SEQUENTIAL} else None
        if isinstance(node.func, cst.Attribute) and self.of(node.func.value) in (MODEL, SEQUENTIAL):
            return HISTORY if node.func.attr.value in ("fit", "fit_generator") else None
        return None


def _part(kind: Kind, number: int | None) -> Kind:
    if number is None:
        return kind
    return kind[number] if isinstance(kind, tuple) and number < len(kind) else None


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"
