"""Invented people as records of training, for the tests of linkage."""

import datetime as dt
import itertools
import random

import pandas as pd

from schemas.columns import TRAINING_LOG_COLUMNS

DAY = dt.date(2021, 3, 1)
number = itertools.count()


def person(name, **more):
    """One record; whatever is not given is not stated."""
    row = dict.fromkeys(TRAINING_LOG_COLUMNS) | {
        "record_id": f"{next(number):032x}",
        "partner_id": "VN-ONE",
        "country_code": "VN",
        "full_name": name,
        "training_date": DAY,
        "course_code": "DL101",
    }
    row |= more
    if row["birth_date"] is not None:
        row["birth_earliest"] = row["birth_latest"] = row["birth_date"]
    return row


def frame(*rows):
    made = pd.DataFrame(list(rows), columns=list(TRAINING_LOG_COLUMNS))
    for name in TRAINING_LOG_COLUMNS:
        made[name] = pd.to_datetime(made[name]) if name.startswith(("birth_", "training_")) else made[name]
    return made.astype({name: "str" for name in ("full_name", "latin_name", "phones", "national_id", "member_id")})


BORN = dt.date(1990, 5, 3)
HOME = {"province": "Hà Nội", "district": "Mê Linh"}
BASE = {"sex": "F", "birth_date": BORN, "phones": "+84912345670", **HOME}


def people(count, seed=1):
    """Invented records with repetitions, typing errors and households."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    rows = []
    for index in range(count):
        name = " ".join(draw.choice(["Nguyễn", "Trần", "Lê", "Mai", "Hoa", "Bình", "An", "Sơn"]) for _ in range(3))
        base = {
            "birth_date": dt.date(1960 + draw.randrange(40), 1 + draw.randrange(12), 1 + draw.randrange(28)),
            "phones": f"+8491{index // 2:07d}",
            **HOME,
        }
        rows += [person(name, **base) for _ in range(1 + draw.randrange(3))]
    return rows
