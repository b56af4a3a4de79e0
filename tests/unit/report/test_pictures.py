"""Pictures: the right points in them, nothing but shapes and text, labels apart."""

from xml.etree import ElementTree

import pytest

from harness.compare.comparison import Standing, compare
from harness.report.pictures.labels import Box, Spot, place
from harness.report.pictures.quality import curves, dimension_curves, quality_and_size
from harness.report.pictures.scatter import Point, pareto
from harness.report.pictures.svg import SHAPES
from harness.results import Results
from tests.unit.results.made_results import HOSTILE, Names, make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results = Results.load(make(tmp_path_factory.mktemp("r") / "run"))
    return results, compare(results, "toy")


def test_the_front_has_no_point_that_another_beats():
    points = [Point(size, value, [f"{size}"], Standing.TIED) for size, value in
              ((99.9, 0.5), (100, 0.6), (200, 0.55), (300, 0.6), (400, 0.7), (50, 0.1))]  # fmt: skip
    assert [(p.x, p.value) for p in pareto(points)] == [(50, 0.1), (100, 0.6), (400, 0.7)]


def test_curves_join_what_differs_in_dimensions_alone(made):
    found = curves(*made)
    assert list(found) == ["cosine", "euclidean"]
    for rows in found.values():
        assert [row["dimensions"] for row in rows] == [64, 128, 384]
        assert all(row["low"] < row["value"] < row["high"] for row in rows)


def test_systems_of_unknown_stages_are_one_curve(tmp_path):
    results = Results.load(make(tmp_path / "run", systems=None))
    assert list(curves(results, compare(results, "toy"))) == ["all"]


def test_a_picture_says_in_words_what_it_shows(made):
    results, comparison = made
    (size,), (dimensions,) = quality_and_size(comparison), dimension_curves(results, comparison)
    assert "copy, 120.0 kB" in size.alt
    assert "cosine: 64 dimensions 0." in dimensions.alt
    root = ElementTree.fromstring(size.svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == size.alt
    titles = [title.text for title in root.iter("title")]
    assert any(title.startswith("bm25: ") for title in titles)


@pytest.mark.parametrize("names", [Names(), Names(dataset=HOSTILE, first=HOSTILE)])
def test_a_picture_holds_shapes_and_text_alone(tmp_path, names):
    results = Results.load(make(tmp_path / "run", names))
    comparison = compare(results, names.dataset)
    figures = quality_and_size(comparison) + dimension_curves(results, comparison)
    assert len(figures) == 2
    for figure in figures:
        root = ElementTree.fromstring(figure.svg)
        for element in root.iter():
            assert element.tag in SHAPES | {"svg"}
            assert not {"href", "onload", "onclick", "class"} & set(element.attrib)
        assert "http" not in figure.svg
        assert "url(" not in figure.svg


def test_nothing_is_drawn_of_one_system(tmp_path):
    results = Results.load(make(tmp_path / "run"))
    comparison = compare(results, "toy")
    comparison.entries[:] = comparison.entries[:1]
    assert quality_and_size(comparison) == []
    assert dimension_curves(results, comparison) == []


def test_names_lie_on_nothing():
    spots = [Spot(x, y, f"name {x}") for x in range(20, 400, 80) for y in range(20, 60, 4)]
    labels = place(spots, 400, 100, [Box(0, 70, 400, 72)])
    assert 0 < len(labels) < len(spots)
    assert len({label.point for label in labels}) == len(labels)


def test_a_name_without_room_is_left_out():
    assert place([Spot(50, 50, "a name that is far too long")], 100, 100) == []
    assert place([Spot(50, 50, "ab")], 100, 100, [Box(0, 0, 100, 100)]) == []
