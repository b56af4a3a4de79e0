"""Reads the tagged texts of TREC: documents in <DOC>, topics in <top> or in <topic number=…>."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.datasets.readers.folders import File, raw_lines
from harness.errors import nearest

DOCNO = re.compile(r"<docno\b[^>]*>(.*?)</docno>", re.I | re.S)
HIDDEN = re.compile(r"<(docno|docoldno|docid|dochdr|script|style)\b[^>]*>.*?</\1>|<!--.*?-->", re.I | re.S)
"""The parts that are not text in a document without <TEXT>."""
TEXT = re.compile(r"<(title|headline|head|hl|ti|doctitle|ttl|text)\b[^>]*>(.*?)</\1>", re.I | re.S)
"""The parts that are the text of a document with <TEXT>: headlines and <TEXT>, in their order."""
TAG = re.compile(r"<[/!?]?[A-Za-z][^<>]*>")
NAMED = re.compile(r"<(/?)([A-Za-z][\w.-]*)[^<>]*>")
NUMBER = re.compile(r"""\b(?:number|id|num)\s*=\s*["']?\s*([^"'\s>]+)""", re.I)
XML_NAMES = {"description": "desc", "narrative": "narr"}
"""The fields of topics that have another name in XML."""
PREFIX = re.compile(r"\A\s*(?:Number|Topic|Description|Narrative)\s*:", re.I)
"""The label at the start of a field of the older topics."""


class Block(NamedTuple):
    """The content of an element, with the line and the attributes of its tag."""

    line: int
    attributes: str
    inside: str


class Topic(NamedTuple):
    """A topic: its number, and its fields by name."""

    id: str
    fields: dict[str, str]
    line: int


def blocks(file: File, tag: str, encoding: str) -> Iterator[Block]:
    """Yield the content of each `<tag>` element; DataError for text outside and for a tag that is not closed."""
    edge = re.compile(rf"<(/?){tag}((?:\s[^<>]*)?)>", re.I)
    content: list[str] | None = None
    start, attributes = 0, ""
    for number, line in raw_lines(file, encoding):
        at = 0
        for match in edge.finditer(line):
            before, at = line[at : match.start()], match.end()
            if match[1] and content is not None:
                yield Block(start, attributes, "".join([*content, before]))
                content = None
            elif match[1]:
                raise file.refuse(f"{match[0]} without an opening <{tag}>", number)
            elif content is not None:
                raise file.refuse(f"{match[0]} inside the <{tag}> of line {start}, which lacks its </{tag}>", number)
            else:
                _refuse_text(file, number, before, tag)
                content, start, attributes = [], number, match[2]
        if content is None:
            _refuse_text(file, number, line[at:], tag)
        else:
            content.append(line[at:])
    if content is not None:
        raise file.refuse(f"this <{tag}> is not closed", start)


def _refuse_text(file: File, line: int, text: str, tag: str) -> None:
    if text.strip() and TAG.sub("", text).strip():
        raise file.refuse(f"text outside <{tag}>: {' '.join(text.split())[:40]!r}", line)


def document_id(file: File, block: Block) -> str:
    """Return the DOCNO of a document; DataError if it has none."""
    found = DOCNO.search(block.inside)
    key = " ".join(found[1].split()) if found else ""
    if not key:
        raise file.refuse("this document has no <DOCNO>", block.line)
    return key


def document_text(block: Block, fields: Sequence[str]) -> str:
    """Return the text of a document: the given fields in their order, or its headlines and <TEXT>, or all of it.

    Tags are removed, entities are resolved, and white space is reduced to single spaces.
    """
    if fields:
        pattern = r"<{0}\b[^>]*>(.*?)</{0}>"
        texts = [text for name in fields for text in re.findall(pattern.format(name), block.inside, re.I | re.S)]
    else:
        parts = TEXT.findall(block.inside)
        texts = [text for _, text in parts]
        if not any(name.lower() == "text" for name, _ in parts):
            texts = [HIDDEN.sub(" ", block.inside)]
    return plain(" ".join(texts))


def field_names(block: Block) -> set[str]:
    """Return the names of the tags of a document, in capitals."""
    return {name.upper() for _, name in NAMED.findall(block.inside)}


def plain(text: str) -> str:
    r"""Remove tags, resolve entities, and reduce white space to single spaces.

    >>> plain("<p>a &lt; b<br/>\n AT&amp;T")
    'a < b AT&T'
    """
    return " ".join(html.unescape(TAG.sub(" ", text)).split())


def topics(file: File, encoding: str) -> Iterator[Topic]:
    """Yield the topics of a file, in the older form or XML; DataError for a topic without a number."""
    classic = any(re.search(r"<top>", line, re.I) for _, line in raw_lines(file, encoding))
    for block in blocks(file, "top" if classic else "topic", encoding):
        fields = _fields(block.inside)
        attribute = NUMBER.search(block.attributes)
        key = attribute[1] if attribute else fields.pop("num", fields.pop("number", ""))
        if not key:
            raise file.refuse("this topic has no number", block.line)
        yield Topic(key, fields, block.line)


def _fields(text: str) -> dict[str, str]:
    """Split a topic into fields: a field extends to the next opening tag or to its own end."""
    fields: dict[str, str] = {}
    pieces = NAMED.split(text)
    for closing, name, inside in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        key = XML_NAMES.get(name.lower(), name.lower())
        if not closing and key not in fields:
            fields[key] = plain(PREFIX.sub("", inside))
    return fields


def topic_text(file: File, topic: Topic, fields: Sequence[str]) -> str:
    """Return the given fields of a topic, or its title, or its query; DataError if a field is missing."""
    names = [XML_NAMES.get(name.lower(), name.lower()) for name in fields]
    if not names:
        names = [next((name for name in ("title", "query") if name in topic.fields), "title")]
    for name in names:
        if name not in topic.fields:
            message = f"the topic {topic.id!r} has no <{name}>; {nearest(name, topic.fields)}"
            raise file.refuse(f"{message}; name the fields that form the query: query: [NAME]", topic.line)
    return " ".join(topic.fields[name] for name in names).strip()
