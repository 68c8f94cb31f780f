"""Values as SQL text, for statements that take no parameters: ATTACH, COMMENT, COPY, SET VARIABLE."""


def literal(value: str | int) -> str:
    """Return a text in quotes, or a number as it is, to stand in a statement."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
