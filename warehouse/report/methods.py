"""How people are counted, what the words mean and what is not known: for the reader who must defend a figure."""

from collections.abc import Iterator

from warehouse.report import labels
from warehouse.report.document import Notes, Section, Table, Terms
from warehouse.report.headline import target_table
from warehouse.report.places import Place
from warehouse.report.published_rows import Definition

_COUNTING = (
    "An output counts people, from attendance lists; an outcome is a share, estimated from a survey. The two are never "
    "mixed.",
    "People are told apart by comparing names, births, phones, ids and places of every accepted row with every other "
    "that could be of the same person, whatever partner or country it comes from. A weight for each finding gives the "
    "probability that two rows are one person; officers judge doubtful pairs, and a judgement outranks the model.",
    "A person counts once in every country, quarter, partner and course attended, and once in every total. That is why "
    "the figures of countries, quarters, partners and courses must not be added up, and why totals are smaller than "
    "their sums.",
    "The interval beside a number of people says what the errors expected of that comparison leave open: people "
    "counted twice, and people taken for another. It knows nothing of people whom a partner never listed.",
    "Attributes are those a person stated at the first training; what is left empty there is taken from a later one. "
    "Not stated is a category of its own, and stays in every denominator.",
)
_UNKNOWN = (
    "Whether partners listed everybody whom they trained: there is no second count to hold against theirs.",
    "Disability, belonging to a minority and living in a rural area are as each partner asked for them. Some did not "
    "ask, so a low figure may mean few questions.",
    "Whether a training changed anything for a person: no group without a training was observed.",
)


def methods(place: Place) -> Section:
    """Return the section of methods and caveats."""
    bands = [
        (
            f"{'Youth' if band.band_set == 'youth' else 'Age'} {labels.ages(band.from_age, band.to_age)}",
            band.band_code if band.band_set == "youth" else band.band_set,
            "in force" if band.is_current else "kept for figures that used it",
            band.band_source,
        )
        for band in place.figures.bands
    ]
    band_table = Table(
        "bands",
        "Bands of age: completed years on the day of the first training, both ends included",
        ("Band", "Set", "Use", "Source"),
        tuple(bands),
        words=(0, 1, 2, 3),
    )
    targets = target_table(place)
    tables = (band_table,) if targets is None else (targets, band_table)
    if not place.is_region:
        lead = "The same rules hold for every country; the page of all countries defines every indicator."
        return Section("methods", "Methods and caveats", (lead,), (Notes("What is not known", _UNKNOWN), *tables))
    terms = tuple(
        (
            item.indicator_title,
            " ".join(_definition(item)),
        )
        for item in place.figures.catalogue
    )
    blocks = (
        Notes("How people are counted", _COUNTING),
        Notes("What is not known", _UNKNOWN),
        *tables,
        Terms("Indicators in words", terms),
    )
    return Section("methods", "Methods and caveats", (), blocks)


def _definition(item: Definition) -> Iterator[str]:
    yield _sentence(item.numerator)
    if item.denominator_text != "none":
        yield f"A part of: {_end(item.denominator_text)}"
    yield f"Unit: {item.unit}."
    nothing, _, why = item.may_be_added_over.partition("nothing")
    if nothing:
        yield f"May be added up over {_end(item.may_be_added_over)}"
    else:
        yield f"Must not be added up{_end(why)}"


def _sentence(text: str) -> str:
    return _end(text[:1].upper() + text[1:])


def _end(text: str) -> str:
    # names of indicators, as the catalogue writes them
    text = text.replace("_", " ")
    return text if text.endswith(".") else f"{text}."
