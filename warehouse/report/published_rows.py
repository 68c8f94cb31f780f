"""Lines of the published tables that a report shows: one class for a table, its fields the columns by name."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ReleaseRow:
    """The release: built_at is UTC."""

    release_number: int
    built_at: dt.datetime
    input_hash: str
    model_version: str
    code_version: str


@dataclass(frozen=True)
class Reach:
    """Different people of a country, or of ALL."""

    country_code: str
    trainees: int
    women: int
    youth: int
    msme_owners: int
    job_seekers: int
    with_disability: int
    indigenous: int
    rural: int


@dataclass(frozen=True)
class Count:
    """People of one category; share is from 0 to 1, of the denominator."""

    country_code: str
    quarter: str
    dimension: str
    dimension_value: str
    indicator_code: str
    people: int
    share: float | None


@dataclass(frozen=True)
class Target:
    """A target as it stands at the end of the last quarter."""

    target_code: str
    country_code: str
    indicator_code: str
    band_code: str | None
    as_of: dt.date
    due_date: dt.date
    target_value: float
    actual_value: float | None
    people: int
    denominator: int | None
    attainment: float | None
    expected_value: float
    is_on_track: bool | None
    is_replaced: bool
    target_source: str


@dataclass(frozen=True)
class Course:
    """A course in a country and quarter, each ALL too: people overlap, participations and hours add up."""

    country_code: str
    quarter: str
    course_code: str
    trainees: int
    participations: int
    participations_with_hours: int
    hours_attended: float


@dataclass(frozen=True)
class Quality:
    """Rows that a partner sent in a month, and what became of them."""

    partner_id: str
    country_code: str
    month: str
    deliveries: int
    deliveries_failed: int
    deliveries_late: int
    days_late: int | None
    rows_in: int
    rows_accepted: int
    rows_rejected: int
    rows_superseded: int
    rows_repeated: int
    rows_structural: int
    rows_flagged: int
    rows_without_birth_date: int
    rows_without_age: int
    rows_without_sex: int
    rows_without_phone: int


@dataclass(frozen=True)
class Rejection:
    """Rows of a partner and month that do not count for one reason."""

    partner_id: str
    country_code: str
    reason_code: str
    rows_rejected: int


@dataclass(frozen=True)
class Finding:
    """Something about a delivery, or one that did not come, that somebody should look at."""

    partner_id: str
    country_code: str
    month: str
    finding_code: str
    finding_text: str


@dataclass(frozen=True)
class Overlap:
    """People whom two partners both trained."""

    partner_id: str
    other_partner_id: str
    people: int
    trainees: int
    other_trainees: int
    share: float | None
    other_share: float | None


@dataclass(frozen=True)
class Linkage:
    """People found, and the interval that the expected errors of linkage leave open."""

    country_code: str
    script: str
    people_found: int
    low: int
    high: int
    expected_false_merges: float
    expected_misses: float


@dataclass(frozen=True)
class Partner:
    """A partner with a contract."""

    partner_id: str
    country_code: str
    partner_name: str


@dataclass(frozen=True)
class Band:
    """A band of ages, both ends included; open without an upper one."""

    band_set: str
    band_code: str
    from_age: int
    to_age: int | None
    is_current: bool
    band_source: str


@dataclass(frozen=True)
class Definition:
    """An indicator in words."""

    indicator_code: str
    indicator_title: str
    numerator: str
    denominator_text: str
    unit: str
    may_be_added_over: str


@dataclass(frozen=True)
class Outcome:
    """A share that the follow-up survey gives, unweighted and weighted, each with an interval of 95 %.

    people: who said so. denominator: who answered. is_sample: whether the answers are synthetic.
    """

    survey_round: str
    indicator_code: str
    dimension: str
    dimension_value: str
    people: int
    denominator: int
    share_unweighted: float | None
    unweighted_low: float | None
    unweighted_high: float | None
    share_weighted: float | None
    weighted_low: float | None
    weighted_high: float | None
    indicator_title: str
    denominator_text: str
    is_sample: bool | None


@dataclass(frozen=True)
class Restatement:
    """A figure of an earlier release, the same figure of this one, and what each cause (by_new_delivery...) changed."""

    baseline: str
    baseline_release: int
    country_code: str
    indicator_code: str
    figure_before: int
    figure_after: int
    difference: int
    causes: Mapping[str, int]


@dataclass(frozen=True)
class Frozen:
    """A figure as it was officially reported, and as it is now."""

    frozen_label: str
    release_number: int
    frozen_date: dt.date
    country_code: str
    indicator_code: str
    figure_reported: int
    figure_now: int
    difference: int


@dataclass(frozen=True)
class Samples:
    """Deliveries with rows that count, how many of them are samples (None: not known), and whose they are."""

    deliveries: int
    samples: int | None
    partners: tuple[str, ...] = ()
