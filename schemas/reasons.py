"""The closed list of reasons for which a row is rejected, and of remarks a row can carry.

remedies.yml says, in every language, what the partner should do about each of them. The schemas training_log.py and
survey_response.py hold the rule of each reason.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a row does not count."""

    BLANK_LINE = "blank_line"
    COLUMN_SHIFT = "column_shift"
    ORPHAN_ROW = "orphan_row"
    REFUSED_AT_SOURCE = "refused_at_source"
    UNKNOWN_STATE = "unknown_state"
    MISSING_NAME = "missing_name"
    BIRTH_DATE_IMPOSSIBLE = "birth_date_impossible"
    BIRTH_AFTER_TRAINING = "birth_after_training"
    AGE_UNREADABLE = "age_unreadable"
    AGE_BELOW_MINIMUM = "age_below_minimum"
    AGE_ABOVE_MAXIMUM = "age_above_maximum"
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


# reasons of a row as a whole: no value of such a row can be judged, so no other reason is named with these
WHOLE_ROW = (Reason.BLANK_LINE, Reason.COLUMN_SHIFT)


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
