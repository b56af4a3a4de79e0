"""DESIGN section 5, held: who may import whom, what is never imported at the top, and the public names."""

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
LINES: dict[int, set[str]] = {
    7: {"cli", "pytest_plugin", "__main__", "adapters"},
    6: {
        "execute",
        "chosen",
        "rewritten",
        "record",
        "provenance",
        "quantities",
        "token_counts",
        "timing",
        "lanes",
        "latency",
        "measured",
        "check",
        "diagnose",
        "outlook",
        "preview",
        "progress",
    }
    | {"artifact_sizes", "consumption", "fresh", "fresh_process", "fresh_work"}
    | {"laying", "offers", "offline", "reopened", "server"}
    | {
        "doctor",
        "janitor",
        "inventory",
        "schema",
        "job",
        "verify",
        "verify_laps",
        "verify_facts",
        "verdict",
        "rescore",
        "score",
        "beside",
        "describe",
        "spoken",
        "evidence",
        "arranged",
    },
    5: {"plan", "selection", "training"},
    4: {"suite", "systems", "sources", "runfiles", "stages", "words"},
    3: {
        "stage",
        "datasets",
        "report",
        "exports",
        "measures",
        "models",
        "hygiene",
        "encoders",
        "tuning",
        "endpoint",
        "embeddings",
        "chat",
        "pieces",
        "posting_search",
    }
    | {"chunking", "arranging", "quantising", "generation", "rewriting", "latency_words"},
    2: {
        "artifacts",
        "registry",
        "store",
        "meter",
        "results",
        "manifest",
        "tables",
        "prices",
        "price_file",
        "trec",
        "trec_columns",
        "trec_read",
        "lexicon",
        "terms",
        "exhaustive",
        "postings",
        "fusion",
        "neighbours",
        "products",
        "collapsing",
        "candidates",
        "faiss_index",
        "maxsim",
        "tokenizing",
        "laps",
        "responses",
    },
    1: {
        "energy",
        "errors",
        "fingerprint",
        "machine",
        "statistics",
        "places",
        "prompts",
        "arrow",
        "noise",
        "left_out",
    }
    | {"lap_statistics", "visits", "arrivals", "open_loop", "repeats"},
}
LINE = {name: number for number, names in LINES.items() for name in names}
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


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Give every node below that runs when the module is imported: none in a function, or for a type checker alone."""
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


def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: {other for other in imports(path) if other in known} - {name} for name, path in known.items()}


def test_every_module_stands_on_a_line() -> None:
    assert {part(name) for name in modules()} - {""} <= set(LINE)


def test_imports_lead_downwards() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if part(name) and part(other) and LINE[part(name)] < LINE[part(other)]
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


def test_stages_stand_alone() -> None:
    forbidden = {"plan", "store", "execute", "suite", "systems", "sources"}
    for name, others in graph().items():
        if part(name) == "stages":
            assert not {part(other) for other in others} & (forbidden | {"stages"}), name


def test_plan_and_execute_name_no_stage_and_report_runs_nothing() -> None:
    for name, others in graph().items():
        if part(name) in {"plan", "execute"}:
            assert "stages" not in {part(other) for other in others}, name
        if part(name) == "report":
            assert not {part(other) for other in others} & {"stage", "stages", "store", "plan", "execute"}, name


def test_nothing_heavy_is_imported_at_the_top() -> None:
    for name, path in modules().items():
        assert not {other.split(".")[0] for other in imports(path, top=True)} & HEAVY, name


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


def test_help_imports_nothing_but_the_command_line() -> None:
    code = "import sys, harness.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in (*HEAVY, "numpy", "pyarrow", "pydantic", "yaml"):
        assert f"'{name}'" not in loaded, name


def test_public_names_are_sorted_and_true() -> None:
    assert harness.__all__ == sorted(harness.__all__)
    assert all(hasattr(harness, name) for name in harness.__all__)
