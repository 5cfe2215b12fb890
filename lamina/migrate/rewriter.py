"""One file in today's words: names, calls and imports, and marks where the file alone does not say enough."""

from __future__ import annotations

from collections import Counter
from typing import Any

import libcst as cst

from lamina.dialects import absent, keras1, keras3, translator
from lamina.dialects.backend_names import KERAS1_OPS, OPS
from lamina.dialects.tf_names import TF_OPS, TF_WORDS
from lamina.migrate import names
from lamina.migrate.calls import NO_SPACE, Unsure, Writer
from lamina.migrate.file import Chain, File
from lamina.migrate.kinds import HISTORY, MODEL, SEQUENTIAL, TENSOR
from lamina.migrate.marks import METHODS, Marks
from lamina.migrate.names import TARGETS, Place
from lamina.migrate.values import code_of, value_of

_OLD_LAYER_METHODS = {"get_output_shape_for": "compute_output_shape"}
_ORDERINGS = ("set_image_dim_ordering", "image_dim_ordering")
_OPERATORS = {
    cst.AddAssign: cst.Add, cst.SubtractAssign: cst.Subtract, cst.MultiplyAssign: cst.Multiply, cst.DivideAssign: cst.Divide,
    cst.PowerAssign: cst.Power,
}  # fmt: skip
_BATCHED = "Keras 3 takes no batch_input_shape: begin with keras.Input(batch_shape=...)."
HELPERS = {
    "hard_sigmoid_keras2": '''\
@{keras}.saving.register_keras_serializable("migrated")
def hard_sigmoid_keras2(x):
    """The hard sigmoid of Keras 1 and 2; Keras 3's has another slope."""
    return {keras}.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
''',
}


