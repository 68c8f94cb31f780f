"""Pages of HTML from Jinja templates: everything is escaped, and a name that a template does not get is an error."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: Path, **content: object) -> str:
    """Return the text of a template filled with `content`; raises jinja2.UndefinedError where a name is missing."""
    return _environment(template.parent).get_template(template.name).render(**content)


@cache
def _environment(folder: Path) -> "Environment":
    # every command imports this module, and few make a page
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
