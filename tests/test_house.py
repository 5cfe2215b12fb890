"""The house rules that a reader would otherwise have to keep in mind: sizes, imports, dependencies, documentation.

The tables of exceptions hold today's figures: none may grow, and one that is no longer needed must go.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
import subprocess
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

import lamina
from lamina.compat import paths
from lamina.layers import Layer

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lamina"
FILES = sorted(PACKAGE.rglob("*.py"))
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

FILE_LINES, CLASS_LINES, FUNCTION_LINES = 650, 300, 60
LONG_FILES: dict[str, int] = {}
LONG_CLASSES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}

# Rooms, lowest first: a module imports from its own room and from those below. Each room is named once, those to come too;
# no row is for a single file of another room.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("errors", "config", "tree", "tracebacks", "language", "screen", "display"),
    ("dtypes", "registry", "naming", "lasting"),
    ("activations", "initializers", "regularizers", "constraints", "random", "variables"),
    ("dialects",),
    ("graph",),
    ("engine",),
    ("kernels",),
    ("layers",),
    ("ops",),
    ("losses", "metrics", "optimizers"),
    ("training",),
    ("saving",),
    ("models",),
    ("callbacks", "datasets", "preprocessing", "applications"),
    ("dtype_policies", "mixed_precision", "legacy", "wrappers"),
    ("viz", "visualization", "export", "distribution", "testing"),
    ("backend", "utils", "tf", "compat"),
    ("migrate",),
    ("", "__main__", "demo", "explore", "serve"),
)
# Imports inside functions, each with the reason that it can't stand at the top of its file.
LATE_IMPORTS: dict[tuple[str, str], str] = {}


# ---- reading the source --------------------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    """Every class and function with its dotted name, nested ones too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            name = f"{prefix}.{child.name}"
            yield name, child
            yield from definitions(child, name)
        else:
            yield from definitions(child, prefix)


def lines_without_docstrings(node: Definition) -> int:
    """The lines of a class or function, less its docstring and those of everything inside: words are not weight."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    for inner in [node, *(inner for _, inner in definitions(node, ""))]:
        if ast.get_docstring(inner) is not None:
            lines -= (inner.body[0].end_lineno or 0) - inner.body[0].lineno + 1
    return lines


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The lamina modules that a file imports, and whether it does so inside a function; typing-only ones left out."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]

    def visit(node: ast.AST, late: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        late = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(node, ast.Import):
            yield from ((alias.name, late) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from ((as_module(f"{base}.{alias.name}", base), late) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, late)

    return ((name, late) for name, late in visit(tree(path), False) if name.split(".")[0] == "lamina")


def as_module(name: str, otherwise: str) -> str:
    """``lamina.errors.describe`` is a name in a module, ``lamina.errors`` a module itself."""
    path = ROOT.joinpath(*name.split("."))
    return name if path.with_suffix(".py").is_file() or path.is_dir() else otherwise


def room(module: str) -> int:
    """The number of a module's room, and -1 when no row names it."""
    name = (module.split(".") + [""])[1]  # of ``lamina`` itself: the empty one
    return next((number for number, names in enumerate(ROOMS) if name in names), -1)


def imported_packages(module: str, imported: str) -> Iterator[str]:
    """``lamina.a.b`` and the package ``lamina.a``, whose ``__init__`` runs before; not those that ``module`` is in itself."""
    while imported not in ("lamina", "") and not module.startswith(f"{imported}."):
        yield imported
        imported = imported.rpartition(".")[0]


@functools.cache
def needed(path: Path) -> frozenset[str]:
    """The modules of lamina that run before this one, packages' ``__init__`` files among them."""
    module = module_name(path)
    return frozenset(package for imported, late in imports(path) if not late
                     for package in imported_packages(module, imported)) - {module}  # fmt: skip


# ---- sizes ---------------------------------------------------------------------------------------------------------


def assert_within(figures: dict[str, int], limit: int, exceptions: dict[str, int]) -> None:
    over = {name: lines for name, lines in figures.items() if lines > max(limit, exceptions.get(name, 0))}
    assert not over, f"longer than {limit} lines, or grown; is there a seam? {over}"
    needless = {name for name, lines in exceptions.items() if not limit < figures.get(name, 0) == lines}
    assert not needless, f"shorter than its exception says: lower or remove it: {needless}"


