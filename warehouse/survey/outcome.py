"""The shares that the follow-up survey gives, unweighted and weighted to the people trained, each with its interval.

Unweighted: Wilson's interval (1927) by scipy. Weighted: post-stratified by svy, the cells being the strata of Taylor's
linearisation (given how many answered in each, a post-stratified sample is a stratified one: Holt and Smith 1979), the
interval Wilson's at the effective number of answers (Korn and Graubard 1998), design effect against a simple random
sample of as many. Where all answers of a line agree there is no variance to go by, and the unweighted interval stands.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pandas as pd

from schemas.survey import MAY_BE_ADDED_OVER, Questionnaire, load_questionnaire
from warehouse.survey.cells import Cells, make_cells

if TYPE_CHECKING:
    import svy

ALL, NOT_STATED = "all", "not stated"
# the columns of a response that lines are broken down by
DIMENSIONS = ("country_code", "sex", "trainee_type")
SHARE_DECIMALS, EFFECT_DECIMALS, COUNT_DECIMALS = 4, 3, 1
COLUMNS = {
    "survey_round": "str",
    "indicator_code": "str",
    "dimension": "str",
    "dimension_value": "str",
    "respondents": "Int64",
    "people": "Int64",
    "denominator": "Int64",
    "share_unweighted": "Float64",
    "unweighted_low": "Float64",
    "unweighted_high": "Float64",
    "share_weighted": "Float64",
    "weighted_low": "Float64",
    "weighted_high": "Float64",
    "design_effect": "Float64",
    "effective_answers": "Float64",
    "cells_used": "Int64",
    "cells_collapsed": "Int64",
    "indicator_title": "str",
    "denominator_text": "str",
    "may_be_added_over": "str",
    "is_sample": "boolean",
}


def outcome_table(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return table report_outcome of a release, from its core_survey_response and core_trainee."""
    questionnaire = load_questionnaire()
    # somebody interviewed twice counts once
    responses = con.execute(
        f"""
        SELECT survey_round, country_code, trainee_type, sex, is_sample, {", ".join(questionnaire.indicators)}
        FROM core_survey_response WHERE link_status <> 'duplicate' ORDER BY response_id
        """
    ).df()
    trained = con.execute(
        "SELECT country_code, trainee_type, sex, count(*) AS people FROM core_trainee GROUP BY ALL ORDER BY ALL"
    ).df()
    return estimate_outcomes(responses, trained, questionnaire)


def estimate_outcomes(responses: pd.DataFrame, trained: pd.DataFrame, questionnaire: Questionnaire) -> pd.DataFrame:
    """Return a line for every round, indicator and breakdown, in the columns of COLUMNS.

    Args:
        responses: survey_round, country_code, trainee_type, sex (missing: not known), is_sample (invented) and a
            column for each indicator, true, false or missing; a row for each respondent.
        trained: country_code, trainee_type, sex, people.
        questionnaire: Indicators, whom they are asked of, and the smallest cell.
    """
    lines: list[dict[str, Any]] = []
    for around, members in responses.groupby("survey_round"):
        for name, indicator in questionnaire.indicators.items():
            kind = questionnaire.asked_of(name)
            asked = members[members["trainee_type"] == kind]
            population = trained[trained["trainee_type"] == kind]
            told = {
                "survey_round": str(around),
                "indicator_code": name,
                "indicator_title": indicator.title,
                "denominator_text": indicator.denominator,
                "may_be_added_over": MAY_BE_ADDED_OVER,
            }
            minimum = questionnaire.weighting.cell_minimum
            lines += [told | line for line in _indicator_lines(asked, name, population, minimum)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)
    return frame.sort_values(["survey_round", "indicator_code", "dimension", "dimension_value"], ignore_index=True)


def _indicator_lines(asked: pd.DataFrame, name: str, trained: pd.DataFrame, minimum: int) -> Iterator[dict[str, Any]]:
    keys = pd.DataFrame(
        {"is_sample": asked["is_sample"], ALL: ALL, **{column: _category(asked[column]) for column in DIMENSIONS}}
    )
    answered = asked[name].notna().to_numpy()
    answers, said = asked[answered], keys[answered].reset_index(drop=True)
    yes = answers[name].astype("bool").astype("int64").reset_index(drop=True)
    cells = make_cells(answers[["country_code", "sex"]].reset_index(drop=True), trained, minimum)
    sample = _weighted_sample(yes, said, cells)
    for dimension in (ALL, *DIMENSIONS):
        weighted = _weighted_shares(sample, dimension)
        for value, members in keys.groupby(dimension):
            here = (said[dimension] == value).to_numpy()
            low, high = wilson(int(yes[here].sum()), int(here.sum()))
            count = int(here.sum())
            used = {cell for cell, inside in zip(cells.of_answer, here, strict=True) if inside and cell is not None}
            line: dict[str, Any] = {
                "dimension": dimension,
                "dimension_value": value,
                "respondents": len(members),
                "people": int(yes[here].sum()),
                "denominator": count,
                "share_unweighted": round(int(yes[here].sum()) / count, SHARE_DECIMALS) if count else None,
                "unweighted_low": low,
                "unweighted_high": high,
                # invented answers among real ones are told
                "is_sample": bool(members["is_sample"].any()),
                "cells_used": len(used),
                "cells_collapsed": sum(max(cells.parts[cell] - 1, 0) for cell in used),
            }
            share = weighted.get(str(value), {})
            if share and share["weighted_low"] is None:
                share = share | {"weighted_low": low, "weighted_high": high}
            yield line | share


