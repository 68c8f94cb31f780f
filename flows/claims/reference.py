"""Writes the generated part of raw/claims/README.md, the reference of a file of claims; a test says when it is old.

`uv run python -m flows.claims.reference` writes it anew.
"""

from typing import get_args

from flows.claims.findings import MEANINGS, SEVERITIES
from flows.onboarding.generated import with_generated, write_generated
from flows.onboarding.reference import describe_model, models_of
from flows.settings import PROJECT
from schemas.claims import REFERENCE, Claims

CLAIMS_README = PROJECT / REFERENCE


def claims_markdown() -> str:
    """Return the vocabulary and the findings as Markdown."""
    parts = ["## Vocabulary\n\n"]
    for title, model in models_of(Claims, "published.yml"):
        kind = model.model_fields.get("kind")
        parts.append(describe_model(f"{title}, kind: {get_args(kind.annotation)[0]}" if kind else title, model))
    parts.append("## Findings\n\n| finding | counts as | meaning |\n|---|---|---|\n")
    parts.extend(f"| `{kind}` | {SEVERITIES[kind]} | {meaning} |\n" for kind, meaning in MEANINGS.items())
    parts.append(
        "\nThe exit code is 2 as soon as one finding fails or lacks something, else 0; 1 is an unusable file.\n"
    )
    return "".join(parts)


def with_reference(text: str) -> str:
    """Return raw/claims/README.md as it should be."""
    return with_generated(text, "flows.claims.reference", {"reference": claims_markdown()})


def main() -> None:
    """Write raw/claims/README.md."""
    write_generated(CLAIMS_README, with_reference)


if __name__ == "__main__":
    main()