class Rewriter(Marks):
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
        super().__init__(to, dialect, file)
        self.root = TARGETS[to]
        self.wanted: dict[str, Place] = {}
        self.helpers: list[str] = []
        self.moved: Counter[str] = Counter()
        self.touched: set[int] = set()
        self.batched: list[tuple[cst.BaseExpression, Any, int]] = []  # layers whose input Keras 3 is told before them
        self.writer = Writer(to, dialect, file.facts, self.code_for, self._differs)

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        """Write above a statement what there is to say of it."""
        updated: Any = super().on_leave(original_node, updated_node)
        if self.batched and isinstance(original_node, cst.SimpleStatementLine):
            updated = self._with_input(updated)
        if self.pending and isinstance(original_node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            lines = [cst.EmptyLine(comment=cst.Comment(f"# lamina: {sentence}")) for _, sentence in self.pending]
            first, *others = updated if isinstance(updated, cst.FlattenSentinel) else [updated]
            self.pending.clear()
            updated = cst.FlattenSentinel([_below(first, lines), *others])
        return updated

    def _with_input(self, statement: Any) -> Any:
        """``model.add(layer)`` with the ``Input`` that Keras 3 takes before a layer whose batch is known."""
        waiting, self.batched = self.batched, []
        call = statement.body[0].value if isinstance(statement.body[0], cst.Expr) else None
        if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and len(waiting) == 1:
            layer, shape, _ = waiting[0]
            if call.func.attr.value == "add" and call.args[0].value is layer:
                before = cst.Expr(call.with_changes(args=[cst.Arg(self._input(shape))]))
                line = cst.SimpleStatementLine([before], leading_lines=statement.leading_lines)
                return cst.FlattenSentinel([line, statement.with_changes(leading_lines=[])])
        self.unsure += [(line, _BATCHED) for _, _, line in waiting]
        self.pending += [(line, _BATCHED) for _, _, line in waiting]
        return statement

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.List:
        """Layers in a list, with the ``Input`` that Keras 3 takes before one whose batch is known."""
        elements: list[cst.BaseElement] = []
        for element in updated_node.elements:
            mine = [one for one in self.batched if one[0] is element.value]
            space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            elements += [cst.Element(self._input(shape), comma=space) for _, shape, _ in mine]
            elements.append(element)
            self.batched = [one for one in self.batched if one not in mine]
        return (
            updated_node.with_changes(elements=elements) if len(elements) > len(updated_node.elements) else updated_node
        )

    def _input(self, shape: Any) -> cst.Call:
        return cst.Call(self.code_for("Input"), [cst.Arg(self.writer.code(shape), cst.Name("batch_shape"), NO_SPACE)])

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
        op = OPS.get(path.partition(".")[2])
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
        of_tf = self.file.tf_path(original)
        if of_tf is not None:
            return self._word_of_tensorflow(*of_tf, original, updated)
        return self._rewritten_name(original, updated)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        """The names inside a dotted name of Keras's are part of it."""
        if id(node) in self.touched or (self.file.chain_of(node) is None and self.file.tf_path(node) is None):
            return True
        self._touch_inside(node)
        return False

    def _touch_inside(self, node: cst.BaseExpression) -> None:
        while isinstance(node, cst.Attribute):
            node = node.value
            self.touched.add(id(node))

    # -- calls --

    def visit_Call(self, node: cst.Call) -> None:
        """Where we are; the function of a merge, and of ``K`` in Keras 3, is written with its call."""
        self.line = self.file.line_of(node)
        if self._is_whole(self.path_of(node.func)) or self.file.tf_path(node.func) is not None:
            self.touched.add(id(node.func))
            self._touch_inside(node.func)

    def _is_whole(self, path: str | None) -> bool:
        """Whether a call's function is written with its arguments."""
        if path is None:
            return False
        return path.rpartition(".")[2] in ("merge", *_ORDERINGS) or (
            self.to == "keras3" and path.startswith("backend.")
        )

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """A call of what is Keras's."""
        path = self.path_of(original_node.func)
        self.line = self.file.line_of(original_node)
        try:
            if path is not None:
                return self._call(path, original_node, updated_node)
            of_tf = self.file.tf_path(original_node.func)
            if of_tf is not None:
                return self._of_tensorflow(*of_tf, updated_node)
            return self._method(original_node, updated_node)
        except Unsure as unsure:
            self._unsure(original_node, str(unsure))
            return updated_node

    def _call(self, path: str, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        name = path.rpartition(".")[2]
        if self._is_whole(path):
            whole = {"merge": self._merge, **dict.fromkeys(_ORDERINGS, lambda call: self._ordering(name, call))}
            new = whole[name](updated) if name in whole else self._backend(path, updated)
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
            new = self.writer.layer(name, f"{part}.{found.name}".lstrip("."), updated)
        else:
            active = translator.GENERATIONS[self.dialect].calls
            name = name if name in keras3.CALLS or name in active else found.name
            new = self.writer.function(name, f"{part}.{found.name}".lstrip("."), updated)
        self._mark_weights(name, new, original)
        if self.writer.batch_shape is not None:
            self.batched.append((new, self.writer.batch_shape, self.file.line_of(original)))
            self.writer.batch_shape = None
        return new

    def _backend(self, path: str, updated: cst.Call) -> cst.BaseExpression:
        name = path.rpartition(".")[2]
        op = KERAS1_OPS.get(name) if self.dialect == "keras1" else None
        op = op or OPS.get(name)
        if op is None:
            raise Unsure(f"Keras 3 has no K.{name}.{absent.reason(path)}")
        return self.writer.backend(name, op, updated)

    def _word_of_tensorflow(self, local: str, path: str, original: cst.CSTNode, updated: Any) -> Any:
        """``tf.float32``, ``activation=tf.nn.relu``"""
        op = TF_OPS.get(path)
        if path in TF_WORDS and self.file.leaves_tf:
            self.moved[local] += 1
            return cst.parse_expression(TF_WORDS[path])
        if self.file.leaves_tf and op is not None and "{" not in op.target and not op.defaults:
            self.moved[local] += 1
            return self.code_for(op.target)
        if self.to == "lamina":
            self._unsure(original, f"tf.{path} is TensorFlow's, and lamina's tensors are torch's.")
        return updated

    def _of_tensorflow(self, local: str, path: str, updated: cst.Call) -> cst.BaseExpression:
        """``tf.reduce_mean(x)``, where nothing in the file makes tensors of TensorFlow's own."""
        op = TF_OPS.get(path) if self.file.leaves_tf else None
        if op is None:
            if self.to == "lamina":
                raise Unsure(f"tf.{path} is TensorFlow's, and lamina's tensors are torch's; see lamina.ops.")
            self._differs(f"tf.{path} takes Keras 3's tensors on TensorFlow only.")
            return updated
        new = self.writer.backend(path, op, updated, "tf")
        self.moved[local] += 1
        return new

    def _ordering(self, name: str, updated: cst.Call) -> cst.BaseExpression:
        """``K.set_image_dim_ordering("th")``, ``K.image_dim_ordering()``"""
        root = code_of(self.code_for(""))
        if name == "image_dim_ordering":
            return cst.parse_expression(f'("th" if {root}.config.image_data_format() == "channels_first" else "tf")')
        word = value_of(updated.args[0].value) if updated.args else None
        if word not in keras1.VALUES["data_format"]:
            raise Unsure(f"{name}: which order this is is known when the script runs.")
        text = f'{root}.config.set_image_data_format("{keras1.VALUES["data_format"][word]}")'
        return cst.parse_expression(text)

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
        if method == "add_weight" and code_of(function.value) == "self" and self.file.is_in_layer(original):
            return self.writer.add_weight(updated)
        self._mark_names(original, method, function.value)
        table = keras3.CALLS.get(f"{MODEL}.{method}")
        if table is None:
            return updated
        kind = self.file.kinds.of(function.value)
        if kind not in (MODEL, SEQUENTIAL):
            self._mark_unknown(
                original, method, lambda: self.writer.method(MODEL, method, METHODS.get(method, method), original)
            )
            return updated
        new = self.writer.method(kind, method, METHODS.get(method, method), updated)
        if method in METHODS and isinstance(new.func, cst.Attribute):
            new = new.with_changes(func=new.func.with_changes(attr=cst.Name(METHODS[method])))
        self._mark_training(new)
        return new

    # -- what older layers and logs had --

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        """Methods of layers that have another name today."""
        name = updated_node.name.value
        if name in _OLD_LAYER_METHODS and self.file.is_in_layer(original_node):
            return updated_node.with_changes(name=cst.Name(_OLD_LAYER_METHODS[name]))
        return updated_node

    def leave_AugAssign(self, original_node: cst.AugAssign, updated_node: cst.AugAssign) -> Any:
        """``a *= mask`` made a new tensor of what ``K`` gave; on torch it changes the one that a gradient may need."""
        operator = _OPERATORS.get(type(original_node.operator))
        if self.to == "lamina" or operator is None or self.file.kinds.of(original_node.target) != TENSOR:
            return updated_node
        value = updated_node.value
        if isinstance(value, (cst.BinaryOperation, cst.IfExp, cst.Lambda, cst.Comparison, cst.BooleanOperation)):
            value = value.with_changes(lpar=[cst.LeftParen(), *value.lpar], rpar=[*value.rpar, cst.RightParen()])
        whole = cst.BinaryOperation(updated_node.target, operator(), value)
        return cst.Assign([cst.AssignTarget(updated_node.target)], whole, semicolon=updated_node.semicolon)

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


def _below(statement: Any, lines: list[cst.EmptyLine]) -> Any:
    """A statement below comments."""
    return statement.with_changes(leading_lines=[*statement.leading_lines, *lines])
