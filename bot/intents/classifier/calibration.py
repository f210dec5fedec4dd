"""Confidence calibration: the probability that the top-ranked intent is right.

Confidence is a logistic regression on a few features of a text's scores, fitted to texts that were held out of
training. With few texts the fit stays near prior weights, which were measured with 1 to 10 examples per intent drawn
from the training parts of BANKING77, CLINC150 and SMP2017 and tested on their development parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.intents.classifier.loss_minimisation import log_sum_exp

Features: TypeAlias = npt.NDArray[np.float64]
FEATURES = ("chance", "lead", "support", "own similarity", "lead in similarity", "always")  # columns of Features
_SMALLEST_CHANCE = 1e-6  # keeps log odds finite
_LARGEST_FEATURE = 4.0  # features are clipped here: one extreme value must not decide alone
_UNRELATED_SIMILARITY = 0.1  # cosine of unrelated texts; stands in for the second intent when there is only one


def confidence_features(scores: npt.NDArray[np.float32], similarity: npt.NDArray[np.float32]) -> Features:
    """Features of each text, shape (n, 6) float64: columns as in FEATURES, about -3 to 3 and clipped at ±4.

    scores: logits, shape (n, intents + 1) float32; the last column is out of scope. similarity: shape (n, intents)
    float32, cosine similarity of the centred text to the nearest example of each intent. "chance" is the log odds of
    the first intent under the softmax, "lead" its distance to the second, "support" the log-sum-exp of all intents
    (energy), which is small for texts that resemble nothing taught.
    """
    rows = np.arange(len(scores))
    logits = scores.astype(np.float64)
    first = logits[:, :-1].argmax(axis=1)
    peak = logits[rows, first]
    chance = np.clip(np.exp(peak - log_sum_exp(logits)), _SMALLEST_CHANCE, 1 - _SMALLEST_CHANCE)
    own = similarity[rows, first].astype(np.float64)
    # The divisors bring each feature to about -3 to 3, so that one prior strength fits all of them.
    columns = (
        np.log(chance / (1 - chance)) / 2,
        (peak - _highest_other(logits, first)) / 3,
        (log_sum_exp(logits[:, :-1]) - np.log(similarity.shape[1])) / 3,
        (own - 0.4) / 0.2,
        (own - _highest_other(similarity, first)) / 0.2,
        np.ones(len(rows)),
    )
    features: Features = np.clip(np.stack(columns, axis=1), -_LARGEST_FEATURE, _LARGEST_FEATURE)
    return features


def scale_probabilities(
    scores: npt.NDArray[np.float32], confidence: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Probability of every intent, shape (n, intents): the first one's is `confidence` (n,), and each row sums to at
    most 1.

    The others keep their softmax proportion to the first as far as the first leaves room.
    """
    logits = scores[:, :-1].astype(np.float64)
    parts = np.exp(logits - log_sum_exp(logits)[:, None])
    first = parts.argmax(axis=1)
    best = parts[np.arange(len(parts)), first]
    room = np.minimum(confidence / best, (1 - confidence) / np.maximum(1 - best, _SMALLEST_CHANCE))
    shared: npt.NDArray[np.float64] = parts * room[:, None]
    shared[np.arange(len(parts)), first] = confidence
    return shared


def _highest_other(table: npt.NDArray[Any], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Highest value of each row outside its column `columns[row]`."""
    others = table.astype(np.float64)
    others[np.arange(len(others)), columns] = -np.inf if others.shape[1] > 1 else _UNRELATED_SIMILARITY
    highest: npt.NDArray[np.float64] = others.max(axis=1)
    return highest


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression: confidence = sigmoid(features @ weights)."""

    weights: npt.NDArray[np.float64]  # (6,) float64

    def confidence(self, features: Features) -> npt.NDArray[np.float64]:
        """Probability that the first intent is right, shape (n,)."""
        sure: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(features @ self.weights, -30, 30)))
        return sure


