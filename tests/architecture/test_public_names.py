"""The public names: what the documentation tells users to import, and what plug-ins are written with."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

import harness
from tests.architecture.test_layers import modules

PUBLIC = (
    "harness.Results",
    "harness.__version__",
    "harness.adapters.mteb.MtebSystem",
    "harness.artifacts.all_scores.AllScores",
    "harness.artifacts.contexts.Budget",
    "harness.artifacts.contexts.Context",
    "harness.artifacts.contexts.Contexts",
    "harness.artifacts.drafts.Draft",
    "harness.artifacts.drafts.DraftTexts",
    "harness.artifacts.drafts.Drafts",
    "harness.artifacts.index.Index",
    "harness.artifacts.judgements.Judgement",
    "harness.artifacts.judgements.Qrels",
    "harness.artifacts.judgements.QueryReference",
    "harness.artifacts.judgements.References",
    "harness.artifacts.judgements.Span",
    "harness.artifacts.judgements.Spans",
    "harness.artifacts.model.Model",
    "harness.artifacts.passages.Passages",
    "harness.artifacts.run.NONE",
    "harness.artifacts.run.Run",
    "harness.artifacts.run_lines.RunLines",
    "harness.artifacts.scores.Scores",
    "harness.artifacts.sparse_vectors.SparseVectors",
    "harness.artifacts.text.Corpus",
    "harness.artifacts.text.Queries",
    "harness.artifacts.token_vectors.TokenVectors",
    "harness.artifacts.vectors.BitVectors",
    "harness.artifacts.vectors.Int8Vectors",
    "harness.artifacts.vectors.Vectors",
    "harness.datasets.base.Dataset",
    "harness.errors.DataError",
    "harness.errors.HarnessError",
    "harness.errors.MissingLibrary",
    "harness.errors.Place",
    "harness.errors.RepeatedId",
    "harness.errors.StoreError",
    "harness.errors.SuiteError",
    "harness.errors.UnknownName",
    "harness.errors.UserError",
    "harness.exports.FORMATS",
    "harness.exports.export_to",
    "harness.exports.ranx.from_ranx",
    "harness.exports.ranx.to_ranx",
    "harness.measures.definition.definition",
    "harness.measures.evaluate.evaluate",
    "harness.measures.hits.Hits",
    "harness.measures.judgements.Judgements",
    "harness.measures.kernel.kernel",
    "harness.measures.ties.over_ties",
    "harness.query",
    "harness.registry.DATASETS",
    "harness.registry.METRICS",
    "harness.registry.STAGES",
    "harness.results.CONTEXTS_SCHEMA",
    "harness.results.LATENCY_SCHEMA",
    "harness.results.Measurement",
    "harness.results.PASSAGES_SCHEMA",
    "harness.results.PER_QUERY_SCHEMA",
    "harness.results.Results",
    "harness.results.SPANS_SCHEMA",
    "harness.results.TAGS_SCHEMA",
    "harness.results.query",
    "harness.run",
    "harness.stage.Arranger",
    "harness.stage.Chunker",
    "harness.stage.Collapser",
    "harness.stage.Comparison",
    "harness.stage.ContextScorer",
    "harness.stage.DraftReader",
    "harness.stage.Encoder",
    "harness.stage.ExhaustiveSearcher",
    "harness.stage.Filter",
    "harness.stage.Fuser",
    "harness.stage.Indexer",
    "harness.stage.Reducer",
    "harness.stage.Reranker",
    "harness.stage.Rescorer",
    "harness.stage.Rewriter",
    "harness.stage.RunReader",
    "harness.stage.Runtime",
    "harness.stage.ScoreFuser",
    "harness.stage.Scorer",
    "harness.stage.Searcher",
    "harness.stage.SpanScorer",
    "harness.stage.Stage",
    "harness.stage.Tuner",
    "harness.stage.TwoSided",
    "harness.verify.verify",
)
ROOT = Path(harness.__file__).parents[1]
PAGES = [ROOT / "README.md", *(path for path in sorted(ROOT.glob("docs/*.md")) if path.name != "log.md")]
"""The pages for users; the log and the decisions also name what is gone."""
IMPORT = re.compile(r"^ *from (harness[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)
NAME = re.compile(r"(?<![\w/.\"-])harness(?:\.[A-Za-z_]\w*)+(?![\w/])")


def documented() -> set[str]:
    """Return every name that an example in the documentation imports."""
    return {
        f"{module}.{name}"
        for page in PAGES
        for module, names in IMPORT.findall(page.read_text("utf-8"))
        for name in re.findall(r"\w+", re.sub(r" as \w+|#.*", "", names))
    }


def exported(path: Path) -> tuple[list[str], list[str]]:
    """Return `__all__` of a file, and the names that it imports or defines for its users."""
    listed: list[str] = []
    names: list[str] = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.AnnAssign):
            names.append(ast.unparse(node.target))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = ast.literal_eval(node.value)
    return listed, names


def in_order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then functions, as ruff does."""
    return (0 if name.isupper() and not name.startswith("_") else 1 if name[0].isupper() else 2), name


def test_the_list_is_sorted() -> None:
    assert list(PUBLIC) == sorted(set(PUBLIC))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = import_module(module)
    assert hasattr(found, attribute)
    assert attribute in getattr(found, "__all__", [attribute]), f"{module} does not export it"


def test_what_the_documentation_imports_is_public() -> None:
    assert documented()
    assert documented() <= set(PUBLIC)


def test_the_documentation_names_nothing_that_is_gone() -> None:
    for page in PAGES:
        for name in NAME.findall(page.read_text("utf-8")):
            assert resolve_name(name) is not None, f"{page.name}: {name}"


def test_packages_export_what_they_list_and_list_it_in_order() -> None:
    packages = {name: path for name, path in modules().items() if path.name == "__init__.py" and name != "harness"}
    for name, path in packages.items():
        listed, names = exported(path)
        assert listed == sorted(set(listed), key=in_order), name
        assert sorted(listed) == sorted(names), name


def test_the_stub_of_the_package_agrees_with_the_package() -> None:
    listed, names = exported(Path(harness.__file__).with_suffix(".pyi"))
    assert listed == harness.__all__ == sorted(listed, key=in_order)
    assert sorted(names) == sorted(listed)
    assert {f"harness.{name}" for name in listed} == {name for name in PUBLIC if name.count(".") == 1}
    stub = ast.parse(Path(harness.__file__).with_suffix(".pyi").read_text("utf-8"))
    homes = {alias.name: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert homes == harness._HOMES
