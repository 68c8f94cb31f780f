"""The weights of the linkage model: match_model.json, read and checked against the comparisons.

Comparisons stand in `comparisons`, blocking keys in `blocking`; `find_pairs` finds pairs, `match` scores them.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from warehouse.identity.linkage.comparison import level_names
from warehouse.identity.linkage.comparisons import COMPARISONS

MODEL_FILE = Path(__file__).parent / "match_model.json"


class UntrainedLevelError(ValueError):
    """The model file lacks the weights of a level; train it again."""


class Level(BaseModel):
    """Weights of one comparison level: m among pairs of one person, u among pairs of two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    m: float = Field(gt=0, lt=1)
    u: float = Field(gt=0, lt=1)

    @property
    def match_weight(self) -> float:
        """Match weight that the level adds."""
        return math.log2(self.m / self.u)


class Calibration(BaseModel):
    """The logistic curve from a pair's match weight to the probability that it is one person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float = Field(gt=0)
    intercept: float

    @staticmethod
    def logistic(odds: Any) -> Any:
        """Return 1 / (1 + exp(-odds)) of log odds (natural), a number or an array."""
        # beyond 500 the exponential overflows, and the probability is 0 or 1 anyway
        return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))

    def probability(self, weights: Any) -> Any:
        """Return 1 / (1 + exp(-(slope * weight * ln 2 + intercept))) of match weights; a number or an array."""
        return self.logistic(self.slope * np.asarray(weights) * math.log(2) + self.intercept)

    def weight(self, probability: float) -> float:
        """Return the match weight at which a pair is as likely one person as `probability` says."""
        return (math.log(probability / (1 - probability)) - self.intercept) / (self.slope * math.log(2))


class MatchModel(BaseModel):
    """The committed model, independent of any database: weights by comparison and level, thresholds, calibration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    trained_on: str
    # share of true pairs among the pairs that blocking compares
    prior: float = Field(gt=0, lt=1)
    # match weight (log2 of the odds) from which a pair is a link
    link_weight: float
    # pairs from this weight on are kept for review
    review_weight: float
    calibration: Calibration
    comparisons: dict[str, dict[str, Level]]

    @property
    def prior_weight(self) -> float:
        """Match weight of a pair before anything is compared."""
        return math.log2(self.prior / (1 - self.prior))

    def match_weight(self, comparison: str, level: str) -> float:
        """Return the match weight that a level adds."""
        return self.comparisons[comparison][level].match_weight


@cache
def load_model(path: Path = MODEL_FILE) -> MatchModel:
    """Return the committed model.

    Raises:
        UntrainedLevelError: a level of COMPARISONS has no weights, or weights stand for a level that is gone.
    """
    model = MatchModel.model_validate_json(path.read_text(encoding="utf-8"))
    require_trained(model)
    return model


def probability(weights: Any) -> Any:
    """Return how likely pairs of these match weights are one person, by the committed model's calibration."""
    return load_model().calibration.probability(weights)


def require_trained(model: MatchModel) -> None:
    """Refuse a model whose levels are not exactly those of COMPARISONS: Splink would fill gaps without a warning."""
    wanted = {(item.name, level) for item in COMPARISONS for level in level_names(item)}
    found = {(name, level) for name, levels in model.comparisons.items() for level in levels}
    if wanted != found:
        odd = ", ".join(f"{name}: {level}" for name, level in sorted(wanted ^ found))
        raise UntrainedLevelError(f"{MODEL_FILE.name} does not fit the comparisons ({odd}); train the model again")
