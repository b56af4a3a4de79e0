"""The tagged texts of TREC: documents in <DOC> … </DOC>, topics in <top> … </top> or <topic number=…> … </topic>."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.datasets.readers.folders import File, raw_lines
from harness.errors import nearest

DOCNO = re.compile(r"<docno\b[^>]*>(.*?)</docno>", re.I | re.S)
HIDDEN = re.compile(r"<(docno|docoldno|docid|dochdr|script|style)\b[^>]*>.*?</\1>|<!--.*?-->", re.I | re.S)
"""What is no text of a document that has no <TEXT>."""
TEXT = re.compile(r"<(title|headline|head|hl|ti|doctitle|ttl|text)\b[^>]*>(.*?)</\1>", re.I | re.S)
"""What is the text of a document that has a <TEXT>: it, and its headlines, in their order."""
TAG = re.compile(r"<[/!?]?[A-Za-z][^<>]*>")
NAMED = re.compile(r"<(/?)([A-Za-z][\w.-]*)[^<>]*>")
NUMBER = re.compile(r"""\b(?:number|id|num)\s*=\s*["']?\s*([^"'\s>]+)""", re.I)
CALLED = {"description": "desc", "narrative": "narr"}
"""Fields of topics that bear another name in XML."""
PREFIX = re.compile(r"\A\s*(?:Number|Topic|Description|Narrative)\s*:", re.I)
"""What opens a field of the older topics."""


class Block(NamedTuple):
    """What stands between a tag and its end, with the line and the attributes of the tag."""

    line: int
    attributes: str
    inside: str


class Topic(NamedTuple):
    """A topic: its number, and its fields by name."""

    id: str
    fields: dict[str, str]
    line: int


def blocks(file: File, tag: str, encoding: str) -> Iterator[Block]:
    """Give what stands between each `<tag>` and its end; DataError for text outside and for a tag without its end."""
    edge = re.compile(rf"<(/?){tag}((?:\s[^<>]*)?)>", re.I)
    held: list[str] | None = None
    start, attributes = 0, ""
    for number, line in raw_lines(file, encoding):
        at = 0
        for match in edge.finditer(line):
            before, at = line[at : match.start()], match.end()
            if match[1] and held is not None:
                yield Block(start, attributes, "".join([*held, before]))
                held = None
            elif match[1]:
                raise file.refuse(f"this {match[0]} ends nothing", number)
            elif held is not None:
                raise file.refuse(f"{match[0]} begins inside that of line {start}: its </{tag}> is missing", number)
            else:
                _refuse_text(file, number, before, tag)
                held, start, attributes = [], number, match[2]
        if held is None:
            _refuse_text(file, number, line[at:], tag)
        else:
            held.append(line[at:])
    if held is not None:
        raise file.refuse(f"the <{tag}> that begins here does not end", start)


def _refuse_text(file: File, line: int, text: str, tag: str) -> None:
    if text.strip() and TAG.sub("", text).strip():
        raise file.refuse(f"text outside of <{tag}>: {' '.join(text.split())[:40]!r}", line)


def document_id(file: File, block: Block) -> str:
    """Return the DOCNO of a document; DataError where it has none."""
    found = DOCNO.search(block.inside)
    key = " ".join(found[1].split()) if found else ""
    if not key:
        raise file.refuse("this document has no <DOCNO>", block.line)
    return key


def document_text(block: Block, fields: Sequence[str]) -> str:
    """Return the text of a document: of some fields in their order, else its headlines and its <TEXT>, else all of it.

    Tags are taken out, entities are resolved, white space becomes single spaces.
    """
    if fields:
        pattern = r"<{0}\b[^>]*>(.*?)</{0}>"
        found = [text for name in fields for text in re.findall(pattern.format(name), block.inside, re.I | re.S)]
    else:
        parts = TEXT.findall(block.inside)
        found = [text for _, text in parts]
        if not any(name.lower() == "text" for name, _ in parts):
            found = [HIDDEN.sub(" ", block.inside)]
    return plain(" ".join(found))


def field_names(block: Block) -> set[str]:
    """Name the tags of a document, in capitals."""
    return {name.upper() for _, name in NAMED.findall(block.inside)}


def plain(text: str) -> str:
    r"""Take out tags, resolve entities, and part words by single spaces.

    >>> plain("<p>a &lt; b<br/>\n AT&amp;T")
    'a < b AT&T'
    """
    return " ".join(html.unescape(TAG.sub(" ", text)).split())


def topics(file: File, encoding: str) -> Iterator[Topic]:
    """Give the topics of a file, the older form or XML; DataError for one without a number."""
    classic = any(re.search(r"<top>", line, re.I) for _, line in raw_lines(file, encoding))
    for block in blocks(file, "top" if classic else "topic", encoding):
        fields = _fields(block.inside)
        attribute = NUMBER.search(block.attributes)
        key = attribute[1] if attribute else fields.pop("num", fields.pop("number", ""))
        if not key:
            raise file.refuse("this topic has no number", block.line)
        yield Topic(key, fields, block.line)


def _fields(text: str) -> dict[str, str]:
    """Take a topic apart: a field goes to the next tag that opens or to its own end."""
    fields: dict[str, str] = {}
    pieces = NAMED.split(text)
    for closing, name, inside in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        key = CALLED.get(name.lower(), name.lower())
        if not closing and key not in fields:
            fields[key] = plain(PREFIX.sub("", inside))
    return fields


def topic_text(file: File, topic: Topic, wanted: Sequence[str]) -> str:
    """Return the text of a topic: of some fields, else its title, else its query; DataError where it has them not."""
    names = [CALLED.get(name.lower(), name.lower()) for name in wanted]
    if not names:
        names = [next((name for name in ("title", "query") if name in topic.fields), "title")]
    for name in names:
        if name not in topic.fields:
            message = f"the topic {topic.id!r} has no <{name}>; {nearest(name, topic.fields)}"
            raise file.refuse(f"{message}; say which make the query: query: [NAME]", topic.line)
    return " ".join(topic.fields[name] for name in names).strip()
