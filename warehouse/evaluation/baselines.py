"""The baselines of an evaluation: nobody linked, two exact rules, and Splink as its tutorial configures it.

Each returns clusters of the same accepted records. The tutorial's blocking has no cap, so it runs in a process of its
own with limits of memory and time, and reports if it was stopped.
"""

import logging
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import duckdb
import pandas as pd

NOBODY, NAME_BIRTH, PHONE, TUTORIAL = "nobody linked", "same name and birth date", "same phone", "Splink's tutorial"
# the tutorial clusters at a probability of 0.95 and predicts from 0.1 on
TUTORIAL_THRESHOLD = 0.95
_PREDICTED_FROM = 0.1
# the recall that the tutorial assumes for its deterministic rules, and its number of random pairs
_SURE_RECALL = 0.7
_RANDOM_PAIRS = 2e6
# columns that the tutorial's settings read, made of TRAINING_LOG_COLUMNS
_TUTORIAL_COLUMNS = ("record_id", "full_name", "birth_date", "phone", "district", "email")
# memory of the process in addition to the database's limit: Python and its libraries
_PROCESS_GIGABYTES = 4


@dataclass(frozen=True)
class Bounded:
    """The result of a run with limits: clusters (record_id -> label), or in `ended` why it was stopped.

    seconds: elapsed time; megabytes: the largest memory of the process (0 if it was killed).
    """

    clusters: "pd.Series[str] | None"
    ended: str
    seconds: float
    megabytes: float


def nobody_linked(records: pd.DataFrame) -> "pd.Series[str]":
    """Return every record as a person of its own."""
    return pd.Series(records["record_id"].to_numpy(), index=records["record_id"].to_numpy())


def same_name_and_birth(records: pd.DataFrame) -> "pd.Series[str]":
    """Return clusters of records with the same name (case aside) and the same full birth date, both stated."""
    name = records["full_name"].astype("str").str.casefold()
    birth = pd.to_datetime(records["birth_date"]).dt.strftime("%Y-%m-%d")
    return _grouped(records, name + "\x1f" + birth)


def same_phone(records: pd.DataFrame) -> "pd.Series[str]":
    """Return clusters of records with the same phone, the one written first."""
    return _grouped(records, _first_phone(records))


def _first_phone(records: pd.DataFrame) -> "pd.Series[str]":
    # pandas gives an empty column no text type
    return records["phones"].astype("str").str.extract(r"(\S+)", expand=False)


def _grouped(records: pd.DataFrame, key: "pd.Series[str]") -> "pd.Series[str]":
    label = key.where(key.notna() & (key != ""), records["record_id"])
    return pd.Series(label.to_numpy(), index=records["record_id"].to_numpy())


def tutorial_clusters(
    records: pd.DataFrame, *, seed: int = 1, memory_limit: str = "2GB", threads: int = 2
) -> "pd.Series[str]":
    """Return clusters as Splink 5's tutorial makes them, without tuning: record_id -> label.

    From the tutorial: comparisons (the name by Jaro-Winkler, the date within one letter, the town with term
    frequencies, the e-mail), blocking rules, estimates (deterministic rules with a recall of 0.7, u of two million
    random pairs, m by expectation maximisation on the name and on the birth date) and the threshold 0.95. Different:
    first and last name are one full name, because partners write them in any order; the phone, which the tutorial's
    data lack, is compared exactly, with term frequencies.

    Args:
        records: TRAINING_LOG_COLUMNS.
        seed: Of the random pairs.
        memory_limit: The database's limit; nothing spills to a disk.
        threads: The database's threads.

    Raises:
        duckdb.Error, SplinkException: the limit was reached, or the records are too few to be estimated from.
    """
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=[
            cl.NameComparison("full_name"),
            cl.LevenshteinAtThresholds("birth_date", 1),
            cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
            cl.ExactMatch("district").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("full_name"),
            block_on("phone"),
            block_on("birth_date", "district"),
        ],
    )
    with duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": threads}) as con:
        # no spilling to disk: people's data must not be in an unprotected folder
        con.execute("SET temp_directory = ''")
        con.register("given", _tutorial_frame(records))
        con.execute(f"CREATE TABLE trainee AS SELECT {', '.join(_TUTORIAL_COLUMNS)} FROM given ORDER BY record_id")
        linker = Linker(DuckDBAPI(connection=con).register("trainee"), settings, log_level=logging.ERROR)
        sure: list[Any] = [block_on("full_name", "birth_date"), block_on("full_name", "phone"), block_on("email")]
        linker.training.estimate_probability_two_random_records_match(sure, recall=_SURE_RECALL)
        linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=seed)
        for rule in (block_on("full_name"), block_on("birth_date")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        predicted = linker.inference.predict(threshold_match_probability=_PREDICTED_FROM, warning_mode="never")
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=TUTORIAL_THRESHOLD
        )
        rows = con.execute(f"SELECT record_id, cluster_id FROM {found.physical_name} ORDER BY record_id").df()
    return pd.Series(rows["cluster_id"].to_numpy(), index=rows["record_id"].to_numpy())


def _tutorial_frame(records: pd.DataFrame) -> pd.DataFrame:
    made = records.assign(
        full_name=records["full_name"].astype("str").str.lower(),
        birth_date=pd.to_datetime(records["birth_date"]).dt.strftime("%Y-%m-%d"),
        phone=_first_phone(records),
        district=records["district"].astype("str").str.lower(),
    )[list(_TUTORIAL_COLUMNS)]
    return made.astype("object").where(made.notna() & (made != ""), None)


def run_tutorial(
    records: pd.DataFrame, *, gigabytes: int = 4, seconds: float = 600, seed: int = 1, threads: int = 2
) -> Bounded:
    """Run `tutorial_clusters` in a process of its own, with limits of memory and time.

    Args:
        records: TRAINING_LOG_COLUMNS.
        gigabytes: Memory of the database.
        seconds: After which the process is stopped.
        seed: Of the random pairs.
        threads: The database's threads.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_tutorial_process, args=(there, gigabytes, seed, threads), daemon=True)
    start = time.monotonic()
    process.start()
    there.close()
    needed = records[["record_id", "full_name", "birth_date", "phones", "district", "email"]]
    try:
        # a pipe, not a file: a killed process leaves no people's data behind
        here.send(needed.reset_index(drop=True))
        if here.poll(seconds):
            clusters, ended, megabytes = here.recv()
        else:
            clusters, ended, megabytes = None, f"stopped after {seconds:,g} s", 0.0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        clusters, ended, megabytes = None, "the process ended without a result; probably it had too little memory", 0.0
    finally:
        process.kill()
        process.join()
        here.close()
    return Bounded(clusters, ended, time.monotonic() - start, megabytes)


def _tutorial_process(pipe: Connection, gigabytes: int, seed: int, threads: int) -> None:
    from splink.internals.exceptions import SplinkException

    bound = (gigabytes + _PROCESS_GIGABYTES) << 30
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
    records = pipe.recv()
    clusters, ended = None, ""
    try:
        clusters = tutorial_clusters(records, seed=seed, memory_limit=f"{gigabytes}GB", threads=threads)
    except (duckdb.Error, ArithmeticError, MemoryError, SplinkException, ValueError) as error:
        ended = _why(error, gigabytes)
    pipe.send((clusters, ended, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _why(error: Exception, gigabytes: int) -> str:
    """Return why the run failed, without the text of the error, which can contain a person's data."""
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
        return f"out of memory at {gigabytes} GB"
    return f"cannot be estimated from these records ({type(error).__name__})"
