"""Builds the JSON Schema of the suite language from the models that read it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.prices import Prices
from harness.registry import DATASETS, STAGES
from harness.stage.describe import describe_settings
from harness.suite.steps import HIDDEN, PAIRS, stage_classes
from harness.suite.suite import SuiteFile
from harness.suite.tuning import Tune

VARIABLE = {"type": "string", "pattern": r"\{\w+\}"}
"""A placeholder of a matrix, which is accepted in place of any value."""


def suite_schema() -> dict[str, Any]:
    """Return the schema of a suite file with every registered data set and stage."""
    schema = SuiteFile.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    chain = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/stage"}}
    definitions["stage"] = {"anyOf": [_from(), _runfile(definitions), *_stages(definitions)]}
    matrix = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
    grid = {
        "type": "object",
        "properties": {"matrix": matrix, "stages": chain},
        "required": ["matrix", "stages"],
        "additionalProperties": False,
    }
    properties = schema["properties"]
    properties["systems"]["additionalProperties"] = {"anyOf": [chain, grid]}
    properties["datasets"]["additionalProperties"] = {"anyOf": _datasets(definitions)}
    properties["prices"] = _prices(definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "retrieval-harness suite"}


def _from() -> dict[str, Any]:
    text = {"type": "string", "description": "Continue from the end of another system."}
    return {"type": "object", "properties": {"from": text}, "required": ["from"], "additionalProperties": False}


def _prices(definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe the path of a price file, or its content."""
    block = Prices.model_json_schema()
    definitions.update(block.pop("$defs"))
    return {"anyOf": [{"type": "string", "description": "A price file, relative to the suite."}, block]}


def _runfile(definitions: dict[str, Any]) -> dict[str, Any]:
    step = _object({}, [STAGES["runfile/trec"]], definitions)
    path = {"type": "string", "description": "A TREC run of another system; '{dataset}' is the name of the data set."}
    step["properties"]["runfile"] = path
    return step | {"description": "The run of an external system.", "required": ["runfile"]}


def _datasets(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    return [_object({"source": word}, [kind], definitions) for word, kind in DATASETS.items()]


def _stages(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe every stage that a suite can name; a step that stands for two stages takes the settings of both."""
    described, registered = [], dict(STAGES.items())
    for name in registered:
        role, word = name.split("/", 1)
        if role in HIDDEN or any(f"{part}/{word}" not in registered for part in PAIRS.get(role, (role,))):
            continue
        kinds = list(stage_classes(role, word).values())
        planned = {setting for kind in kinds for setting in kind.planned}
        step = _object({role: word}, kinds, definitions, planned)
        if any(kind.uses_model for kind in kinds):
            other = ", or with base_url the name that the endpoint uses." if "base_url" in step["properties"] else "."
            step["properties"]["model"] = {"type": "string", "description": f"A model of the suite{other}"}
            if all(kind.needs_model for kind in kinds):
                step["required"].append("model")
        if role == "fuse":
            systems = {"type": "array", "items": {"type": "string"}, "minItems": 1}
            step["properties"]["of"] = systems | {"description": "The systems whose runs are fused."}
            step["required"].append("of")
            step["properties"]["tune"] = _tune()
        described.append(step)
    return described


def _tune() -> dict[str, Any]:
    """Describe the `tune` block of a fusion: its own keys, and a list of values for any setting of the stage."""
    schema = Tune.model_json_schema()
    lists = {"type": "array", "minItems": 1}
    return {key: schema[key] for key in ("type", "description", "properties", "required")} | {
        "additionalProperties": lists
    }


def _object(
    head: dict[str, str], kinds: list[Any], definitions: dict[str, Any], left_out: Collection[str] = ()
) -> dict[str, Any]:
    """Describe a mapping that is identified by one key and takes the settings of some models, without some of them."""
    properties: dict[str, Any] = {key: {"const": word} for key, word in head.items()}
    required = list(head)
    for kind in kinds:
        own = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(own.get("$defs", {}))
        descriptions = describe_settings(kind)
        for key, value in own.get("properties", {}).items():
            if key in left_out:
                continue
            value.pop("description", None)
            text = {"description": descriptions[key]} if key in descriptions else {}
            properties.setdefault(key, text | {"anyOf": [value, VARIABLE]})
        required += [key for key in own.get("required", []) if key not in {"depth", "precision", *required}]
    description = (kinds[0].__doc__ or "").split("\n")[0]
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
