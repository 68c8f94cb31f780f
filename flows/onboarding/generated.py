"""The generated parts of the README files: each stands between two comments and is written from the code.

Text outside the comments is written by hand, and stays as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

_BLOCK = "<!-- generated: {name}; change the code and run: uv run python -m flows.commands.reference -->\n"
_END = "<!-- end of {name} -->\n"


def with_generated(text: str, parts: Mapping[str, str]) -> str:
    """Return the text of a README with every generated part as it should be.

    Args:
        text: The README as it is.
        parts: Name of a part -> its Markdown.

    Raises:
        ValueError: the comments of a part are not there, once and in order.
    """
    for name, markdown in parts.items():
        end = _END.format(name=name)
        block = re.compile(rf"<!-- generated: {re.escape(name)};[^\n]*\n.*?{re.escape(end)}", re.DOTALL)
        if len(block.findall(text)) != 1:
            raise ValueError(f"a README needs the comments of the generated part '{name}' exactly once")
        new = f"{_BLOCK.format(name=name)}\n{markdown.strip()}\n\n{end}"
        text = block.sub(lambda _, new=new: new, text)  # type: ignore[misc]
    return text


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; a bar inside a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
