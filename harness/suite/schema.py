"""The JSON Schema of the suite language, made from the models that read it."""

from __future__ import annotations

from typing import Any

from harness.prices import Prices
from harness.registry import DATASETS, STAGES
from harness.suite.suite import SuiteFile
from harness.suite.systems import HIDDEN, PAIRS, parts
from harness.suite.tuning import Tune

VARIABLE = {"type": "string", "pattern": r"\{\w+\}"}
"""A word of a matrix may stand for any value."""


def suite_schema() -> dict[str, Any]:
    """Return the schema of a suite file with every registered source and stage."""
    found = SuiteFile.model_json_schema()
    definitions = found.setdefault("$defs", {})
    chain = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/stage"}}
    definitions["stage"] = {"anyOf": [_from(), _runfile(definitions), *_stages(definitions)]}
    matrix = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
    grid = {
        "type": "object",
        "properties": {"matrix": matrix, "stages": chain},
        "required": ["matrix", "stages"],
        "additionalProperties": False,
    }
    properties = found["properties"]
    properties["systems"]["additionalProperties"] = {"anyOf": [chain, grid]}
    properties["datasets"]["additionalProperties"] = {"anyOf": _datasets(definitions)}
    properties["prices"] = _prices(definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "retrieval-harness suite"}


def _from() -> dict[str, Any]:
    text = {"type": "string", "description": "Go on from where another system ends."}
    return {"type": "object", "properties": {"from": text}, "required": ["from"], "additionalProperties": False}


def _prices(definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe a price file, or the words of one."""
    words = Prices.model_json_schema()
    definitions.update(words.pop("$defs"))
    return {"anyOf": [{"type": "string", "description": "A price file, relative to the suite."}, words]}


def _runfile(definitions: dict[str, Any]) -> dict[str, Any]:
    found = _object({}, [STAGES["runfile/trec"]], definitions)
    path = {"type": "string", "description": "A TREC run of another system; '{dataset}' is the name of the data set."}
    found["properties"]["runfile"] = path
    return found | {"description": "The run of a system that is not ours.", "required": ["runfile"]}


def _datasets(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    return [_object({"source": word}, [kind], definitions) for word, kind in DATASETS.items()]


def _stages(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe every stage that a suite can name; a word that stands for two takes the settings of both."""
    described, loaded = [], dict(STAGES.items())
    for name in loaded:
        role, word = name.split("/", 1)
        if role in HIDDEN or any(f"{part}/{word}" not in loaded for part in PAIRS.get(role, (role,))):
            continue
        kinds = list(parts(role, word).values())
        found = _object({role: word}, kinds, definitions)
        if any(getattr(kind, "uses_model", False) for kind in kinds):
            other = "; with base_url, as the endpoint calls it." if "base_url" in found["properties"] else "."
            found["properties"]["model"] = {"type": "string", "description": f"A model of the suite{other}"}
            if all(getattr(kind, "needs_model", True) for kind in kinds):
                found["required"].append("model")
        if role == "fuse":
            systems = {"type": "array", "items": {"type": "string"}, "minItems": 1}
            found["properties"]["of"] = systems | {"description": "The systems whose runs are joined."}
            found["required"].append("of")
            found["properties"]["tune"] = _tune()
        described.append(found)
    return described


def _tune() -> dict[str, Any]:
    """Describe what a fusion may try: the words of its own, and a list of values for any setting of the stage."""
    said = Tune.model_json_schema()
    lists = {"type": "array", "minItems": 1}
    return {key: said[key] for key in ("type", "description", "properties", "required")} | {
        "additionalProperties": lists
    }


def _object(head: dict[str, str], kinds: list[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe a mapping that is told apart by one word and takes the settings of some models."""
    properties: dict[str, Any] = {key: {"const": word} for key, word in head.items()}
    required = list(head)
    for kind in kinds:
        own = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(own.get("$defs", {}))
        for key, value in own.get("properties", {}).items():
            if key in getattr(kind, "planned", ()):
                continue
            text = {"description": " ".join(value.pop("description").split())} if "description" in value else {}
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
