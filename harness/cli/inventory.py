"""What a suite can name: sources, stages, models and measures, each with what it says of itself."""

from __future__ import annotations

import importlib.util
import inspect
from inspect import Parameter
from typing import Any, NamedTuple

from harness.measures.kernel import parameters
from harness.models.weights import BUNDLED
from harness.registry import DATASETS, METRICS, STAGES, Registry
from harness.suite.steps import HIDDEN


class Item(NamedTuple):
    """A word, and what it stands for."""

    name: str
    about: str


def inventory(kind: str) -> list[Item]:
    """List everything of a kind: `datasets`, `stages`, `models` or `measures`."""
    if kind == "models":
        return [Item(f"bundled:{name}", _bundled(module)) for name, (module, _) in BUNDLED.items()]
    registries: dict[str, Registry[Any]] = {"datasets": DATASETS, "stages": STAGES, "measures": METRICS}
    return [
        Item(name.replace("/", ": ", 1) if kind == "stages" else name, _about(thing))
        for name, thing in registries[kind].items()
        if name.split("/")[0] not in HIDDEN
    ]


def _bundled(module: str) -> str:
    present = importlib.util.find_spec(module) is not None
    return "installed" if present else "not installed: pip install 'retrieval-harness[offline]'"


def _about(thing: Any) -> str:
    """Return the first sentence of a docstring, with the settings of a stage or the parameters of a measure."""
    text = inspect.getdoc(thing) or ""
    first = " ".join(text.split("\n\n")[0].split())
    planned = getattr(thing, "planned", ())
    declared = getattr(thing, "model_fields", {}).items()
    fields = [field.alias or name for name, field in declared if name not in planned]
    if callable(thing) and not isinstance(thing, type):
        defaults = {name: p.default for name, p in parameters(thing).items()}
        fields = [name if value in (None, Parameter.empty) else f"{name}={value!r}" for name, value in defaults.items()]
        fields.append(f"version {getattr(thing, 'version', 1)}")
    return first + (f"  [{', '.join(fields)}]" if fields else "")
