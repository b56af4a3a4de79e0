"""Latency in reports: what is said of each system, what is not said, and machines kept apart."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pyarrow.compute as pc
import pytest

from harness.compare.comparison import compare
from harness.compare.costs import Costs
from harness.report import render
from harness.report.numbers import MINUS, NOTHING
from harness.report.pictures.labels import short
from harness.report.pictures.latency import lengths, quality_and_time, stage_bars
from harness.report.pictures.quality import quality_and_money
from harness.report.pictures.svg import SHAPES
from harness.report.sections.latency import sections
from harness.report.sections.tradeoffs import sentences
from harness.results import Measurement, Results
from harness.results.latency_facts import LatencyFacts
from harness.results.left_out import LeftOut, Unmeasured
from harness.results.timings import by_length, timings
from harness.statistics import paired_interval
from tests.unit.results.made_laps import BM25, DENSE, RERANKED, Made
from tests.unit.results.made_results import HOSTILE, make

THREE = Made(BM25 | DENSE | RERANKED)


def rendered(results, folder, suffix=".md"):
    runs = results if isinstance(results, list) else [results]
    return next(path for path in render(runs, folder) if path.suffix == suffix).read_text("utf-8")


def drawn(results, costs=None):
    """Return the data set, its comparison and what was timed, for pictures and sentences."""
    comparison = compare(results, "toy")
    (timing,) = timings(results, "toy")
    return comparison, timing, costs or {}


def cost(amount, basis="at 100 % utilisation", currency="USD"):
    return Costs(currency, per_1m_queries=amount, basis=basis)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return THREE.write(tmp_path_factory.mktemp("r") / "run")


@pytest.fixture(scope="module")
def page(three, tmp_path_factory):
    return rendered(three, tmp_path_factory.mktemp("out"))


def test_a_system_has_its_percentiles_and_its_ratio(three, page):
    row = three.measurement("toy", "dense", "latency_ratio")
    assert "| system | p50, ms | p90, ms | p95, ms | p99, ms | ratio to bm25 (noise floor ±" in page
    line = next(line for line in page.splitlines() if line.startswith("| dense | ") and line.count("\\[") == 5)
    ratio, low, high = map(float, re.findall(r"[\d.]+", line.rsplit("|", 2)[1]))
    assert ratio == pytest.approx(row.value, rel=0.01)
    assert (low, high) == (pytest.approx(row.low, rel=0.01), pytest.approx(row.high, rel=0.01))
    assert "| 1 the reference |" in page


def test_the_fastest_comes_first(three):
    assert timings(three, "toy")[0].systems == ["bm25", "dense", "reranked"]


def test_a_percentile_that_was_not_recorded_is_not_printed(tmp_path):
    content = rendered(Made(BM25 | DENSE, queries=20, blocks=5).write(tmp_path / "run"), tmp_path / "out")
    assert "p99" not in content
    assert "| system | p50, ms | p90, ms | p95, ms | max, ms |" in content
    assert " of 100 |" in content


def test_how_it_was_measured_is_said(page):
    for said in ("Measured on laptop-7f3a (Some CPU, 2 cores, device cpu, 1 thread)", "40 queries", "seed 0",
                 "400 laps of every system, in 10 blocks", "Warm-up: 60 laps in 2.4 s",
                 "Measuring stopped when every ratio was known precisely enough", "to itself: 1.002 "):  # fmt: skip
        assert said in page


def test_a_sentence_says_what_is_gained_and_what_it_takes(three):
    comparison, timing, _ = drawn(three)
    costs = {"bm25": cost(2.0), "dense": cost(40.0), "reranked": cost(1.5)}
    said = {line.split(":")[0]: line for line in sentences(three, comparison, timing, costs)}
    values = {name: pc.filter(three.per_query()["value"], pc.equal(three.per_query()["system"], name)).to_numpy()
              for name in ("bm25", "dense")}  # fmt: skip
    gain = paired_interval(values["dense"], values["bm25"])
    expected = rf"dense: \+{gain.mean:.3f} nDCG@10 \[{gain.low:.3f}, {gain.high:.3f}\] for 2\d\.\d+ times the latency "
    assert re.fullmatch(expected + r"\[[\d.]+, [\d.]+\] and \+38 USD per 1 M queries\.", said["dense"])
    assert said["reranked"].endswith(f" and {MINUS}0.5 USD per 1 M queries.")
    assert set(said) == {"dense", "reranked"}


def test_money_that_the_noise_of_the_times_hides_is_no_difference(three):
    comparison, timing, _ = drawn(three)
    costs = {"bm25": cost(40.0), "dense": cost(40.01), "reranked": cost(90.0)}
    said = {line.split(":")[0]: line for line in sentences(three, comparison, timing, costs)}
    assert said["dense"].endswith(" and a cost that does not differ measurably.")
    assert said["reranked"].endswith(" and +50 USD per 1 M queries.")


def test_the_noise_of_money_is_that_of_the_highest_rate_where_it_follows_from_one(three):
    comparison, timing, _ = drawn(three)
    rates = tuple(THREE.row(system, None, "server_max_rate", 100, "queries/s", 500, 100, 105)
                  for system in ("bm25", "dense"))  # fmt: skip
    served = replace(timing, rows=timing.rows + rates)
    costs = {"bm25": cost(40.0), "dense": cost(41.9)}
    (line,) = sentences(three, comparison, served, costs)[1:]
    assert line.startswith("dense: ") and line.endswith(" and a cost that does not differ measurably.")
    (line,) = sentences(three, comparison, served, costs | {"dense": cost(42.2)})[1:]
    assert line.endswith(" and +2.2 USD per 1 M queries.")


def test_what_is_not_known_is_left_out_of_a_sentence(three):
    comparison, timing, _ = drawn(three)
    other = {"bm25": cost(2.0), "dense": cost(40.0, basis="tokens alone")}
    assert all("USD" not in line for line in sentences(three, comparison, timing, other))
    bare = replace(timing, rows=tuple(row for row in timing.rows if row.quantity != "latency_ratio"))
    (line,) = sentences(three, comparison, bare, {"bm25": cost(2.0), "dense": cost(40.0)})
    assert re.fullmatch(r"dense: \+0\.\d+ nDCG@10 \[.*\] for \+38 USD per 1 M queries\.", line)
    assert sentences(three, comparison, bare, {}) == []


@pytest.mark.parametrize(
    ("ratio", "alike"),
    [((1.0, 0.98, 1.02), True), ((1.006, 1.003, 1.009), True), ((0.995, 0.992, 0.999), True),
     ((1.1, 1.05, 1.15), False), ((0.9, 0.88, 0.92), False)],
)  # fmt: skip
def test_a_difference_that_noise_could_make_is_none(three, ratio, alike):
    comparison, timing, _ = drawn(three)
    value, low, high = ratio
    known = {"latency_noise_floor": {"value": 0.01}, "latency_ratio": {"value": value, "low": low, "high": high}}
    rows = tuple(replace(row, **known.get(row.quantity, {})) for row in timing.rows)
    line = next(line for line in sentences(three, comparison, replace(timing, rows=rows), {}) if "dense:" in line)
    assert ("at a latency that does not differ measurably" in line) is alike
    assert ("times the latency" in line) is not alike


def test_what_cannot_be_told_apart_is_neither_gain_nor_loss(tmp_path):
    results = Made(BM25 | {"twin": {"search/bm25": 0.3}}).write(tmp_path / "run")
    (line,) = sentences(results, *drawn(results))
    assert line.startswith("twin: no measurable difference in nDCG@10 (")
    assert "]) at a latency that does not differ measurably (" in line


def test_an_inconclusive_measurement_has_no_verdict(tmp_path):
    results = replace(THREE, inconclusive=True).write(tmp_path / "run", prices={"host": "0.2 USD/h"})
    content = rendered(results, tmp_path / "out")
    assert "**Inconclusive**: the reference, bm25, was measured twice" in content
    assert "differ by a factor of 1.05 \\[1.03, 1.07\\]" in content
    assert "ratio to" not in content
    assert "times the latency" not in content
    assert "noise floor" not in content
    comparison, timing, _ = drawn(results)
    (figure,) = quality_and_time(comparison, timing)
    assert "Pareto" not in figure.note
    assert "inconclusive" in figure.note


def test_too_little_is_inconclusive_too(tmp_path):
    made = replace(THREE, inconclusive=True)
    said = made.said()
    said["toy"] |= {"again": {"ratio": 1.1, "low": None, "high": None}, "noise_floor": None}
    content = rendered(made.write(tmp_path / "run", latency=said), tmp_path / "out")
    assert "**Inconclusive**: too little was timed" in content
    assert "ratio to" not in content


def test_what_was_left_out_is_listed_with_its_reason(tmp_path):
    made = replace(THREE, left_out=LeftOut({"theirs": "a run file has no latency"}, {"cold": "no luck"}))
    said = made.said()
    said["toy"]["server"] = {"p99_ms": 50, "left_out": LeftOut({"dense": "a worker died"}).as_dict()}
    few = Unmeasured("bm25", None, "query_rate@32", "12 queries")
    rate = Unmeasured("bm25", "index/bm25", "index_rate", "it broke")
    memory = Unmeasured("bm25", "search/bm25", None, "killed")
    said["toy"]["offline"] = {"left_out": LeftOut(quantities=[few, rate]).as_dict()}
    said["toy"]["memory"] = {"left_out": LeftOut(quantities=[memory]).as_dict()}
    content = rendered(made.write(tmp_path / "run", latency=said), tmp_path / "out")
    assert "| theirs | latency | a run file has no latency |" in content
    assert "| every system | cold | no luck |" in content
    assert "| bm25 | offline: query_rate@32 | 12 queries |" in content
    assert "| bm25 | offline: index/bm25 index_rate | it broke |" in content
    assert "| bm25 | memory: search/bm25 | killed |" in content
    assert "| dense | server | a worker died |" in content
    assert "**Energy**: n/a: this machine lets nobody read its counters" in content


def test_a_failed_system_is_not_timed_and_breaks_nothing(tmp_path):
    failed = Measurement("toy", "broken", None, "nDCG@10", None, status="failed", reason="no memory")
    late = replace(failed, quantity="latency_p50", reason="it stopped answering")
    content = rendered(THREE.write(tmp_path / "run", failed, late), tmp_path / "out")
    assert "| broken | latency | it stopped answering |" in content
    assert not re.search(r"^- broken", content, re.MULTILINE)


def test_without_latency_nothing_is_said(tmp_path):
    results = Results.load(make(tmp_path / "run"))
    comparison = compare(results, "toy")
    assert list(sections(results, comparison, {})) == []
    assert "p50" not in rendered(results, tmp_path / "out")


@pytest.mark.parametrize("words", [{"bm25": "why not"}, LeftOut({"bm25": "why not"}).as_dict()], ids=["older", "newer"])
@pytest.mark.parametrize("mode", ["latency", "offline"])
def test_what_is_left_out_alone_is_a_section_too(tmp_path, mode, words):
    said = {"left_out": words} if mode == "latency" else {"left_out": {}, mode: {"left_out": words}}
    results = Results.load(make(tmp_path / "run", latency={"toy": {**said, "threads": 1}}))
    content = rendered(results, tmp_path / "out")
    assert f"| bm25 | {mode} | why not |" in content
    assert "Measured on" not in content


def test_sizes_of_artifacts_alone_are_no_latency(tmp_path):
    results = Results.load(make(tmp_path / "run"))
    size = Measurement("toy", "bm25", "index/bm25", "artifact_bytes", 1e6, "bytes", fingerprint="c" * 64)
    weighed = replace(results, measurements=(*results.measurements, size))
    assert timings(weighed, "toy") == []
    assert "| toy | index/bm25 | 1.0 MB |" in rendered(weighed, tmp_path / "out")


@pytest.mark.parametrize("latency", [{}, {"toy": {}}, {"toy": {"reference": "bm25"}}, {"toy": {"of_tomorrow": 1}}])
def test_facts_that_are_missing_or_unknown_do_no_harm(tmp_path, latency):
    assert "p50, ms" in rendered(THREE.write(tmp_path / "run", latency=latency), tmp_path / "out")


def tables(content):
    """Give the header and the rows of each table of Markdown, and the heading above it."""
    heading = ""
    for block in re.split(r"\n\n", content):
        if block.startswith("#"):
            heading = block
        if block.startswith("|"):
            yield heading, block.splitlines()


def test_two_machines_never_share_a_column(tmp_path):
    first, second = THREE, replace(THREE, machine="server-aa12", seed=2)
    runs = [made.write(tmp_path / made.machine) for made in (first, second)]
    content = rendered(runs, tmp_path / "out")
    shown = [heading for heading, lines in tables(content) if "p50, ms" in lines[0] and "Systems on" not in heading]
    assert [re.findall(r"\((.+)\)", heading) for heading in shown] == [["laptop-7f3a"], ["server-aa12"]]


def test_rows_of_another_machine_in_one_run_stand_apart(tmp_path):
    def of(machine, quantity, value, unit, stage="index/hnsw", system="dense"):
        said = {"fingerprint": "b" * 64, "machine": machine}
        return Measurement("toy", system, stage, quantity, value, unit, 10, **said)

    more = [of("laptop-7f3a", "build_seconds", 3.0, "s"), of("old-box", "build_seconds", 77.0, "s", system="reranked"),
            of("old-box", "encode_rate", 55.0, "documents/s", "encode/dense"),
            of("old-box", "latency_p50", 999.0, "ms", None),
            of("laptop-7f3a", "index_recall@10", 0.9, "", None)]  # fmt: skip
    results = THREE.write(tmp_path / "run", *more)
    content = rendered(results, tmp_path / "out")
    found = {heading.strip("# ").replace("\\", ""): lines for heading, lines in tables(content)}
    assert found["Systems on toy"][0].endswith("| build (old-box) | build (laptop-7f3a) |")
    (dense,) = [line for line in found["Systems on toy"] if line.startswith("| dense")]
    assert "999" not in dense and compare(results, "toy").entries[1].latency_p50 < 10
    assert [cell.strip() for cell in dense.split("|")[-3:-1]] == [NOTHING, "3 s"]
    assert ["77 s" in line for line in found["On old-box"][2:]] == [False, True]
    assert not any("| 3 s |" in line for line in found["On old-box"])
    assert any("999" in line for line in found["Latency on toy (old-box)"])
    own, other = timings(results, "toy")
    assert (own.machine, own.systems) == ("laptop-7f3a", ["bm25", "dense", "reranked"])
    assert (other.machine, other.systems, other.facts) == ("old-box", ["dense"], LatencyFacts())


def test_modes_have_small_tables(tmp_path):
    row = THREE.row
    more = [row("dense", None, "query_rate@1", 160, "queries/s", 6, 150, 170),
            row("dense", None, "query_rate@32", 900, "queries/s", 6, 880, 950),
            row("dense", "encode/dense", "query_rate@32", 1000, "queries/s", 6, 980, 1050),
            row("dense", "encode/dense", "encode_rate@32", 512, "documents/s", 6, 500, 520),
            row("reranked", "encode/dense", "encode_rate@32", 512, "documents/s", 6, 500, 520),
            row("dense", "index/flat", "index_rate", 90_000, "documents/s", 6, 80_000, 95_000),
            row("dense", None, "server_max_rate", 130, "queries/s", 1300, 130, 135),
            row("dense", None, "server_p99@130", 48.0, "ms", 1300, 44.0, 49.5),
            row("dense", None, "server_errors@130", 0.001, "", 1300, 0.0, 0.004),
            row("dense", None, "cold_import", 1.9, "s", 5, 1.8, 2.2), row("dense", None, "cold_total", 3.1, "s"),
            row("dense", "encode/dense", "peak_rss_bytes", 812e6, "bytes", 4096),
            row("dense", "encode/dense", "peak_rss_bytes", 512e6, "bytes", 100),
            row("dense", "encode/dense", "artifact_bytes", 7_680_000, "bytes"),
            row("dense", "encode/dense", "artifact_bytes_per_row", 1536, "bytes/document"),
            row("reranked", "encode/dense", "artifact_bytes", 7_680_000, "bytes"),
            row("dense", None, "energy_j_per_query", 0.31, "J")]  # fmt: skip
    said = THREE.said()
    said["toy"]["server"] = {"p99_ms": 50}
    said["toy"]["energy"] = {"status": "read by RAPL", "idle_watts": 30.0}
    content = rendered(THREE.write(tmp_path / "run", *more, latency=said), tmp_path / "out")
    for line in ("| system | batches of 1 | batches of 32 |", "| dense | 160 \\[150, 170\\] | 900 \\[880, 950\\] |",
                 "| encode/dense | 1000 \\[980, 1050\\] | dense |",
                 f"| encode/dense | 512 \\[500, 520\\] | {NOTHING} | dense, reranked |",
                 "| system | queries per second |", "| dense | 130 | 48 \\[44, 50\\] | 0.10% |", "within 50 ms",
                 "| dense | 5 | 1.9 \\[1.8, 2.2\\] | 3.10 |", "| encode/dense | 4,096 | 812.0 MB | dense |",
                 "| encode/dense | 100 | 512.0 MB | dense |",
                 "| toy | encode/dense | 7.7 MB | 1.5 kB per document | dense, reranked |",
                 "| dense | 0.310 |"):  # fmt: skip
        assert line in content
    assert "**Energy**: read by RAPL" in content
    assert "Stage throughput" not in content


def test_queries_of_like_length_share_a_point(three):
    found = by_length(three, timings(three, "toy")[0])
    assert list(found) == ["bm25", "dense", "reranked"]
    for points in found.values():
        assert 2 <= len(points) <= 8
        assert [chars for chars, _ in points] == sorted(chars for chars, _ in points)
    assert found["bm25"][-1][1] > 1.5 * found["bm25"][0][1]
    assert found["reranked"][-1][1] < 1.2 * found["reranked"][0][1]


def test_few_queries_have_no_lengths(tmp_path):
    results = Made(BM25, queries=9, blocks=6).write(tmp_path / "run")
    assert lengths(results, *drawn(results)[:2]) == []


def pictures(results):
    comparison, timing, _ = drawn(results)
    costs = {system: cost(1.0 + i) for i, system in enumerate(timing.systems)}
    return [*quality_and_time(comparison, timing), *quality_and_money(comparison, costs), *stage_bars(timing),
            *lengths(results, comparison, timing)]  # fmt: skip


def test_pictures_say_in_words_what_they_show(three):
    time, money, stages, length = pictures(three)
    assert "No system is both faster" in time.alt
    assert "bm25, 0.2" in time.alt
    assert "reranked, 3 USD" in money.alt
    assert "encode/dense 4." in stages.alt
    assert re.search(r"bm25: 0\.\d+ ms at \d+ characters", length.alt)
    for figure in (time, money, stages, length):
        root = ElementTree.fromstring(figure.svg)
        assert root.attrib["aria-label"] == figure.alt
        assert {element.tag for element in root.iter()} <= SHAPES | {"svg"}


def test_one_system_has_no_front_and_no_sentence(tmp_path):
    results = Made(BM25).write(tmp_path / "run")
    assert [figure.title.split(" on ")[0] for figure in pictures(results)] == [
        "Latency by stage",
        "Latency and the length of the query",
    ]
    assert "Compared with the reference" not in rendered(results, tmp_path / "out")


def test_many_systems_with_long_names_keep_their_pictures(tmp_path):
    name = "dense-sentence-transformers-all-mpnet-base-v2-truncated-{0}-euclidean-hnsw-M16-efSearch-{0}"
    stages = {name.format(i): {"encode/dense": 5.0 + i, "search/hnsw": 0.5} for i in range(30)}
    results = Made(BM25 | stages, queries=20, blocks=5).write(tmp_path / "run")
    figures = pictures(results)
    assert [len(figure.svg) < 400_000 for figure in figures] == [True] * 4
    bars = figures[2].svg
    assert all(f"efSearch-{i}" in bars for i in range(30))


def test_shortened_names_stay_apart():
    names = [f"{'a' * 30}{i}{'b' * 30}" for i in range(12)]
    assert len(set(short(names, 20).values())) == 12


def test_hostile_names_do_nothing(tmp_path):
    made = Made({HOSTILE: {f"encode/{HOSTILE}": 1.0}} | DENSE, dataset=HOSTILE, machine=HOSTILE,
                left_out=LeftOut({HOSTILE: HOSTILE}, {HOSTILE: HOSTILE}, [Unmeasured(*[HOSTILE] * 4)]))  # fmt: skip
    content = rendered(made.write(tmp_path / "run"), tmp_path / "out", ".html")
    assert "<script" not in content
    assert "\x1b" not in content
