"""The vault's tables of the follow-up survey; private, like everything about people."""

from schemas.columns import ROW_COUNTS
from schemas.survey_columns import SURVEY_ROW_COLUMNS

_ROW_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in SURVEY_ROW_COLUMNS.items())
SURVEY_DDL = f"""
CREATE TABLE IF NOT EXISTS survey_delivery (
    delivery_id VARCHAR PRIMARY KEY, survey_id VARCHAR NOT NULL, country_code VARCHAR NOT NULL,
    survey_round VARCHAR NOT NULL, name VARCHAR NOT NULL, revision INTEGER NOT NULL, date_received DATE NOT NULL,
    pulled_at TIMESTAMP NOT NULL, is_sample BOOLEAN NOT NULL, content_hash VARCHAR NOT NULL,
    reading_hash VARCHAR NOT NULL, outcome VARCHAR NOT NULL, error_code VARCHAR, error_message VARCHAR,
    header VARCHAR, {", ".join(f"{name} INTEGER NOT NULL" for name in ROW_COUNTS)},
    CHECK (rows_in = rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural)
);
CREATE TABLE IF NOT EXISTS survey_row ({_ROW_COLUMNS}, disposition VARCHAR);
CREATE TABLE IF NOT EXISTS survey_link (
    record_id VARCHAR NOT NULL, response_id VARCHAR NOT NULL, trainee_id VARCHAR, link_status VARCHAR NOT NULL,
    candidate_trainee_id VARCHAR, probability DOUBLE, margin_bits DOUBLE
);
CREATE TABLE IF NOT EXISTS survey_link_state (made_from VARCHAR NOT NULL);
"""
