"""The names of measures: the grammar of ir_measures, `base(parameter=value,...)@cutoff`, and aliases."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError

ALIASES = {
    "average_precision": "AP",
    "capped_recall": "R_cap",
    "hit": "Success",
    "hit_rate": "Success",
    "hitrate": "Success",
    "hits": "Success",
    "map": "AP",
    "map_cut": "AP",
    "mrr": "RR",
    "ndcg_cut": "nDCG",
    "precision": "P",
    "r_precision": "Rprec",
    "recall": "R",
    "recall_cap": "R_cap",
    "recip_rank": "RR",
    "reciprocal_rank": "RR",
}
"""The names of measures in other tools, in lower case."""

TREC = re.compile(r"(ndcg_cut|map_cut|recall|success|P)_([0-9]+)", re.IGNORECASE)
"""A name with a cut-off as trec_eval writes it."""
AT = re.compile(r"_at_(?=[0-9])")
"""The separator of a cut-off in MTEB and Hugging Face."""
PASSAGE = "passage_"
"""The prefix that applies a document measure to passages."""
FORM = re.compile(r"(?P<base>[^()@]+)(\((?P<parameters>[^()]*)\))?(@(?P<at>.*))?")


@dataclass(frozen=True)
class Measure:
    """A measure as data, made by `parse`. Its `str` is the canonical name, which omits defaults."""

    base: str
    parameters: tuple[tuple[str, Any], ...] = ()
    """The parameters that differ from their defaults, by name; a mapping is kept as its sorted pairs."""
    at: int | float | None = None
    """The number after the @: the cut-off (for IPrec the level of recall)."""
    passages: bool = False
    """Whether it measures the passages of a run, judged by gold spans, instead of documents."""

    def __str__(self) -> str:
        """Return the canonical name.

        >>> str(Measure("P", (("rel", 2),), 10))
        'P(rel=2)@10'
        """
        inner = ",".join(f"{name}={_written(value)}" for name, value in self.parameters)
        base = PASSAGE + self.base if self.passages else self.base
        return base + (f"({inner})" if inner else "") + ("" if self.at is None else f"@{self.at}")


def measure_of(base: str, parameters: Mapping[str, Any], at: int | float | None) -> Measure:
    """Return a measure of documents; the order of the parameters does not matter."""
    frozen = {name: tuple(sorted(v.items())) if isinstance(v, dict) else v for name, v in parameters.items()}
    return Measure(base, tuple(sorted(frozen.items())), at)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ",".join(f"{key!r}:{item!r}" for key, item in value) + "}"
    return repr(value)


def split(text: str) -> Measure:
    """Split a name into its parts, without checking that the measure exists; UserError if it does not have the form.

    >>> split("P(rel=2)@10")
    Measure(base='P', parameters=(('rel', 2),), at=10, passages=False)
    >>> str(split("ndcg_cut_10"))
    'ndcg_cut@10'
    """
    form = FORM.fullmatch(AT.sub("@", TREC.sub(r"\1@\2", "".join(text.split()))))
    if not form:
        raise UserError(f"{text!r} is not the name of a measure; expected something like 'nDCG@10' or 'P(rel=2)@10'")
    return measure_of(form["base"], _parameters(form["parameters"] or "", text), _at(form["at"], text))


def _parameters(inner: str, text: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({inner})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        return {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        raise UserError(f"the parameters ({inner}) of {text!r} do not have the form (name=value, ...)") from None


def _at(tail: str | None, text: str) -> int | float | None:
    if tail is None:
        return None
    if re.fullmatch("[0-9]+", tail):
        return int(tail)
    if re.fullmatch(r"[0-9]*\.[0-9]+", tail):
        return float(tail)
    raise wrong_cutoff(text, tail)


def wrong_cutoff(text: str, tail: object) -> UserError:
    """Return the error for a cut-off that is not a positive whole number."""
    return UserError(f"the cut-off of {text!r} is {str(tail)!r}; expected a positive whole number")
