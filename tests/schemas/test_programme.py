"""The programme's rules: what is contradictory is refused, and a change of a report reads nothing again."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.programme import PROGRAMME_FILE, Programme, load_programme


def rules(**changed: Any) -> dict[str, Any]:
    return yaml.safe_load(PROGRAMME_FILE.read_text(encoding="utf-8")) | changed


def test_youth_is_the_band_that_the_rules_name() -> None:
    assert (load_programme().youth.from_age, load_programme().youth.to_age) == (18, 35)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"youth": "youth_16_30"}, "youth_16_30 is none of youth_bands"),
        ({"ages": "age_1999"}, "age_1999 is none of age_bands"),
        ({"age_bands": {"age_2022": [{"from": 15, "to": 17}, {"from": 19}]}}, "19[+] does not begin where 15-17 ends"),
        ({"age_bands": {"age_2022": [{"from": 15}, {"from": 19}]}}, "does not begin where 15[+] ends"),
        (
            {
                "targets": {
                    "a": {
                        "indicator": "youth_share",
                        "country": "ALL",
                        "value": 0.4,
                        "due": "2021-12-31",
                        "source": "s",
                    }
                }
            },
            "names its band",
        ),
        (
            {
                "targets": {
                    "a": {"indicator": "women_share", "country": "ALL", "value": 60, "due": "2021-12-31", "source": "s"}
                }
            },
            "as a fraction",
        ),
        (
            {
                "targets": {
                    "a": {
                        "indicator": "people_reached",
                        "country": "ALL",
                        "value": 6,
                        "due": "2021-12-31",
                        "source": "s",
                        "replaces": "b",
                    }
                }
            },
            "b, which is no target",
        ),
    ],
)
def test_rules_that_contradict_each_other_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Programme.model_validate(rules(**changed))


@pytest.mark.parametrize(
    ("changed", "reads_again"),
    [
        ({"age_minimum": 16}, True),
        ({"courses": {"DL101": "Basics"}}, True),
        ({"targets": {}}, False),
        ({"countries": {}}, True),
    ],
)
def test_only_rules_about_rows_make_deliveries_be_read_again(changed: dict[str, Any], reads_again: bool) -> None:
    before, after = Programme.model_validate(rules()), Programme.model_validate(rules(**changed))
    assert (before.reading_rules != after.reading_rules) is reads_again
