"""The imports of a file, written for what the rest of it uses now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import libcst as cst

from lamina.compat import paths
from lamina.migrate import names
from lamina.migrate.file import Chain, File, dotted
from lamina.migrate.names import Place, below_root
from lamina.migrate.rewriter import HELPERS, Rewriter

_BLANK = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]


class Imports:
    """Writes the imports of a file anew.

    Arguments:
        file: what it said before.
        done: the rewriter that went over it.
        tf_used: whether TensorFlow is still used for more than its Keras.
    """

    def __init__(self, file: File, done: Rewriter) -> None:
        self.file, self.done = file, done
        self.to, self.dialect = done.to, done.dialect
        self.given: set[tuple[str, str]] = set()  # at the top of the file: what is imported, and its local name

    def rewritten(self, module: cst.Module) -> cst.Module:
        """The module with its imports, and with what else the new code needs."""
        first = next((number for number, one in enumerate(module.body) if _has_keras_import(one)), None)
        body = self._block(module.body, top=True)
        wanted = [(place, name) for name, place in self.done.wanted.items() if (place.whole, name) not in self.given]
        new = [cst.SimpleStatementLine([one]) for one in _statements(wanted)]
        at = _after_header(module.body) if first is None else self._place_of(first, module.body)
        if new:
            body = [*body[:at], *new, *body[at:]]
        if self.done.helpers:
            root = self.file.name_of_root(self.done.root)
            text = "".join(HELPERS[name].replace("{keras}", root) for name in self.done.helpers)
            added = [one.with_changes(leading_lines=_BLANK) for one in cst.parse_module(text).body]  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
            at = _before_use(body, self.done.helpers)
            behind = list(body[at:])
            if behind and isinstance(behind[0], (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                lines = list(behind[0].leading_lines)  # pyright: ignore[reportAttributeAccessIssue]
                while lines and lines[0].comment is None:
                    lines.pop(0)
                behind[0] = behind[0].with_changes(leading_lines=[*_BLANK, *lines])
            body = [*body[:at], *added, *behind]
        return module.with_changes(body=body)

    def _place_of(self, first: int, before: Sequence[Any]) -> int:
        """Where new imports go: before the first of Keras's."""
        kept = self._block(before[:first], top=False)
        return len(kept)

    # -- blocks --

    def _block(self, body: Sequence[Any], top: bool = False) -> list[Any]:
        new: list[Any] = []
        lost: list[cst.EmptyLine] = []
        for statement in body:
            made = self._statement(statement, top)
            if made and lost:
                made[0] = made[0].with_changes(leading_lines=[*lost, *made[0].leading_lines])
                lost = []
            if not made:
                lost += [line for line in statement.leading_lines if line.comment is not None]
                trailing = statement.trailing_whitespace.comment
                lost += [cst.EmptyLine(comment=trailing)] if trailing is not None else []
            new += made
        if not new and body and not top:
            new = [cst.SimpleStatementLine([cst.Pass()], leading_lines=lost)]
        return new

    def _statement(self, statement: Any, top: bool) -> list[Any]:
        if not isinstance(statement, cst.SimpleStatementLine):
            return [statement.visit(_Blocks(self)) if not top or _has_keras_import(statement) else statement]
        if not any(isinstance(one, (cst.Import, cst.ImportFrom)) for one in statement.body):
            return [statement]
        parts: list[list[cst.BaseSmallStatement]] = []
        for one in statement.body:
            made = list(self._import(one, top)) if isinstance(one, (cst.Import, cst.ImportFrom)) else [one]
            parts.append(made)
        if len(statement.body) == 1:
            lines = [cst.SimpleStatementLine([one]) for one in parts[0]]
            if not lines:
                return []
            lines[0] = lines[0].with_changes(leading_lines=statement.leading_lines)
            lines[-1] = lines[-1].with_changes(trailing_whitespace=statement.trailing_whitespace)
            return lines
        flat = [one for part in parts for one in part]
        flat = [one.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for one in flat]
        return [statement.with_changes(body=flat)] if flat else []

    # -- one import --

    def _import(self, node: Any, top: bool) -> Iterator[Any]:
        if isinstance(node, cst.Import):
            yield from self._plain(node, top)
            return
        module = dotted(node.module) if node.module is not None and not node.relative else ""
        path = below_root(module)
        if path is None and not (module and any(root.startswith(f"{module}.") for root in paths.ROOTS)):
            yield node
        elif isinstance(node.names, cst.ImportStar):
            found = names.place(path or "", self.to, self.dialect)
            yield node if found is None else node.with_changes(module=_dotted_node(found.module))
        else:
            yield from self._from(node, module, top)

    def _plain(self, node: cst.Import, top: bool) -> Iterator[Any]:
        """``import keras.layers``, ``import keras.backend as K``, ``import tensorflow as tf``"""
        staying: list[cst.ImportAlias] = []
        for alias in node.names:
            name = dotted(alias.name)
            path = below_root(name)
            local = alias.asname.name.value if alias.asname is not None else name.partition(".")[0]  # pyright: ignore[reportAttributeAccessIssue]
            if path is None:
                around = any(root.startswith(f"{name}.") for root in paths.ROOTS)
                if not around or self._is_needed(local, ""):
                    staying.append(alias)
                continue
            bound = path if alias.asname is not None else ""
            yield from self._binding(Chain(local, bound, (), "module"), alias, top)
        if staying:
            staying[-1] = staying[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            yield node.with_changes(names=staying)

    def _binding(self, chain: Chain, alias: cst.ImportAlias, top: bool) -> Iterator[Any]:
        found = names.place(chain.path, self.to, self.dialect)
        if found is None or not self._is_needed(chain.local, chain.path):
            if self._is_needed(chain.local, chain.path):
                yield cst.Import([alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)])
            return
        local = self.file.local_name(chain, self.to, self.dialect)
        if (found.whole, local) in self.given and top:
            return
        if top:
            self.given.add((found.whole, local))
        yield from _statements([(found, local)])

    def _is_needed(self, local: str, path: str) -> bool:
        """Whether what an import gives is still used, or was never used."""
        uses = self.file.uses[local]
        if not uses:  # imported out of habit
            return names.place(path, self.to, self.dialect) is not None or (below_root(path) is None and path == "")
        return self.done.moved[local] < uses

    def _from(self, node: Any, module: str, top: bool) -> Iterator[Any]:
        moved: list[tuple[Place, str, cst.ImportAlias]] = []
        staying: list[cst.ImportAlias] = []
        for alias in node.names:
            name = dotted(alias.name)
            path = below_root(f"{module}.{name}")
            local = alias.asname.name.value if alias.asname is not None else name
            if path is None:  # from tensorflow import something
                staying.append(alias)
                continue
            found = names.place(path, self.to, self.dialect)
            if found is None or not self._is_needed(local, path):
                staying += [alias] if self._is_needed(local, path) else []
                continue
            how = "module" if names.is_module(path) else "name"
            new_local = self.file.local_name(Chain(local, path, (), how), self.to, self.dialect)
            if not top or (found.whole, new_local) not in self.given:
                moved.append((found, new_local, alias))
            if top:
                self.given.add((found.whole, new_local))
        if staying:
            staying[-1] = staying[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            yield cst.ImportFrom(node.module, staying)
        homes = {_home(place) for place, _, _ in moved}
        if len(homes) == 1 and not staying and len(moved) == len(node.names) and homes != {""}:
            renewed = [_alias(place, local, alias) for place, local, alias in moved]
            yield node.with_changes(module=_dotted_node(homes.pop()), names=renewed)
            return
        yield from _statements([(place, local) for place, local, _ in moved])


class _Blocks(cst.CSTTransformer):
    """Blocks inside of statements."""

    def __init__(self, imports: Imports) -> None:
        super().__init__()
        self.imports = imports

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """The statements of a block."""
        if not any(_imports_in(one) for one in updated_node.body):
            return updated_node
        body = [made for one in updated_node.body for made in (
            self.imports._block([one]) if _imports_in(one) else [one])]  # fmt: skip
        without = [one for one in body if not _is_pass(one)] or body[:1]
        return updated_node.with_changes(body=without)


def _imports_in(statement: Any) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and any(
        isinstance(one, (cst.Import, cst.ImportFrom)) for one in statement.body
    )


def _is_pass(statement: Any) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and all(isinstance(one, cst.Pass) for one in statement.body)


def _has_keras_import(statement: cst.CSTNode) -> bool:
    if isinstance(statement, (cst.Import, cst.ImportFrom)):
        return "keras" in cst.Module([]).code_for_node(statement) or "tensorflow" in cst.Module([]).code_for_node(
            statement
        )
    return any(_has_keras_import(child) for child in statement.children)


def _home(place: Place) -> str:
    """The module that a from-import of this names."""
    return place.module if place.name else place.module.rpartition(".")[0]


def _alias(place: Place, local: str, alias: cst.ImportAlias) -> cst.ImportAlias:
    name = place.whole.rpartition(".")[2]
    as_name = None if local == name else alias.asname or cst.AsName(cst.Name(local))
    if as_name is not None and isinstance(as_name.name, cst.Name) and as_name.name.value != local:
        as_name = as_name.with_changes(name=cst.Name(local))
    return alias.with_changes(name=cst.Name(name), asname=as_name)


def _statements(wanted: Iterable[tuple[Place, str]]) -> Iterator[Any]:
    """Import statements for places, and their local names; one for each module."""
    homes: dict[str, list[str]] = {}
    for place, local in wanted:
        name = place.whole.rpartition(".")[2]
        homes.setdefault(_home(place), []).append(name if name == local else f"{name} as {local}")
    for home, given in homes.items():
        names_given = ", ".join(dict.fromkeys(given))
        text = f"from {home} import {names_given}" if home else f"import {names_given}"
        yield cst.parse_module(text).body[0].body[0]  # pyright: ignore[reportAttributeAccessIssue, reportIndexIssue]


def _dotted_node(name: str) -> Any:
    return cst.parse_expression(name)


def _after_header(body: Sequence[Any]) -> int:
    """Behind a docstring and imports from ``__future__``."""
    at = 0
    for number, one in enumerate(body):
        code = cst.Module([]).code_for_node(one).lstrip()
        if code.startswith(("from __future__", '"', "'", 'r"', "u'", 'u"')):
            at = number + 1
    return at


def _before_use(body: Sequence[Any], helpers: Sequence[str]) -> int:
    """Behind the imports at the top, before the first statement that needs one of ``helpers``, or makes something."""
    at = _after_header(body)
    for number, one in enumerate(body):
        code = cst.Module([]).code_for_node(one)
        if isinstance(one, (cst.FunctionDef, cst.ClassDef)) or any(name in code for name in helpers):
            break
        if _imports_in(one) or (isinstance(one, (cst.Try, cst.If)) and "import " in code):
            at = number + 1
    return at
