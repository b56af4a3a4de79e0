"""Who may import whom: the strict table of docs/decisions/0011, its four rules, and what `__init__` files may hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
LINES: tuple[tuple[str, ...], ...] = (
    ("__main__", "pytest_plugin"),
    ("cli",),
    ("api",),
    ("latency", "record", "adapters", "leaderboard"),
    ("execute", "diagnose"),
    ("plan", "verify"),
    ("suite", "stages", "report"),
    ("models", "compare", "exports"),
    ("stage", "store", "search", "measures", "datasets", "results"),
    ("artifacts", "statistics", "machine", "registry", "prices"),
    ("meter", "fingerprint"),
    ("errors",),
)
"""Highest first. A package imports from lines below its own, and from no other package of its own line."""
HEIGHT = {name: len(LINES) - place for place, names in enumerate(LINES) for name in names}
PLANNED = {"pytest_plugin", "leaderboard", "diagnose"}
"""Packages that the table has a place for, and that are not written yet."""
HEAVY = {"torch", "faiss", "transformers", "sentence_transformers", "mteb", "ir_datasets", "ray", "bm25s", "scipy"} | {
    "ir_measures",
    "ranx",
    "numba",
    "pandas",
    "altair",
    "vl_convert",
    "openai",
    "duckdb",
    "usearch",
    "pynvml",
}
RUNS_NOTHING = {"results", "compare", "exports", "report"}
RUNS = {"suite", "plan", "stage", "stages", "store", "execute"}


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node below that runs when the module is imported: none in a function or for type checkers alone."""
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children = iter(node.orelse)
    for child in children:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from run_on_import(child)


def imports(path: Path, *, top: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in run_on_import(tree) if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= set(modules()) else names | {node.module or ""}
    return found


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: {other for other in imports(path) if other in known} - {name} for name, path in known.items()}


@cache
def packages() -> dict[str, set[str]]:
    """Return which packages and top-level modules each of them imports."""
    found: dict[str, set[str]] = {part(name): set() for name in modules()}
    for name, others in graph().items():
        found[part(name)] |= {part(other) for other in others} - {part(name), ""}
    return {name: others for name, others in found.items() if name}


def reached(start: str) -> set[str]:
    """Return everything that a package imports, directly or through others."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for other in packages()[ahead.pop()] - seen:
            seen.add(other)
            ahead.append(other)
    return seen


def test_the_table_names_every_package_and_nothing_else() -> None:
    assert set(HEIGHT) - PLANNED == set(packages())
    assert sum(map(len, LINES)) == len(HEIGHT), "a name is in one line"


def test_imports_lead_to_lower_lines_only() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if part(name) and part(other) and part(name) != part(other) and HEIGHT[part(name)] <= HEIGHT[part(other)]
    ]
    assert not wrong


def test_nothing_imports_in_a_circle() -> None:
    edges = graph()
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join((*above, name))
        if name not in done:
            for other in edges[name]:
                visit(other, (*above, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_the_straight_line_asks_the_registry_for_stages() -> None:
    """Rule 1: nothing between a suite and its record names a built-in stage."""
    for name in ("plan", "execute", "latency", "record"):
        assert "stages" not in packages()[name]


def test_whoever_reads_results_runs_nothing() -> None:
    """Rule 2: result files can be read, compared, exported and drawn without anything that could run a stage."""
    for name in sorted(RUNS_NOTHING):
        assert not reached(name) & RUNS, name


def test_stages_stand_alone() -> None:
    """Rule 3: a stage imports no other stage; of `stages` only the `base` of its own role."""
    inside = {name: others for name, others in graph().items() if part(name) == "stages" and name.count(".") == 3}
    assert inside
    for name, others in inside.items():
        allowed = {f"{name.rsplit('.', 1)[0]}.base"}
        assert {other for other in others if part(other) == "stages"} <= allowed, name


def test_nothing_heavy_is_imported_with_a_module() -> None:
    """Rule 4: a heavy library is imported in the function that needs it."""
    for name, path in modules().items():
        assert not {other.split(".")[0] for other in imports(path, top=True)} & HEAVY, name


def test_a_package_holds_no_code_of_its_own() -> None:
    """An `__init__` file re-exports; `latency` and `stages` do not even that, since a clock runs on their import."""
    for name, path in modules().items():
        if path.name != "__init__.py" or name == "harness":
            continue
        docstring, *body = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), f"{name} says what it is for"
        if part(name) in {"latency", "stages"}:
            assert not body, name
        exported = [ast.unparse(node.targets[0]) for node in body if isinstance(node, ast.Assign)]
        assert exported in ([], ["__all__"]), name
        assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in body), name


def test_modules_import_their_siblings_by_full_path() -> None:
    for name, others in graph().items():
        parents = {name.rsplit(".", depth)[0] for depth in range(1, name.count("."))}
        assert not others & parents, f"{name} imports its own package"


def test_the_top_of_the_house_is_small() -> None:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"]
    files = [path for path in ROOT.glob("*.py") if not path.name.startswith("__")]
    assert len(folders) <= 20
    assert len(files) <= 10


def test_no_function_is_longer_than_a_screen() -> None:
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{name}.{node.name}"


def test_nothing_changes_the_rows_of_an_artifact_from_outside() -> None:
    """An artifact that was loaded or handed over stays as it is: `at_rows` returns another."""
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == "rows":
                assert ast.unparse(node) in {"self.rows", "moved.rows"}, name


def test_help_imports_nothing_but_the_command_line() -> None:
    code = "import sys, harness.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in (*HEAVY, "numpy", "pyarrow", "pydantic", "yaml"):
        assert f"'{name}'" not in loaded, name


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "from torch import nn",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "try:\n    pass\nexcept ImportError:\n    import torch",
        "try:\n    pass\nfinally:\n    import torch",
        "if True:\n    pass\nelse:\n    import torch",
        "with suppress(ImportError):\n    import torch",
        "for _ in range(1):\n    import torch",
        "match 1:\n    case 1:\n        import torch",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import torch",
        "class A:\n    import torch",
        "class A:\n    if True:\n        class B:\n            import torch",
    ],
)
def test_what_runs_on_import_is_looked_at(source: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(source)
    assert {name.split(".")[0] for name in imports(tmp_path / "a.py", top=True)} == {"torch"}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import torch",
        "async def f():\n    import torch",
        "class A:\n    def f(self):\n        if True:\n            import torch",
        "def f():\n    class A:\n        import torch",
        "if TYPE_CHECKING:\n    import torch",
    ],
)
def test_what_does_not_run_on_import_is_not(source: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(source)
    assert imports(tmp_path / "a.py", top=True) == set()
    assert imports(tmp_path / "a.py") == {"torch"}
