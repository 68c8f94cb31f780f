"""The tables of a release: grain, key and columns. Columns themselves are described in `columns`."""

from dataclasses import dataclass

from schemas.columns import COLUMNS, Column


@dataclass(frozen=True)
class Table:
    """One published table; `key` is unique and never NULL."""

    name: str
    description: str
    key: tuple[str, ...]
    column_names: tuple[str, ...]
    # columns that say when something ran: left out of the content hash
    volatile: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in order, with their descriptions."""
        return tuple(COLUMNS[name] for name in self.column_names)


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
    ),
    Table(
        "core_attendance",
        "One row per person and training attended.",
        (),
        ("trainee_id", "partner_id", "country_code", "course_code", "training_date", "hours"),
    ),
    Table(
        "core_partner",
        "One row per partner with a contract.",
        ("partner_id",),
        ("partner_id", "country_code", "partner_name", "delivery_kind"),
    ),
    Table("core_course", "The programme's course catalogue.", ("course_code",), ("course_code", "course_title")),
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
            "outcome",
            "error_code",
            "rows_in",
            "rows_accepted",
            "rows_rejected",
            "rows_superseded",
            "rows_repeated",
            "rows_structural",
        ),
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
    ),
    Table(
        "release",
        "One row: which release this is and what went into it.",
        ("release_number",),
        ("release_number", "built_at", "input_hash", "model_version", "code_version"),
        volatile=("release_number", "built_at", "code_version"),
    ),
)
