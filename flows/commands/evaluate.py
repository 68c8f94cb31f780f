"""`godigital identity train` and `godigital identity evaluate`: plain functions that `identity_app` registers."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from flows.commands.options import Data, Raw, existing_vault, fail, settings_of
from flows.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.evaluation.measures import Scores
    from warehouse.evaluation.report import Method, Report
    from warehouse.evaluation.train import Quality, Training

PAGE_NAME = "identity-evaluation.html"
TRUTH_FORMAT = """
A folder of truth holds records.parquet, a row per row as partners sent it: file (path as delivered, or its end), row
(1-based, as a spreadsheet shows it, the heading counted) or source_id (KoboToolbox _id), person_id, and where there
are any sheet, record_uid (one attendance, the same in every delivery), kind (anything but `record` is a sub-total or
a footer) and valid. Three files may stand beside it: people.parquet (person_id, relation: twin, sibling, spouse,
namesake, pair_group), pairs.parquet (record_a, record_b by record_uid, kind) and totals.json (overall.people,
by_country_attended.<country>.people).
"""
EVALUATE_EXAMPLES = f"""
Examples:

  godigital identity evaluate --truth truth

  godigital identity evaluate --truth truth --page evaluation.html --json

{TRUTH_FORMAT}
"""
TRAIN_EXAMPLES = f"""
Examples:

  godigital identity train --truth truth --out model.json

  godigital identity train --labels labels.csv --out model.json --version 2021.1 --seed 2

{TRUTH_FORMAT}
"""
TruthFolder = Annotated[Path, typer.Option("--truth", help="Folder of truth; see below.", show_default=False)]
Seed = Annotated[int, typer.Option("--seed", help="Of the split by person, and of every sample.")]
Share = Annotated[float, typer.Option("--share", min=0.01, max=0.99, help="Share of the people that is trained on.")]


def train(
    out: Annotated[Path, typer.Option("--out", help="Model file (JSON) to write.", show_default=False)],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder of truth; see below.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="CSV or Parquet of record_id and person_id, instead of --truth."),
    ] = None,
    version: Annotated[str, typer.Option("--version", help="Name of the model.")] = "trained",
    seed: Seed = 1,
    share: Share = 0.5,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Train the weights of the linkage on accepted rows whose person is known, and write them to a file.

    The committed weights stay as they are: review the file, then copy it over
    warehouse/identity/linkage/match_model.json.
    """
    from warehouse.evaluation.train import model_json
    from warehouse.evaluation.train import train as train_model
    from warehouse.evaluation.truth import TruthError, join_labels, join_truth, read_labels, read_truth
    from warehouse.identity.linkage.model import MODEL_FILE
    from warehouse.storage import files

    if (truth is None) == (labels is None):
        fail("give either --truth or --labels: where it is said who is who")
    if out.resolve() == MODEL_FILE.resolve():
        fail(f"{out}: these are the committed weights; write to another file, review it, then copy it here")
    settings = settings_of(raw, data)
    accepted = _accepted(settings, "train")
    try:
        known = (
            join_truth(accepted, read_truth(truth)) if truth else join_labels(accepted, read_labels(cast(Path, labels)))
        )
    except TruthError as error:
        fail(str(error))
    records = known.records.drop(columns=["record_uid", "trainee_id"])
    trained = train_model(
        records,
        version=version,
        trained_on=f"{share:.0%} of {records['person_id'].nunique():,} people, {len(records):,} records; seed {seed}",
        seed=seed,
        share=share,
    )
    try:
        files.write_durably(out, model_json(trained.model).encode("utf-8"), mode=0o644)
    except OSError as error:
        fail(f"{out}: {error.strerror or type(error).__name__}; nothing was written")
    _print_training(trained)
    typer.echo(f"{out} written. The committed weights are as they were.")


def _accepted(settings: Settings, purpose: str) -> "pd.DataFrame":
    """Accepted rows of the vault; a sentence and exit 1 where there is none."""
    from warehouse.evaluation.truth import read_accepted

    with existing_vault(settings, purpose) as con:
        return read_accepted(con)


def _print_training(trained: "Training") -> None:
    from flows.commands.console import print_table

    levels = [
        (row.comparison, row.level, row.matches, row.others, f"{row.match_weight:+.2f}")
        for row in trained.levels.itertuples(index=False)
    ]
    print_table(("comparison", "level", "pairs of one person", "of two", "bits"), levels, title="Weights")
    model = trained.model
    typer.echo(
        f"A link from {model.link_weight:+.2f} bits on, for review from {model.review_weight:+.2f}; calibration slope "
        f"{model.calibration.slope:.3f}, intercept {model.calibration.intercept:+.3f}.\n"
    )
    parts = {"trained on": trained.train, "not trained on": trained.test}
    rows = [(name, *_quality(part)) for name, part in parts.items()]
    differences = (
        f"{getattr(trained.train, name) - getattr(trained.test, name):+.4f}" for name in ("precision", "recall", "f1")
    )
    rows.append(("difference", *differences, "", "", ""))
    print_table(("people", "precision", "recall", "F1", "true", "found", "error"), rows, title="Quality")


