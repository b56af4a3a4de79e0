"""The suite language: a YAML file to a Suite of typed settings; an error names its place and the nearest right word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
from harness.suite.systems import Defaults, System, make_systems


class Expectation(BaseModel):
    """A number that is known from elsewhere, which a run must meet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    dataset: str
    measure: str
    value: float
    within: float
    """The largest difference, either way, that still meets it."""
    source: str
    """Where the number is published."""


class SuiteFile(BaseModel):
    """The words at the top of a suite file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the folder of the results: letters, digits, '.', '_' and '-'."""
    plugins: list[str] = []
    """Python files that register stages, data sets or measures, relative to the suite file."""
    datasets: dict[str, dict[str, Any]] = Field(min_length=1)
    """Collections by name: `{source: WORD, ...}`."""
    models: dict[str, ModelSpec] = {}
    """Models by name: `{path: ..., precision: ..., ...}`."""
    measures: list[str] = Field(min_length=1)
    """The first is the headline of the report."""
    depth: int = Field(default=100, ge=1)
    """How many documents a search keeps for each query."""
    systems: dict[str, Any] = Field(min_length=1)
    """Retrieval configurations by name: a list of stages, or `{matrix: {...}, stages: [...]}`."""
    prices: Any = None
    """What machines and services cost: a price file, or its words, as `{host: 0.17 USD/h}`."""
    latency: Latency | None = None
    """What is timed, and how; `{}` for the defaults. Without the word nothing is timed."""
    expect: list[dict[str, Any]] = []
    """Known numbers: `{system: ..., dataset: ..., MEASURE: VALUE, within: ..., source: ...}`."""

    @field_validator("latency", mode="before")
    @classmethod
    def _said(cls, words: Any) -> Any:
        if not isinstance(words, dict):
            raise ValueError("say {} for the defaults")
        return words


@dataclass(frozen=True)
class Suite:
    """What a suite file says, checked; stages are built, paths are absolute, variables are filled in."""

    file: Path
    text: str
    """As it was written: `${NAME}` still stands, so that no secret gets into a result."""
    words: dict[str, Any]
    """The values of that text."""
    name: str
    datasets: dict[str, Dataset]
    models: dict[str, ModelSpec]
    measures: tuple[str, ...]
    precision: Precision
    """What a model gets that says none, and why."""
    systems: dict[str, System]
    latency: Latency | None
    """What is timed; None: nothing."""
    expect: tuple[Expectation, ...]
    prices: Prices | None = None
    """For the report; no part of any name."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The name of what the suite says, whatever its layout, comments and prices."""
        return suite_fingerprint(self.words)

    @property
    def trained(self) -> frozenset[str]:
        """The data sets that are for tuning only: no system is reported on them."""
        steps = [step for system in self.systems.values() for step in system.steps]
        return frozenset(step.tuning.train for step in steps if step.tuning and step.tuning.train)

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self.file.parent


def load_suite(path: Path, *, device: str = "cpu") -> Suite:
    """Read a suite file; a model that says no precision gets what suits the device. SuiteError for any mistake."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(
            _missing(path) if isinstance(error, FileNotFoundError) else str(error), Place(str(path))
        ) from None
    document = read_suite(text, relative(path))
    values = _fill_in(document.values, (), document)
    said = validate(SuiteFile, values, (), document)
    base = path.resolve().parent
    for position, plugin in enumerate(said.plugins):
        with_place(lambda plugin=plugin: load_plugin(base / plugin), document, ("plugins", position))
    measures = _measures(said.measures, document)
    precision = default_precision(device)
    defaults = Defaults(said.depth, precision.name, said.models)
    systems = make_systems(said.systems, defaults, document)
    _check_depths(systems, measures, document)
    _check_trained(systems, said.datasets)
    if said.latency is not None:
        said.latency.check(systems, document)
    return Suite(
        file=path.resolve(),
        text=text,
        words=document.values,
        name=said.name,
        datasets={name: make_dataset(name, spec, base, document) for name, spec in said.datasets.items()},
        models=said.models,
        measures=measures,
        precision=precision,
        systems=systems,
        latency=said.latency,
        expect=tuple(_expectation(i, entry, said, systems, measures, document) for i, entry in enumerate(said.expect)),
        prices=prices_of(said.prices, base, document),
    )


def read_suite(text: str, file: str) -> Document:
    """Parse the text of a suite without a look at its words. SuiteError where it is not YAML, or no mapping."""
    document = read(text, file)
    if not isinstance(document.values, dict):
        raise SuiteError("a suite is a mapping: name, datasets, measures, systems, …", document.place(()))
    return document


def suite_fingerprint(words: Mapping[str, Any]) -> Fingerprint:
    """Name what a suite says: prices are for the report, and no part of it. Raises as `fingerprint` does."""
    return fingerprint({key: value for key, value in words.items() if key != "prices"})


def _missing(path: Path) -> str:
    beside = [str(other) for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    return f"there is no such suite; {nearest(str(path), beside)}"


def _fill_in(value: Any, at: At, document: Document) -> Any:
    """Replace `${NAME}` by the environment's value in every text."""
    if isinstance(value, dict):
        return {key: _fill_in(item, (*at, key), document) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, (*at, position), document) for position, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise SuiteError(f"the environment variable {match[1]} is not set", document.place(at))
        return found

    return re.sub(r"\$\{(\w+)\}", variable, value)


