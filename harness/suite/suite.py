"""Loads a suite file into a Suite of typed settings; an error names its place and the nearest known name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.datasets.base import Dataset
from harness.errors import Place, SuiteError, UserError, nearest, relative
from harness.fingerprint import Fingerprint, fingerprint
from harness.machine import Precision, default_precision
from harness.measures.scoring.parse import parse, required_depth
from harness.models.weights import ModelSpec
from harness.prices import Prices
from harness.registry import DATASETS, load_plugin
from harness.suite.document import Document, read, validate
from harness.suite.document import Path as At
from harness.suite.latency import Latency
from harness.suite.price_file import prices_of
from harness.suite.steps import Defaults
from harness.suite.systems import System, closure, make_systems


class Expectation(BaseModel):
    """A number known from elsewhere that a run must reproduce."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    dataset: str
    measure: str
    value: float
    within: float
    """The largest accepted difference in either direction."""
    source: str
    """Where the number is published."""


class SuiteFile(BaseModel):
    """The top-level keys of a suite file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The name of the folder of the results: letters, digits, '.', '_' and '-'."""
    plugins: list[str] = []
    """Python files that register stages, data sets or measures, relative to the suite file."""
    datasets: dict[str, dict[str, Any]] = Field(min_length=1)
    """Data sets by name: `{source: NAME, ...}`."""
    models: dict[str, ModelSpec] = {}
    """Models by name: `{path: ..., precision: ..., ...}`."""
    measures: list[str] = Field(min_length=1)
    """The measures to report; the first is the headline of the report."""
    depth: int = Field(default=100, ge=1)
    """The number of documents that a search returns per query."""
    systems: dict[str, Any] = Field(min_length=1)
    """Retrieval configurations by name: a list of stages, or `{matrix: {...}, stages: [...]}`."""
    prices: Any = None
    """The prices of machines and services: a price file, or a mapping such as `{host: 0.17 USD/h}`."""
    latency: Latency | None = None
    """What to time, and how; `{}` uses the defaults. Without this key nothing is timed."""
    expect: list[dict[str, Any]] = []
    """Known numbers: `{system: ..., dataset: ..., MEASURE: VALUE, within: ..., source: ...}`."""

    @field_validator("latency", mode="before")
    @classmethod
    def _a_mapping(cls, block: Any) -> Any:
        if not isinstance(block, dict):
            raise ValueError("say {} for the defaults")
        return block


@dataclass(frozen=True)
class Suite:
    """A checked suite file: stages are built, paths are absolute and environment variables are filled in."""

    file: Path
    text: str
    """The text as written, with `${NAME}` unresolved, so that no secret gets into a result."""
    words: dict[str, Any]
    """The values of that text."""
    name: str
    datasets: dict[str, Dataset]
    models: dict[str, ModelSpec]
    measures: tuple[str, ...]
    precision: Precision
    """The precision of models that do not set one, and the reason for it."""
    systems: dict[str, System]
    latency: Latency | None
    """What to time; None times nothing."""
    expect: tuple[Expectation, ...]
    prices: Prices | None = None
    """The prices for the report; they are part of no fingerprint."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the suite's values; layout, comments and prices do not affect it."""
        return suite_fingerprint(self.words)

    @cached_property
    def tuning_datasets(self) -> frozenset[str]:
        """The data sets on which parameters are chosen; no system is reported on them."""
        steps = [step for system in self.systems.values() for step in system.steps]
        return frozenset(step.tuning.train for step in steps if step.tuning and step.tuning.train)

    @property
    def base(self) -> Path:
        """The folder to which paths are relative."""
        return self.file.parent

    def closure(self, systems: Iterable[str]) -> dict[str, System]:
        """Return these systems and all that they are built from, each once and after those it is built from."""
        return closure(systems, self.systems)


def load_suite(path: Path, *, device: str = "cpu") -> Suite:
    """Read a suite file. Models without a precision get the default of the device. Raises SuiteError for a mistake."""
    text = _text(path)
    document = read_suite(text, relative(path))
    values = _fill_in(document.values, (), document)
    top = validate(SuiteFile, values, (), document)
    base = path.resolve().parent
    for position, plugin in enumerate(top.plugins):
        with_place(lambda plugin=plugin: load_plugin(base / plugin), document, ("plugins", position))
    measures = _measures(top.measures, document)
    precision = default_precision(device)
    systems = make_systems(top.systems, Defaults(top.depth, precision.name, top.models), document)
    _check_depths(systems, measures, document)
    _check_tuning_datasets(systems, top.datasets)
    if top.latency is not None:
        top.latency.check(systems, document)
    return Suite(
        file=path.resolve(),
        text=text,
        words=document.values,
        name=top.name,
        datasets={name: make_dataset(name, spec, base, document) for name, spec in top.datasets.items()},
        models=top.models,
        measures=measures,
        precision=precision,
        systems=systems,
        latency=top.latency,
        expect=tuple(_expectation(i, entry, top, systems, measures, document) for i, entry in enumerate(top.expect)),
        prices=prices_of(top.prices, base, document),
    )


