"""What becomes of each partner's sample, reviewed and kept in tests/golden; the samples are synthetic."""

import hashlib
import json
from collections import Counter

import pandas as pd
import pytest

from flows.contracts.partners import find_partners
from flows.intake.read_trainings import read_deliveries
from flows.onboarding.check import sample_deliveries, value_text
from schemas.columns import TRAINING_LOG_COLUMNS
from tests.conftest import PROJECT

GOLDEN = PROJECT / "tests" / "golden"
PARTNERS = find_partners(PROJECT / "raw").usable
SHOWN = [name for name in TRAINING_LOG_COLUMNS if name not in ("record_id", "delivery_id", "partner_id")]


def cell(value):
    """A value of a frame as golden outcomes write it; '' where it is missing."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return value_text(value.date())
    # a frame's numbers and truth values are numpy's
    return value_text(value.item() if hasattr(value, "item") else value)


def outcome(partner):
    """Counts, reasons and remarks over all deliveries, three rows written out, and a hash of every value."""
    folder = partner.folder / "sample"
    read = read_deliveries(partner, sample_deliveries(partner), folder)
    digest = hashlib.sha256()
    reasons, flags, shown = Counter(), Counter(), []
    for item in sorted(read, key=lambda one: one.facts.name):
        assert item.error_code is None, item.error_message
        for row in item.valid[SHOWN].itertuples(index=False):
            values = {name: text for name, value in zip(SHOWN, row, strict=True) if (text := cell(value))}
            digest.update(json.dumps(values, sort_keys=True).encode())
            flags.update(values.get("flags", "").split())
            if len(shown) < 3:
                shown.append(values)
        for row in item.rejected.itertuples(index=False):
            reasons.update(row.reasons.split())
            digest.update(f"{row.row_number} {row.reasons}".encode())
    return {
        "deliveries": len(read),
        "periods": sorted({item.facts.period for item in read}),
        "rows_in": sum(item.rows_in for item in read),
        "structural": sum(item.structural for item in read),
        "valid": sum(len(item.valid) for item in read),
        "reasons": dict(sorted(reasons.items())),
        "flags": dict(sorted(flags.items())),
        "first_rows": shown,
        "all_values": digest.hexdigest(),
    }


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_the_sample_gives_the_reviewed_outcome(partner):
    golden = GOLDEN / f"{partner.partner_id}.json"
    found = outcome(partner)
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{golden.name} was written from today's outcome: review every line of it, then run again")
    assert found == json.loads(golden.read_text(encoding="utf-8"))


def test_every_partner_has_a_reviewed_outcome_and_none_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {partner.partner_id for partner in PARTNERS}
