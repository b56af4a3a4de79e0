"""Names to things. It knows no stage: what ships with the harness comes in by the entry points that a plug-in uses."""

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
    """Things of one kind by name. A name from an entry point is imported when it is first asked for.

    A registered class learns the last part of its name, as `attribute` says ("name" or "source"). Under a second name
    stands a subclass of it, so that each name keeps its own word.
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
        """Enter a thing under a name, directly or as a decorator, and return it as it was given.

        A `version` is written on the thing, for what names its outputs (a stage may as well say it in its class).
        Raises ValueError if the name is taken by another thing, and for a second version of one function.
        """

        def add(thing: T) -> T:
            held = self._items.get(name, thing)
            if held is not thing and _origin(held) != _origin(thing):
                raise ValueError(f"the {self.kind} {name!r} is registered twice")
            self._items[name] = self._named(name, thing, version)
            return thing

        return add if target is None else add(target)

    def _named(self, name: str, thing: Any, version: int | None) -> Any:
        """Return what stands under a name: the thing, or a subclass if it is a class that has another name already."""
        shared = any(held is thing for other, held in self._items.items() if other != name)
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
        """Return the thing of that name; UnknownName, with the nearest known one, or UserError if it fails to load."""
        if name not in self._items:
            self._open()
            if name not in self._loaders:
                raise UnknownName(f"there is no {self.kind} {name!r}; {nearest(name, self.names())}")
            self.register(name, self._load(name))
        found: T = self._items[name]
        return found

    def _load(self, name: str) -> T:
        try:
            thing: T = self._loaders[name]()
        except Exception as error:  # a plug-in may raise anything
            raise UserError(f"the {self.kind} {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
        return thing

    def __contains__(self, name: str) -> bool:
        """Tell whether the name is known."""
        return name in self._items or name in self.names()

    def names(self) -> list[str]:
        """Return all names, sorted; nothing is imported for it."""
        self._open()
        return sorted({*self._items, *self._loaders})

    def items(self) -> Iterator[tuple[str, T]]:
        """Load everything. A plug-in that fails to load is left out with a warning and takes nothing else down."""
        for name in self.names():
            try:
                yield name, self[name]
            except UserError as error:
                warnings.warn(str(error), stacklevel=2)


def _subclass(kind: type) -> type:
    """Return a class that is the same in all but what is written on it from now on."""
    return type(kind)(
        kind.__name__, (kind,), {key: getattr(kind, key) for key in ("__module__", "__qualname__", "__doc__")}
    )


def _origin(thing: Any) -> tuple[str, str]:
    """Say where a thing was defined; a file that is read twice defines the same things twice."""
    code = getattr(sys.modules.get(thing.__module__), "__file__", thing.__module__)
    return str(code), getattr(thing, "__qualname__", repr(thing))


STAGES: Registry[Any] = Registry("stage", "harness.stages")
DATASETS: Registry[Any] = Registry("source", "harness.datasets", "source")
METRICS: Registry[Any] = Registry("measure", "harness.measures")


def load_plugin(path: Path) -> None:
    """Run a Python file that registers things; UserError if it is missing or fails."""
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
