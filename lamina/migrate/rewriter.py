"""One file in today's words: names, calls and imports, and marks where the file alone does not say enough."""

from __future__ import annotations

from collections import Counter
from typing import Any

import libcst as cst

from lamina.dialects import absent, keras1, keras3, translator
from lamina.dialects.backend_names import KERAS1_OPS, OPS
from lamina.migrate import names
from lamina.migrate.calls import Unsure, Writer
from lamina.migrate.file import Chain, File
from lamina.migrate.kinds import HISTORY, MODEL, SEQUENTIAL
from lamina.migrate.names import TARGETS, Place
from lamina.migrate.values import code_of

_METHODS = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict"}
_OLD_LAYER_METHODS = {"get_output_shape_for": "compute_output_shape"}
HELPERS = {
    "hard_sigmoid_keras2": '''\
@{keras}.saving.register_keras_serializable("migrated")
def hard_sigmoid_keras2(x):
    """The hard sigmoid of Keras 1 and 2; Keras 3's has another slope."""
    return {keras}.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
''',
}


class Rewriter(cst.CSTTransformer):
    """Rewrites what is Keras's in a file, all but the imports (:mod:`lamina.migrate.imports`).

    Arguments:
        to: ``"lamina"`` or ``"keras3"``.
        dialect: the generation that the file was written for.
        file: what the file says of names (:class:`lamina.migrate.file.File`).

    Attributes:
        unsure: ``(line, sentence)`` of what was left as it was.
        differs: what the target does otherwise, each once.
        wanted: paths of the target that are to be imported, as the names that they have in the file.
        moved: how often a local name of an import stood where now another one stands.
    """

    def __init__(self, to: str, dialect: str, file: File) -> None:
        super().__init__()
        self.to, self.dialect, self.facts, self.file = to, dialect, file.facts, file
        self.root = TARGETS[to]
        self.unsure: list[tuple[int, str]] = []
        self.differs: dict[str, int] = {}
        self.wanted: dict[str, Place] = {}
        self.helpers: list[str] = []
        self.moved: Counter[str] = Counter()
        self.touched: set[int] = set()
        self.pending: list[tuple[int, str]] = []  # to be written above the statement
        self.line = 0
        self.writer = Writer(to, dialect, file.facts, self.code_for, self._differs)

    # -- what is said --

    def _unsure(self, node: cst.CSTNode, sentence: str) -> None:
        line = self.file.line_of(node)
        if (line, sentence) not in self.unsure:
            self.unsure.append((line, sentence))
            self.pending.append((line, sentence))

    def _differs(self, sentence: str) -> None:
        self.differs.setdefault(sentence, self.line)

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        """Write above a statement what there is to say of it."""
        updated = super().on_leave(original_node, updated_node)
        if self.pending and isinstance(original_node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            lines = [cst.EmptyLine(comment=cst.Comment(f"# lamina: {sentence}")) for _, sentence in self.pending]
            if isinstance(updated, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                updated = updated.with_changes(leading_lines=[*updated.leading_lines, *lines])  # pyright: ignore[reportAttributeAccessIssue]
                self.pending.clear()
        return updated

    # -- names --

    def path_of(self, node: cst.CSTNode) -> str | None:
        """The path below Keras of a name or attribute; ``None`` for what is not Keras's, or not for certain."""
        return self.file.path_of(node)

    def code_for(self, path: str) -> cst.BaseExpression:
        """The code of an object by its path below Keras (``""`` is the target itself), which is imported."""
        if path in HELPERS:
            if path not in self.helpers:
                self.helpers.append(path)
                self.code_for("")
            return cst.Name(path)
        root = self.file.name_of_root(self.root)
        self.wanted[root] = Place(self.root, "")
        return cst.parse_expression(f"{root}.{path}".rstrip("."))

    def _rewritten_name(self, original: cst.BaseExpression, updated: cst.BaseExpression) -> cst.BaseExpression:
        """A name or dotted name, where the target has it."""
        chain = self.file.chain_of(original)
        if chain is None:
            return updated
        parts = tuple(part for part in (*chain.path.split("."), *chain.rest) if part)
        if parts[:1] == ("backend",) and self.to == "keras3":
            return self._backend_alone(chain, ".".join(parts), original, updated)
        for end in range(len(parts), len(parts) - len(chain.rest) - 1, -1):
            whole, behind = ".".join(parts[:end]), parts[end:]
            found = names.place(whole, self.to, self.dialect)
            if found is not None:
                if not found.name and behind and not behind[0].startswith("__"):
                    break  # a module that has no such name
                return self._joined(chain, found, behind, updated)
        self._unsure(original, names.why_not(".".join(parts), self.to))
        return updated

    def _backend_alone(
        self, chain: Chain, path: str, original: cst.CSTNode, updated: cst.BaseExpression
    ) -> cst.BaseExpression:
        """``K.mean`` that is not called here."""
        op = OPS.get(path.rpartition(".")[2])
        if op is not None and "{" not in op.target and not (op.defaults or op.renamed or op.refused):
            self.moved[chain.local] += 1
            return self.code_for(op.target)
        name = path.partition(".")[2]
        self._unsure(
            original, f"Keras 3 has no K.{name}.{absent.reason(path)}" if name else "Keras 3 has no backend module K."
        )
        return updated

    def _joined(self, chain: Chain, found: Place, behind: tuple[str, ...], updated: cst.BaseExpression) -> Any:
        """The new name, from what its import gives."""
        bound = self.file.import_of(chain, self.to, self.dialect)
        if bound is not None and f"{found.whole}.".startswith(f"{bound.whole}."):
            name = self.file.local_name(chain, self.to, self.dialect)
            return self._dotted(name + found.whole[len(bound.whole) :], behind, updated)
        self.moved[chain.local] += 1
        if found.name and not chain.rest:  # one name, out of a module that gives all of its names
            name = self.file.free_name(found.name, chain.local)
            self.wanted[name] = found
            return self._dotted(name, behind, updated)
        return self._dotted(code_of(self.code_for(found.whole.removeprefix(self.root).lstrip("."))), behind, updated)

    @staticmethod
    def _dotted(text: str, behind: tuple[str, ...], updated: cst.BaseExpression) -> cst.BaseExpression:
        code = ".".join((text, *behind))
        return updated if code_of(updated) == code else cst.parse_expression(code)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        """A name alone."""
        return self._leave(original_node, updated_node)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """A dotted name; and methods of older layers."""
        new = self._leave(original_node, updated_node)
        if new is updated_node and updated_node.attr.value in _OLD_LAYER_METHODS and self.file.kinds.classes:
            return updated_node.with_changes(attr=cst.Name(_OLD_LAYER_METHODS[updated_node.attr.value]))
        return new

    def _leave(self, original: Any, updated: Any) -> Any:
        if id(original) in self.touched or not self.file.is_use(original):
            return updated
        return self._rewritten_name(original, updated)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        """The names inside a dotted name of Keras's are part of it."""
        if self.file.chain_of(node) is None or id(node) in self.touched:
            return True
        self._touch_inside(node)
        return False

    def _touch_inside(self, node: cst.BaseExpression) -> None:
        while isinstance(node, cst.Attribute):
            node = node.value
            self.touched.add(id(node))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        """Names that the target lacks, and that nothing else in the file would tell of."""
        if node.module is None or node.relative or isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            path = names.below_root(f"{code_of(node.module)}.{code_of(alias.name)}")
            local = code_of(alias.asname.name if alias.asname is not None else alias.name)
            if not path or path == "backend" or path.rpartition(".")[2] == "merge" or self.file.uses[local]:
                continue
            if names.place(path, self.to, self.dialect) is None:
                self._unsure(node, names.why_not(path, self.to))

    # -- calls --

    def visit_Call(self, node: cst.Call) -> None:
        """Where we are; the function of a merge, and of ``K`` in Keras 3, is written with its call."""
        self.line = self.file.line_of(node)
        if self._is_whole(self.path_of(node.func)):
            self.touched.add(id(node.func))
            self._touch_inside(node.func)

    def _is_whole(self, path: str | None) -> bool:
        """Whether a call's function is written with its arguments."""
        if path is None:
            return False
        return path.rpartition(".")[2] == "merge" or (self.to == "keras3" and path.startswith("backend."))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """A call of what is Keras's."""
        path = self.path_of(original_node.func)
        self.line = self.file.line_of(original_node)
        try:
            if path is not None:
                return self._call(path, original_node, updated_node)
            return self._method(original_node, updated_node)
        except Unsure as unsure:
            self._unsure(original_node, str(unsure))
            return updated_node

    def _call(self, path: str, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        name = path.rpartition(".")[2]
        if self._is_whole(path):
            new = self._merge(updated) if name == "merge" else self._backend(path, updated)
            chain = self.file.chain_of(original.func)
            self.moved[chain.local if chain is not None else ""] += 1
            return new
        found = names.place(path, self.to, self.dialect)
        if found is None or not found.name:
            return updated
        part = found.module.partition(".")[2]
        if part in ("losses", "metrics"):
            return updated
        if part in ("layers", "models", "") and name[:1].isupper() and name != "Input":
            new = self.writer.layer(name, updated)
        else:
            new = self.writer.function(name, found.name, updated)
        self._mark_weights(name, new, original)
        return new

    def _mark_weights(self, name: str, call: cst.Call, original: cst.Call) -> None:
        keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
        if (
            "weights" in keywords
            and self.to == "keras3"
            and name not in ("Embedding",)
            and "layers." in str(self.path_of(original.func))
        ):
            self._unsure(original, f"{name}: Keras 3 takes no weights=: call set_weights when the layer is built.")
        if "activity_regularizer" in keywords and self._habits().sums_activity:
            self._differs("activity_regularizer is divided by the size of the batch today.")

    def _habits(self) -> Any:
        return translator.GENERATIONS[self.dialect].habits

    def _backend(self, path: str, updated: cst.Call) -> cst.BaseExpression:
        name = path.rpartition(".")[2]
        op = KERAS1_OPS.get(name) if self.dialect == "keras1" else None
        op = op or OPS.get(name)
        if op is None:
            raise Unsure(f"Keras 3 has no K.{name}.{absent.reason(path)}")
        return self.writer.backend(name, op, updated)

    def _merge(self, updated: cst.Call) -> cst.BaseExpression:
        order = keras1.MERGE_ORDER.split()
        given = {arg.keyword.value if arg.keyword else order[number]: arg.value for number, arg in enumerate(updated.args)
                 if not arg.star}  # fmt: skip
        if len(given) < len(updated.args) or "inputs" not in given:
            raise Unsure("merge: its arguments come from a list or a dictionary (* or **).")
        return self.writer.merged(given)

    def _method(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        function = original.func
        if not isinstance(function, cst.Attribute):
            return updated
        method = function.attr.value
        table = keras3.CALLS.get(f"{MODEL}.{method}")
        if table is None:
            return updated
        kind = self.file.kinds.of(function.value)
        if kind not in (MODEL, SEQUENTIAL):
            self._mark_unknown(original, method, table)
            return updated
        new = self.writer.method(kind, method, _METHODS.get(method, method), updated)
        if method in _METHODS and isinstance(new.func, cst.Attribute):
            new = new.with_changes(func=new.func.with_changes(attr=cst.Name(_METHODS[method])))
        self._mark_training(method, new)
        return new

    def _mark_unknown(self, original: cst.Call, method: str, table: Any) -> None:
        keywords = {arg.keyword.value for arg in original.args if arg.keyword is not None}
        old = sorted(keywords & {*table.renamed, *keras3.SAMPLES, "nb_epoch"})
        if self.file.imports_keras and (old or (method in _METHODS)):
            what = code_of(original.func.value)  # pyright: ignore[reportAttributeAccessIssue]
            today = ", ".join(f"{name}= is {table.renamed.get(name, 'a number of batches')}=" for name in old)
            today = today or f"it is {_METHODS[method]} today"
            self._unsure(original, f"{what} is not known to be a model of Keras here; if it is, {today}.")

    def _mark_training(self, method: str, call: cst.Call) -> None:
        keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
        if method == "compile" and self.facts.freezes and self.to == "keras3":
            self._differs("A model that was compiled before trainable was set trains as it is set then, in Keras 3.")
        if keywords & {"sample_weight", "class_weight"} and self._habits().counts_nonzero_weights:
            self._differs(
                "A weighted loss is divided by the size of the batch today, not by how many weights are not 0."
            )

    # -- what older layers and logs had --

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        """Methods of layers that have another name today."""
        name = updated_node.name.value
        if name in _OLD_LAYER_METHODS and self.file.is_in_layer(original_node):
            return updated_node.with_changes(name=cst.Name(_OLD_LAYER_METHODS[name]))
        return updated_node

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        """``history.history['lr']``"""
        if code_of(original_node.slice[0]).strip("'\"") == "lr" and self._habits().rate == "lr":
            value = original_node.value
            if (
                isinstance(value, cst.Attribute)
                and value.attr.value == "history"
                and self.file.kinds.of(value.value) == HISTORY
            ):
                text = code_of(updated_node.slice[0])
                new = cst.parse_expression(f"{text[0]}learning_rate{text[-1]}")
                return updated_node.with_changes(slice=[cst.SubscriptElement(cst.Index(new))])
        return updated_node
