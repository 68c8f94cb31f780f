"""Shares, targets and surveys: divides what was published, and says how the printed number agrees."""

from collections.abc import Iterator
from fractions import Fraction

from flows.claims.figures import (
    Span,
    judge_share,
    number,
    percent_of,
    shown_count,
    shown_figure,
    shown_percent,
    shown_span,
    span_of,
)
from flows.claims.findings import Finding, Misfit, RelationCheck, shown_claim, shown_denominator, shown_distance
from schemas.claims import NOT_STATED, Attainment, Claim, Denominator, Ratio, Survey


def check_ratio(relation: Ratio, check: RelationCheck) -> Iterator[Finding]:
    """Yield how a published share agrees with the counts it should come from."""
    part, whole = check.claim_set.claims[relation.numerator], check.claim_set.claims[relation.denominator]
    misfits = check.claim_set.misfits((relation.numerator, relation.denominator), "unit", "country", "period")
    if relation.share is not None:
        misfits += check.claim_set.misfits((relation.share, relation.numerator), "band", "country", "period")
    for misfit in dict.fromkeys(misfits):
        listed = f"{shown_claim(part)} / {shown_claim(whole)}"
        yield check.found(misfit.kind, listed, f"This is not the share. {misfit.what}", misfit.question)
    if misfits:
        return
    quotient = f"{shown_figure(part.value)} / {shown_figure(whole.value)}"
    percent = percent_of(span_of(part), span_of(whole))
    if percent is None:
        yield check.found("not_comparable", quotient, "The whole can be zero, and zero has no shares.")
    elif span_of(whole).lies_below(span_of(part)):
        yield check.found("differs", quotient, "A part is larger than its whole.", "which of the two is wrong?")
    elif relation.share is None:
        yield check.found("computed", f"{quotient} = {shown_span(percent, 'share')}", "No such share was published.")
    else:
        share = check.claim_set.claims[relation.share]
        yield _hold_share(check, share, percent, quotient, relation.denominator)


def _hold_share(check: RelationCheck, share: Claim, percent: Span, quotient: str, denominator: str) -> Finding:
    printed = share.value.numbers[0]
    computed = shown_percent(percent.low, printed) if percent.is_point else shown_span(percent, "share")
    arithmetic = f"{quotient} = {computed}, published as {shown_figure(share.value)}"
    if share.denominator == NOT_STATED:
        meaning = "The publication does not say that it divided by this."
        return check.found(
            "denominator_missing", arithmetic, meaning, "of whom is this a share, and how many are they?"
        )
    if isinstance(share.denominator, Denominator) and share.denominator.claim not in (None, denominator):
        meaning = f"The share was published of {shown_denominator(share)}, not of {denominator}."
        return check.found("not_comparable", arithmetic, meaning, "which denominator was used?")
    if percent.is_point and share.value.kind == "exact":
        return _judge(check, printed, percent.low, arithmetic)
    if percent.meets(span_of(share)):
        return check.found("possible", arithmetic, "The share can be the quotient.")
    gap = shown_distance(percent, span_of(share), "share")
    return check.found("differs", f"{arithmetic}: {gap} apart", "The share is not the quotient.", "which is wrong?")


def _judge(check: RelationCheck, printed: str, percent: Fraction, arithmetic: str) -> Finding:
    agreement, step = judge_share(printed, percent)
    if agreement == "as_printed":
        return check.found("confirmed", arithmetic, "The share is the quotient, rounded as printed.")
    if agreement == "cut_off":
        meaning = "Further digits were cut off where the number should have been rounded."
        return check.found("rounding", arithmetic, meaning, "was this cut off, or counted otherwise?")
    if agreement == "coarse":
        meaning = f"They agree only to the nearest {float(step):g} points, coarser than the digits printed."
        return check.found("rounding", arithmetic, meaning, "was this rounded on purpose, or counted otherwise?")
    gap = shown_percent(abs(percent - number(printed)), printed).removesuffix(" %")
    meaning = "The share is not the quotient."
    return check.found("differs", f"{arithmetic}: {gap} points apart", meaning, "which number is wrong?")


