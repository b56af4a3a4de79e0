"""Lists what a suite can refer to: data sets, stages, models and measures, each with the first line of its docs."""

from __future__ import annotations

import importlib.util
import inspect
from inspect import Parameter
from typing import Any, NamedTuple

from pydantic import BaseModel

from harness.measures.kernel import parameters
from harness.models.weights import BUNDLED
from harness.registry import DATASETS, METRICS, STAGES, Registry
from harness.results.quantities import QUANTITIES, Better, Quantity
from harness.stage import Stage
from harness.suite.steps import HIDDEN


class Item(NamedTuple):
    """A name, and a sentence about what it stands for."""

    name: str
    about: str


def inventory(kind: str) -> list[Item]:
    """Return everything of a kind: `datasets`, `stages`, `models`, `measures` or `quantities`."""
    if kind == "quantities":
        return [Item(quantity.name, _direction(quantity)) for quantity in QUANTITIES]
    if kind == "models":
        return [Item(f"bundled:{name}", _bundled(module)) for name, (module, _) in BUNDLED.items()]
    registries: dict[str, Registry[Any]] = {"datasets": DATASETS, "stages": STAGES, "measures": METRICS}
    return [
        Item(name.replace("/", ": ", 1) if kind == "stages" else name, _about(thing))
        for name, thing in registries[kind].items()
        if name.split("/")[0] not in HIDDEN
    ]


def _direction(quantity: Quantity) -> str:
    better = "" if quantity.better is Better.NEITHER else f"{quantity.better} is better"
    notes = ", ".join(note for note in (quantity.unit, better) if note)
    return f"{quantity.about}  [{notes}]" if notes else quantity.about


def _bundled(module: str) -> str:
    installed = importlib.util.find_spec(module) is not None
    return "installed" if installed else "not installed: pip install 'retrieval-harness[offline]'"


def _about(thing: Any) -> str:
    """Return the first sentence of a docstring, with the settings of a class or the parameters of a measure."""
    text = inspect.getdoc(thing) or ""
    first = " ".join(text.split("\n\n")[0].split())
    options = _settings(thing) if isinstance(thing, type) else _parameters(thing)
    return first + (f"  [{', '.join(options)}]" if options else "")


def _settings(kind: type[BaseModel]) -> list[str]:
    planned = kind.planned if issubclass(kind, Stage) else frozenset()
    return [field.alias or name for name, field in kind.model_fields.items() if name not in planned]


def _parameters(measure: Any) -> list[str]:
    defaults = {name: parameter.default for name, parameter in parameters(measure).items()}
    shown = [name if value in (None, Parameter.empty) else f"{name}={value!r}" for name, value in defaults.items()]
    return [*shown, f"version {getattr(measure, 'version', 1)}"]
