"""The commands on data of your own: `score` and `data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, StoreFolder, open_store, print_json


def score(
    qrels: Annotated[Path, typer.Argument(metavar="QRELS", help="Judgements: lines of `query 0 document grade`.")],
    run: Annotated[Path, typer.Argument(metavar="RUNFILE", help="A run: lines of `query Q0 document rank score tag`.")],
    measures: Annotated[
        list[str], typer.Option("-m", "--measure", help="A measure, such as nDCG@10; may be given several times.")
    ],
    per_query: Annotated[bool, typer.Option("--per-query", help="Print the value of every query as well.")] = False,
    ties: Annotated[
        bool, typer.Option("--ties", help="Add the expected, smallest and largest value over all orders of ties.")
    ] = False,
    ignore_identical_ids: Annotated[
        bool, typer.Option("--ignore-identical-ids", help="Leave out documents with the same id as their query.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score a TREC run, plain or gzipped, with the measures of suites. A judged query missing from the run scores 0."""
    from harness.measures.scoring.score_run import score_files

    scores = score_files(qrels, run, measures, ties=ties, ignore_identical_ids=ignore_identical_ids)
    for remark in scores.remarks():
        typer.echo(f"harness: note: {remark}", err=True)
    if as_json:
        typer.echo(json.dumps(scores.document(), ensure_ascii=False, allow_nan=False))
    else:
        for line in scores.lines(per_query=per_query):
            typer.echo(line)


def data(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A suite file, SOURCE:VALUE such as beir:FOLDER:test, or {source: …}."),
    ],
    dataset: Annotated[str | None, typer.Option("--dataset", help="The data set of the suite to describe.")] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Describe a data set: its sizes, lengths, judgements, anomalies and checksums."""
    from harness.cli.data_view import as_lines, describe, find_dataset

    description = describe(*find_dataset(source, dataset), open_store(store))
    if as_json:
        print_json(description)
    else:
        for line in as_lines(description):
            typer.echo(line)