def read_suite(text: str, file: str) -> Document:
    """Parse the text of a suite without checking its keys. Raises SuiteError unless it is YAML and a mapping."""
    document = read(text, file)
    if not isinstance(document.values, dict):
        raise SuiteError("a suite is a mapping: name, datasets, measures, systems, …", document.place(()))
    return document


def suite_fingerprint(words: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint of a suite's values, without its prices. Raises as `fingerprint` does."""
    return fingerprint({key: value for key, value in words.items() if key != "prices"})


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        others = [str(other) for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        raise SuiteError(f"no such suite; {nearest(str(path), others)}", Place(str(path))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(str(error), Place(str(path))) from None


def _fill_in(value: Any, at: At, document: Document) -> Any:
    """Replace `${NAME}` by the value of the environment variable in every text."""
    if isinstance(value, dict):
        return {key: _fill_in(item, (*at, key), document) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, (*at, position), document) for position, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        content = os.environ.get(match[1])
        if content is None:
            raise SuiteError(f"the environment variable {match[1]} is not set", document.place(at))
        return content

    return re.sub(r"\$\{(\w+)\}", variable, value)


def with_place(work: Any, document: Document, at: At) -> Any:
    """Call `work`; a UserError that has no place gets that of the value at `at`."""
    try:
        return work()
    except UserError as error:
        if error.place is not None:
            raise
        raise SuiteError(error.message, document.place(at)) from error


def _measures(names: list[str], document: Document) -> tuple[str, ...]:
    measures: list[str] = []
    for position, name in enumerate(names):
        at = ("measures", position)
        canonical = str(with_place(lambda name=name: parse(name), document, at))
        if canonical in measures:
            raise SuiteError(f"the measure {canonical!r} is listed twice", document.place(at))
        measures.append(canonical)
    return tuple(measures)


def _check_depths(systems: dict[str, System], measures: tuple[str, ...], document: Document) -> None:
    """Refuse a measure whose cut-off is deeper than a run, because its value would be that of another cut-off."""
    for position, measure in enumerate(measures):
        needed = required_depth(parse(measure)) or 0
        for system in systems.values():
            if system.depth is not None and system.depth < needed:
                raise SuiteError(
                    f"{measure} needs a run of depth {needed}, but the system {system.name!r} has depth {system.depth}",
                    document.place(("measures", position)),
                )


def _check_tuning_datasets(systems: dict[str, System], datasets: Iterable[str]) -> None:
    """Refuse to choose parameters on a data set that the suite does not have."""
    for system in systems.values():
        for step in system.steps:
            if step.tuning and step.tuning.train is not None and step.tuning.train not in datasets:
                near = nearest(step.tuning.train, datasets)
                raise SuiteError(f"tune, train: the suite has no data set {step.tuning.train!r}; {near}", step.place)


def make_dataset(name: str, spec: dict[str, Any], base: Path, document: Document) -> Dataset:
    """Build a data set from its entry; relative paths start at `base`. Raises SuiteError for an invalid entry."""
    at = ("datasets", name)
    if "source" not in spec:
        raise SuiteError(f"a data set needs a source; {nearest('', DATASETS.names())}", document.place(at))
    kind = with_place(lambda: DATASETS[spec["source"]], document, (*at, "source"))
    settings = {key: value for key, value in spec.items() if key != "source"}
    settings = kind.located(settings, base)
    dataset: Dataset = with_place(lambda: validate(kind, settings, at, document), document, at)
    return dataset


def _expectation(
    position: int,
    entry: dict[str, Any],
    top: SuiteFile,
    systems: dict[str, System],
    measures: tuple[str, ...],
    document: Document,
) -> Expectation:
    at = ("expect", position)
    fixed = {"system", "dataset", "within", "source"}
    named = [key for key in entry if key not in fixed]
    if len(named) != 1:
        raise SuiteError("an expectation needs exactly one measure, as in 'nDCG@10: 0.65'", document.place(at))
    measure = str(with_place(lambda: parse(str(named[0])), document, (*at, named[0])))
    values = {key: entry[key] for key in entry if key in fixed} | {"measure": measure, "value": entry[named[0]]}
    expectation: Expectation = validate(Expectation, values, at, document)
    known: list[tuple[str, str, Iterable[str]]] = [
        ("system", expectation.system, systems),
        ("dataset", expectation.dataset, top.datasets),
        (str(named[0]), measure, measures),
    ]
    for key, name, names in known:
        if name not in names:
            raise SuiteError(f"{key}: the suite has no {name!r}; {nearest(name, names)}", document.place((*at, key)))
    return expectation
