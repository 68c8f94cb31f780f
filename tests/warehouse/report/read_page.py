"""Reads a page of the report as a test needs it: its tables by caption, its text, its charts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text, blanks collapsed."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return re.sub(r"\s+", " ", " ".join(parts)).strip()

    def all(self, *tags: str) -> Iterator["Node"]:
        """Every element of these names within, in order."""
        for child in self.children:
            if isinstance(child, Node):
                if child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def tables(self) -> dict[str, list[list[str]]]:
        """Rows of every table by caption, the heading left out."""
        return {
            next(table.all("caption")).text: [
                [cell.text for cell in row.all("th", "td")] for row in next(table.all("tbody")).all("tr")
            ]
            for table in self.all("table")
        }


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack = [Node("page")]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        self.stack[-1].children.append(node)
        if tag not in _VOID:
            self.stack.append(node)

    def handle_startendtag(self, tag, attrs):
        self.stack[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack[-1].tag == tag, f"<{self.stack[-1].tag}> is ended by </{tag}>"
        self.stack.pop()

    def handle_data(self, data):
        self.stack[-1].children.append(data)


def read_page(file: Path) -> Node:
    """Return a page; one whose elements are not closed fails the test."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    assert len(reader.stack) == 1
    return reader.stack[0]


def figures_in(text: str) -> set[str]:
    """Numbers of a text as they are written: 1,234 and 62.1%."""
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?%?", text))
