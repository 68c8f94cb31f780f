"""The tables of a release: grain, key and columns. Columns themselves are described in `columns`."""

from dataclasses import dataclass, field

from schemas.columns import COLUMNS, Column

# how shares are weighted, as it is published; the number is cell_minimum of survey.yml
COLLAPSING = (
    "Weighted to the people trained in this release by country, type and sex. A question is asked of one type, so "
    "types are never collapsed. A country is split by sex where every sex trained there has at least 5 "
    "answers, else its sexes are one cell. Countries with fewer than 5 answers are one cell together, those "
    "without any included; while it has fewer than 5 answers, it takes in the country with the fewest, ties "
    "by code. Respondents whose sex is not known stand for their share of their country: 5 or more of them "
    "are a cell of their own, fewer join the sex with most people trained. Trainees whose sex is not stated are "
    "spread as the others of their country are. Answers from a country where nobody was trained have no weight."
)


@dataclass(frozen=True)
class Reference:
    """Every value of `column` stands in the key of `table`, which is one column."""

    column: str
    table: str


@dataclass(frozen=True)
class Table:
    """One published table; `key` is unique and never NULL."""

    name: str
    description: str
    key: tuple[str, ...]
    column_names: tuple[str, ...]
    # columns that say when something ran: left out of the content hash
    volatile: tuple[str, ...] = ()
    # what one line is, and over what lines may be added up: in words, for readers
    grain: str = field(kw_only=True)
    addition: str = field(kw_only=True)
    # whether a line is one person, if without a name: such a table leaves the house only when asked for
    holds_people: bool = field(kw_only=True)
    references: tuple[Reference, ...] = field(default=(), kw_only=True)
    # depends on the releases that came before: not the same where the same inputs were published by other steps
    is_historical: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in order, with their descriptions."""
        return tuple(COLUMNS[name] for name in self.column_names)


_COUNTRY = Reference("country_code", "core_country")
_PARTNER = Reference("partner_id", "core_partner")
_COURSE = Reference("course_code", "core_course")
_INDICATOR = Reference("indicator_code", "catalogue")

PUBLISHED_TABLES = (
    Table(
        "core_trainee",
        "One row per person; attributes are those of the first training, or the earliest later record with one.",
        ("trainee_id",),
        (
            "trainee_id",
            "country_code",
            "sex",
            "birth_year",
            "age_at_first_training",
            "age_lowest",
            "age_highest",
            "age_band",
            "is_youth",
            "trainee_type",
            "has_disability",
            "is_indigenous",
            "is_rural",
            "province",
            "district",
            "first_training_date",
            "last_training_date",
            "trainings",
        ),
        grain="one person",
        addition="lines are different people and may be counted; trainings may be added up",
        holds_people=True,
        references=(_COUNTRY,),
    ),
    Table(
        "core_attendance",
        "One row per person and training attended.",
        (),
        ("trainee_id", "partner_id", "country_code", "course_code", "training_date", "hours"),
        grain="one attendance: a person in a training",
        addition="lines may be counted and hours added up, as participations; people only as different trainee_id",
        holds_people=True,
        references=(Reference("trainee_id", "core_trainee"), _PARTNER, _COUNTRY, _COURSE),
    ),
    Table(
        "core_partner",
        "One row per partner with a contract.",
        ("partner_id",),
        ("partner_id", "country_code", "partner_name", "delivery_kind"),
        grain="one partner",
        addition="nothing to add up; lines may be counted",
        holds_people=False,
        references=(_COUNTRY,),
    ),
    Table(
        "core_country",
        "One row per country of the programme, or with a partner.",
        ("country_code",),
        ("country_code", "country_name"),
        grain="one country",
        addition="nothing to add up; lines may be counted",
        holds_people=False,
    ),
    Table(
        "core_band",
        "One row per band of ages that figures are or were reported by; a band is never changed, only replaced.",
        ("band_set", "band_code"),
        ("band_set", "band_code", "from_age", "to_age", "is_current", "band_source"),
        grain="one band of ages in a set of bands",
        addition="nothing to add up",
        holds_people=False,
    ),
    Table(
        "core_course",
        "The programme's course catalogue.",
        ("course_code",),
        ("course_code", "course_title"),
        grain="one course",
        addition="nothing to add up; lines may be counted",
        holds_people=False,
    ),
    Table(
        "core_delivery",
        "One row per delivery with its counts and outcome; "
        "rows_in = accepted + rejected + superseded + repeated + structural.",
        ("delivery_id",),
        (
            "delivery_id",
            "partner_id",
            "country_code",
            "delivery_kind",
            "period",
            "revision",
            "date_received",
            "is_sample",
            "outcome",
            "error_code",
            "rows_in",
            "rows_accepted",
            "rows_rejected",
            "rows_superseded",
            "rows_repeated",
            "rows_structural",
        ),
        grain="one delivery of a partner",
        addition="rows may be added up over every line",
        holds_people=False,
        references=(_PARTNER, _COUNTRY),
    ),
    Table(
        "report_reach",
        "People reached, per country attended and for ALL; "
        "somebody trained in two countries counts in both and once in ALL, so lines may not be added up.",
        ("country_code",),
        (
            "country_code",
            "trainees",
            "women",
            "youth",
            "msme_owners",
            "job_seekers",
            "with_disability",
            "indigenous",
            "rural",
        ),
        grain="one country attended, or ALL",
        addition="never: the same person can stand in several lines; ALL has everybody once",
        holds_people=False,
    ),
    Table(
        "report_reach_by",
        "People reached, told apart: per country attended (and ALL), quarter (and ALL) and category, alone or two "
        "crossed. Nobody is counted twice in a cell, and the same person stands in several: never add people over "
        "countries, quarters, partners or courses. Only people_first_reached adds up over quarters. Cells without "
        "people are left out.",
        ("country_code", "quarter", "dimension", "dimension_value", "indicator_code"),
        (
            "country_code",
            "quarter",
            "dimension",
            "dimension_value",
            "indicator_code",
            "people",
            "denominator",
            "share",
            "denominator_text",
        ),
        grain="one indicator of one category of people, in a country and quarter (or ALL of either)",
        addition="a figure over the categories of one attribute of the person; people_first_reached over quarters too; "
        "never over countries, partners or courses, and people_reached never over quarters",
        holds_people=False,
        references=(_INDICATOR,),
    ),
    Table(
        "report_course",
        "Per country attended, quarter and course (each with ALL): different people, who overlap and may not be added "
        "up, and participations and hours, which may.",
        ("country_code", "quarter", "course_code"),
        (
            "country_code",
            "quarter",
            "course_code",
            "trainees",
            "participations",
            "participations_with_hours",
            "hours_attended",
        ),
        grain="one course in a country and quarter (ALL of any of them)",
        addition="participations and hours over everything but ALL lines; trainees never",
        holds_people=False,
    ),
    Table(
        "report_target",
        "Targets of the programme beside what was reached, at the end of each quarter; is_latest is how it stands.",
        ("target_code", "quarter"),
        (
            "target_code",
            "country_code",
            "indicator_code",
            "band_code",
            "quarter",
            "as_of",
            "due_date",
            "target_value",
            "actual_value",
            "people",
            "denominator",
            "attainment",
            "expected_value",
            "is_on_track",
            "is_latest",
            "is_replaced",
            "target_source",
        ),
        grain="one target at the end of one quarter",
        addition="never: each quarter has the figure up to its end",
        holds_people=False,
        references=(_INDICATOR,),
    ),
    Table(
        "report_data_quality",
        "Per partner and month in which deliveries arrived, or one was due and did not come: what to look at, rows and "
        "what became of them, days late, and what accepted rows lack.",
        ("partner_id", "month"),
        (
            "partner_id",
            "country_code",
            "month",
            "findings",
            "deliveries",
            "deliveries_failed",
            "deliveries_late",
            "days_late",
            "rows_in",
            "rows_accepted",
            "rows_rejected",
            "rows_superseded",
            "rows_repeated",
            "rows_structural",
            "share_rejected",
            "rows_flagged",
            "rows_without_birth_date",
            "rows_without_age",
            "rows_without_sex",
            "rows_without_phone",
            "share_without_birth_date",
            "share_without_phone",
        ),
        grain="one partner and month in which its deliveries arrived, or one was due and did not come",
        addition="deliveries and rows over every line; shares and days never",
        holds_people=False,
        references=(_PARTNER, _COUNTRY),
    ),
    Table(
        "delivery_profile",
        "One row per delivery that could be read: what it is like, and what its partner's deliveries before it were.",
        ("delivery_id",),
        (
            "delivery_id",
            "partner_id",
            "data_rows",
            "rows_refused",
            "rows_again",
            "rows_women",
            "rows_sex",
            "rows_owners",
            "rows_type",
            "deliveries_before",
            "usual_rows",
            "most_rows_before",
            "data_rows_before",
            "rows_refused_before",
            "rows_again_before",
            "rows_women_before",
            "rows_sex_before",
            "rows_owners_before",
            "rows_type_before",
        ),
        grain="one delivery that could be read",
        addition="rows over deliveries, except those that repeat earlier rows; columns ..._before never",
        holds_people=False,
        references=(Reference("delivery_id", "core_delivery"), _PARTNER),
    ),
    Table(
        "report_finding",
        "What somebody should look at: deliveries that came late, did not come, failed, were held back, shrank, or are "
        "unlike those that their partner sent before.",
        ("partner_id", "finding_code", "subject"),
        (
            "partner_id",
            "country_code",
            "month",
            "finding_code",
            "subject",
            "measured",
            "usual",
            "finding_text",
        ),
        grain="one thing to look at about one delivery, or about a period for which none came",
        addition="lines may be counted; nothing to add up",
        holds_people=False,
        references=(_PARTNER, _COUNTRY),
    ),
    Table(
        "report_due",
        "Every period for which a partner's delivery is due, from its first to the end of the programme, and when the "
        "first version came.",
        ("partner_id", "period"),
        ("partner_id", "country_code", "period", "delivery_due", "date_received"),
        grain="one period of one partner for which a delivery is due",
        addition="lines may be counted",
        holds_people=False,
        references=(_PARTNER, _COUNTRY),
    ),
    Table(
        "report_rejection",
        "Rejected rows per partner, month of arrival and reason. A row with two reasons stands in two lines, so lines "
        "may not be added up; report_data_quality has each row once.",
        ("partner_id", "month", "reason_code"),
        ("partner_id", "country_code", "month", "reason_code", "rows_rejected"),
        grain="one reason for which rows of a partner were rejected, in the month of their arrival",
        addition="never over reasons: a row with two reasons stands in two lines; over partners and months",
        holds_people=False,
        references=(_PARTNER, _COUNTRY),
    ),
    Table(
        "report_partner_overlap",
        "People that two partners both trained, a line for each pair that shares somebody.",
        ("partner_id", "other_partner_id"),
        (
            "partner_id",
            "other_partner_id",
            "people",
            "trainees",
            "other_trainees",
            "share",
            "other_share",
        ),
        grain="one pair of partners that share somebody",
        addition="never: somebody of three partners stands in three pairs",
        holds_people=False,
        references=(_PARTNER, Reference("other_partner_id", "core_partner")),
    ),
    Table(
        "report_restatement",
        "Why figures changed: this release set against the one that readers had before, and against the last frozen "
        "one, per country attended (and ALL) and indicator. The causes (by_...) add up to the difference. Countries "
        "may not be added up, except for participations. Without rows where nothing was published before.",
        ("baseline", "country_code", "indicator_code"),
        (
            "baseline",
            "baseline_release",
            "country_code",
            "indicator_code",
            "figure_before",
            "figure_after",
            "difference",
            "by_new_delivery",
            "by_corrected_delivery",
            "by_contract",
            "by_programme_rules",
            "by_identity_merge",
            "by_identity_split",
            "by_judgement",
            "by_model",
            "by_program",
            "by_unrecorded",
        ),
        is_historical=True,
        grain="one figure of a country attended, set against an earlier release",
        addition="causes of a line add up to its difference; never over countries, but for participations",
        holds_people=False,
    ),
    Table(
        "report_frozen",
        "What was officially reported, beside the same figure now, for each frozen release; report_restatement says "
        "why the last of them reads otherwise.",
        ("frozen_label", "country_code", "indicator_code"),
        (
            "frozen_label",
            "release_number",
            "frozen_date",
            "country_code",
            "indicator_code",
            "figure_reported",
            "figure_now",
            "difference",
        ),
        is_historical=True,
        grain="one figure of a country attended in a frozen release",
        addition="never over countries, but for participations",
        holds_people=False,
    ),
    Table(
        "catalogue",
        "Indicators in words: what is counted, of what, in which unit, and over what it may be added up.",
        ("indicator_code",),
        (
            "indicator_code",
            "indicator_title",
            "numerator",
            "denominator_text",
            "unit",
            "disaggregation",
            "may_be_added_over",
            "is_additive",
            "indicator_source",
        ),
        grain="one indicator",
        addition="nothing to add up",
        holds_people=False,
    ),
    Table(
        "identity_quality",
        "How sure the count of people is, per country attended and script of the name, and for ALL: the errors to be "
        "expected of the linkage and the interval that they leave open, in which the true number lies in nine of ten "
        "cases at least. Somebody with names in two scripts or trained in two countries counts in each line and once "
        "in ALL, so lines may not be added up.",
        ("country_code", "script"),
        (
            "country_code",
            "script",
            "people_found",
            "low",
            "high",
            "expected_false_merges",
            "expected_misses",
        ),
        grain="one country attended and script of names, or ALL",
        addition="never: the same person can stand in several lines",
        holds_people=False,
    ),
    # the follow-up survey
    Table(
        "core_survey_response",
        "One row per respondent of a round of the follow-up survey, linked to a trainee or not. link_status: linked; "
        "ambiguous: two trainees are nearly as likely; not_found: no trainee is likely enough, as for those whose "
        "partner's deliveries are not here; duplicate: the trainee has answered in this round already.",
        ("response_id",),
        (
            "response_id",
            "country_code",
            "survey_round",
            "trainee_id",
            "link_status",
            "trainee_type",
            "sex",
            "first_training_quarter",
            "interview_date",
            "customer_engagement_increased",
            "moved_business_online",
            "business_kept_running",
            "found_work_within_two_months",
            "found_work_through_training",
            "is_sample",
        ),
        grain="one respondent of a round of the follow-up survey",
        addition="lines may be counted; a duplicate is a person who is there already",
        holds_people=True,
        references=(_COUNTRY, Reference("trainee_id", "core_trainee")),
    ),
    Table(
        "report_outcome",
        "Outcomes as the follow-up survey estimates them: a line per round, indicator and breakdown (all, country, "
        "sex, type; 'not stated' is a value of its own), with intervals of 95 %. Duplicate respondents are left out. "
        + COLLAPSING,
        ("survey_round", "indicator_code", "dimension", "dimension_value"),
        (
            "survey_round",
            "indicator_code",
            "dimension",
            "dimension_value",
            "respondents",
            "people",
            "denominator",
            "share_unweighted",
            "unweighted_low",
            "unweighted_high",
            "share_weighted",
            "weighted_low",
            "weighted_high",
            "design_effect",
            "effective_answers",
            "cells_used",
            "cells_collapsed",
            "indicator_title",
            "denominator_text",
            "may_be_added_over",
            "is_sample",
        ),
        grain="one indicator of a round of the survey, of everybody or of one category",
        addition="never: shares are estimates, and the same answers stand in several lines",
        holds_people=False,
        references=(_INDICATOR,),
    ),
    Table(
        "run",
        "What runs of the pipeline did, up to the one that built this release.",
        ("run_id",),
        (
            "run_id",
            "run_kind",
            "countries",
            "started_at",
            "ended_at",
            "run_outcome",
            "release_number",
            "deliveries_read",
            "failures",
            "warnings",
        ),
        grain="one run",
        addition="lines may be counted; deliveries, failures and warnings over every line",
        holds_people=False,
        is_historical=True,
    ),
    Table(
        "run_stage",
        "What the stages of each run took: seconds, and the rows and bytes that went through them.",
        ("run_id", "stage"),
        ("run_id", "place", "stage", "seconds", "rows", "bytes"),
        grain="one stage of one run",
        addition="seconds over the stages of a run; rows and bytes of one stage over runs",
        holds_people=False,
        references=(Reference("run_id", "run"),),
        is_historical=True,
    ),
    Table(
        "release",
        "One row: which release this is and what went into it.",
        ("release_number",),
        ("release_number", "built_at", "input_hash", "model_version", "code_version"),
        volatile=("release_number", "built_at", "code_version"),
        grain="the release",
        addition="nothing to add up; one line",
        holds_people=False,
    ),
)
