"""Parses YAML into plain values that know their line and column, and validates them against a model."""

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
    """The values of a YAML file and the place of each; a value is addressed by its path of keys and positions."""

    file: str
    values: Any
    places: dict[Path, Place]

    def place(self, path: Path) -> Place:
        """Return the place of a value, or of the closest enclosing value whose place is known."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file))


def read(text: str, file: str) -> Document:
    """Parse YAML; tags never run code. Raises SuiteError, with its place, for invalid YAML and for duplicate keys."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise SuiteError(f"invalid YAML: {error.problem or error.context}", place) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"invalid YAML: {error}", Place(file)) from None
    if root is None:
        raise SuiteError("the file is empty", Place(file))
    places: dict[Path, Place] = {}
    return Document(file, _value(root, (), file, places), places)


def _value(node: yaml.Node, path: Path, file: str, places: dict[Path, Place]) -> Any:
    """Convert a node to a plain value and record its place; the place of a mapping's entry is that of its key."""
    places.setdefault(path, Place(file, node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, position), file, places) for position, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, file, places)
    return _scalar(node, places[path])


def _mapping(node: yaml.MappingNode, path: Path, file: str, places: dict[Path, Place]) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        place = Place(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise SuiteError("a key must be a string or a number", place)
        key = _scalar(key_node, place)
        if key in values:
            raise SuiteError(f"duplicate key {key!r} (first used at {places[(*path, key)]})", place)
        places[(*path, key)] = place
        values[key] = _value(value_node, (*path, key), file, places)
    return values


def _scalar(node: yaml.Node, place: Place) -> Any:
    """Construct a scalar as YAML's safe loader does."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or error
        raise SuiteError(f"invalid value: {problem}", place) from None


def validate(model: type[Model], values: Any, at: Path, document: Document) -> Model:
    """Build a model from the values at a path. Raises SuiteError, with its place, for the first invalid value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model, at, document) from None


def plain_message(message: str) -> str:
    """Remove the prefix that pydantic adds to the messages of validators."""
    return message.removeprefix("Value error, ")


def _explained(error: ValidationError, model: type[BaseModel], at: Path, document: Document) -> SuiteError:
    """Turn one of pydantic's errors into a sentence with its place: the first unknown key, else the first error."""
    first = min(error.errors(), key=lambda details: details["type"] != "extra_forbidden")
    place, message = document.place((*at, *first["loc"])), plain_message(first["msg"])
    if not first["loc"]:
        return SuiteError(message, place)
    key = first["loc"][-1]
    if first["type"] == "extra_forbidden":
        return SuiteError(f"unknown key {key!r}; {nearest(str(key), _keys(model, first['loc'][:-1]))}", place)
    if first["type"] == "missing":
        return SuiteError(f"the key {key!r} is missing", place)
    return SuiteError(f"{key}: {message}, found {first['input']!r}", place)


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that a model accepts, or the model that a path of its fields leads to."""
    for key in path:
        field = next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)
        model = next(_models_in(field.annotation), model) if field else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation mentions, also inside a list, a mapping or an optional value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
