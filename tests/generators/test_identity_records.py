"""The generator of invented records: what the tests and benchmarks that use it rely on."""

import time

import duckdb
import numpy as np
import pandas as pd
import pytest

from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.programme import load_programme
from schemas.training_log import TEXT_COLUMNS, TRAINING_FACTS, training_log_schema
from tests.generators.identity_records import RECORDS_PER_PERSON, TRUTH_COLUMNS, Noise, generate, write_records
from warehouse.identity.linkage.names import name_script

SIZE = 30_000
CLEAN = Noise().times(0)


@pytest.fixture(scope="module")
def records():
    return generate(SIZE, seed=1)


def same_in_all(records, column, per="person_id"):
    """Share of people (with more than one value stated) all of whose records have one value."""
    values = records.dropna(subset=column).groupby(per)[column].agg(["count", "nunique"])
    return (values.loc[values["count"] > 1, "nunique"] == 1).mean()


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_it_gives_as_many_records_as_asked(size):
    assert len(generate(size, seed=3)) == size


def test_the_same_seed_gives_the_same_frame_and_another_one_does_not():
    pd.testing.assert_frame_equal(generate(2000, seed=5), generate(2000, seed=5))
    assert not generate(2000, seed=5)["full_name"].equals(generate(2000, seed=6)["full_name"])


def test_records_keep_the_contract_of_the_border(records):
    nothing_odd = dict.fromkeys(("is_blank", "is_shifted", "is_orphan", "has_unknown_word"), False)
    facts = pd.DataFrame({**nothing_odd, "review_state": "counts"}, index=records.index)
    texts = {f"{name}_text": records[name].astype("str") for name in TEXT_COLUMNS if name != "age"}
    delivered = records.assign(**facts, **texts, age_text=records["age_low"].astype("str"))
    columns = [*TRAINING_LOG_COLUMNS, *TRAINING_FACTS]
    training_log_schema(load_programme()).validate(delivered[columns].astype(TRAINING_FACTS), lazy=True)
    assert list(records.columns) == [*TRAINING_LOG_COLUMNS, *TRUTH_COLUMNS]
    assert records["record_id"].is_unique


def test_every_person_has_a_record_and_few_have_many(records):
    attendances = records.groupby("person_id").size()
    assert len(attendances) == round(SIZE / RECORDS_PER_PERSON)
    assert 0.6 < (attendances == 1).mean() < 0.85
    assert attendances.max() < 60


def test_all_ten_countries_and_their_scripts_are_there(records):
    scripts = records.groupby("country_code")["full_name"].agg(lambda names: {name_script(name) for name in names})
    assert len(scripts) == 10
    for country, script in {"TH": "THAI", "LA": "LAO", "KH": "KHMER", "MM": "MYANMAR", "VN": "LATIN"}.items():
        assert {script, "LATIN"} <= scripts[country]
    assert set(generate(500, seed=1, countries=("LA", "BN"), noise=CLEAN)["country_code"]) == {"LA", "BN"}


def test_names_collide_as_names_do(records):
    for country, most in {"VN": 0.05, "TH": 0.02, "ID": 0.05, "PH": 0.02}.items():
        people = records[records["country_code"] == country].groupby("person_id")["full_name"].first()
        counts = people.value_counts()
        # some names are borne by many, and most people's name is nearly their own
        assert counts.iloc[0] >= 2
        assert counts.iloc[0] < most * len(people)
        assert (counts == 1).sum() > 0.2 * len(people)
    family = records.loc[records["country_code"] == "VN", "full_name"].str.split().str[0].value_counts(normalize=True)
    assert family.index[0] == "Nguyễn"
    assert 0.2 < family.iloc[0] < 0.5


def test_without_noise_a_person_says_the_same_each_time():
    records = generate(8000, seed=2, noise=CLEAN)
    for column in ("birth_date", "sex", "province", "district", "email"):
        assert same_in_all(records, column) == 1, column
    assert same_in_all(records[records["latin_name"].isna()], "full_name", per=["person_id", "partner_id"]) > 0.85
    assert same_in_all(records, "phones") == 1


def test_noise_unsettles_as_much_as_it_says():
    noisy = generate(SIZE, seed=2, noise=Noise(birth_wrong=0.2, phone_missing=0.3, abroad_people=0.0))
    calm = generate(SIZE, seed=2)
    assert same_in_all(noisy, "birth_date") < 0.8 < 0.9 < same_in_all(calm, "birth_date")
    assert 0.25 < noisy["phones"].isna().mean() < 0.35
    assert noisy.groupby("person_id")["country_code"].nunique().max() == 1
    abroad = (calm.groupby("person_id")["country_code"].nunique() > 1).mean()
    assert 0.001 < abroad < 0.007


def test_some_partners_write_ages_and_their_births_are_spans(records):
    aged = records[records["partner_id"].isin(["BN-G1", "ID-G1", "LA-G2"])]
    assert aged["birth_date"].isna().all()
    spans = (aged["birth_latest"] - aged["birth_earliest"]).dropna().dt.days
    assert spans.between(363, 366).all()
    day = aged["training_date"]
    # on the last day of the span the person is just as old as written
    youngest = day.dt.year - aged["birth_latest"].dt.year
    assert (youngest == aged["age_low"]).loc[aged["age_low"].notna()].all()


def test_households_share_a_phone_a_place_or_a_family_name(records):
    people = records.groupby("person_id").first()
    sizes = people.groupby("household_id").size()
    assert 0.3 < (sizes[people["household_id"]].to_numpy() > 1).mean() < 0.6
    homes = people[sizes[people["household_id"]].to_numpy() > 1]
    assert (homes.groupby("household_id")["country_code"].nunique() == 1).mean() > 0.95
    two = homes.dropna(subset="phones").groupby("household_id")["phones"].agg(["count", "nunique"])
    assert 0.15 < (two["nunique"] < two["count"]).mean() < 0.6
    families = homes[homes["country_code"] == "VN"].assign(family=lambda rows: rows["full_name"].str.split().str[0])
    assert (families.groupby("household_id")["family"].nunique() == 1).mean() > 0.4


def test_a_phone_can_belong_to_strangers(records):
    carried = records.dropna(subset="phones").groupby("phones")["household_id"].nunique()
    assert carried.max() >= 4


def test_the_table_has_the_types_of_the_vault(records, tmp_path):
    with duckdb.connect() as con:
        write_records(con, records.head(500))
        types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE record)").fetchall())
        assert {name: types[name] for name in TRAINING_LOG_COLUMNS} == {
            name: COLUMNS[name].type for name in TRAINING_LOG_COLUMNS
        }
        con.execute(f"COPY record TO '{tmp_path / 'records.parquet'}' (FORMAT parquet)")
        again = con.execute(f"SELECT count(*), count(birth_date) FROM '{tmp_path / 'records.parquet'}'").fetchone()
    assert again == (500, records.head(500)["birth_date"].notna().sum())


@pytest.mark.benchmark_only
def test_1_750_000_records_come_within_half_a_minute(capsys):
    start = time.monotonic()
    records = generate(1_750_000, seed=1)
    seconds = time.monotonic() - start
    with capsys.disabled():
        print(f"\n1,750,000 records: {seconds:.1f} s, {records['full_name'].nunique():,} names")
    assert seconds < 30
    assert len(np.unique(records["person_id"])) == 1_250_000
