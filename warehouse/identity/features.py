"""What identity is judged by, per record: forms of the name, spans of birth, phones, ids, places."""

from collections.abc import Callable

import pandas as pd

from warehouse.identity.names import name_forms, name_script, place_key


def identity_features(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per record, in the same order, with everything identity is judged by.

    Args:
        records: Columns of TRAINING_LOG_COLUMNS; record_id is unique.

    Returns:
        record_id; the forms of the name (name_*) and of its Latin form (alias_*); birth (YYYYMMDD) and
        birth_low, birth_high (days since 1970-01-01); phone_1, phone_2; national (full number),
        national_partial, member, email; sex, province, district (folded), place_script, country. Missing text is
        '', a missing birth is missing.
    """
    records = records.reset_index(drop=True)
    phones = _text(records, "phones")
    national = _text(records, "national_id")
    status = _text(records, "national_id_status")
    low, high = pd.to_datetime(records["birth_earliest"]), pd.to_datetime(records["birth_latest"])
    # many forms turn "born in 1985" into the first of January: such a date tells the year, not the day
    year_only = (low == high) & (low.dt.month == 1) & (low.dt.day == 1)
    high = high.where(~year_only, low + pd.offsets.YearEnd(0))
    province, district, member = (_text(records, name) for name in ("province", "district", "member_id"))
    result = {
        "record_id": records["record_id"],
        **_form_columns("name", _text(records, "full_name")),
        **_form_columns("alias", _text(records, "latin_name")),
        "birth": low.dt.strftime("%Y%m%d").where(low == high, "").fillna(""),
        "birth_low": _days(low),
        "birth_high": _days(high),
        "phone_1": _per_value(phones, lambda numbers: (numbers.split() or [""])[0]),
        "phone_2": _per_value(phones, lambda numbers: (numbers.split()[1:] or [""])[0]),
        # a number whose check failed identifies nobody
        "national": national.where(status.isin(("valid", "unchecked")), ""),
        "national_partial": national.where(status == "partial", ""),
        "member": (_text(records, "partner_id") + " " + member).where(member != "", ""),
        "email": _text(records, "email"),
        "sex": _text(records, "sex"),
        "province": _per_value(province, place_key),
        "district": _per_value(district, place_key),
        "place_script": _per_value(province, name_script),
        "country": _text(records, "country_code"),
    }
    return pd.DataFrame(result)


def _text(records: pd.DataFrame, name: str) -> pd.Series:
    """A column as text, missing as ''; one without any value comes from the database as a column of objects."""
    return records[name].astype("str").fillna("")


def _per_value(texts: pd.Series, change: Callable[[str], str]) -> pd.Series:
    """Apply a function once per distinct text."""
    found = {text: change(text) for text in texts.unique()}
    return texts.map(found)


def _form_columns(prefix: str, names: pd.Series) -> dict[str, pd.Series]:
    forms = {name: name_forms(name) for name in names.unique()}
    return {
        f"{prefix}_{part}": names.map({name: getattr(form, part) for name, form in forms.items()})
        for part in ("key", "fold", "sound", "skeleton", "script")
    }


def _days(dates: pd.Series) -> pd.Series:
    """Days since 1970-01-01; missing stays missing."""
    return (dates - pd.Timestamp("1970-01-01")).dt.days.astype("Int32")
