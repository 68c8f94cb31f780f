"""What a printed number leaves open, and how a printed share agrees with a computed one."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.claims.figures import Span, add_spans, judge_share, number, percent_of, shown_percent, shown_span, span_of
from schemas.claims import Claim


def claim(value, unit: str = "people") -> Claim:
    share = {"denominator": "not stated"} if unit == "share" else {}
    more = {"currency": "USD"} if unit == "money" else {}
    return Claim(words="w", source="s", value=value, unit=unit, counts="c", **share, **more)


@pytest.mark.parametrize(
    ("value", "unit", "low", "high"),
    [
        ("225,778", "people", 225778, 225778),
        ({"more_than": "37,000"}, "people", 37001, None),
        ({"at_most": "200000"}, "people", 0, 200000),
        ({"about": "53,000"}, "people", 52500, 53500),
        ({"about": "53,100"}, "people", 53050, 53150),
        ({"range": ["10", "20"]}, "people", 10, 20),
        ("62%", "share", Fraction("61.5"), Fraction("62.5")),
        ("62.0 %", "share", Fraction("61.95"), Fraction("62.05")),
        ("0%", "share", 0, Fraction("0.5")),
        ({"about": "60%"}, "share", 55, 65),
        ("3.3", "money", Fraction("3.3"), Fraction("3.3")),
    ],
)
def test_a_printed_number_leaves_a_span_open(value, unit, low, high):
    assert span_of(claim(value, unit)) == Span(Fraction(low), None if high is None else Fraction(high))


def test_more_than_a_share_leaves_that_share_out():
    above = span_of(claim({"more_than": "50%"}, "share"))
    half = Span(Fraction(50), Fraction(50))
    assert half.lies_below(above)
    assert not half.meets(above)
    assert above.meets(Span(Fraction("50.01"), Fraction("50.01")))


@pytest.mark.parametrize(
    ("printed", "percent", "agreement", "step"),
    [
        ("62%", "62.1", "as_printed", 1),
        ("62%", "62.49999", "as_printed", 1),
        # a half is rounded up by some and to the even digit by others
        ("62%", "62.5", "as_printed", 1),
        ("63%", "62.5", "as_printed", 1),
        ("62%", "61.5", "as_printed", 1),
        ("61%", "61.5", "as_printed", 1),
        ("62%", "62.50001", "cut_off", 1),
        ("62%", "62.99", "cut_off", 1),
        ("62%", "63", "no", 1),
        ("62%", "61.49", "no", 1),
        ("62.1%", "62.13", "as_printed", "0.1"),
        ("62.1%", "62.15", "as_printed", "0.1"),
        ("62.1%", "62.19", "cut_off", "0.1"),
        ("62.0%", "62.1", "coarse", "0.5"),
        ("62.0%", "62.4", "coarse", 1),
        ("60%", "62.1", "coarse", 5),
        ("60%", "62.5", "coarse", 5),
        ("60%", "62.51", "coarse", 10),
        ("60%", "55", "coarse", 10),
        ("60%", "65.01", "no", 1),
        ("65%", "62.4", "no", 1),
        ("65%", "62.6", "coarse", 5),
        ("100%", "60", "no", 1),
    ],
)
def test_how_a_printed_share_agrees(printed, percent, agreement, step):
    found, to = judge_share(printed, Fraction(percent))
    assert found == agreement
    if agreement != "no":
        assert to == Fraction(step)


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 3))
def test_a_share_that_was_rounded_is_always_recognised(part, whole, digits):
    percent = Fraction(part, whole) * 100
    printed = f"{float(round(percent, digits)):.{digits}f}%"
    assert judge_share(printed, percent)[0] == "as_printed"


@pytest.mark.parametrize(
    ("percent", "printed", "shown"),
    [
        (Fraction(140276, 225778) * 100, "60%", "62.1 %"),
        (Fraction("62.49"), "62%", "62.49 %"),
        (Fraction("62.5"), "62%", "62.5 %"),
        (Fraction("62.15"), "62.1%", "62.15 %"),
        (Fraction("112.889"), None, "112.9 %"),
        (Fraction(0), None, "0.0 %"),
        (Fraction("-0.25"), None, "-0.3 %"),
    ],
)
def test_a_computed_share_is_never_shown_as_a_half_that_it_is_not(percent, printed, shown):
    assert shown_percent(percent, printed) == shown


def test_parts_that_may_overlap_are_at_least_the_largest():
    parts = [Span(Fraction(30), Fraction(30)), Span(Fraction(50), Fraction(60))]
    assert add_spans(parts) == Span(Fraction(80), Fraction(90))
    assert add_spans(parts, overlap=True) == Span(Fraction(50), Fraction(90))
    assert add_spans([*parts, Span(Fraction(1), None)]).high is None


def test_a_share_of_bounds_has_bounds():
    part, whole = Span(Fraction(37001), None), Span(Fraction(100000), Fraction(100000))
    assert percent_of(part, whole) == Span(Fraction("37.001"), None)
    assert percent_of(whole, Span(Fraction(0), Fraction(10))) is None
    assert percent_of(whole, Span(Fraction(200000), None)) == Span(Fraction(0), Fraction(50))


def test_a_span_is_said_in_words():
    assert shown_span(Span(Fraction(170118), None), "people") == "at least 170,118"
    assert shown_span(Span(Fraction(0), Fraction(5)), "people") == "at most 5"
    assert shown_span(Span(Fraction(50), None, low_open=True), "share") == "more than 50.0 %"
    assert shown_span(Span(Fraction(1), Fraction(2)), "people") == "1 to 2"
    assert number("1,204.5") == Fraction("1204.5")
