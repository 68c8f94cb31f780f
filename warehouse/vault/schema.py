"""All tables of the vault, and the steps that upgrade an older vault."""

from collections.abc import Mapping

from schemas.columns import COLUMNS, ROW_COUNTS, TRAINING_LOG_COLUMNS
from schemas.survey_columns import SURVEY_ROW_COLUMNS
from warehouse.vault.linkage_tables import NODE_COLUMNS, SOURCE_COLUMNS

SCHEMA_VERSION = 7


def _columns(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())


HOLD_DDL = """
CREATE TABLE IF NOT EXISTS hold_release (
    delivery_id VARCHAR PRIMARY KEY, released_by VARCHAR NOT NULL, released_at TIMESTAMP NOT NULL, why VARCHAR NOT NULL
);
"""

RUN_DDL = """
CREATE TABLE IF NOT EXISTS run (
    run_id VARCHAR PRIMARY KEY, run_kind VARCHAR NOT NULL, countries VARCHAR NOT NULL, pid INTEGER NOT NULL,
    started_at TIMESTAMP NOT NULL, ended_at TIMESTAMP, run_outcome VARCHAR NOT NULL, release_number INTEGER,
    deliveries_read INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,
    warnings INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS run_stage (
    run_id VARCHAR NOT NULL, place INTEGER NOT NULL, stage VARCHAR NOT NULL, seconds DOUBLE NOT NULL,
    rows BIGINT NOT NULL, bytes BIGINT NOT NULL, PRIMARY KEY (run_id, stage)
);
"""

# one row of trainee_alias per retired id; no PRIMARY KEY there, because DuckDB refuses to bring back a key that was
# deleted in the same transaction
REGISTER_DDL = """
CREATE TABLE IF NOT EXISTS register (
    record_id VARCHAR PRIMARY KEY, trainee_id VARCHAR NOT NULL, founding_order VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS trainee_alias (
    retired_id VARCHAR NOT NULL, surviving_id VARCHAR NOT NULL, release_number INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_event (
    event_id VARCHAR, release_number INTEGER NOT NULL, event VARCHAR NOT NULL, trainee_id VARCHAR NOT NULL,
    other_trainee_id VARCHAR, records INTEGER NOT NULL, cause VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_event_record (
    event_id VARCHAR NOT NULL, record_id VARCHAR NOT NULL, side VARCHAR NOT NULL, trainee_before VARCHAR NOT NULL
);
"""

# judgement_applied: what held when the register was last brought up to date, so that a change can be told from it.
# undone_for is the group of judgements in whose favour one was taken back; it comes back with their end
JUDGEMENT_DDL = """
CREATE TABLE IF NOT EXISTS judgement (
    judgement_id VARCHAR NOT NULL, group_id VARCHAR NOT NULL,
    record_id_a VARCHAR NOT NULL, record_id_b VARCHAR NOT NULL, verdict VARCHAR NOT NULL,
    judged_by VARCHAR NOT NULL, judged_at TIMESTAMP NOT NULL, why VARCHAR NOT NULL, origin VARCHAR NOT NULL,
    undoes VARCHAR, undone_at TIMESTAMP, undone_by VARCHAR, undone_why VARCHAR, undone_for VARCHAR,
    CHECK (record_id_a < record_id_b)
);
CREATE TABLE IF NOT EXISTS judgement_applied (
    record_id_a VARCHAR NOT NULL, record_id_b VARCHAR NOT NULL, verdict VARCHAR NOT NULL
);
"""

# no keys: rows are replaced within one transaction, where DuckDB would refuse a key that was just deleted
LINKAGE_DDL = f"""
CREATE TABLE IF NOT EXISTS identity_record (
    record_id VARCHAR NOT NULL, node_id UBIGINT NOT NULL, source_hash UBIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_node (node_id UBIGINT NOT NULL, {_columns(NODE_COLUMNS)});
CREATE TABLE IF NOT EXISTS identity_key (node_id UBIGINT NOT NULL, key UBIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS identity_edge (
    node_id_l UBIGINT NOT NULL, node_id_r UBIGINT NOT NULL, match_weight DOUBLE NOT NULL, household BOOLEAN NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_cluster (
    node_id UBIGINT NOT NULL, cluster UBIGINT NOT NULL, component UBIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_judged (node_id UBIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS identity_state (made_by VARCHAR NOT NULL);
"""

