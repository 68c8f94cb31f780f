"""The command line, `godigital`: which commands there are, in the order of the help, each with its examples."""

import sys

import typer

from flows.commands.backup import BACKUP_EXAMPLES, RESTORE_EXAMPLES, backup, restore
from flows.commands.claims import RECONCILE_EXAMPLES, reconcile
from flows.commands.doctor import DOCTOR_EXAMPLES, doctor
from flows.commands.explain import explain, trainee
from flows.commands.export import EXPORT_EXAMPLES, docs, export
from flows.commands.holds import HOLD_EXAMPLES, release_hold
from flows.commands.identity import identity_app
from flows.commands.options import say_refused
from flows.commands.partners import partner_app
from flows.commands.query import releases, rollback, sql
from flows.commands.releases import diff, freeze, trace
from flows.commands.report import REPORT_EXAMPLES, report
from flows.commands.returns import return_rows
from flows.commands.review import review_app
from flows.commands.run import RUN_EXAMPLES, WATCH_EXAMPLES, reprocess, run, watch
from flows.commands.status import export_links, rejected, status

app = typer.Typer(
    name="godigital",
    help="Partner training logs of ten countries: validated, deduplicated, published as one DuckDB warehouse.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(partner_app, name="partner")
app.add_typer(identity_app, name="identity")
app.add_typer(review_app, name="review")


def _examples(*lines: str) -> str:
    """The text below a command's help; a blank line keeps each example on a line of its own."""
    return "\n\n".join(["Example:" if len(lines) == 1 else "Examples:", *(f"  godigital {line}" for line in lines)])


app.command("explain", epilog=_examples("explain 9c1f e07b", "explain t3fk t9qa"))(explain)
app.command("return", epilog=_examples("return TH/NRD --out th-to-correct.xlsx"))(return_rows)
app.command("release-hold", epilog=HOLD_EXAMPLES)(release_hold)
app.command("doctor", epilog=DOCTOR_EXAMPLES)(doctor)
app.command("backup", epilog=BACKUP_EXAMPLES)(backup)
app.command("restore", epilog=RESTORE_EXAMPLES)(restore)
app.command("report", epilog=REPORT_EXAMPLES)(report)
app.command("trainee", epilog=_examples("trainee t3fk"))(trainee)
app.command("reconcile", epilog=RECONCILE_EXAMPLES)(reconcile)
app.command("docs", epilog=_examples("docs", "docs --out public"))(docs)
app.command("export", epilog=EXPORT_EXAMPLES)(export)
app.command("diff", epilog=_examples("diff", "diff 3 7", "diff 2021-Q3"))(diff)
app.command("freeze", epilog=_examples('freeze 2021-Q4 --reason "annual report"', "freeze"))(freeze)
app.command(
    "trace",
    epilog=_examples(
        "trace report_reach VN women",
        "trace report_reach_by VN 2021-Q3 sex F --out rows.xlsx",
        "trace report_course country_code=TH course_code=DL101 participations",
    ),
)(trace)
app.command("run", epilog=RUN_EXAMPLES)(run)
app.command("watch", epilog=WATCH_EXAMPLES)(watch)
app.command("reprocess", epilog=_examples("reprocess BN"))(reprocess)
app.command("status", epilog=_examples("status", "status --json"))(status)
app.command("rejected", epilog=_examples("rejected VN --partner TYM --out vn-rejected.csv"))(rejected)
app.command("sql", epilog=_examples('sql "SELECT * FROM report_reach ORDER BY country_code"'))(sql)
app.command("releases", epilog=_examples("releases"))(releases)
app.command("rollback", epilog=_examples("rollback 3"))(rollback)
app.command("export-links", epilog=_examples("export-links --out private/links"))(export_links)


def main() -> None:
    """Entry point of the command; what the disk refuses, whatever the command, is said in a sentence."""
    try:
        app()
    except OSError as error:
        sys.stderr.write(say_refused(error) + "\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