def test_files_are_read_in_one_sitting():
    figures = {module_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert_within(figures, FILE_LINES, LONG_FILES)


def test_classes_are_small():
    figures = {name: lines_without_docstrings(node) for path in FILES for name, node in
               definitions(tree(path), module_name(path)) if isinstance(node, ast.ClassDef)}  # fmt: skip
    assert_within(figures, CLASS_LINES, LONG_CLASSES)


def test_functions_fit_on_a_screen():
    figures = {name: lines_without_docstrings(node) for path in FILES for name, node in
               definitions(tree(path), module_name(path)) if not isinstance(node, ast.ClassDef)}  # fmt: skip
    assert_within(figures, FUNCTION_LINES, LONG_FUNCTIONS)


# ---- imports -------------------------------------------------------------------------------------------------------


def test_every_module_has_its_room():
    assert [module_name(path) for path in FILES if room(module_name(path)) < 0] == []


def test_every_room_is_named_once():
    names = [name for row in ROOMS for name in row]
    assert len(names) == len(set(names))
    assert not any("." in name for name in names), "no row for a single file of another room"


def test_imports_point_downwards():
    upward = [f"{module_name(path)} imports {imported}" for path in FILES for imported in needed(path)
              if room(imported) > room(module_name(path))]  # fmt: skip
    assert upward == []


def knot(graph: dict[str, set[str]]) -> set[str]:
    """What is left when all that needs nothing else is taken away, again and again: modules in a circle, and above one."""
    while free := {name for name, wanted in graph.items() if not wanted & graph.keys()}:
        graph = {name: wanted for name, wanted in graph.items() if name not in free}
    return set(graph)


def test_imports_go_in_no_circle():
    assert knot({module_name(path): set(needed(path)) for path in FILES}) == set()


def test_rooms_go_in_no_circle():
    """Nor do rooms of one row: ``losses`` and ``metrics`` may not need each other."""
    graph: dict[str, set[str]] = {}
    for path in FILES:
        own = module_name(path).split(".")[1:2]
        graph.setdefault("".join(own), set()).update(name.split(".")[1] for name in needed(path))
    for name, wanted in graph.items():
        wanted.discard(name)
    assert knot(graph) == set()


def test_imports_stand_at_the_top():
    late = {(module_name(path), imported) for path in FILES for imported, late in imports(path) if late}
    assert late - LATE_IMPORTS.keys() == set()
    assert LATE_IMPORTS.keys() - late == set()


def test_run_time_dependencies_are_four():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]} == {"torch", "numpy", "h5py", "rich"}


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower() for line in pins if not line.startswith("#")}
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins if not line.startswith("#"))
    wanted = project["dependencies"] + [line for name, lines in project["optional-dependencies"].items()
                                        if name != "bench" for line in lines]  # fmt: skip
    assert {re.match(r"[\w-]+", line)[0].lower() for line in wanted} - pinned == {"lamina"}


# ---- public names --------------------------------------------------------------------------------------------------

# What users import from: all that the old module paths lead to, but for the engine room.
NAMESPACES = sorted({name for names in paths.PATHS.values() for name in names if as_module(name, "") == name}
                    - {"lamina.registry", "lamina.engine.input_spec", "lamina.graph.symbolic"})  # fmt: skip
NAMESPACES += ["lamina.compat", "lamina.dialects", "lamina.variables", "lamina.testing"]


@pytest.mark.parametrize("name", NAMESPACES)
def test_every_public_namespace_says_what_is_public(name: str):
    module = importlib.import_module(name)
    assert module.__all__, f"{name} has no __all__"
    assert len(set(module.__all__)) == len(module.__all__)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []
    strangers = {public for public in module.__all__ if isinstance(getattr(module, public), types.ModuleType)
                 and not getattr(module, public).__name__.startswith(name)}  # fmt: skip
    assert strangers == set()
    if "__path__" in vars(module):  # nothing is to be chosen from but what is public: no files, no imports
        older = {"lamina.layers": lamina.layers._OLDER, "lamina": {"__version__"}}.get(name, ())
        assert {*module.__dir__()} == {*module.__all__, *older}


def test_layers_gives_layers_and_what_keras_gives_beside_them():
    strangers = [name for name in lamina.layers.__all__ if name not in dir(keras.layers)
                 and not issubclass(getattr(lamina.layers, name), Layer)]  # fmt: skip
    assert strangers == []
    assert set(dir(lamina.layers)) - {*lamina.layers.__all__} == set(lamina.layers._OLDER)