# how sure the count of people is, per country and script; filled by warehouse.identity.calibration
QUALITY_DDL = """
CREATE TABLE IF NOT EXISTS identity_quality (
    country_code VARCHAR NOT NULL, script VARCHAR NOT NULL, people_found BIGINT NOT NULL, low BIGINT NOT NULL,
    high BIGINT NOT NULL, expected_false_merges DOUBLE NOT NULL, expected_misses DOUBLE NOT NULL
);
"""


SURVEY_DDL = f"""
CREATE TABLE IF NOT EXISTS survey_delivery (
    delivery_id VARCHAR PRIMARY KEY, survey_id VARCHAR NOT NULL, country_code VARCHAR NOT NULL,
    survey_round VARCHAR NOT NULL, name VARCHAR NOT NULL, revision INTEGER NOT NULL, date_received DATE NOT NULL,
    pulled_at TIMESTAMP NOT NULL, is_sample BOOLEAN NOT NULL, content_hash VARCHAR NOT NULL,
    reading_hash VARCHAR NOT NULL, outcome VARCHAR NOT NULL, error_code VARCHAR, error_message VARCHAR,
    header VARCHAR, {", ".join(f"{name} INTEGER NOT NULL" for name in ROW_COUNTS)},
    CHECK (rows_in = rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural)
);
CREATE TABLE IF NOT EXISTS survey_row ({_columns(SURVEY_ROW_COLUMNS)}, disposition VARCHAR);
CREATE TABLE IF NOT EXISTS survey_link (
    record_id VARCHAR NOT NULL, response_id VARCHAR NOT NULL, trainee_id VARCHAR, link_status VARCHAR NOT NULL,
    candidate_trainee_id VARCHAR, probability DOUBLE, margin_bits DOUBLE
);
CREATE TABLE IF NOT EXISTS survey_link_state (made_from VARCHAR NOT NULL);
"""

# one row per record_id: accepted records, and superseded ones as witnesses, which count for nothing but let a person
# whose name was put right keep the id. founding_order says which record of a person is the oldest
RECORD_VIEW = f"""
CREATE OR REPLACE VIEW linkage_record AS
WITH chosen AS (
    SELECT record.record_id,
           arg_min(record.rowid, ROW(record.disposition <> 'accepted', -epoch(delivery.date_received), record.ordinal,
                                     record.delivery_id)) AS place,
           min(delivery.date_received) AS first_received
    FROM record JOIN delivery USING (delivery_id)
    WHERE NOT delivery.is_sample OR delivery.outcome <> 'superseded'
    GROUP BY record.record_id
)
SELECT record.record_id, {", ".join(f"record.{name}" for name in SOURCE_COLUMNS)},
       strftime(chosen.first_received, '%Y-%m-%d') || ' ' || record.record_id AS founding_order
FROM record JOIN chosen ON record.rowid = chosen.place AND record.record_id = chosen.record_id
"""

