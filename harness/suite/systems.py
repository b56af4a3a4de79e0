"""Systems of a suite: words to built stages; a matrix to one system for each combination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from harness.errors import Place, SuiteError, UnknownName, UserError, nearest
from harness.measures.scoring.parse import parse, required_depth
from harness.models.weights import ModelSpec
from harness.registry import STAGES
from harness.stage import Stage
from harness.suite.document import Document
from harness.suite.document import Path as At
from harness.suite.matrix import _expand
from harness.suite.tuning import Tuning, read_tuning

PAIRS = {"index": ("index", "search")}
"""A word that stands for two stages: the settings of each go to whichever declares them."""
HIDDEN = {"search", "score", "runfile", "filter", "tune", "draft"}
"""Roles whose words no suite names: implied by an index, the measures, a run file, the data set, `tune`, `rewrite`."""
DATASET = "{dataset}"
"""Stands in the path of a run file for the name of the data set."""


@dataclass(frozen=True)
class Defaults:
    """What a stage gets when its step does not say: depth, precision, and the settings of the model it names."""

    depth: int
    precision: str
    models: Mapping[str, ModelSpec]


@dataclass(frozen=True)
class Step:
    """One entry of a system: the stages it stands for, and the chains or model it names."""

    role: str
    word: str
    place: Place
    stages: Mapping[str, Stage] = field(default_factory=dict)
    model: str | None = None
    of: tuple[str, ...] = ()
    tuning: Tuning | None = None
    """What a fusion tries; `stages` then holds the first candidate."""


@dataclass(frozen=True)
class System:
    """A retrieval configuration: a chain of steps, and the words it was written in."""

    name: str
    steps: tuple[Step, ...]
    words: tuple[Mapping[str, Any], ...]
    place: Place

    @property
    def depth(self) -> int | None:
        """How deep its run is, as far as its own steps say; None where another system decides."""
        found = [stage for step in self.steps if step.role != "rerank" for stage in step.stages.values()]
        depths = [stage.depth for stage in found if hasattr(stage, "depth")]
        return depths[-1] if depths else None


def make_systems(said: Mapping[str, Any], defaults: Defaults, document: Document) -> dict[str, System]:
    """Build all systems. Raises SuiteError for wrong words, wrong settings, and systems that lead round in a circle."""
    systems: dict[str, System] = {}
    for key, value in said.items():
        at: At = ("systems", key)
        for name, words, inside in _expand(str(key), value, at, document):
            if name in systems:
                raise SuiteError(f"two systems are named {name!r}", document.place(at))
            steps = tuple(_step(word, defaults, (*inside, i), document) for i, word in enumerate(words))
            systems[name] = System(name, steps, tuple(words), document.place(at))
    for system in systems.values():
        _check_names(system, systems, ())
    return systems


def _step(words: Any, defaults: Defaults, at: At, document: Document) -> Step:
    place = document.place(at)
    if not isinstance(words, dict):
        raise SuiteError(f"a stage is written as {{role: word, ...}}, found {words!r}", place)
    roles = {name.split("/")[0] for name in STAGES.names()} - HIDDEN | {"from", "runfile"}
    named = [key for key in words if key in roles]
    if len(named) != 1:
        found = ", ".join(repr(key) for key in words) or "nothing"
        near = nearest(str(next(iter(words), "")), roles)
        raise SuiteError(f"a stage names one role, found {found}; {near}", place)
    role, word = named[0], str(words[named[0]])
    settings = {key: value for key, value in words.items() if key != role}
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


def _of(said: Any, place: Place) -> tuple[str, ...]:
    """Read the systems that a fusion joins."""
    if not isinstance(said, list) or not said or not all(isinstance(name, str | int | float) for name in said):
        found = "" if said is None else f", found {said!r}"
        raise SuiteError(f"'fuse' names the systems it joins: of: [a, b]{found}", place)
    return tuple(map(str, said))


def _tuning(word: str, said: Any, settings: dict[str, Any], defaults: Defaults, at: At, document: Document) -> Tuning:
    """Read what a fusion tries; every candidate is checked as a stage of its own."""

    def build(chosen: Mapping[str, Any]) -> Stage:
        for key in chosen:
            if key == "depth":
                raise UserError("depth is no parameter to choose: say it beside 'tune', for all candidates alike")
            if key in settings:
                raise UserError(f"{key} stands in 'tune' and beside it")
        return _stages("fuse", word, {**settings, **chosen}, None, defaults, inside, document)["fuse"]

    inside = (*at, "tune")
    try:
        tuning = read_tuning(said, build)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, ("tune", *first["loc"])))
        raise SuiteError(f"'fuse: {word}', {name}: {_plainly(first['msg'])}", document.place(inside)) from None
    except UserError as error:
        if error.place is not None:
            raise
        raise SuiteError(error.message, document.place(inside)) from None
    depth, needed = getattr(tuning.candidates[0], "depth", None), required_depth(parse(tuning.measure)) or 0
    if depth is not None and depth < needed:
        raise SuiteError(
            f"tune: {tuning.measure} needs a run {needed} deep, but this one stops at {depth}", document.place(inside)
        )
    return tuning


def _declares_model(role: str, word: str, settings: Mapping[str, Any]) -> bool:
    """Tell whether `model` is a setting of the stage itself, not the name of one of the suite's models.

    A stage that may have either asks an endpoint where it names one.
    """
    name = f"{role}/{word}"
    if name not in STAGES.names() or "model" not in STAGES[name].model_fields:
        return False
    return "base_url" in settings or not getattr(STAGES[name], "uses_model", False)


def parts(role: str, word: str) -> dict[str, type[Stage]]:
    """Return the stages that a word of a suite stands for, by role; UnknownName where there is one that nobody made.

    A reranker by vectors has its encoder beside it.
    """
    kinds: dict[str, type[Stage]] = {part: STAGES[f"{part}/{word}"] for part in PAIRS.get(role, (role,))}
    encoder = getattr(kinds.get("rerank"), "encoder", None)
    return kinds | {"encode": STAGES[encoder]} if encoder else kinds


def _stages(
    role: str, word: str, settings: dict[str, Any], model: str | None, defaults: Defaults, at: At, document: Document
) -> dict[str, Stage]:
    """Build the stages of one step; each setting goes to those that declare it."""
    try:
        kinds = parts(role, word)
    except UnknownName:
        words = [name.split("/", 1)[1] for name in STAGES.names() if name.startswith(f"{role}/")]
        raise SuiteError(f"there is no '{role}: {word}'; {nearest(word, words)}", document.place((*at, role))) from None
    given = _given(kinds, settings, model, defaults, f"{role}: {word}", at, document)
    built = {}
    for part, kind in kinds.items():
        try:
            built[part] = kind(**{key: value for key, value in given.items() if key in kind.model_fields})
        except ValidationError as error:
            raise _wrong_setting(error, kind, f"{role}: {word}", at, document) from None
    return built


def _given(
    kinds: Mapping[str, type[Stage]],
    settings: Mapping[str, Any],
    model: str | None,
    defaults: Defaults,
    title: str,
    at: At,
    document: Document,
) -> dict[str, Any]:
    """Put together what is said here, what the model says and what the suite says; the nearer word wins."""
    declared = {name for kind in kinds.values() for name in kind.model_fields if name not in kind.planned}
    wants_model = any(getattr(kind, "uses_model", False) for kind in kinds.values())
    needs_model = wants_model and all(getattr(kind, "needs_model", True) for kind in kinds.values())
    for key in settings:
        if key not in declared:
            known = declared | ({"model"} if wants_model else set())
            raise SuiteError(
                f"'{title}' has no setting {key!r}; {nearest(str(key), known)}", document.place((*at, key))
            )
    if "base_url" in settings:
        wants_model = needs_model = False
    if needs_model and model is None:
        ways = "model: NAME" + (", or base_url and model of an endpoint" if "base_url" in declared else "")
        raise SuiteError(f"'{title}' needs a model: {ways}; {nearest('', defaults.models)}", document.place(at))
    if model is not None and not wants_model:
        raise SuiteError(f"'{title}' takes no model", document.place((*at, "model")))
    if model is not None and str(model) not in defaults.models:
        near = nearest(str(model), defaults.models)
        raise SuiteError(f"the suite has no model {model!r}; {near}", document.place((*at, "model")))
    of_model = defaults.models[str(model)].settings() if model else {}
    return {"depth": defaults.depth, "precision": defaults.precision, **of_model, **settings}


def _wrong_setting(error: ValidationError, kind: type[Stage], title: str, at: At, document: Document) -> SuiteError:
    """Say what is wrong with the first wrong setting; one that its stage does not show (repr=False) is not repeated."""
    first = error.errors()[0]
    place = document.place((*at, *first["loc"]))
    name = ".".join(str(part) for part in first["loc"])
    message = _plainly(first["msg"])
    if first["type"] == "missing":
        return SuiteError(f"'{title}' needs the setting {name!r}", place)
    if not first["loc"]:
        return SuiteError(f"'{title}': {message}", place)
    field = kind.model_fields.get(str(first["loc"][0]))
    found = f", found {first['input']!r}" if field is None or field.repr else ""
    return SuiteError(f"'{title}', {name}: {message}{found}", place)


def _plainly(message: str) -> str:
    """Leave out what pydantic puts before a message of ours."""
    return message.removeprefix("Value error, ")


def _check_names(system: System, systems: Mapping[str, System], above: tuple[str, ...]) -> None:
    """Follow `from` and `of`; refuse unknown names and circles."""
    if system.name in above:
        raise SuiteError(f"the system leads back to itself: {' → '.join((*above, system.name))}", system.place)
    for step in system.steps:
        for name in (step.word,) if step.role == "from" else step.of:
            if name not in systems:
                raise SuiteError(f"the suite has no system {name!r}; {nearest(str(name), systems)}", step.place)
            _check_names(systems[name], systems, (*above, system.name))