# ---- what lamina's code does not do --------------------------------------------------------------------------------

FORBIDDEN_CALLS = {"eval", "exec", "__import__", "breakpoint"}
FORBIDDEN_MODULES = {"pickle", "marshal", "dill", "cloudpickle", "shelve", "urllib", "requests", "socket", "http"}
# (module, what): why it may.
ALLOWED: dict[tuple[str, str], str] = {
    ("lamina.graph.plan", "exec"): "compiles the forward that lamina itself generated from a graph of known layers",
    ("lamina.utils.fetched", "urllib.parse"): "reads the path in a file:// address; nothing is fetched",
    ("lamina.callbacks.remote", "urllib.parse"): "RemoteMonitor sends to the address that its user gives it",
    ("lamina.callbacks.remote", "urllib.request"): "as above",
}


def forbidden(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Assert):
            yield "assert"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield node.func.id
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            yield node.module or ""
        if isinstance(node, ast.ExceptHandler) and [type(inner) for inner in node.body] == [ast.Pass]:
            yield "except: pass"


def test_lamina_asserts_swallows_unpickles_and_fetches_nothing():
    found = {(module_name(path), what) for path in FILES for what in forbidden(path)}
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set()


def test_the_repository_names_no_machine():
    """No home folder or workplace of whoever wrote a file. Only what git tracks is read."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    named = re.compile(r"/(?:root|work|farm|home/\w+|Users/\w+)/\w|[A-Z]:\\Users\\")
    hits = []
    for name in tracked.stdout.split("\0")[:-1]:
        path = ROOT / name
        if not path.is_file() or b"\0" in path.read_bytes()[:8000]:
            continue
        hits += [f"{name}: {hit[0]}" for hit in named.finditer(path.read_text(encoding="utf-8"))]
    assert hits == []


BAD = '''
"""A module that breaks the rules."""
import pickle


def load(text):
    """Seven lines without this one."""
    from lamina import errors
    assert text
    try:
        return eval(text)
    except ValueError:
        pass
'''


def test_the_rules_see_what_breaks_them():
    path = PACKAGE / "bad.py"  # never written: only parsed under this name
    tree_of_bad = ast.parse(BAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "tree", lambda asked: tree_of_bad)
        assert sorted(forbidden(path)) == ["assert", "eval", "except: pass", "pickle"]
        assert list(imports(path)) == [("lamina.errors", True)]
    [(name, function)] = definitions(tree_of_bad, "bad")
    assert (name, lines_without_docstrings(function)) == ("bad.load", 7)
    with pytest.raises(AssertionError, match="longer than 6 lines"):
        assert_within({name: 7}, 6, {})
    with pytest.raises(AssertionError, match="shorter than its exception says"):
        assert_within({name: 7}, 6, {name: 8})
    assert_within({name: 7}, 6, {name: 7})
    assert room("lamina.layers.core") == room("lamina.layers") > room("lamina.graph.plan") > room("lamina.errors")
    assert list(imported_packages("lamina.a.b", "lamina.a.c")) == ["lamina.a.c"]
    assert list(imported_packages("lamina.x", "lamina.a.c")) == ["lamina.a.c", "lamina.a"]
    assert knot({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}
    assert room("lamina.unheard_of") == -1


# ---- documentation -------------------------------------------------------------------------------------------------


def public_names(module_name: str) -> dict[str, object]:
    """A module's public classes and functions that are lamina's own."""
    module = importlib.import_module(module_name)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    members = {name: getattr(module, name) for name in names}
    kinds = (type, types.FunctionType)
    return {name: it for name, it in members.items() if isinstance(it, kinds) and it.__module__.startswith("lamina")}


def test_every_layer_is_documented_with_an_example():
    layers = public_names("lamina.layers")
    assert {name for name, layer in layers.items() if ">>>" not in (layer.__doc__ or "")} == set()


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_every_public_name_has_a_docstring(path):
    top = tree(path).body
    nodes = [
        node
        for node in top
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
        if not any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)  # what follows has one
    ]
    assert [node.name for node in nodes if ast.get_docstring(node) is None] == []
    assert not top or ast.get_docstring(tree(path)) is not None, "the module says nothing of itself"
