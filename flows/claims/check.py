"""Compares published claims with each other: takes relations, returns findings with their arithmetic.

Pure functions. Shares, targets and surveys are in `check_shares.py`, the warehouse is in `against_release.py`.
"""

from collections.abc import Iterator

from flows.claims.check_shares import check_attainment, check_ratio, check_survey
from flows.claims.figures import Span, add_spans, shown_count, shown_figure, shown_span, span_of
from flows.claims.findings import ClaimSet, Finding, RelationCheck, shown_claim, shown_denominator, shown_distance
from schemas.claims import NOT_STATED, Attainment, Claims, Comparable, Ratio, Relation, Same, Sum, Survey
from schemas.programme import Programme, load_programme


def reconcile(file: Claims, programme: Programme | None = None) -> list[Finding]:
    """Return the findings of a file's relations, in order; then the shares that lack a denominator."""
    claim_set = ClaimSet(file, programme or load_programme())
    findings = [finding for code, relation in file.relations.items() for finding in _check(code, relation, claim_set)]
    said = {code for finding in findings if finding.kind == "denominator_missing" for code in finding.claims}
    lacking = [code for code, claim in file.claims.items() if claim.denominator == NOT_STATED and code not in said]
    return findings + [
        Finding(
            "denominator_missing",
            None,
            (code,),
            f"{shown_claim(claim_set.claims[code])} of what is not stated",
            "A share without its denominator can be neither checked nor compared.",
            claim_set.ask([code], "of whom is this a share, and how many are they?"),
        )
        for code in lacking
    ]


def _check(code: str, relation: Relation, claim_set: ClaimSet) -> Iterator[Finding]:
    check = RelationCheck(code, relation, claim_set)
    if isinstance(relation, Sum):
        yield from _check_sum(relation, check)
    elif isinstance(relation, Ratio):
        yield from check_ratio(relation, check)
    elif isinstance(relation, Same):
        yield from _check_same(relation, check)
    elif isinstance(relation, Comparable):
        yield from _check_comparable(relation, check)
    elif isinstance(relation, Attainment):
        yield from check_attainment(relation, check)
    elif isinstance(relation, Survey):
        yield from check_survey(relation, check)


def _check_sum(relation: Sum, check: RelationCheck) -> Iterator[Finding]:
    parts, whole = [check.claim_set.claims[name] for name in relation.parts], check.claim_set.claims[relation.whole]
    misfits = check.claim_set.misfits(relation.claims, "unit")
    if misfits:
        listed = f"{' + '.join(shown_claim(part) for part in parts)}, against {shown_claim(whole)}"
        for misfit in misfits:
            yield check.found(misfit.kind, listed, f"They cannot be added. {misfit.what}", misfit.question)
        return
    left = " + ".join(shown_figure(part.value) for part in parts)
    if whole.unit == "share":
        listed = f"{left}, against {shown_claim(whole)}"
        question = "how many people is each of these shares?"
        yield check.found("not_comparable", listed, "Percentages are never added; counts are.", question)
        return
    spans = [span_of(part) for part in parts]
    added, wanted = add_spans(spans), span_of(whole)
    # people in two parts are fewer than the sum, but never fewer than the largest part
    total = add_spans(spans, overlap=True) if relation.overlap == "possible" else added
    made = left if len(parts) == 1 else f"{left} = {shown_span(added, whole.unit)}"
    arithmetic = f"{made}; published as a whole: {shown_figure(whole.value)}"
    if added.is_point and added == wanted:
        yield check.found("adds_up", f"{left} = {shown_figure(whole.value)}", "The parts make the whole exactly.")
    elif relation.how == "at_most" and not wanted.lies_below(total):
        rest = "" if relation.overlap == "possible" else _rest(wanted, added)
        yield check.found("possible", arithmetic + rest, _within(wanted, added))
    elif relation.how == "exactly" and total.meets(wanted):
        yield check.found("possible", arithmetic, "The parts can make the whole; the numbers do not say that they do.")
    else:
        gap = f"{shown_distance(total, wanted, whole.unit)} {'less' if total.lies_below(wanted) else 'more'}"
        question = "which number is wrong, or what is missing from the parts?"
        yield check.found("differs", f"{arithmetic}: {gap}", "The parts do not make the whole.", question)


def _rest(whole: Span, total: Span) -> str:
    if whole.high is None or (total.high is not None and not total.is_point):
        return ""
    return f"; this leaves {'' if total.is_point else 'at most '}{shown_count(whole.high - total.low)}"


def _within(whole: Span, added: Span) -> str:
    if whole.lies_below(added):
        return "The sum is more than the whole, which people counted in two parts can explain."
    return "The parts are not more than the whole."


def _check_same(relation: Same, check: RelationCheck) -> Iterator[Finding]:
    claims = [check.claim_set.claims[name] for name in relation.figures]
    listed = "; ".join(
        f"{shown_claim(claim)} ({check.claim_set.file.sources[claim.source].publisher})" for claim in claims
    )
    misfits = check.claim_set.misfits(relation.figures, "unit", "band", "country", "period", "denominator")
    for misfit in misfits:
        yield check.found(misfit.kind, listed, f"This is not one figure. {misfit.what}", misfit.question)
    if misfits:
        return
    spans = [span_of(claim) for claim in claims]
    ending, beginning = _furthest(spans)
    if ending.lies_below(beginning):
        arithmetic = f"{listed}: {shown_distance(ending, beginning, claims[0].unit)} apart"
        question = "which number is right, on which day, counted how?"
        yield check.found("differs", arithmetic, "One figure was published in ways that cannot all be true.", question)
    elif all(claim.value.kind == "exact" and span == spans[0] for claim, span in zip(claims, spans, strict=True)):
        yield check.found("confirmed", listed, "All say the same.")
    else:
        yield check.found("possible", listed, "All can be true.")


def _furthest(spans: list[Span]) -> tuple[Span, Span]:
    """The two spans that lie furthest apart: the one that ends first, and the one that begins last."""
    ending = min((span for span in spans if span.high is not None), key=lambda span: span.high or 0, default=spans[0])
    return ending, max(spans, key=lambda span: (span.low, span.low_open))


def _check_comparable(relation: Comparable, check: RelationCheck) -> Iterator[Finding]:
    claims = [check.claim_set.claims[name] for name in relation.figures]
    listed = "; ".join(shown_claim(claim) for claim in claims)
    misfits = check.claim_set.misfits(relation.figures, "unit", "band", "country", "period")
    for misfit in misfits:
        yield check.found(misfit.kind, listed, misfit.what, misfit.question)
    lacking = tuple(name for name in relation.figures if check.claim_set.claims[name].denominator == NOT_STATED)
    denominators = dict.fromkeys(shown_denominator(claim) for claim in claims)
    if lacking:
        yield check.found(
            "denominator_missing",
            " and ".join(f"{shown_claim(check.claim_set.claims[name])} of what is not stated" for name in lacking),
            "Whether they share a denominator cannot be known, so they cannot be compared.",
            "of whom is each a share, how many are they, and are they the same people?",
            lacking,
        )
    elif len(denominators) > 1 and all(claim.unit == "share" for claim in claims):
        what = f"They are shares of different things: {' and '.join(denominators)}."
        yield check.found("not_comparable", listed, what, "what are the counts behind these shares?")
    elif not misfits:
        meaning = "Unit, band, country and denominator are the same; these figures may be compared."
        yield check.found("confirmed", listed, meaning)
