"""Reads one step of a system: builds the stages that it stands for from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from harness.errors import Place, SuiteError, UnknownName, UserError, nearest
from harness.measures.scoring.parse import parse, required_depth
from harness.models.weights import ModelSpec
from harness.registry import STAGES
from harness.stage import Rescorer, Stage
from harness.stage.settings import HasDepth
from harness.suite.document import Document, plain_message
from harness.suite.document import Path as At
from harness.suite.tuning import Tuning, read_tuning

PAIRS = {"index": ("index", "search")}
"""Roles of a suite that stand for two stages; each setting goes to the stages that declare it."""
HIDDEN = {"search", "score", "runfile", "filter", "tune", "draft"}
"""Roles of stages that a suite cannot name: they follow from an index, a measure, a run file, the data set, `tune` or
`rewrite`."""
DATASET = "{dataset}"
"""The placeholder for the name of the data set in the path of a run file."""


@dataclass(frozen=True)
class Defaults:
    """The settings that a stage gets unless its step sets them: depth, precision, and those of the model it names."""

    depth: int
    precision: str
    models: Mapping[str, ModelSpec]


@dataclass(frozen=True)
class Step:
    """One entry of a system: the stages it stands for, and the systems or the model it names."""

    role: str
    word: str
    place: Place
    stages: Mapping[str, Stage] = field(default_factory=dict)
    model: str | None = None
    of: tuple[str, ...] = ()
    tuning: Tuning | None = None
    """The candidates of a fusion that is tuned; `stages` then holds the first of them."""

    @property
    def title(self) -> str:
        """The step as an error message quotes it."""
        return f"'{self.role}: {self.word}'"

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The systems that the step continues or fuses."""
        return (self.word,) if self.role == "from" else self.of


def read_step(entry: Any, defaults: Defaults, at: At, document: Document) -> Step:
    """Build a step from an entry of a system. Raises SuiteError for wrong names and wrong settings."""
    place = document.place(at)
    if not isinstance(entry, dict):
        raise SuiteError(f"a stage is written as {{role: name, ...}}, found {entry!r}", place)
    roles = {name.split("/")[0] for name in STAGES.names()} - HIDDEN | {"from", "runfile"}
    named = [key for key in entry if key in roles]
    if len(named) != 1:
        keys = ", ".join(repr(key) for key in entry) or "nothing"
        near = nearest(str(next(iter(entry), "")), roles)
        raise SuiteError(f"a stage must name exactly one role, found {keys}; {near}", place)
    role, word = named[0], str(entry[named[0]])
    settings = {key: value for key, value in entry.items() if key != role}
    if role == "from":
        if settings:
            raise SuiteError(f"'from' takes no settings, found {next(iter(settings))!r}", place)
        return Step(role, word, place)
    of = _of(settings.pop("of", None), document.place((*at, "of"))) if role == "fuse" else ()
    model = None if _declares_model(role, word, settings) else settings.pop("model", None)
    if role == "fuse" and "tune" in settings:
        tuning = _tuning(word, settings.pop("tune"), settings, defaults, at, document)
        return Step(role, word, place, {"fuse": tuning.candidates[0]}, model, of, tuning)
    stages = _stages(role, "trec" if role == "runfile" else word, settings, model, defaults, at, document)
    return Step(role, word, place, stages, None if model is None else str(model), of)


