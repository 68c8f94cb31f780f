"""Every column of the project, described once: type, meaning, unit, and whether it can identify a person.

The contracts at the border, the comments in the warehouse and the data dictionary are made from this list.
"""

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["VARCHAR", "DATE", "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "TIMESTAMP"]


@dataclass(frozen=True)
class Column:
    """One column; the same name means the same thing in every table that has it."""

    name: str
    type: SqlType
    description: str
    personal: bool = False
    unit: str | None = None
    choices: tuple[str, ...] = ()


_ALL = (
    # where a row comes from
    Column("record_id", "VARCHAR", "Hash of the partner and the row's natural key as delivered.", personal=True),
    Column("delivery_id", "VARCHAR", "One delivery of one partner: a file, or a folder of pages."),
    Column("partner_id", "VARCHAR", "Country code and partner folder, e.g. VN-TYM."),
    Column("partner_name", "VARCHAR", "The partner's name as its contract gives it."),
    Column("country_code", "VARCHAR", "ISO 3166-1 alpha-2 code of the country; ALL where a report adds them up."),
    Column("file", "VARCHAR", "Source and path of the file as it was delivered.", personal=True),
    Column("sheet", "VARCHAR", "Worksheet the row stands on; empty where the format has none."),
    Column("row_number", "INTEGER", "Row as a spreadsheet shows it: 1-based, header and blank lines counted."),
    Column("source_id", "VARCHAR", "The submission's own id at the source (KoboToolbox _id).", personal=True),
    # the person
    Column("full_name", "VARCHAR", "Name in full, NFC, without honorific.", personal=True),
    Column("surname", "VARCHAR", "Surname, where the partner has it in a column.", personal=True),
    Column("given_name", "VARCHAR", "Given names, where the partner has them in a column.", personal=True),
    Column("middle_name", "VARCHAR", "Middle name, where the partner has it in a column.", personal=True),
    Column("name_suffix", "VARCHAR", "Jr., Sr., III and the like.", personal=True),
    Column("latin_name", "VARCHAR", "The name in Latin letters as the partner wrote it.", personal=True),
    Column("honorific", "VARCHAR", "Titles split off the name, as written.", personal=True),
    Column("sex", "VARCHAR", "F female, M male, X another answer; NULL not stated.", choices=("F", "M", "X")),
    Column("birth_date", "DATE", "Day of birth, where a full date was given.", personal=True),
    Column("birth_earliest", "DATE", "First day on which the person can have been born.", personal=True),
    Column("birth_latest", "DATE", "Last day on which the person can have been born.", personal=True),
    Column("birth_year", "INTEGER", "Year of birth; NULL where only an age or age band is known.", unit="year"),
    Column(
        "age_low",
        "INTEGER",
        "Age as delivered, or the lower end of its band, on the day of the training.",
        unit="completed years",
    ),
    Column(
        "age_high",
        "INTEGER",
        "Age as delivered, or the upper end of its band, on the day of the training.",
        unit="completed years",
    ),
    Column("phones", "VARCHAR", "Phone numbers in E.164, separated by a blank.", personal=True),
    Column("email", "VARCHAR", "E-mail address in lower case.", personal=True),
    Column("national_id", "VARCHAR", "National identity number in its compact form.", personal=True),
    Column(
        "national_id_status",
        "VARCHAR",
        "valid: check passed; unchecked: no check exists; partial: a part of the number; invalid: check failed.",
        choices=("valid", "unchecked", "partial", "invalid"),
    ),
    Column("member_id", "VARCHAR", "The partner's own number for a person, stable over its files.", personal=True),
    Column("province", "VARCHAR", "Province, state or region as the partner wrote it."),
    Column("district", "VARCHAR", "District, city or township as the partner wrote it."),
    Column("address", "VARCHAR", "Street and number, or house and village, as the partner wrote it.", personal=True),
    Column("postcode", "VARCHAR", "Postal code, its digits in ASCII.", personal=True),
    Column(
        "trainee_type",
        "VARCHAR",
        "Owner of a micro or small business, or job seeker.",
        choices=("msme_owner", "job_seeker"),
    ),
    Column("has_disability", "BOOLEAN", "Has a disability; NULL not stated."),
    Column("is_indigenous", "BOOLEAN", "Belongs to an indigenous people or ethnic minority; NULL not stated."),
    Column("is_rural", "BOOLEAN", "Lives in a rural area; NULL not stated."),
    # the training
    Column("course_code", "VARCHAR", "Course in the programme's catalogue."),
    Column("course_title", "VARCHAR", "Title of the course in English."),
    Column("training_date", "DATE", "Day of the training."),
    Column("hours", "DOUBLE", "Time attended; NULL not stated.", unit="hours"),
    Column("flags", "VARCHAR", "What is odd about the row, separated by a blank; empty where nothing is."),
    # the trainee
    Column("trainee_id", "VARCHAR", "Opaque, stable id of one person over all releases."),
    Column("age_at_first_training", "INTEGER", "Age on the day of the first training.", unit="completed years"),
    Column(
        "age_lowest",
        "INTEGER",
        "Lowest age possible on the day of the first training; the age itself where it is known.",
        unit="completed years",
    ),
    Column(
        "age_highest",
        "INTEGER",
        "Highest age possible on the day of the first training; the age itself where it is known.",
        unit="completed years",
    ),
    Column(
        "age_band",
        "VARCHAR",
        "Band of the age on the day of the first training, by the set in force (core_band.is_current); "
        "NULL where the possible ages lie in more than one.",
    ),
    Column("is_youth", "BOOLEAN", "In the programme's youth band on the day of the first training."),
    Column("first_training_date", "DATE", "Day of the person's first training."),
    Column("last_training_date", "DATE", "Day of the person's last training."),
    Column("trainings", "INTEGER", "Attendances of the person.", unit="attendances"),
    # the delivery
    Column("period", "VARCHAR", "Period the delivery is about, from its name: 2020-09, 2020-Q3, 2020."),
    Column("revision", "INTEGER", "0 for the first version of a period, higher for corrections, from the name."),
    Column("date_received", "DATE", "Day the delivery arrived."),
    Column("is_sample", "BOOLEAN", "From the folder of samples beside the contract: synthetic, nobody in it is real."),
    Column(
        "delivery_kind",
        "VARCHAR",
        "How deliveries follow each other; returned: a workbook of bad rows that the partner corrected.",
        choices=("monthly", "cumulative", "snapshot", "append", "returned"),
    ),
    Column(
        "outcome",
        "VARCHAR",
        "loaded; superseded by a newer one; repeated: the same content came before; failed: could not be read.",
        choices=("loaded", "superseded", "repeated", "failed"),
    ),
    Column("error_code", "VARCHAR", "Why a failed delivery could not be read; empty otherwise."),
    Column("rows_in", "INTEGER", "Rows of the delivery, sub-totals and footers included.", unit="rows"),
    Column("rows_accepted", "INTEGER", "Rows that count.", unit="rows"),
    Column("rows_rejected", "INTEGER", "Rows with at least one reason against them.", unit="rows"),
    Column("rows_superseded", "INTEGER", "Rows that a newer delivery replaced.", unit="rows"),
    Column("rows_repeated", "INTEGER", "Rows that repeat one already counted.", unit="rows"),
    Column("rows_structural", "INTEGER", "Sub-total and footer rows.", unit="rows"),
    # reports
    Column("trainees", "BIGINT", "Different people; not additive over countries.", unit="people"),
    Column("women", "BIGINT", "Trainees whose sex is F.", unit="people"),
    Column("youth", "BIGINT", "Trainees in the youth band at their first training.", unit="people"),
    Column("msme_owners", "BIGINT", "Trainees who own a micro or small business.", unit="people"),
    Column("job_seekers", "BIGINT", "Trainees who look for work.", unit="people"),
    Column("with_disability", "BIGINT", "Trainees with a disability.", unit="people"),
    Column("indigenous", "BIGINT", "Trainees of an indigenous people or ethnic minority.", unit="people"),
    Column("rural", "BIGINT", "Trainees living in a rural area.", unit="people"),
    Column(
        "quarter",
        "VARCHAR",
        "Calendar quarter, e.g. 2021-Q3, in which people attended; ALL: the whole time. Not additive for people.",
    ),
    Column("month", "VARCHAR", "Calendar month in which deliveries arrived, e.g. 2021-09."),
    Column(
        "dimension",
        "VARCHAR",
        "By what people are told apart: all, an attribute of the person, partner_id, course_code, a youth band of "
        "core_band, or two of them written `sex x age_band`.",
    ),
    Column(
        "dimension_value",
        "VARCHAR",
        "The category, e.g. F, or two written `F x 18-24`; not stated is a category of its own.",
    ),
    Column("indicator_code", "VARCHAR", "What is counted; catalogue says it in words."),
    Column("people", "BIGINT", "Different people the indicator counts; not additive, see catalogue.", unit="people"),
    Column("denominator", "BIGINT", "What a share is of: its n; catalogue says it in words.", unit="people"),
    Column("denominator_text", "VARCHAR", "What a share is of, in words."),
    Column("share", "DOUBLE", "Part of the denominator, from 0 to 1; NULL of nothing."),
    Column("participations", "BIGINT", "Attendances: a person in two trainings is two; additive.", unit="attendances"),
    Column("participations_with_hours", "BIGINT", "Attendances that state the hours; additive.", unit="attendances"),
    Column("hours_attended", "DOUBLE", "Hours of the attendances that state them; additive.", unit="hours"),
    Column("other_partner_id", "VARCHAR", "The other partner of a pair."),
    Column("other_trainees", "BIGINT", "Different people of the other partner.", unit="people"),
    Column("other_share", "DOUBLE", "Part of the other partner's people, from 0 to 1."),
    Column(
        "is_suppressed",
        "BOOLEAN",
        "A figure of this line is hidden, because it counts fewer people than the smallest cell of the export or would "
        "tell such a figure.",
    ),
    # targets
    Column("target_code", "VARCHAR", "Target in the programme's rules."),
    Column("band_code", "VARCHAR", "Band of ages that the figure used; NULL where none plays a part."),
    Column("as_of", "DATE", "Day up to which the figure counts."),
    Column("due_date", "DATE", "Day by which the target was to be reached."),
    Column("target_value", "DOUBLE", "The target: people, or a share from 0 to 1, as the indicator's unit says."),
    Column("actual_value", "DOUBLE", "What was reached by the day, in the unit of the target."),
    Column("attainment", "DOUBLE", "actual_value as a part of target_value; 1 is the target itself."),
    Column(
        "expected_value",
        "DOUBLE",
        "What the target asks for by the day: of people an even part for the days gone, a share always in full.",
    ),
    Column("is_on_track", "BOOLEAN", "Whether actual_value is at least expected_value."),
    Column("is_latest", "BOOLEAN", "The last quarter's line: how it stands."),
    Column("is_replaced", "BOOLEAN", "Another target took this one's place; it is kept for the record."),
    Column("target_source", "VARCHAR", "Where the target was published."),
    # quality of deliveries
    Column("deliveries", "BIGINT", "Deliveries that arrived.", unit="deliveries"),
    Column("deliveries_failed", "BIGINT", "Deliveries that could not be read.", unit="deliveries"),
    Column("deliveries_late", "BIGINT", "First versions of a period that came after the day due.", unit="deliveries"),
    Column(
        "days_late",
        "INTEGER",
        "Days after the day due, of the latest of them; 0 in time; NULL where no first version of a period came.",
        unit="days",
    ),
    Column("share_rejected", "DOUBLE", "Rejected rows as a part of all but sub-totals and footers, from 0 to 1."),
    Column("rows_flagged", "BIGINT", "Accepted rows with a remark; they count.", unit="rows"),
    Column("rows_without_birth_date", "BIGINT", "Accepted rows without a full birth date.", unit="rows"),
    Column("rows_without_age", "BIGINT", "Accepted rows with neither birth date nor age.", unit="rows"),
    Column("rows_without_sex", "BIGINT", "Accepted rows that do not state the sex.", unit="rows"),
    Column("rows_without_phone", "BIGINT", "Accepted rows without a usable phone number.", unit="rows"),
    Column("share_without_birth_date", "DOUBLE", "Part of rows_accepted without a full birth date, from 0 to 1."),
    Column("share_without_phone", "DOUBLE", "Part of rows_accepted without a usable phone number, from 0 to 1."),
    Column("reason_code", "VARCHAR", "Why rows do not count."),
    # bands, countries, indicators
    Column("band_set", "VARCHAR", "Bands that belong together: youth, or a set of age bands, e.g. age_2022."),
    Column("from_age", "INTEGER", "Lowest age of the band.", unit="completed years"),
    Column("to_age", "INTEGER", "Highest age of the band; NULL: open.", unit="completed years"),
    Column("is_current", "BOOLEAN", "In force: figures that name no other band use it."),
    Column("band_source", "VARCHAR", "Where the band was used."),
    Column("country_name", "VARCHAR", "Name of the country in English."),
    Column("indicator_title", "VARCHAR", "Name of the indicator for readers."),
    Column("numerator", "VARCHAR", "What is counted, in words."),
    Column("unit", "VARCHAR", "Unit of the figure."),
    Column("disaggregation", "VARCHAR", "By what the figure can be told apart."),
    Column("may_be_added_over", "VARCHAR", "Over what lines of the figure may be added up, in words."),
    Column(
        "is_additive",
        "BOOLEAN",
        "Whether lines of countries and periods may be added up (IATI's aggregation status); false for people.",
    ),
    Column("indicator_source", "VARCHAR", "Where the figure comes from."),
    # how sure the count of people is
    Column(
        "script",
        "VARCHAR",
        "Script of names as written (Latin, Thai, Lao, Khmer, Myanmar); ALL where a line holds every one.",
    ),
    Column("people_found", "BIGINT", "Different people as the linkage tells them apart.", unit="people"),
    Column("low", "BIGINT", "Lowest number of people that the errors to be expected leave open.", unit="people"),
    Column("high", "BIGINT", "Highest number of people that the errors to be expected leave open.", unit="people"),
    Column(
        "expected_false_merges",
        "DOUBLE",
        "People too few to be expected in people_found: two taken for one.",
        unit="people",
    ),
    Column(
        "expected_misses",
        "DOUBLE",
        "People too many to be expected in people_found: one taken for two.",
        unit="people",
    ),
    # the follow-up survey
    Column("response_id", "VARCHAR", "Opaque id of one respondent's answers in one round."),
    Column("survey_round", "VARCHAR", "Round of the survey; 1 is the one five months after the training."),
    Column(
        "link_status",
        "VARCHAR",
        "Whether the trainee who answered was found; trainee_id is NULL where not.",
        choices=("linked", "ambiguous", "not_found", "duplicate"),
    ),
    Column("first_training_quarter", "VARCHAR", "Quarter of the respondent's first training, e.g. 2021-Q2."),
    Column("interview_date", "DATE", "Day of the interview."),
    Column(
        "customer_engagement_increased",
        "BOOLEAN",
        "Engagement with customers has increased since the training; NULL not asked or not stated.",
    ),
    Column(
        "moved_business_online",
        "BOOLEAN",
        "The business, or part of it, has moved online since the training; NULL not asked or not stated.",
    ),
    Column(
        "business_kept_running",
        "BOOLEAN",
        "The training helped to keep the business running; NULL not asked or not stated.",
    ),
    Column(
        "found_work_within_two_months",
        "BOOLEAN",
        "Found work in two months or less after the training; NULL not asked or not stated.",
    ),
    Column(
        "found_work_through_training",
        "BOOLEAN",
        "Found work as a result of the training; NULL not asked or not stated.",
    ),
    Column("respondents", "BIGINT", "People interviewed whom the question was for.", unit="people"),
    Column("share_unweighted", "DOUBLE", "people of the denominator; NULL where it is nobody.", unit="share, 0 to 1"),
    Column("unweighted_low", "DOUBLE", "Lower end of Wilson's 95 % interval.", unit="share, 0 to 1"),
    Column("unweighted_high", "DOUBLE", "Upper end of Wilson's 95 % interval.", unit="share, 0 to 1"),
    Column(
        "share_weighted",
        "DOUBLE",
        "Share after post-stratification to the people trained; NULL without answers that can be weighted.",
        unit="share, 0 to 1",
    ),
    Column(
        "weighted_low",
        "DOUBLE",
        "Lower end of the 95 % interval of the weighted share: linearised variance, Wilson's at the effective number "
        "of answers; that of the unweighted share where all answers agree.",
        unit="share, 0 to 1",
    ),
    Column("weighted_high", "DOUBLE", "Upper end of the interval that weighted_low begins.", unit="share, 0 to 1"),
    Column(
        "design_effect",
        "DOUBLE",
        "Variance of the weighted share over that of a simple random sample of as many; NULL where nothing varies.",
    ),
    Column("effective_answers", "DOUBLE", "Weighted answers over the design effect.", unit="people"),
    Column("cells_used", "BIGINT", "Weighting cells that the line's answers stand in.", unit="cells"),
    Column(
        "cells_collapsed",
        "BIGINT",
        "Cells of country and sex that were collapsed into those of this line, beyond the cells used.",
        unit="cells",
    ),
    # what changed since an earlier release
    Column(
        "baseline",
        "VARCHAR",
        "The release that this one is set against: previous, the one readers had before; or frozen: and its label.",
    ),
    Column("baseline_release", "INTEGER", "Number of the release that this one is set against."),
    Column("figure_before", "BIGINT", "The figure in the earlier release: people, or attendances (participations)."),
    Column("figure_after", "BIGINT", "The figure in this release: people, or attendances (participations)."),
    Column("difference", "BIGINT", "The figure in this release, less the earlier one."),
    Column("by_new_delivery", "BIGINT", "Part of the difference: rows of deliveries that had not been there."),
    Column(
        "by_corrected_delivery",
        "BIGINT",
        "Part of the difference: rows that a correction brought, changed or took away, or that were withdrawn.",
    ),
    Column(
        "by_contract", "BIGINT", "Part of the difference: rows read again because their partner's contract changed."
    ),
    Column(
        "by_programme_rules",
        "BIGINT",
        "Part of the difference: rows read again under other rules of the programme, and another band of youth.",
    ),
    Column(
        "by_identity_merge",
        "BIGINT",
        "Part of the difference: people found to be one by the linkage, from what partners sent.",
    ),
    Column(
        "by_identity_split",
        "BIGINT",
        "Part of the difference: people found to be two by the linkage, from what partners sent.",
    ),
    Column(
        "by_judgement",
        "BIGINT",
        "Part of the difference: people brought together or told apart by somebody's judgement, or by its end.",
    ),
    Column(
        "by_model",
        "BIGINT",
        "Part of the difference: people brought together or told apart by other weights or code of the linkage.",
    ),
    Column(
        "by_program",
        "BIGINT",
        "Part of the difference: rows read, or figures counted, otherwise by another version of the program.",
    ),
    Column(
        "by_unrecorded",
        "BIGINT",
        "The whole difference, where no record was kept of what the earlier release was made of.",
    ),
    # what was officially reported
    Column("frozen_label", "VARCHAR", "Name under which a release was frozen as officially reported."),
    Column("frozen_date", "DATE", "Day on which it was frozen, UTC."),
    Column("figure_reported", "BIGINT", "The figure as reported: people, or attendances (participations)."),
    Column("figure_now", "BIGINT", "The same figure in this release."),
    # the release
    Column("release_number", "INTEGER", "Number of the release, counted from 1."),
    Column("built_at", "TIMESTAMP", "When the release was built, UTC."),
    Column("input_hash", "VARCHAR", "Hash of deliveries, contracts, rules, decisions and model that went in."),
    Column("model_version", "VARCHAR", "Version of the matching model."),
    Column("code_version", "VARCHAR", "Version of the program that built the release."),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _ALL}

# what becomes of a delivery's rows: the first is the sum of the others
ROW_COUNTS = ("rows_in", "rows_accepted", "rows_rejected", "rows_superseded", "rows_repeated", "rows_structural")

# The columns of one accepted training record, in order: the border between "theirs" and "ours".
TRAINING_LOG_COLUMNS = (
    "record_id",
    "delivery_id",
    "partner_id",
    "country_code",
    "sheet",
    "row_number",
    "source_id",
    "full_name",
    "surname",
    "given_name",
    "middle_name",
    "name_suffix",
    "latin_name",
    "honorific",
    "sex",
    "birth_date",
    "birth_earliest",
    "birth_latest",
    "age_low",
    "age_high",
    "phones",
    "email",
    "national_id",
    "national_id_status",
    "member_id",
    "province",
    "district",
    "address",
    "postcode",
    "trainee_type",
    "has_disability",
    "is_indigenous",
    "is_rural",
    "course_code",
    "training_date",
    "hours",
    "flags",
)
