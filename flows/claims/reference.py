"""The generated part of raw/claims/README.md, the reference of claims; `flows.commands.reference` writes it."""

from typing import get_args

from flows.claims.findings import MEANINGS, SEVERITIES
from flows.onboarding.generated import with_generated
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
    parts.append("\nOne finding that fails or lacks something makes the exit code 2.\n")
    return "".join(parts)


def with_reference(text: str) -> str:
    """Return raw/claims/README.md as it should be."""
    return with_generated(text, {"reference": claims_markdown()})
