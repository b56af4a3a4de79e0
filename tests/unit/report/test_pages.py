"""Reports: complete, escaped, self-contained and the same every time."""

import csv
import html.parser
import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.report import render
from harness.report.formats.markdown import escape
from harness.report.formats.terminal import summary, text
from harness.report.numbers import NOTHING
from harness.results import Results
from harness.results.write import Contents, write_results
from tests.unit.results.made_results import HOSTILE, REASON, SYSTEMS, Names, make


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.load(make(tmp_path_factory.mktemp("results") / "quickstart" / "run"))


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    paths = render([results], tmp_path_factory.mktemp("reports") / "new" / "folder")
    return {path.suffix: path.read_text("utf-8") for path in paths}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report in which every name that data can choose is an attack."""
    bad = {
        "suite": {
            "name": HOSTILE,
            "file": HOSTILE,
            "text": HOSTILE + "\n```\n</code></pre></script>",
            "fingerprint": "x",
        },
        "command": HOSTILE,
        "warnings": [HOSTILE],
        "machine": {"id": HOSTILE, HOSTILE: HOSTILE},
        "libraries": {HOSTILE: HOSTILE},
        "models": {HOSTILE: {"path": HOSTILE, "pinned": False, HOSTILE: HOSTILE}},
    }
    folder = tmp_path_factory.mktemp("hostile")
    names = Names(dataset=HOSTILE, first=HOSTILE, tag=HOSTILE)
    loaded = Results.load(make(folder / "run", names, **bad))
    return {path.suffix: path.read_text("utf-8") for path in render([loaded], folder / "out")}, loaded


class Page(html.parser.HTMLParser):
    """Collects elements with their attributes, the text of rows, and which elements were not closed."""

    VOID = ("meta", "link", "line", "circle", "br")

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.open, self.bold = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "strong":
            self.bold.append(data)

    def row(self, first, cells=4):
        return next(row for row in self.rows if row[0].split()[0] == first and len(row) >= cells)


def test_the_three_files_are_written(results, tmp_path):
    paths = render([results], tmp_path / "out")
    assert [path.name for path in paths] == ["report.md", "report.csv", "report.html"]
    assert all(path.stat().st_size for path in paths)


def test_the_same_results_give_the_same_bytes(results, report, tmp_path):
    again = render([Results.load(results.folder)], tmp_path)
    assert {path.suffix: path.read_text("utf-8") for path in again} == report


def test_the_page_is_well_formed_and_asks_for_nothing(report):
    page = Page(report[".html"])
    assert page.open == []
    assert not {"script", "iframe", "img", "object", "embed"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:,"))
        assert not any(name.startswith("on") for name in attributes)
    style = report[".html"].split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in report[".html"]
    assert "default-src 'none'" in report[".html"]


def test_ids_are_unique_and_links_lead_to_them(report):
    elements = Page(report[".html"]).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    links = [attributes["href"][1:] for tag, attributes in elements if tag == "a"]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert links


def test_the_best_is_bold_and_marked(results, report):
    best = max(SYSTEMS[:-1], key=lambda system: results.value("toy", system, "nDCG@10"))
    value = f"{results.value('toy', best, 'nDCG@10'):.4f}"
    assert f"**{value}**" in report[".md"]
    assert f"| {best} ★ |" in report[".md"]
    page = Page(report[".html"])
    assert value in page.bold
    assert page.row(best)[0].split() == [best, "★"]
    assert f"**toy**: **{best}** has the highest nDCG@10, {value} (95 % interval" in report[".md"]


def test_failures_are_shown_with_their_reason_and_without_a_number(report):
    assert f"| broken | failed | failed | failed | {NOTHING} | {NOTHING} |" in report[".md"]
    assert (
        "| broken | toy | whole system | nDCG@10, RR@10, R@100 | MemoryError: 12 GiB &lt;wanted> \\| none"
        in report[".md"]
    )
    assert REASON.split("\n")[0] in "".join(Page(report[".html"]).row("broken", 5)) + "".join(
        cell for row in Page(report[".html"]).rows for cell in row
    )
    assert "> **Failed**: broken. Their numbers are missing, not zero" in report[".md"]


def test_every_section_is_there(report):
    for title in ("Systems on toy", "Stage throughput", "Failures", "Checks against published numbers", "Data sets",
                  "Models", "Systems", "Environment", "How to repeat it"):  # fmt: skip
        assert f"\n## {title}\n" in report[".md"]
        assert f">{title}</h2>" in report[".html"]
    for said in ("From cost records of laptop-7f3a, not a latency", "812 documents/s", "Thakur et al. 2021", "missed",
                 "UNPINNED", "aaaaaaaaaaaa", "111111111111", "2 judged documents are not in the corpus", "16.0 GB",
                 "harness run suites/quickstart.yaml", "c0ffee", "nDCG@10 by tag of the query", "how-to (10)",
                 "numpy 2.1.0"):  # fmt: skip
        assert said in report[".md"], said
        assert said in report[".html"], said


def test_nothing_pretends_to_be_a_query_latency(report):
    for text_ in report.values():
        assert re.findall(r"(?i)(?<!not a )latency|p95|milliseconds", text_) == []


def test_a_stage_that_systems_share_is_listed_once(report):
    assert report[".md"].count("812 documents/s") == 1


def test_csv_has_every_number(results, report):
    rows = list(csv.DictReader(io.StringIO(report[".csv"])))
    assert len(rows) == len(results.measurements)
    found = next(row for row in rows if (row["system"], row["quantity"]) == ("bm25", "nDCG@10"))
    assert float(found["value"]) == results.value("toy", "bm25", "nDCG@10")
    assert {row["standing"] for row in rows} >= {"", "the best", "behind the best", "failed"}


def test_csv_starts_no_formula(tmp_path):
    folder = make(tmp_path / "run", Names(dataset="=1+1", first="@SUM(A1)"))
    content = render([Results.load(folder)], tmp_path / "out")[1].read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert {row["dataset"] for row in rows} == {"'=1+1"}
    assert rows[0]["system"] == "'@SUM(A1)"


def test_hostile_names_do_nothing_in_the_page(hostile):
    page = Page(hostile[0][".html"])
    assert page.open == []
    assert not {"script", "b", "i"} & {tag for tag, _ in page.elements}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile[0][".html"]
    assert len([tag for tag, _ in page.elements if tag == "figure"]) == 2


def test_hostile_names_do_nothing_in_markdown(hostile):
    text_ = hostile[0][".md"]
    outside = re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", text_)
    assert "<script" not in outside
    assert "\n*b*" not in outside
    for table in re.findall(r"(?m)(?:^\|.*\n)+", outside):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1
    assert "\x1b" not in "".join(hostile[0].values())


def test_a_fence_is_longer_than_any_in_the_text(hostile):
    assert "\n````\n" in hostile[0][".md"]


def test_hostile_names_do_nothing_in_a_terminal(hostile):
    drawn = text(hostile[1])
    assert "\x1b" not in drawn


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a|b", "a\\|b"),
        ("<b>&amp;", "&lt;b>&amp;amp;"),
        ("snake_case _x_", "snake_case \\_x\\_"),
        ("[l](u)", "\\[l\\](u)"),
        ("1. x", "\\1. x"),
        ("- x", "\\- x"),
        ("nDCG@10 @all", "nDCG@10 &#64;all"),
        ("a\\|b", "a\\\\\\|b"),
    ],
)
def test_markdown_is_escaped(given, expected):
    assert escape(given) == expected


def test_optional_parts_may_be_missing(tmp_path):
    folder = make(tmp_path / "run", suite=None, harness=None, machine=None, datasets=None, models=None, systems=None,
                  checks=None, warnings=None, libraries=None, runtime=None, command=None, ended=None)  # fmt: skip
    (folder / "per_query.parquet").unlink()
    (folder / "tags.parquet").unlink()
    loaded = Results.load(folder)
    content = render([loaded], tmp_path / "out")[0].read_text("utf-8")
    assert "Not compared, because values per query are missing" in content
    assert "★" in content
    assert "by tag" not in content
    assert "Not compared" in text(loaded)


def test_nothing_measured_is_a_report_too(tmp_path):
    loaded = Results.load(write_results(tmp_path / "suite" / "run", Contents({})))
    assert "Retrieval report: suite" in render([loaded], tmp_path / "out")[0].read_text("utf-8")
    assert "Retrieval report: suite" in render([loaded, loaded], tmp_path / "out")[0].read_text("utf-8")
    summary(loaded)


def test_two_runs_share_a_report(results, tmp_path):
    page = Page(render([results, results], tmp_path)[2].read_text("utf-8"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len([tag for tag, _ in page.elements if tag == "article"]) == 2


def test_the_commonest_tags_are_shown(results, tmp_path):
    folder = make(tmp_path / "run")
    tags = [("toy", f"q{i:03d}", f"tag{j:02d}") for j in range(15) for i in range(j + 1)]
    pq.write_table(pa.table(dict(zip(("dataset", "query_id", "tag"), zip(*tags, strict=True), strict=True))),
                   folder / "tags.parquet")  # fmt: skip
    content = render([Results.load(folder)], tmp_path / "out")[0].read_text("utf-8")
    assert "| system | tag14 (15) | tag13 (14) |" in content
    assert "tag02" not in content
    assert "3 rarer tags are not shown" in content


def test_the_terminal_shows_the_systems(results):
    drawn = text(results, width=100)
    assert "dense-384-cosine" in drawn
    assert "failed" in drawn
    assert "has the highest nDCG@10" in drawn
    assert all(len(line) <= 100 for line in drawn.splitlines())
