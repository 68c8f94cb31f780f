"""Writes raw/claims/README.md, the reference of a file of claims, from its own model; a test keeps it true.

`uv run python -m flows.claims.reference` writes it anew.
"""

from typing import get_args

from flows.claims.findings import MEANINGS, SEVERITIES
from flows.onboarding.reference import describe_model, models_of
from flows.settings import PROJECT
from schemas.claims import REFERENCE, Claims

CLAIMS_README = PROJECT / REFERENCE

_INTRODUCTION = """# Published claims

`published.yml` holds what was published about the programme: real numbers, each with its publication. It lies here
because it is, like a delivery, what others sent out; nothing in it comes from the samples, which are **synthetic**.
`uv run godigital reconcile` holds the numbers against each other and, where a release is published, against that. Any
other file in the same vocabulary can be named: `uv run godigital reconcile annual-report-2022.yml`.

## A whole file

```yaml
sources:
  report:
    title: annual report 2021
    publisher: Invented co-operative
    date: 2022-03
    where: page 7
claims:
  people: {words: '1,204 people', source: report, value: 1204, unit: people, indicator: trainees, country: TL}
  women: {words: 747 women, source: report, value: 747, unit: people, indicator: women, country: TL}
  women_share:
    words: 62% women
    source: report
    value: 62%
    unit: share
    indicator: women
    country: TL
    denominator: {claim: people}
relations:
  women_of_people: {kind: ratio, share: women_share, numerator: women, denominator: people}
```

Every value is text. A number is written as printed, `1,204` or `1204`, a share with its percent sign and its digits:
62% and 62.0% promise different things. In braces a number has no commas, which would end it there.

## Vocabulary

"""


def claims_markdown() -> str:
    """Return the whole reference as Markdown."""
    parts = [_INTRODUCTION]
    for title, model in models_of(Claims, "published.yml"):
        kind = model.model_fields.get("kind")
        parts.append(describe_model(f"{title}, kind: {get_args(kind.annotation)[0]}" if kind else title, model))
    parts.append("## Findings\n\n| finding | counts as | meaning |\n|---|---|---|\n")
    parts.extend(f"| `{kind}` | {SEVERITIES[kind]} | {meaning} |\n" for kind, meaning in MEANINGS.items())
    parts.append(
        "\nThe exit code is 2 as soon as one finding fails or lacks something, else 0; 1 is an unusable file.\n"
    )
    return "".join(parts)


def main() -> None:
    """Write raw/claims/README.md."""
    CLAIMS_README.write_text(claims_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