def check_attainment(relation: Attainment, check: RelationCheck) -> Iterator[Finding]:
    """Yield whether a result reached its target; where band or country differ, that it does not answer it."""
    claims = check.claim_set.claims
    targets, result = [claims[name] for name in relation.target], claims[relation.result]
    units = _misfitting_units(relation, check)
    for misfit in units:
        listed = f"{shown_claim(result)} against {' + '.join(shown_claim(target) for target in targets)}"
        yield check.found(misfit.kind, listed, f"They cannot be compared. {misfit.what}", misfit.question)
    if units:
        return
    base = sum((number(target.value.numbers[0]) for target in targets), Fraction(0))
    reached = span_of(result)
    if relation.of is not None:
        share = percent_of(reached, span_of(claims[relation.of]))
        if share is None:
            yield check.found(
                "not_comparable",
                f"{shown_claim(result)} / {shown_claim(claims[relation.of])}",
                "The whole can be nothing.",
            )
            return
        reached = share
    arithmetic = _attained(relation, check, reached, base)
    misfits = check.claim_set.misfits((*relation.target, relation.result), "band", "country")
    for misfit in misfits:
        meaning = f"The result does not answer the target. {misfit.what}"
        yield check.found(misfit.kind, arithmetic, meaning, misfit.question)
    if misfits:
        return
    if reached.low >= base:
        yield check.found("target_reached", arithmetic, "What was promised was reached.")
    elif reached.high is not None and reached.high < base:
        yield check.found("target_missed", arithmetic, "What was promised was not reached.")
    else:
        yield check.found("target_undecided", arithmetic, "The published number does not say whether it was reached.")


def _misfitting_units(relation: Attainment, check: RelationCheck) -> list[Misfit]:
    claims = check.claim_set.claims
    if relation.of is not None:
        misfits = check.claim_set.misfits((relation.result, relation.of), "unit", "country", "period")
        if any(claims[name].unit != "share" for name in relation.target):
            misfits.append(Misfit("unit_differs", "The target is a count, the result a share.", "what was promised?"))
    else:
        misfits = check.claim_set.misfits((*relation.target, relation.result), "unit")
    if len(relation.target) > 1 and claims[relation.target[0]].unit == "share":
        what = "Percentages are never added; counts are."
        misfits.append(Misfit("not_comparable", what, "how many people were promised?"))
    return misfits


def _attained(relation: Attainment, check: RelationCheck, reached: Span, base: Fraction) -> str:
    """The arithmetic: counts in percent of what was promised, shares next to the promised share."""
    claims = check.claim_set.claims
    targets, result = [claims[name].value for name in relation.target], claims[relation.result]
    right = " + ".join(shown_count(number(target.numbers[0])) for target in targets)
    meant = "".join(f" (promised: {shown_figure(target)})" for target in targets if target.kind != "exact")
    if relation.of is not None:
        whole = shown_figure(claims[relation.of].value)
        return f"{shown_figure(result.value)} / {whole} = {shown_span(reached, 'share')}, against {right} %{meant}"
    if result.unit == "share":
        return f"{shown_figure(result.value)}, against {right} %{meant}"
    percent = percent_of(reached, Span(base, base))
    shown = "" if percent is None else f" = {shown_span(percent, 'share')}"
    return f"{shown_figure(result.value)} / {f'({right})' if len(targets) > 1 else right}{shown}{meant}"


def check_survey(relation: Survey, check: RelationCheck) -> Iterator[Finding]:
    """Yield for each question whether it is said how many answered, and in one finding those of which it is not."""
    claims = check.claim_set.claims
    everybody = claims[relation.participants]
    lacking = []
    for name in relation.questions:
        stated = claims[name].denominator
        answered = stated.claim if isinstance(stated, Denominator) else None
        if answered is None or claims[answered].unit != "participants":
            lacking.append(name)
            continue
        about = (name, answered, relation.participants)
        arithmetic = (
            f"{shown_claim(claims[name])} of {shown_claim(claims[answered])}, of {shown_claim(everybody)} in all"
        )
        if span_of(everybody).lies_below(span_of(claims[answered])):
            yield check.found("differs", arithmetic, "More answered than took part.", "how many answered?", about)
        else:
            yield check.found("confirmed", arithmetic, "It is stated how many answered.", claims=about)
    if lacking:
        shares = ", ".join(shown_claim(claims[name]) for name in lacking)
        yield check.found(
            "denominator_missing",
            f"{shown_claim(everybody)} in all; n per question is not given for {shares}",
            "How many answered each question is not stated.",
            "how many answered each question, how were they chosen, and with which weights?",
            (relation.participants, *lacking),
        )