def _category(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.astype("object").where(values.notna(), NOT_STATED)


def wilson(yes: int, count: int) -> tuple[float | None, float | None]:
    """Return Wilson's 95 % interval of a share; none of no answers."""
    from scipy.stats import binomtest

    if count == 0:
        return None, None
    interval = binomtest(yes, count).proportion_ci(0.95, method="wilson")
    return round(float(interval.low), SHARE_DECIMALS), round(float(interval.high), SHARE_DECIMALS)


def _weighted_sample(yes: "pd.Series[int]", keys: pd.DataFrame, cells: Cells) -> "svy.Sample | None":
    """Return the answers that stand for somebody, post-stratified; None of fewer than two."""
    inside = [place for place, cell in enumerate(cells.of_answer) if cell is not None]
    if len(inside) < 2:
        return None
    # a second of imports, needed only where there are answers
    import polars as pl
    import svy

    cell = [str(cells.of_answer[place]) for place in inside]
    frame = pl.DataFrame(
        {
            **{str(name): keys[name].iloc[inside].to_list() for name in keys},
            "yes": yes.iloc[inside].to_list(),
            "cell": cell,
            "base": [1.0] * len(inside),
        }
    )
    controls: dict[str | int | float | bool, int | float] = {name: cells.people[name] for name in sorted(set(cell))}
    sample = svy.Sample(frame, svy.Design(stratum="cell", wgt="base"))
    try:
        weighted: svy.Sample = sample.weighting.poststratify(controls=controls, cells="cell", wgt_name="weight")
    except svy.SvyError:
        return None
    return weighted


def _weighted_shares(sample: "svy.Sample | None", dimension: str) -> dict[str, dict[str, Any]]:
    """Return, for each value of a dimension, share, interval, design effect and effective answers.

    A figure that cannot be computed is left out, and is NULL in the table: no statistic may stop a publication.
    """
    if sample is None:
        return {}
    import svy

    try:
        return _shares_by_value(sample, dimension, "wr")
    except svy.SvyError:
        pass
    try:
        # svy raises where no design effect can be computed: all answers agree, or everybody was asked
        return _shares_by_value(sample, dimension, deff=None)
    except svy.SvyError:
        return {}


def _shares_by_value(sample: "svy.Sample", dimension: str, deff: Literal["wr"] | None) -> dict[str, dict[str, Any]]:
    shares = sample.estimation.prop("yes", by=dimension, ci_method="wilson", deff=deff)
    if isinstance(shares, list):
        raise TypeError("one question gives one table of shares")
    found: dict[str, dict[str, Any]] = {}
    for row in shares.to_polars().iter_rows(named=True):
        # a value has a row for each answer that occurs: if all say no, there is no row for yes
        if row["yes"] == 1 or str(row[dimension]) not in found:
            found[str(row[dimension])] = _share(row)
    return found


def _share(row: dict[str, Any]) -> dict[str, Any]:
    estimate = row["est"] if row["yes"] == 1 else 1 - row["est"]
    low, high = (row["lci"], row["uci"]) if row["yes"] == 1 else (1 - row["uci"], 1 - row["lci"])
    varies = row["se"] > 0 and math.isfinite(low) and math.isfinite(high)
    effect = row.get("deff")
    if effect is None or not varies or not math.isfinite(effect) or effect <= 0:
        effect = None
    return {
        "share_weighted": round(estimate, SHARE_DECIMALS),
        "weighted_low": round(max(low, 0.0), SHARE_DECIMALS) if varies else None,
        "weighted_high": round(min(high, 1.0), SHARE_DECIMALS) if varies else None,
        "design_effect": round(effect, EFFECT_DECIMALS) if effect else None,
        "effective_answers": round(row["n"] / effect, COUNT_DECIMALS) if effect else None,
    }
