"""What is said of a file that was rewritten: what it alone does not decide, and what is computed otherwise today."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import libcst as cst

from lamina.dialects.translator import GENERATIONS
from lamina.migrate import names
from lamina.migrate.calls import Unsure
from lamina.migrate.file import File
from lamina.migrate.kinds import MODEL, SEQUENTIAL
from lamina.migrate.values import code_of

METHODS = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict"}
_LACKING = {
    "predict_classes": "predict(x).argmax(axis=-1), or predict(x) > 0.5 for one output",
    "predict_proba": "predict(x) is the same",
    "reset_states": "call reset_state() of each stateful layer",
    "to_yaml": "to_json() is there",
}
_COUNTED = re.compile(r"[a-z0-9_]+_\d+")


class Marks(cst.CSTTransformer):
    """What the rewriter says of a file; its arguments and attributes are told there."""

    def __init__(self, to: str, dialect: str, file: File) -> None:
        super().__init__()
        self.to, self.dialect, self.facts, self.file = to, dialect, file.facts, file
        self.unsure: list[tuple[int, str]] = []
        self.differs: dict[str, int] = {}
        self.pending: list[tuple[int, str]] = []  # to be written above the statement
        self.line = 0

    def _unsure(self, node: cst.CSTNode, sentence: str) -> None:
        line = self.file.line_of(node)
        if (line, sentence) not in self.unsure:
            self.unsure.append((line, sentence))
            self.pending.append((line, sentence))

    def _differs(self, sentence: str) -> None:
        self.differs.setdefault(sentence, self.line)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        """Names that the target lacks, and that nothing else in the file would tell of."""
        if node.module is None or node.relative or isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            path = names.below_root(f"{code_of(node.module)}.{code_of(alias.name)}")
            local = code_of(alias.asname.name if alias.asname is not None else alias.name)
            if not path or path == "backend" or path.rpartition(".")[2] == "merge" or self.file.uses[local]:
                continue
            if names.place(path, self.to, self.dialect) is None:  # the import goes, as nothing uses it
                self.line = self.file.line_of(node)
                self._differs(f"{path} was imported here for nothing, and there is none today.")

    def _mark_weights(self, name: str, call: cst.Call, original: cst.Call) -> None:
        keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
        if (
            "weights" in keywords
            and self.to == "keras3"
            and name not in ("Embedding",)
            and "layers." in str(self.file.path_of(original.func))
        ):
            self._unsure(original, f"{name}: Keras 3 takes no weights=: call set_weights when the layer is built.")
        if "activity_regularizer" in keywords and self._habits().sums_activity:
            self._differs("activity_regularizer is divided by the size of the batch today.")

    def _habits(self) -> Any:
        return GENERATIONS[self.dialect].habits

    def _mark_names(self, original: cst.Call, method: str, owner: cst.BaseExpression) -> None:
        """What asks for a layer by a name that was counted, or for a method that Keras 3's models lack."""
        if method not in ("get_layer", *_LACKING) or self.file.kinds.of(owner) not in (MODEL, SEQUENTIAL):
            return
        if method in _LACKING:
            if self.to == "keras3":
                self._unsure(original, f"Keras 3's models have no {method}: {_LACKING[method]}.")
            return
        name = code_of(original.args[0].value).strip("'\"") if original.args else ""
        if self.dialect != "keras3" and name not in self.file.given_names and _COUNTED.fullmatch(name):
            self._unsure(original, f"Layers are counted otherwise today: which one {name!r} is depends on all that were made "
                                   "before.")  # fmt: skip

    def _mark_unknown(self, original: cst.Call, method: str, today: Callable[[], cst.Call]) -> None:
        """A method of models' names, of what may be a model; ``today`` makes the call as it would be then."""
        what: Any = original.func
        if not self.file.imports_keras or self.file.is_imported(what.value):
            return
        try:
            new = code_of(today().with_changes(func=cst.Name(METHODS.get(method, method))))
        except Unsure as unsure:
            new = str(unsure) if method in METHODS else ""
        old = code_of(original.with_changes(func=cst.Name(method)))
        if new and new != old:
            hint = " ".join(new.split())
            self._unsure(original, f"{code_of(what.value)} is not known to be a model of Keras here; if it is: {hint}")

    def visit_Assign(self, node: cst.Assign) -> None:
        """``discriminator.trainable = False`` of a model that is compiled by itself, too: a GAN."""
        target = node.targets[0].target
        if self.to == "lamina" or not isinstance(target, cst.Attribute) or target.attr.value != "trainable":
            return
        owner = code_of(target.value)
        if self.dialect != "keras3" and owner in self.file.frozen_later:
            self._unsure(node, f"{owner} was compiled by itself, and went on training as it was then; Keras 3 trains what is "
                               f"trainable now: set {owner}.trainable where it is trained.")  # fmt: skip

    def _mark_training(self, call: cst.Call) -> None:
        keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
        if keywords & {"sample_weight", "class_weight"} and self._habits().counts_nonzero_weights:
            self._differs(
                "A weighted loss is divided by the size of the batch today, not by how many weights are not 0."
            )
