"""Finds stages, data sets and measures by name; those that ship with the harness are registered as plug-ins are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from harness.errors import UnknownName, UserError, nearest
from harness.fingerprint import fingerprint

T = TypeVar("T")


class Registry(Generic[T]):
    """Objects of one kind by name. A name from an entry point is imported when it is first looked up.

    The last part of the name is set on a registered class, as the attribute `attribute` ("name" or "source"). A class
    that is registered under a second name is subclassed for it, so that each name keeps its own attribute.
    """

    def __init__(self, kind: str, group: str, attribute: str = "name") -> None:
        self.kind = kind
        self.group = group
        self.attribute = attribute
        self._items: dict[str, Any] = {}
        self._loaders: dict[str, Callable[[], Any]] = {}
        self._opened = False

    @overload
    def register(self, name: str, *, version: int | None = None) -> Callable[[T], T]: ...
    @overload
    def register(self, name: str, target: T, *, version: int | None = None) -> T: ...
    def register(self, name: str, target: T | None = None, *, version: int | None = None) -> T | Callable[[T], T]:
        """Register an object under a name, directly or as a decorator, and return the object unchanged.

        A `version` is set on the object and becomes part of the name of its outputs; a stage may also set it in its
        class. Raises ValueError if the name is taken by another object, and for a second version of one function.
        """

        def add(thing: T) -> T:
            registered = self._items.get(name, thing)
            if registered is not thing and _origin(registered) != _origin(thing):
                raise ValueError(f"the {self.kind} {name!r} is registered twice")
            self._items[name] = self._named(name, thing, version)
            return thing

        return add if target is None else add(target)

    def _named(self, name: str, thing: Any, version: int | None) -> Any:
        """Return what to register: the object itself, or a subclass if it is a class with another name already."""
        shared = any(item is thing for other, item in self._items.items() if other != name)
        if isinstance(thing, type):
            thing = _subclass(thing) if shared else thing
            setattr(thing, self.attribute, name.split("/", 1)[-1])
        elif shared and version not in (None, known := getattr(thing, "version", None)):
            raise ValueError(f"the {self.kind} {name!r} has version {version}, but under another name {known}")
        if version is not None:
            thing.version = version
        return thing

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        for point in entry_points(group=self.group):
            self._loaders.setdefault(point.name, point.load)

    def __getitem__(self, name: str) -> T:
        """Return the object of that name. Raises UnknownName with a suggestion, UserError if it cannot be loaded."""
        if name not in self._items:
            self._open()
            if name not in self._loaders:
                raise UnknownName(f"there is no {self.kind} {name!r}; {nearest(name, self.names())}")
            self.register(name, self._load(name))
        item: T = self._items[name]
        return item

    def _load(self, name: str) -> T:
        try:
            thing: T = self._loaders[name]()
        except Exception as error:  # a plug-in may raise anything
            raise UserError(f"the {self.kind} {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
        return thing

    def __contains__(self, name: str) -> bool:
        """Tell whether the name is registered."""
        return name in self._items or name in self.names()

    def names(self) -> list[str]:
        """Return all names, sorted, without importing anything."""
        self._open()
        return sorted({*self._items, *self._loaders})

    def items(self) -> Iterator[tuple[str, T]]:
        """Load and yield everything. A plug-in that cannot be loaded is left out with a warning."""
        for name in self.names():
            try:
                yield name, self[name]
            except UserError as error:
                warnings.warn(str(error), stacklevel=2)


def _subclass(kind: type) -> type:
    """Return a class that is the same but for the attributes that are set on it later."""
    return type(kind)(
        kind.__name__, (kind,), {key: getattr(kind, key) for key in ("__module__", "__qualname__", "__doc__")}
    )


def _origin(thing: Any) -> tuple[str, str]:
    """Return where an object was defined: loading a file twice defines equal objects twice."""
    code = getattr(sys.modules.get(thing.__module__), "__file__", thing.__module__)
    return str(code), getattr(thing, "__qualname__", repr(thing))


STAGES: Registry[Any] = Registry("stage", "harness.stages")
DATASETS: Registry[Any] = Registry("source", "harness.datasets", "source")
METRICS: Registry[Any] = Registry("measure", "harness.measures")


def load_plugin(path: Path) -> None:
    """Run a Python file that registers stages, data sets or measures. Raises UserError if it is missing or fails."""
    if not path.is_file():
        raise UserError(f"the plug-in {path} does not exist")
    name = f"harness_plugin_{path.stem}_{fingerprint(str(path.resolve()))[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"the plug-in {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"the plug-in {path} fails: {type(error).__name__}: {error}") from error