def _quality(part: "Quality") -> tuple[str, ...]:
    error = part.found / part.people - 1 if part.people else 0.0
    shares = (f"{value:.4f}" for value in (part.precision, part.recall, part.f1))
    return (*shares, f"{part.people:,}", f"{part.found:,}", f"{error:+.2%}")


def evaluate(
    truth: TruthFolder,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="HTML to write; identity-evaluation.html beside the vault without it."),
    ] = None,
    seed: Seed = 1,
    share: Share = 0.5,
    tutorial_seconds: Annotated[
        float, typer.Option(help="Stop Splink's tutorial after this time; 0 leaves it out.", min=0)
    ] = 600,
    tutorial_gigabytes: Annotated[int, typer.Option(help="Memory of the tutorial's database.", min=1)] = 4,
    raw: Raw = None,
    data: Data = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print every figure as one JSON object.")] = False,
) -> None:
    """Hold the people that were found against the truth, beside dumb baselines and Splink's tutorial.

    Prints tables and writes a page of charts that holds no person's data. Reads the truth, which a run never does.
    """
    from warehouse.evaluation.page import render_page
    from warehouse.evaluation.report import as_figures, make_report
    from warehouse.evaluation.truth import TruthError, join_truth, read_truth
    from warehouse.identity.linkage.model import load_model
    from warehouse.storage import files
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    accepted = _accepted(settings, "evaluate")
    try:
        told = read_truth(truth)
        known = join_truth(accepted, told)
    except TruthError as error:
        fail(str(error))
    report = make_report(
        known,
        told,
        load_model(),
        seed=seed,
        share=share,
        tutorial_seconds=tutorial_seconds,
        tutorial_gigabytes=tutorial_gigabytes,
        threads=settings.threads,
    )
    target = page or DataFolder(settings.data).private / PAGE_NAME
    try:
        files.write_durably(target, render_page(report).encode("utf-8"))
    except OSError as error:
        fail(f"{target}: {error.strerror or type(error).__name__}; the page was not written")
    if json_output:
        sys.stdout.write(json.dumps(as_figures(report), ensure_ascii=False, indent=2) + "\n")
    else:
        _print_report(report)
        typer.echo(f"Charts: {target}")


def _print_report(report: "Report") -> None:
    from flows.commands.console import print_table

    title = f"{report.known['records']:,} accepted records of {report.known['people']:,} people"
    print_table(_SCORES_HEADING, [_method_row(method) for method in report.methods], title=title)
    ours = report.ours
    if ours.groups is None or ours.parts is None:
        return
    told = {"ALL": ours.scores, **{name: part for group in ours.groups.values() for name, part in group.items()}}
    rows = [_scores_row(name, part) for name, part in (told | ours.parts).items() if part is not None]
    print_table(("godigital", *_SCORES_HEADING[1:]), rows, title="By country, script, sex and half")
    print_table(("pairs of", "n", *(m.name for m in report.ended)), _pair_rows(report), title="Share linked")
    _print_limits(report)


_SCORES_HEADING = (
    "method",
    "precision",
    "recall",
    "F1",
    "B-cubed F1",
    "people",
    "found",
    "error",
    "false merges",
    "misses",
)


def _method_row(method: "Method") -> tuple[Any, ...]:
    if method.scores is None:
        return (method.name, *[""] * (len(_SCORES_HEADING) - 2), method.ended)
    return _scores_row(method.name, method.scores)


def _scores_row(name: str, scores: "Scores") -> tuple[Any, ...]:
    shares = (f"{value:.4f}" for value in (scores.precision, scores.recall, scores.f1, scores.b_f1))
    error = f"{scores.error_share:+.2%}"
    return (name, *shares, f"{scores.people:,}", f"{scores.found:,}", error, scores.false_merges, scores.misses)


def _pair_rows(report: "Report") -> list[tuple[Any, ...]]:
    """A row for each kind of labelled pair, then for each relation of people: their number, and the share linked."""
    return [
        (f"{row.kind}{suffix}", row.pairs, *(f"{share:.1%}" for share in row.shares))
        for rows, suffix in ((report.pair_rates, ""), (report.relative_rates, ", people"))
        for row in rows
    ]


def _print_limits(report: "Report") -> None:
    limit, ours = report.ceiling, report.ours
    typer.echo(
        f"Ceiling: blocking brings together {limit.direct:.2%} of {limit.pairs:,} true pairs, {limit.closed:.2%} with "
        f"others of the person between; nothing could link {limit.unreachable} of {limit.records:,} records."
    )
    if ours.abroad is not None:
        typer.echo(
            f"Trained in two countries: {ours.abroad.people} people, {ours.abroad.whole} found whole; pairs across "
            f"countries: recall {ours.abroad.recall:.2f} of {ours.abroad.pairs}, precision "
            f"{ours.abroad.precision:.2f} of {ours.abroad.linked} linked."
        )
    typer.echo(
        f"Calibration: predicted and actual shares of compared pairs are {report.calibrated.error:.4f} apart in the "
        "middle (people not trained on)."
    )
    known = report.known
    typer.echo(
        f"Left out: {known['rows_without_truth']} accepted rows that the truth does not know, "
        f"{known['rows_invalid_by_truth']} that it calls invalid, {known['rows_repeating_an_attendance']} repetitions."
    )