# Weights measured on the public sets named above, for bases with one and with several examples per intent.
_PRIOR_ONE_EXAMPLE = np.array([1.0, -0.4, 0.25, 0.3, 1.35, 0.45])
_PRIOR_SEVERAL_EXAMPLES = np.array([1.5, -0.2, 0.1, -0.2, 1.05, 0.6])
_PRIOR_STRENGTH = 20.0  # the prior counts as much as this many texts
_NEWTON_STEPS = 25  # more than enough to converge

Flags = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOutResults:
    """Predictions for texts by models that were not trained on them; all arrays have one row per text."""

    features: Features  # (n, 6)
    right: Flags  # the first intent is the right one
    offered: Flags  # the right intent is among the first three
    kind: npt.NDArray[np.int64]  # 0: in scope; 1: its intent was held out as a whole; 2: about something else
    place: npt.NDArray[np.intp]  # row of the text in the training texts
    first: npt.NDArray[np.intp]  # index of the predicted intent

    def weights(self, mix: tuple[float, float, float]) -> Weights:
        """Weight of each text such that the three kinds have the shares `mix`; about 1 for kind 0."""
        counts = np.maximum(np.bincount(self.kind, minlength=3), 1)
        weights: Weights = (np.array(mix) / counts)[self.kind] * counts[0] / mix[0]
        return weights


@dataclass(frozen=True, slots=True)
class Priors:
    """Assumed shares of the three kinds of texts (see HeldOutResults.kind)."""

    # for fitting the direction: out-of-scope texts need enough weight to be learned
    apart: tuple[float, float, float] = (0.6, 0.2, 0.2)
    real: tuple[float, float, float] = (0.96, 0.02, 0.02)  # among all messages
    unsure: tuple[float, float, float] = (0.85, 0.075, 0.075)  # among messages below the answer threshold


def prior_weights(examples: float) -> Weights:
    """Weights to start from with this many examples per intent.

    With one example per intent no text can be held out, so the prior alone decides.
    """
    several = min(max(examples - 1.0, 0.0), 1.0)
    worth: Weights = _PRIOR_ONE_EXAMPLE + several * (_PRIOR_SEVERAL_EXAMPLES - _PRIOR_ONE_EXAMPLE)
    return worth


def calibrate(held_out: HeldOutResults, examples: float, mix: Priors | None = None) -> Calibration:
    """Fit the calibration. examples: texts per intent of the base.

    Two fits: the direction with out-of-scope texts overweighted, then slope and offset in the real mix, so that
    confidence is a probability among real messages.
    """
    mix = mix or Priors()
    direction = logistic_regression(
        held_out.features, held_out.right, held_out.weights(mix.apart), prior_weights(examples)
    )
    line = np.stack([held_out.features @ direction, np.ones(len(held_out.features))], axis=1)
    slope, offset = logistic_regression(line, held_out.right, held_out.weights(mix.real), np.array([1.0, 0.0]))
    # A slope near zero or below would turn the order of confidences round.
    weights = direction * max(float(slope), 0.05)
    weights[FEATURES.index("always")] += offset
    return Calibration(weights)


def logistic_regression(features: Features, right: Flags, weights: Weights, prior: Weights) -> Weights:
    """Weighted logistic regression by Newton's method with a Gaussian prior.

    features: (n, k) features. right: (n,) bool. weights: (n,). prior: (k,), worth _PRIOR_STRENGTH texts. Returns (k,)
    float64.
    """
    coefficients = prior.astype(np.float64).copy()
    precision = np.eye(len(prior)) * _PRIOR_STRENGTH / 4
    for _ in range(_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(features @ coefficients, -30, 30)))
        gradient = features.T @ (weights * (probability - right)) + precision @ (coefficients - prior)
        hessian = (features * (weights * probability * (1 - probability))[:, None]).T @ features + precision
        # A long Newton step can overshoot while the fit is far off; 2.0 bounds its largest coordinate.
        step = np.linalg.solve(hessian, gradient)
        coefficients -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
    return coefficients
