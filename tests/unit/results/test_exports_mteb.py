"""MTEB's JSON is what mteb itself reads: its TaskResult, its cache, its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.exports import export_to
from harness.exports.mteb import NAMES, mteb_name
from harness.results import Results
from tests.unit.results.made_results import MEASURES, SYSTEMS, Names, facts, make

ORIGIN = {
    "task": "SciFact",
    "type": "Retrieval",
    "path": "mteb/scifact",
    "revision": "d" * 40,
    "split": "test",
    "subset": "default",
    "languages": ["eng-Latn"],
    "main_score": "ndcg_at_10",
    "candidates": False,
}


def made(folder: Path, origin: dict | None = None, names: Names | None = None, **settings: object) -> Results:
    names = names or Names()
    about = facts(names, [names.first])["datasets"][names.dataset]
    about |= {"origin": origin or {}, "settings": {"split": "test"} | settings}
    return Results.load(make(folder / "quickstart" / "run", names, datasets={names.dataset: about}))


def test_a_file_a_task_and_system(tmp_path: Path) -> None:
    results = made(tmp_path, ORIGIN)
    written = export_to("mteb", results, tmp_path / "out")
    assert len(written) == 2 * (len(SYSTEMS) - 1)
    file = tmp_path / "out/results/quickstart__bm25" / results.id / "SciFact.json"
    said = json.loads(file.read_text())
    assert (said["task_name"], said["dataset_revision"], said["mteb_version"]) == ("SciFact", "d" * 40, None)
    [entry] = said["scores"]["test"]
    assert entry["ndcg_at_10"] == entry["main_score"] == results.value("toy", "bm25", "nDCG@10")
    assert entry["mrr_at_10"] == results.value("toy", "bm25", "RR@10")
    assert entry["recall_at_100"] == results.value("toy", "bm25", "R@100")
    assert (entry["hf_subset"], entry["languages"]) == ("default", ["eng-Latn"])
    assert not list(tmp_path.glob("out/results/*broken*"))


def test_mteb_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("mteb", reason="mteb is an extra")
    from mteb.models import ModelMeta
    from mteb.results import TaskResult

    results = made(tmp_path, ORIGIN)
    paths = export_to("mteb", results, tmp_path / "out")
    assert {path.name for path in paths} == {"model_meta.json", "SciFact.json"}
    for path in paths:
        if path.name == "model_meta.json":
            meta = ModelMeta.model_validate_json_resolved(path.read_text())
            assert (meta.revision, meta.name) == (results.id, path.parent.parent.name.replace("__", "/", 1))
            continue
        read = TaskResult.from_disk(path, load_historic_data=False)
        system = path.parent.parent.name.removeprefix("quickstart__")
        assert read.get_score() == read.main_score == results.value("toy", system, "nDCG@10")
        assert read.get_score(languages=["eng"]) == read.main_score
        assert (read.task_name, read.hf_subsets, read.eval_splits) == ("SciFact", ["default"], ["test"])
        assert read.task.metadata.name == "SciFact"
        read.to_disk(tmp_path / "again.json")
        assert TaskResult.from_disk(tmp_path / "again.json").get_score() == pytest.approx(read.main_score, abs=1e-6)
        assert read.date is not None and read.date.isoformat() == results.run["ended"]


def test_mteb_takes_the_folder_for_a_repository_of_results(tmp_path: Path) -> None:
    mteb = pytest.importorskip("mteb", reason="mteb is an extra")
    results = made(tmp_path, ORIGIN)
    export_to("mteb", results, tmp_path / "out")
    loaded = mteb.ResultCache(tmp_path / "out").load_results(tasks=["SciFact"], require_model_meta=True)
    assert {model.model_name for model in loaded.model_results} == {f"quickstart/{name}" for name in SYSTEMS[:-1]}
    found = {model.model_name: model.task_results[0].get_score() for model in loaded.model_results}
    assert found["quickstart/bm25"] == pytest.approx(results.value("toy", "bm25", "nDCG@10"), abs=1e-6)


def test_data_of_ones_own_bear_their_own_name(tmp_path: Path) -> None:
    results = made(tmp_path, names=Names(dataset="my docs/é"))
    files = [path for path in export_to("mteb", results, tmp_path / "out") if path.name != "model_meta.json"]
    said = json.loads(files[0].read_text())
    assert (said["task_name"], said["dataset_revision"]) == ("my docs/é", "1" * 64)
    assert said["scores"]["test"][0]["languages"] == []


@pytest.mark.parametrize(
    ("origin", "settings"),
    [(ORIGIN | {"candidates": True}, {}), (ORIGIN, {"grades": {1: 2}}), (ORIGIN, {"ignore_identical_ids": True})],
)
def test_numbers_that_are_not_the_tasks_do_not_bear_its_name(tmp_path: Path, origin: dict, settings: dict) -> None:
    results = made(tmp_path, origin, **settings)
    assert not [path for path in export_to("mteb", results, tmp_path / "out") if path.stem == "SciFact"]


def test_a_main_score_that_was_not_measured(tmp_path: Path) -> None:
    results = made(tmp_path, ORIGIN | {"main_score": "map_at_1000"})
    with pytest.raises(UserError, match="main score of SciFact is map_at_1000, which 'bm25' has no number for"):
        export_to("mteb", results, tmp_path / "out")


def test_subsets_share_a_file_and_one_may_not_stand_twice(tmp_path: Path) -> None:
    about = facts(Names(), ["bm25"])["datasets"]["toy"] | {"origin": ORIGIN | {"subset": "de"}, "settings": {}}
    data = {"toy": about, "other": about | {"origin": ORIGIN | {"subset": "fr"}}}
    results = Results.load(make(tmp_path / "quickstart" / "run", datasets=data))
    rows = [{**vars(row), "dataset": "other"} for row in results.measurements]
    both = Results(
        results.folder, results.run, (*results.measurements, *(type(results.measurements[0])(**r) for r in rows))
    )
    export_to("mteb", both, tmp_path / "out")
    said = json.loads(next(tmp_path.glob("out/results/quickstart__bm25/*/SciFact.json")).read_text())
    assert [entry["hf_subset"] for entry in said["scores"]["test"]] == ["de", "fr"]
    twice = Results(both.folder, {**both.run, "datasets": data | {"other": about}}, both.measurements)
    with pytest.raises(UserError, match=r"two data sets are the task SciFact \(de, test\)"):
        export_to("mteb", twice, tmp_path / "again")


def test_names_of_measures() -> None:
    assert [mteb_name(name) for name in MEASURES] == ["ndcg_at_10", "mrr_at_10", "recall_at_100"]
    assert {mteb_name(f"{name}@5") for name in NAMES} == {f"{theirs}_at_5" for theirs in NAMES.values()}
    for ours in ("P(rel=2)@10", "nDCG(dcg='exp-log2')@10", "AP", "RBP(p=0.8)@10", "R_cap@10"):
        assert mteb_name(ours) == ours


def test_a_tampered_name_stays_in_the_folder(tmp_path: Path) -> None:
    results = made(tmp_path)
    bad = Results(results.folder, {**results.run, "run": "../../../x", "suite": {"name": "../y"}}, results.measurements)
    written = export_to("mteb", bad, tmp_path / "out")
    assert all(path.resolve().is_relative_to((tmp_path / "out").resolve()) for path in written)
