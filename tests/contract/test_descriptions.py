"""What `harness list` prints of each measure and each source of data sets that ships with the harness."""

import inspect
from importlib.metadata import entry_points

import pytest

from harness.measures.kernel import parameters
from harness.registry import DATASETS, METRICS, Registry


def shipped(registry: Registry) -> list:
    """Return the name and the thing of each entry point of the harness itself, without those of plug-ins."""
    points = entry_points(group=registry.group)
    return [pytest.param(registry[p.name], id=p.name) for p in points if p.value.startswith("harness.")]


@pytest.mark.parametrize("thing", [*shipped(METRICS), *shipped(DATASETS)])
def test_a_description_is_one_sentence(thing):
    text = inspect.getdoc(thing) or ""
    description = text.split("\n\n")[0]
    assert "\n" not in description
    assert len(description) < 110
    assert description[:1].isupper()
    assert description.endswith(".")
    assert ". " not in description


@pytest.mark.parametrize("measure", shipped(METRICS))
def test_every_parameter_has_a_type_and_a_description(measure):
    for name, parameter in parameters(measure).items():
        if name != "k":
            assert parameter.type is not object
            assert parameter.description
