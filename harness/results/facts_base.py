"""The base of the typed objects in run.json, and the kinds of values they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PrivateAttr, model_validator


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return value


Number = Annotated[float, BeforeValidator(_number)]
"""A number of any kind, kept as it is: 1 does not become 1.0."""


class Facts(BaseModel):
    """An object of run.json.

    A missing key gives None or an empty value, so results of older versions can be read. A tuple counts as a list; no
    other value is converted, and one of the wrong kind raises pydantic's ValidationError.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", protected_namespaces=())
    _given: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_was_given(cls, value: Any, validate: Callable[[Any], Self]) -> Self:
        if not isinstance(value, dict):
            return validate(value)
        facts = validate({key: list(item) if isinstance(item, tuple) else item for key, item in value.items()})
        facts._given = value
        return facts

    def document(self) -> dict[str, Any]:
        """Return the object for JSON: the keys it was made from in the same order, unknown ones included."""
        return {key: _plain(value) for key, value in self._given.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Facts):
        return value.document()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