VAULT_DDL = f"""
CREATE TABLE IF NOT EXISTS vault_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS partner (
    partner_id VARCHAR PRIMARY KEY, country_code VARCHAR NOT NULL, partner_name VARCHAR NOT NULL,
    delivery_kind VARCHAR NOT NULL, contract_hash VARCHAR NOT NULL, due_days INTEGER DEFAULT 15,
    delivery_every VARCHAR, duplicate_share_max DOUBLE DEFAULT 0.5
);
CREATE TABLE IF NOT EXISTS course (course_code VARCHAR PRIMARY KEY, course_title VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS landed_file (
    partner_id VARCHAR NOT NULL, country_code VARCHAR NOT NULL, file_name VARCHAR NOT NULL,
    source VARCHAR NOT NULL, is_sample BOOLEAN NOT NULL, date_received DATE NOT NULL, size BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL, landed_path VARCHAR NOT NULL, pulled_at TIMESTAMP NOT NULL,
    is_return BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (partner_id, source, file_name, sha256)
);
CREATE TABLE IF NOT EXISTS sighting (
    partner_id VARCHAR NOT NULL, source VARCHAR NOT NULL, file_name VARCHAR NOT NULL, version VARCHAR,
    size BIGINT NOT NULL, sha256 VARCHAR NOT NULL, date_received DATE NOT NULL,
    PRIMARY KEY (partner_id, source, file_name)
);
CREATE TABLE IF NOT EXISTS delivery (
    delivery_id VARCHAR PRIMARY KEY, partner_id VARCHAR NOT NULL, country_code VARCHAR NOT NULL,
    delivery_kind VARCHAR NOT NULL, name VARCHAR NOT NULL, period VARCHAR, revision INTEGER NOT NULL,
    date_received DATE NOT NULL, pulled_at TIMESTAMP NOT NULL, is_sample BOOLEAN NOT NULL,
    content_hash VARCHAR NOT NULL,
    reading_hash VARCHAR NOT NULL, outcome VARCHAR NOT NULL, error_code VARCHAR, error_message VARCHAR,
    header VARCHAR, {", ".join(f"{name} INTEGER NOT NULL" for name in ROW_COUNTS)},
    CHECK (rows_in = rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural)
);
CREATE TABLE IF NOT EXISTS record (
    {_columns({name: COLUMNS[name].type for name in TRAINING_LOG_COLUMNS})},
    ordinal INTEGER, content_id VARCHAR, file VARCHAR, disposition VARCHAR
);
CREATE TABLE IF NOT EXISTS rejected_row (
    delivery_id VARCHAR, partner_id VARCHAR, country_code VARCHAR, file VARCHAR, sheet VARCHAR,
    row_number INTEGER, source_id VARCHAR, record_id VARCHAR, reasons VARCHAR, cells VARCHAR,
    ordinal INTEGER, content_id VARCHAR, disposition VARCHAR
);
CREATE TABLE IF NOT EXISTS returned_row (
    delivery_id VARCHAR, partner_id VARCHAR, country_code VARCHAR, ordinal INTEGER, corrects VARCHAR, act VARCHAR
);
{HOLD_DDL}
{RUN_DDL}
{REGISTER_DDL}
{JUDGEMENT_DDL}
{LINKAGE_DDL}
{QUALITY_DDL}
{SURVEY_DDL}
{RECORD_VIEW}
"""


# from a version to the next; then VAULT_DDL makes what is not there yet
UPGRADES = {
    1: """
    ALTER TABLE identity_event ADD COLUMN event_id VARCHAR;
    UPDATE identity_event SET event_id = 'e' || (rowid + 1);
    """,
    # the contracts say it at the next run
    2: """
    ALTER TABLE partner ADD COLUMN IF NOT EXISTS due_days INTEGER DEFAULT 15;
    """,
    # the next run reads every delivery and links every record anew, as after any change of the program; until then
    # nobody has an address
    3: """
    ALTER TABLE record ADD COLUMN IF NOT EXISTS address VARCHAR;
    ALTER TABLE record ADD COLUMN IF NOT EXISTS postcode VARCHAR;
    ALTER TABLE IF EXISTS identity_node ADD COLUMN IF NOT EXISTS address_numbers VARCHAR DEFAULT '';
    ALTER TABLE IF EXISTS identity_node ADD COLUMN IF NOT EXISTS address_letters VARCHAR DEFAULT '';
    ALTER TABLE IF EXISTS identity_node ADD COLUMN IF NOT EXISTS postcode VARCHAR DEFAULT '';
    """,
    # a file that landed before workbooks went back is none that came back
    4: "ALTER TABLE landed_file ADD COLUMN IF NOT EXISTS is_return BOOLEAN DEFAULT FALSE;",
    # what was seen at a source is first remembered by the next pull
    5: "DROP TABLE IF EXISTS sighting;",
    # runs and decisions about held deliveries begin here; the contracts say the rest at the next run
    6: """
    ALTER TABLE partner ADD COLUMN IF NOT EXISTS delivery_every VARCHAR;
    ALTER TABLE partner ADD COLUMN IF NOT EXISTS duplicate_share_max DOUBLE DEFAULT 0.5;
    """,
}
