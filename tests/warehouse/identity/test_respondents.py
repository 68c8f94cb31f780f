"""Respondents held against trainees: when one is linked, when doubtful, and how often that is right."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.conftest import copy_partners, copy_surveys, make_settings, run
from warehouse.identity.linkage.model import load_model
from warehouse.identity.respondents import LEAST_MARGIN, candidates, decide

MODEL = load_model()
LIKELY = MODEL.link_weight + 1


def decided(*pairs: tuple[str, str, float], rounds: dict[str, str] | None = None) -> dict[str, tuple[str, str | None]]:
    found = pd.DataFrame(pairs, columns=["record_id", "trainee_id", "weight"])
    records = sorted({*found["record_id"], "nobody"})
    asked = pd.DataFrame({"record_id": records, "survey_round": [(rounds or {}).get(one, "1") for one in records]})
    table = decide(asked, found, MODEL)
    assert table["record_id"].tolist() == records
    return {
        row.record_id: (row.link_status, None if pd.isna(row.trainee_id) else row.trainee_id)
        for row in table.itertuples()
    }


def test_the_best_trainee_is_taken_where_likely_enough_and_far_enough_ahead():
    found = decided(("r1", "ta", LIKELY + LEAST_MARGIN), ("r1", "tb", LIKELY), ("r2", "tc", MODEL.link_weight - 0.1))
    assert found == {"r1": ("linked", "ta"), "r2": ("not_found", None), "nobody": ("not_found", None)}


def test_two_trainees_nearly_as_likely_are_never_bridged():
    found = decided(("r1", "ta", LIKELY + LEAST_MARGIN - 0.1), ("r1", "tb", LIKELY))
    assert found["r1"] == ("ambiguous", None)


def test_a_trainee_takes_the_better_respondent_of_a_round():
    pairs = (("r1", "ta", LIKELY), ("r2", "ta", LIKELY + 2))
    assert decided(*pairs)["r1"] == ("duplicate", None)
    assert decided(*pairs)["r2"] == ("linked", "ta")
    again = decided(*pairs, rounds={"r1": "1", "r2": "2"})
    assert again["r1"] == again["r2"] == ("linked", "ta")


def weights(day: str | None, kind: str) -> float:
    people = pd.DataFrame(
        {
            "trainee_id": [f"t{i}" for i in range(100)],
            "country_code": "VN",
            "first_day": pd.to_datetime(["2021-03-01"] + ["2020-08-01"] * 99),
            "trainee_type": ["job_seeker"] + ["msme_owner"] * 99,
        }
    )
    asked = pd.DataFrame({"record_id": ["r1"], "country_code": ["VN"], "trainee_type": [kind]})
    asked["first_training_date"] = pd.to_datetime([day])
    scores = pd.DataFrame({"record_id": ["r1"], "trainee_id": ["t0"], "match_weight": [0.0]})
    return float(candidates(asked, scores, people)["weight"].iloc[0])


def test_a_rare_day_and_a_rare_type_say_much_and_what_is_not_stated_says_nothing():
    assert weights("2021-03-01", "job_seeker") == pytest.approx(np.log2(0.90 / 0.01) + np.log2(0.97 / 0.01))
    assert weights(None, "job_seeker") == pytest.approx(np.log2(0.97 / 0.01))
    assert weights("2021-03-15", "job_seeker") > weights("2020-08-01", "job_seeker")
    assert weights("2020-08-01", "job_seeker") < weights(None, "job_seeker")


@pytest.fixture(scope="module")
def answered(devkit, tmp_path_factory):
    """The kit with its survey, run once: links beside the truth."""
    folder = tmp_path_factory.mktemp("answered")
    settings = make_settings(copy_partners(folder / "raw"), folder / "data")
    copy_surveys(settings.raw)
    source = str(devkit / "deliveries" / "{country}-{partner}")
    assert run(settings, source=source, survey_source=str(devkit / "survey")).failures == ()
    truth = pd.read_parquet(devkit / "truth" / "survey.parquet")
    records = pd.read_parquet(devkit / "truth" / "records.parquet")
    with duckdb.connect(str(settings.data / "private" / "vault.duckdb"), read_only=True) as con:
        found = con.execute(
            """
            WITH known AS (
                SELECT register.trainee_id, mode(truth.person_id) AS person_id
                FROM record JOIN register USING (record_id)
                JOIN records AS truth ON ends_with(record.file, truth.file) AND (
                    truth.row = record.row_number AND coalesce(truth.sheet, '') = coalesce(record.sheet, '')
                    OR truth.source_id = record.source_id)
                WHERE record.disposition = 'accepted' GROUP BY 1
            )
            SELECT link_status, known.person_id AS found, truth.person_id AS person,
                   truth.person_id IN (SELECT person_id FROM known) AS is_trainee
            FROM survey_link JOIN survey_row USING (record_id)
            JOIN truth ON truth.respondent = survey_row.respondent_code
            LEFT JOIN known USING (trainee_id)
            """
        ).df()
    assert len(records) > len(found) == len(truth)
    return settings, found, truth


def test_respondents_are_linked_to_the_right_trainee(answered):
    _, found, _ = answered
    linked = found["link_status"] == "linked"
    right = linked & (found["found"] == found["person"])
    precision, recall = right.sum() / linked.sum(), right.sum() / found["is_trainee"].sum()
    print(f"linking of the survey: precision {precision:.4f}, recall {recall:.4f}, {len(found)} respondents")
    assert precision >= 0.99
    assert recall >= 0.98


def test_shares_are_those_of_the_true_answers(answered):
    settings, _, truth = answered
    with duckdb.connect(str((settings.data / "warehouse.duckdb").resolve()), read_only=True) as con:
        shares = dict(
            con.execute(
                "SELECT indicator_code, (denominator, share_unweighted) FROM report_outcome WHERE dimension = 'all'"
            ).fetchall()
        )
    owners, seekers = truth[truth["type"] == "msme_owner"], truth[truth["type"] == "job_seeker"]
    expected = {
        "customer_engagement_increased": owners["engagement_up"],
        "moved_business_online": owners["moved_online"],
        "business_kept_running": owners["kept_running"],
        "found_work_within_two_months": seekers["employed_2m_or_less"],
        "found_work_through_training": seekers["acquired_by_training"],
    }
    assert shares == {name: (len(values), round(float(values.mean()), 4)) for name, values in expected.items()}
