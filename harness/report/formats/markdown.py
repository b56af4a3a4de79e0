"""A report in GitHub-flavoured Markdown, without the pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.report.document import Block, Cell, Chapter, Code, Items, Paragraph, Table
from harness.report.numbers import printable


def markdown(chapters: Sequence[Chapter]) -> str:
    """Return the chapters as Markdown, one after the other."""
    lines = [line for chapter in chapters for line in _chapter(chapter)]
    return "\n".join(lines).rstrip() + "\n"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from (f"# {escape(chapter.title)}", "", escape(chapter.subtitle), "")
    for sentence in chapter.lead:
        yield from _block(sentence)
    calls = [line for call in chapter.calls for line in _block(call)][:-1]
    yield from [f"> {line}".rstrip() for line in calls] + [""] * bool(calls)
    for section in chapter.sections:
        yield from (f"## {escape(section.title)}", "")
        for block in section.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Paragraph):
        yield "".join(_cell(part) for part in block.parts).strip()
    elif isinstance(block, Items):
        yield from (f"- {escape(text)}" for text in block.texts)
    elif isinstance(block, Code):
        yield from _code(block)
    else:
        yield f"*{escape(block.title)}: see the picture in report.html.*"
    yield ""


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from (f"### {escape(table.title)}", "")
    yield "| " + " | ".join(escape(column.title) for column in table.columns) + " |"
    yield "|" + "|".join("--:" if column.numeric else "---" for column in table.columns) + "|"
    for row in table.rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    yield from ("", escape(table.caption))


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    shown = re.sub(r"^(\s*)(.*?)(\s*)$", r"\1**\2**\3", text) if cell.strong and text.strip() else text
    return f"{shown} {escape(cell.note)}" if cell.note else shown


def _code(code: Code) -> Iterator[str]:
    """Yield a fenced text; the fence is longer than any row of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", code.text)), default=0)
    fence = "`" * max(3, longest + 1)
    if code.summary:
        yield from (f"{escape(code.summary)}:", "")
    yield from (fence, printable(code.text).rstrip("\n"), fence)


def escape(text: str) -> str:
    r"""Escape a text so that a line, or a cell of a table, shows it as it is.

    >>> print(escape("a|b <i> *c* d_e"))
    a\|b &lt;i> \*c\* d_e
    """
    line = re.sub(r"\s+", " ", printable(text))
    line = re.sub(r"([\\`*|~$\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    line = re.sub(r"(?<![\w\\])@", "&#64;", line)
    return re.sub(r"^(\s*)([#>+=-]|\d+[.)](?=\s))", r"\1\\\2", line)
