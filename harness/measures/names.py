"""The names of measures: the grammar of ir_measures, `base(parameter=value,...)@cutoff`, and other tools' words."""

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
"""What other tools call a measure, in lower case."""

TREC = re.compile(r"(ndcg_cut|map_cut|recall|success|P)_([0-9]+)", re.IGNORECASE)
"""trec_eval's way to write a cutoff."""
AT = re.compile(r"_at_(?=[0-9])")
"""MTEB's and Hugging Face's way."""
PASSAGE = "passage_"
"""Before the name of any measure of documents: the same of passages."""
FORM = re.compile(r"(?P<base>[^()@]+)(\((?P<parameters>[^()]*)\))?(@(?P<at>.*))?")


@dataclass(frozen=True)
class Measure:
    """A measure as data; make one with `parse`. Its `str` is the canonical name, in which defaults do not appear."""

    base: str
    parameters: tuple[tuple[str, Any], ...] = ()
    """Those that differ from the default, by name; a mapping is kept as its sorted pairs."""
    at: int | float | None = None
    """What stands behind the @: the cutoff (for IPrec the level of recall)."""
    passages: bool = False
    """Whether it is asked of the passages of a run, which gold spans judge, and not of documents."""

    def __str__(self) -> str:
        """Write it as it is typed.

        >>> str(Measure("P", (("rel", 2),), 10))
        'P(rel=2)@10'
        """
        inner = ",".join(f"{name}={_written(value)}" for name, value in self.parameters)
        base = PASSAGE + self.base if self.passages else self.base
        return base + (f"({inner})" if inner else "") + ("" if self.at is None else f"@{self.at}")


def measure_of(base: str, parameters: Mapping[str, Any], at: int | float | None) -> Measure:
    """Make a measure of its parts; the order of the parameters does not matter."""
    frozen = {name: tuple(sorted(v.items())) if isinstance(v, dict) else v for name, v in parameters.items()}
    return Measure(base, tuple(sorted(frozen.items())), at)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ",".join(f"{key!r}:{item!r}" for key, item in value) + "}"
    return repr(value)


def split(text: str) -> Measure:
    """Take a name apart without asking whether there is such a measure; UserError where it is not of the form.

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
        return {word.arg or "**": ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError):
        raise UserError(f"the parameters ({inner}) of {text!r} do not read as (name=value, ...)") from None


def _at(tail: str | None, text: str) -> int | float | None:
    if tail is None:
        return None
    if re.fullmatch("[0-9]+", tail):
        return int(tail)
    if re.fullmatch(r"[0-9]*\.[0-9]+", tail):
        return float(tail)
    raise wrong_cutoff(text, tail)


def wrong_cutoff(text: str, tail: object) -> UserError:
    """Say that a cutoff is none."""
    return UserError(f"the cutoff of {text!r} is {str(tail)!r}; expected a positive whole number")