def with_place(work: Any, document: Document, at: At) -> Any:
    """Do something; a UserError without a place gets the place in the suite that it comes from."""
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
            raise SuiteError(f"the measure {canonical!r} stands twice", document.place(at))
        measures.append(canonical)
    return tuple(measures)


def _check_depths(systems: dict[str, System], measures: tuple[str, ...], document: Document) -> None:
    """Refuse a measure that looks deeper than a run is: it would be a number of something else."""
    for position, measure in enumerate(measures):
        needed = required_depth(parse(measure)) or 0
        for system in systems.values():
            if system.depth is not None and system.depth < needed:
                raise SuiteError(
                    f"{measure} needs a run {needed} deep, but the system {system.name!r} stops at {system.depth}",
                    document.place(("measures", position)),
                )


def _check_trained(systems: dict[str, System], datasets: Iterable[str]) -> None:
    """Refuse parameters that are chosen on a data set that is not there."""
    for system in systems.values():
        for step in system.steps:
            if step.tuning and step.tuning.train is not None and step.tuning.train not in datasets:
                near = nearest(step.tuning.train, datasets)
                raise SuiteError(f"tune, train: the suite has no data set {step.tuning.train!r}; {near}", step.place)


def make_dataset(name: str, spec: dict[str, Any], base: Path, document: Document) -> Dataset:
    """Build a data set from its words; a relative path begins at `base`. Raises SuiteError for a wrong one."""
    at = ("datasets", name)
    if "source" not in spec:
        raise SuiteError(f"a data set says its source; {nearest('', DATASETS.names())}", document.place(at))
    kind = with_place(lambda: DATASETS[spec["source"]], document, (*at, "source"))
    settings = {key: value for key, value in spec.items() if key != "source"}
    settings = kind.located(settings, base)
    found: Dataset = with_place(lambda: validate(kind, settings, at, document), document, at)
    return found


def _expectation(
    position: int,
    entry: dict[str, Any],
    said: SuiteFile,
    systems: dict[str, System],
    measures: tuple[str, ...],
    document: Document,
) -> Expectation:
    at = ("expect", position)
    fixed = {"system", "dataset", "within", "source"}
    named = [key for key in entry if key not in fixed]
    if len(named) != 1:
        raise SuiteError("an expectation names one measure and its value, as in 'nDCG@10: 0.65'", document.place(at))
    measure = str(with_place(lambda: parse(str(named[0])), document, (*at, named[0])))
    values = {key: entry[key] for key in entry if key in fixed} | {"measure": measure, "value": entry[named[0]]}
    expectation: Expectation = validate(Expectation, values, at, document)
    known: list[tuple[str, str, Iterable[str]]] = [
        ("system", expectation.system, systems),
        ("dataset", expectation.dataset, said.datasets),
        (str(named[0]), measure, measures),
    ]
    for key, word, words in known:
        if word not in words:
            raise SuiteError(f"{key}: the suite has no {word!r}; {nearest(word, words)}", document.place((*at, key)))
    return expectation
