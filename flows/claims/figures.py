"""What a printed number leaves open, and whether two of them can both be true.

Every number becomes the span of what it can stand for; all arithmetic is exact (fractions), nothing is a float.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Literal

from schemas.claims import Claim, Figure

# a share that only agrees in steps wider than this was not rounded, it is another share
_COARSEST = Fraction(10)


@dataclass(frozen=True)
class Span:
    """What a number can stand for, both ends included unless the lower is open; no upper end where `high` is None."""

    low: Fraction
    high: Fraction | None
    low_open: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it can stand for one number only."""
        return self.low == self.high

    def meets(self, other: "Span") -> bool:
        """Whether some number lies in both."""
        return not (self.lies_below(other) or other.lies_below(self))

    def lies_below(self, other: "Span") -> bool:
        """Whether everything in it is smaller than everything in the other."""
        if self.high is None:
            return False
        return self.high < other.low or (other.low_open and self.high == other.low)


def number(text: str) -> Fraction:
    """Return the number printed: 225,778 or 62.1%, the latter in percent."""
    return Fraction(Decimal(text.replace(",", "").rstrip("% ")))


def printed_step(text: str) -> Fraction:
    """Return the place of the last digit printed: 1 of 62, 1/10 of 62.0."""
    digits = text.replace(",", "").rstrip("% ")
    return Fraction(1, 10 ** len(digits.partition(".")[2]))


def span_of(claim: Claim) -> Span:
    """Return what a claim's number can stand for, in its unit; shares in percent.

    A share was rounded to the last digit printed, up or down at a half: both are usual. A count was not rounded.
    "About" leaves open half of the last place that is not zero.
    """
    figure = claim.value
    values = [number(text) for text in figure.numbers]
    whole = claim.unit not in ("share", "money")
    if figure.kind == "more_than":
        # people are whole: more than 37,000 are 37,001 at least
        return Span(values[0] + 1, None) if whole else Span(values[0], None, low_open=True)
    if figure.kind == "at_most":
        return Span(Fraction(0), values[0])
    if figure.kind == "range":
        return Span(values[0], values[1])
    if figure.kind == "about":
        half = _last_place(values[0], printed_step(figure.numbers[0])) / 2
        return Span(max(values[0] - half, Fraction(0)), values[0] + half)
    half = printed_step(figure.numbers[0]) / 2 if claim.unit == "share" else Fraction(0)
    return Span(max(values[0] - half, Fraction(0)), values[0] + half)


def _last_place(value: Fraction, step: Fraction) -> Fraction:
    """The place of the last digit that is not zero: 1000 of 53,000."""
    if value == 0:
        return step
    while (value / (step * 10)).denominator == 1:
        step *= 10
    return step


def add_spans(spans: list[Span], *, overlap: bool = False) -> Span:
    """Return what a sum can be; where parts may overlap, anything from the largest of them to the sum."""
    low = max(span.low for span in spans) if overlap else sum((span.low for span in spans), Fraction(0))
    highs = [span.high for span in spans]
    known = [high for high in highs if high is not None]
    high = sum(known, Fraction(0)) if len(known) == len(highs) else None
    return Span(low, high, any(span.low_open for span in spans))


def percent_of(part: Span, whole: Span) -> Span | None:
    """Return what a part can be of a whole, in percent; None where the whole can be nothing."""
    if whole.low == 0:
        return None
    low = Fraction(0) if whole.high is None else part.low / whole.high * 100
    high = None if part.high is None else part.high / whole.low * 100
    return Span(low, high, part.low_open)


Agreement = Literal["as_printed", "cut_off", "coarse", "no"]


def judge_share(printed: str, percent: Fraction) -> tuple[Agreement, Fraction]:
    """Return how a printed share agrees with the computed one, and the step to which it does.

    `as_printed`: rounded to the last digit printed, a half either way. `cut_off`: further digits were left off.
    `coarse`: only when rounded to fives or tens of a place, at most to ten percentage points.
    """
    value, step = number(printed), printed_step(printed)
    if abs(percent - value) <= step / 2:
        return "as_printed", step
    if floor(percent / step) * step == value:
        return "cut_off", step
    for wider in (step * 5, step * 10, step * 50, step * 100):
        if wider <= _COARSEST and (value / wider).denominator == 1 and abs(percent - value) <= wider / 2:
            return "coarse", wider
    return "no", step


def shown_percent(percent: Fraction, printed: str | None = None) -> str:
    """Return a computed share with a digit more than the printed one, and more where that would look like a half."""
    digits = len(str(printed_step(printed).denominator)) if printed else 1
    text = _fixed(percent, digits)
    while digits < 6 and text.endswith("5") and Fraction(Decimal(text)) != percent and printed is not None:
        digits += 1
        text = _fixed(percent, digits)
    return f"{text} %"


def _fixed(value: Fraction, digits: int) -> str:
    scaled = floor(abs(value) * 10**digits + Fraction(1, 2))
    sign = "-" if value < 0 and scaled else ""
    text = str(scaled).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def shown_count(value: Fraction) -> str:
    """Return a count with its thousands, or an amount with two digits."""
    return f"{value.numerator:,}" if value.denominator == 1 else f"{Decimal(_fixed(value, 2)):,}"


def shown_figure(figure: Figure) -> str:
    """Return a number as a reader saw it: more than 37,000."""
    numbers = [_shown_number(text) for text in figure.numbers]
    words = {"exact": "", "more_than": "more than ", "about": "about ", "at_most": "at most ", "range": ""}
    return words[figure.kind] + " to ".join(numbers)


def _shown_number(text: str) -> str:
    if text.endswith("%"):
        return f"{text.rstrip('% ')} %"
    whole, point, rest = text.replace(",", "").partition(".")
    return f"{int(whole):,}{point}{rest}"


def shown_span(span: Span, unit: str) -> str:
    """Return a span as a reader would say it; whole units have no open end."""

    def shown(value: Fraction) -> str:
        return shown_percent(value) if unit == "share" else shown_count(value)

    if span.is_point:
        return shown(span.low)
    least = "more than" if span.low_open else "at least"
    if span.high is None:
        return f"{least} {shown(span.low)}"
    return f"at most {shown(span.high)}" if span.low == 0 else f"{shown(span.low)} to {shown(span.high)}"