def _of(names: Any, place: Place) -> tuple[str, ...]:
    """Read the names of the systems that a fusion joins."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str | int | float) for name in names):
        found = "" if names is None else f", found {names!r}"
        raise SuiteError(f"'fuse' needs the list of the systems it joins, as in of: [a, b]{found}", place)
    return tuple(map(str, names))


def _tuning(word: str, block: Any, settings: dict[str, Any], defaults: Defaults, at: At, document: Document) -> Tuning:
    """Read the `tune` block of a fusion; every candidate is checked as a stage of its own."""

    def build(chosen: Mapping[str, Any]) -> Stage:
        for key in chosen:
            if key == "depth":
                raise UserError("depth cannot be tuned: set it next to 'tune', for all candidates alike")
            if key in settings:
                raise UserError(f"{key} is set both inside and outside 'tune'")
        return _stages("fuse", word, {**settings, **chosen}, None, defaults, inside, document)["fuse"]

    inside = (*at, "tune")
    try:
        tuning = read_tuning(block, build)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, ("tune", *first["loc"])))
        raise SuiteError(f"'fuse: {word}', {name}: {plain_message(first['msg'])}", document.place(inside)) from None
    except UserError as error:
        if error.place is not None:
            raise
        raise SuiteError(error.message, document.place(inside)) from None
    fusion, needed = tuning.candidates[0], required_depth(parse(tuning.measure)) or 0
    if isinstance(fusion, HasDepth) and fusion.depth < needed:
        raise SuiteError(
            f"tune: {tuning.measure} needs a run of depth {needed}, but this one has depth {fusion.depth}",
            document.place(inside),
        )
    return tuning


def _declares_model(role: str, word: str, settings: Mapping[str, Any]) -> bool:
    """Return whether `model` is a setting of the stage itself rather than the name of a model of the suite.

    A stage that supports both uses an endpoint if its settings name one.
    """
    name = f"{role}/{word}"
    if name not in STAGES.names() or "model" not in STAGES[name].model_fields:
        return False
    return "base_url" in settings or not STAGES[name].uses_model


def stage_classes(role: str, word: str) -> dict[str, type[Stage]]:
    """Return the stages that a step stands for, by role. Raises UnknownName if one of them is not registered.

    A reranker that compares vectors comes with its encoder.
    """
    kinds: dict[str, type[Stage]] = {part: STAGES[f"{part}/{word}"] for part in PAIRS.get(role, (role,))}
    reranker = kinds.get("rerank")
    if reranker is not None and issubclass(reranker, Rescorer):
        kinds["encode"] = STAGES[reranker.encoder]
    return kinds


def _stages(
    role: str, word: str, settings: dict[str, Any], model: str | None, defaults: Defaults, at: At, document: Document
) -> dict[str, Stage]:
    """Build the stages of a step; each setting goes to the stages that declare it."""
    try:
        kinds = stage_classes(role, word)
    except UnknownName:
        words = [name.split("/", 1)[1] for name in STAGES.names() if name.startswith(f"{role}/")]
        raise SuiteError(
            f"unknown stage '{role}: {word}'; {nearest(word, words)}", document.place((*at, role))
        ) from None
    title = f"'{role}: {word}'"
    merged = _merge(kinds, settings, model, defaults, title, at, document)
    built = {}
    for part, kind in kinds.items():
        try:
            built[part] = kind(**{key: value for key, value in merged.items() if key in kind.model_fields})
        except ValidationError as error:
            raise _wrong_setting(error, kind, title, at, document) from None
    return built


def _merge(
    kinds: Mapping[str, type[Stage]],
    settings: Mapping[str, Any],
    model: str | None,
    defaults: Defaults,
    title: str,
    at: At,
    document: Document,
) -> dict[str, Any]:
    """Merge the settings of the suite, of the model and of the step; the step overrides the model, the model the suite.

    Raises SuiteError for an unknown setting, and for a model that is missing, unknown or not accepted.
    """
    declared = {name for kind in kinds.values() for name in kind.model_fields if name not in kind.planned}
    takes_model = any(kind.uses_model for kind in kinds.values())
    needs_model = takes_model and all(kind.needs_model for kind in kinds.values())
    for key in settings:
        if key not in declared:
            known = declared | ({"model"} if takes_model else set())
            raise SuiteError(f"{title} has no setting {key!r}; {nearest(str(key), known)}", document.place((*at, key)))
    if "base_url" in settings:
        takes_model = needs_model = False
    if needs_model and model is None:
        ways = "model: NAME" + (", or base_url and model of an endpoint" if "base_url" in declared else "")
        raise SuiteError(f"{title} needs a model: {ways}; {nearest('', defaults.models)}", document.place(at))
    if model is not None and not takes_model:
        raise SuiteError(f"{title} takes no model", document.place((*at, "model")))
    if model is not None and str(model) not in defaults.models:
        near = nearest(str(model), defaults.models)
        raise SuiteError(f"the suite has no model {model!r}; {near}", document.place((*at, "model")))
    of_model = defaults.models[str(model)].settings() if model else {}
    return {"depth": defaults.depth, "precision": defaults.precision, **of_model, **settings}


def _wrong_setting(error: ValidationError, kind: type[Stage], title: str, at: At, document: Document) -> SuiteError:
    """Describe the first invalid setting; the value of a setting that is not shown (repr=False) is left out."""
    first = error.errors()[0]
    place = document.place((*at, *first["loc"]))
    name = ".".join(str(part) for part in first["loc"])
    message = plain_message(first["msg"])
    if first["type"] == "missing":
        return SuiteError(f"{title} needs the setting {name!r}", place)
    if not first["loc"]:
        return SuiteError(f"{title}: {message}", place)
    field = kind.model_fields.get(str(first["loc"][0]))
    found = f", found {first['input']!r}" if field is None or field.repr else ""
    return SuiteError(f"{title}, {name}: {message}{found}", place)
