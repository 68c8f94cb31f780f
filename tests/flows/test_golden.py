"""What becomes of every row of each partner's sample, kept in tests/golden; the samples are synthetic."""

import difflib
import json

import pandas as pd
import pytest

from flows.contracts.partners import find_partners
from flows.intake.read_trainings import read_deliveries
from flows.onboarding.check import sample_deliveries, value_text
from schemas.columns import TRAINING_LOG_COLUMNS
from tests.conftest import PROJECT

GOLDEN = PROJECT / "tests" / "golden"
PARTNERS = find_partners(PROJECT / "raw").usable
SHOWN = [
    name for name in TRAINING_LOG_COLUMNS if name not in ("record_id", "delivery_id", "partner_id", "country_code")
]


def cell(value):
    """A value of a frame as golden outcomes write it; '' where it is missing."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return value_text(value.date())
    # a frame's numbers and truth values are numpy's
    return value_text(value.item() if hasattr(value, "item") else value)


def outcome(partner):
    """One JSON line for each delivery, and below it one for each of its rows: its values, or its reasons."""
    folder = partner.folder / "sample"
    lines = []
    for item in sorted(read_deliveries(partner, sample_deliveries(partner), folder), key=lambda one: one.facts.name):
        assert item.error_code is None, item.error_message
        counts = {"rows": item.rows_in, "non_data_rows": item.structural, "valid": len(item.valid)}
        lines.append(as_line({"delivery": item.facts.name, "period": item.facts.period, **counts}))
        rows = []
        for place, row in zip(places(item.valid), item.valid[SHOWN].itertuples(index=False), strict=True):
            values = {name: text for name, value in zip(SHOWN, row, strict=True) if (text := cell(value))}
            rows.append((place, as_line({"row": values.pop("row_number"), **values})))
        for place, reasons in zip(places(item.rejected), item.rejected["reasons"], strict=True):
            rows.append((place, as_line({"row": str(place[-1]), "rejected": reasons})))
        lines += [line for _, line in sorted(rows)]
    return lines


def places(frame):
    """Where each row stands: file, sheet, row."""
    return list(zip(frame["file"].fillna(""), frame["sheet"].fillna(""), frame["row_number"], strict=True))


def as_line(said):
    return json.dumps(said, ensure_ascii=False)


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_every_row_of_the_sample_has_the_reviewed_outcome(partner):
    golden = GOLDEN / f"{partner.partner_id}.jsonl"
    found = outcome(partner)
    kept = golden.read_text(encoding="utf-8").splitlines() if golden.exists() else []
    if not kept:
        golden.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(kept, found, "reviewed", "now", n=0, lineterm=""))
    assert not difference, (
        f"{golden.name} differs. If the difference is meant: delete the file, run this test twice (the first run "
        f"writes it), and review `git diff tests/golden`.\n{difference}"
    )


def test_every_partner_has_a_reviewed_outcome_and_none_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.jsonl")} == {partner.partner_id for partner in PARTNERS}
