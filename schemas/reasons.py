"""The closed list of reasons for which a row is rejected, and of remarks a row can carry.

A reason tells the partner which column is wrong and what to write instead; a remark is accepted and counted.
"""

from dataclasses import dataclass
from enum import StrEnum

from schemas.programme import Programme


class Reason(StrEnum):
    """Why a row does not count."""

    BLANK_LINE = "blank_line"
    COLUMN_SHIFT = "column_shift"
    ORPHAN_ROW = "orphan_row"
    MISSING_NAME = "missing_name"
    BIRTH_DATE_IMPOSSIBLE = "birth_date_impossible"
    BIRTH_AFTER_TRAINING = "birth_after_training"
    AGE_UNREADABLE = "age_unreadable"
    AGE_UNDER_15 = "age_under_15"
    AGE_OVER_100 = "age_over_100"
    MISSING_TRAINING_DATE = "missing_training_date"
    TRAINING_DATE_IMPOSSIBLE = "training_date_impossible"
    TRAINING_DATE_OUT_OF_PROGRAMME = "training_date_out_of_programme"
    MISSING_COURSE = "missing_course"
    UNKNOWN_COURSE = "unknown_course"
    UNKNOWN_WORD = "unknown_word"
    HOURS_NEGATIVE = "hours_negative"
    HOURS_IMPOSSIBLE = "hours_impossible"
    # of a row of the follow-up survey
    MISSING_RESPONDENT_CODE = "missing_respondent_code"
    RESPONDENT_CODE_REPEATED = "respondent_code_repeated"
    MISSING_TRAINEE_TYPE = "missing_trainee_type"
    INTERVIEW_DATE_IMPOSSIBLE = "interview_date_impossible"
    INTERVIEW_BEFORE_TRAINING = "interview_before_training"


class Flag(StrEnum):
    """What is odd about an accepted row; it counts, and somebody should look."""

    ERA_SLIP = "era_slip"
    PHONE_UNUSABLE = "phone_unusable"
    ID_UNUSABLE = "id_unusable"
    EMAIL_UNUSABLE = "email_unusable"
    AGE_DISAGREES = "age_disagrees"
    DATE_AMBIGUOUS = "date_ambiguous"
    CORRECTED = "corrected"
    ANSWER_NOT_ASKED = "answer_not_asked"


@dataclass(frozen=True)
class Remedy:
    """The canonical column a reason is about (None: the whole row) and what the partner should do."""

    column: str | None
    sentence: str


def remedies(programme: Programme) -> dict[Reason, Remedy]:
    """Return column and sentence for every reason; the programme's bounds are written out in words."""
    days = f"{programme.first_day.isoformat()} and {programme.last_day.isoformat()}"
    return {
        Reason.BLANK_LINE: Remedy(None, "The row is empty. Delete it, or fill it in."),
        Reason.COLUMN_SHIFT: Remedy(
            None,
            "The values have slipped into neighbouring columns. Move each value back under its heading.",
        ),
        Reason.ORPHAN_ROW: Remedy(
            "source_id",
            "No submission has this key. Send the parent file that holds it, or correct the key.",
        ),
        Reason.MISSING_NAME: Remedy("full_name", "The name is missing. Write the trainee's full name."),
        Reason.BIRTH_DATE_IMPOSSIBLE: Remedy(
            "birth_date",
            "This day does not exist. Write the birth date as it stands on the identity document.",
        ),
        Reason.BIRTH_AFTER_TRAINING: Remedy(
            "birth_date",
            "The birth date lies after the training. Check both dates and correct the wrong one.",
        ),
        Reason.AGE_UNREADABLE: Remedy(
            "age", "The age cannot be read. Write completed years as a number, or a band such as 25-34."
        ),
        Reason.AGE_UNDER_15: Remedy(
            "birth_date",
            f"The trainee would be younger than {programme.age_minimum} on the day of the training. "
            "Check the birth date or age.",
        ),
        Reason.AGE_OVER_100: Remedy(
            "birth_date",
            f"The trainee would be older than {programme.age_maximum} on the day of the training. "
            "Check the birth date or age.",
        ),
        Reason.MISSING_TRAINING_DATE: Remedy(
            "training_date", "The training date is missing. Write the day of the training."
        ),
        Reason.TRAINING_DATE_IMPOSSIBLE: Remedy(
            "training_date", "This day does not exist. Write the day on which the training took place."
        ),
        Reason.TRAINING_DATE_OUT_OF_PROGRAMME: Remedy(
            "training_date", f"The training date must lie between {days}. Check the year."
        ),
        Reason.MISSING_COURSE: Remedy("course_code", "The course is missing. Write the course code."),
        Reason.UNKNOWN_COURSE: Remedy(
            "course_code",
            f"This course is not in the catalogue. Use one of {', '.join(sorted(programme.courses))}.",
        ),
        Reason.UNKNOWN_WORD: Remedy(None, "This word is not one of those agreed for the column. Use one of them."),
        Reason.HOURS_NEGATIVE: Remedy("hours", "Hours cannot be negative. Write the hours attended."),
        Reason.HOURS_IMPOSSIBLE: Remedy(
            "hours",
            f"The hours cannot be read or exceed {programme.hours_maximum:g}. Write the hours attended as a number.",
        ),
        Reason.MISSING_RESPONDENT_CODE: Remedy(
            "respondent_code", "The respondent's code is missing. Write the code under which the interview was held."
        ),
        Reason.RESPONDENT_CODE_REPEATED: Remedy(
            "respondent_code",
            "Rows with different answers bear this code. Give every respondent a code of their own, or delete the "
            "row that does not hold.",
        ),
        Reason.MISSING_TRAINEE_TYPE: Remedy(
            "trainee_type", "The type is missing. Write whether the respondent is an owner or a job seeker."
        ),
        Reason.INTERVIEW_DATE_IMPOSSIBLE: Remedy(
            "interview_date", "This day does not exist. Write the day of the interview."
        ),
        Reason.INTERVIEW_BEFORE_TRAINING: Remedy(
            "interview_date", "The interview lies before the training. Check both dates and correct the wrong one."
        ),
    }
