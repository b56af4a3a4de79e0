"""YAML text to plain values, and the place in the file where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from harness.errors import Place, SuiteError

Path = tuple[str | int, ...]


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
