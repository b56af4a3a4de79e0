"""YAML text to plain values, the place in the file where each of them stands, and what is wrong with one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from harness.errors import Place, SuiteError, nearest

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """The values of a YAML file, and where they stand: a path of keys and positions leads to a place."""

    file: str
    values: Any
    places: dict[Path, Place]

    def place(self, path: Path) -> Place:
        """Return where a value stands, or the nearest thing around it that stands anywhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file))


def read(text: str, file: str) -> Document:
    """Parse YAML safely: no tag runs code. Raises SuiteError, with its place, for what is not YAML or stands twice."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise SuiteError(f"this is not YAML: {error.problem or error.context}", place) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"this is not YAML: {error}", Place(file)) from None
    if root is None:
        raise SuiteError("the file is empty", Place(file))
    places: dict[Path, Place] = {}
    return Document(file, _value(root, (), file, places), places)


def _value(node: yaml.Node, path: Path, file: str, places: dict[Path, Place]) -> Any:
    """Turn one node into a plain value and note its place; the place of a mapping's entry is that of its key."""
    places.setdefault(path, Place(file, node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, position), file, places) for position, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, file, places)
    return _scalar(node, places[path])


def _mapping(node: yaml.MappingNode, path: Path, file: str, places: dict[Path, Place]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        place = Place(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise SuiteError("a key must be a word or a number", place)
        key = _scalar(key_node, place)
        if key in found:
            raise SuiteError(f"the key {key!r} stands twice; it first stands at {places[(*path, key)]}", place)
        places[(*path, key)] = place
        found[key] = _value(value_node, (*path, key), file, places)
    return found


def _scalar(node: yaml.Node, place: Place) -> Any:
    """Construct one scalar as YAML's safe loader does."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or error
        raise SuiteError(f"this value cannot be read: {problem}", place) from None


def validate(model: type[Model], values: Any, at: Path, document: Document) -> Model:
    """Build a model from the values that stand at a path. SuiteError for the first that is wrong, with its place."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model, at, document) from None


def _explained(error: ValidationError, model: type[BaseModel], at: Path, document: Document) -> SuiteError:
    """Turn pydantic's first complaint, a misspelt word before all others, into one sentence with its place."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place, message = document.place((*at, *first["loc"])), first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return SuiteError(message, place)
    word = first["loc"][-1]
    if first["type"] == "extra_forbidden":
        return SuiteError(f"unknown word {word!r}; {nearest(str(word), _words(model, first['loc'][:-1]))}", place)
    if first["type"] == "missing":
        return SuiteError(f"the word {word!r} is missing here", place)
    return SuiteError(f"{word}: {message}, found {first['input']!r}", place)


def _words(model: type[BaseModel], path: Path) -> list[str]:
    """Name what can be said in a model, or in the one that a path of its fields leads to."""
    for word in path:
        field = next((f for name, f in model.model_fields.items() if word in (name, f.alias)), None)
        model = next(_models_in(field.annotation), model) if field else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Give the models that an annotation names: itself, of a list or a mapping, or one that may be left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
