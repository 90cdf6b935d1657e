"""What jobs cost and how fast nodes are, learned from what earlier jobs took.

    CPU seconds = habit x (fixed + megapixels x sum of the features' costs) / speed of the node

Features name what a job spends its time on (`filters.cost_features`); a *habit* corrects for one exact set of them,
because costs do not quite add up: a pixelated image is written to PNG in a tenth of the time. Costs are those on a core
of speed 1, the machine on which the priors were measured.

Each factor is kept as the logarithm of its ratio to its prior, with a variance: how unsure we are of it. One
observation is one step of an extended Kalman filter that keeps the diagonal of the covariance alone, which is the
normalised LMS rule (Widrow and Hoff, 1960) with a step size for each factor:

    p = share of the feature in the prediction (1 for habit and node)      r = log(taken / predicted)
    S = NOISE + sum of p^2 x variance                    gain = p x variance / S
    factor += gain x clipped(r, HUBER x sqrt(S))         variance += p^2 x FORGETTING - gain x p x variance

So what is least known moves most: a new filter in a known pipeline, a new node at known work. The clip is Huber's
("Robust Estimation of a Location Parameter", 1964): an outlier counts as a moderate surprise, and a wild one for less
and less, as in Hampel's redescending functions (1974). Variances sink like 1/n to a floor, sqrt(NOISE x FORGETTING),
and so it goes on adapting.

Nothing in the data tells nodes twice as fast from work half as dear. The scale is that of the calibrations: the mean of
log(speed / calibrated speed), weighted by observations, is put back to 0 after each lesson and the costs follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

VERSION: Final = 1

NOISE: Final = 0.2**2
"""Variance of log CPU seconds of like jobs: they differ by about 20 %."""

FORGETTING: Final = 2e-5
HUBER: Final = 1.345
"""Standard deviations beyond which a surprise no longer grows: 95 % efficient on normal noise (Huber)."""
WILD: Final = 5.0
"""Times that, beyond which a surprise counts less the larger it is."""

UNSURE: Final = 0.7**2
"""Variance of a prior: costs on other images and machines are within a factor of two of it, mostly."""
CALIBRATED: Final = 0.1**2
UNCALIBRATED: Final = 0.7**2
HABITUAL: Final = 0.1**2
SANE: Final = math.log(20.0)
"""Nothing learned is further than this from its prior."""

PEAK_BYTES_PER_PIXEL: Final = 16.0
"""Before anything is known: 9 to 13 bytes were measured for one filter."""
PEAK_RISE: Final = 0.5
PEAK_FALL: Final = 0.03
"""Shares of the difference (of logarithms) by which the peak moves: too low kills a process, too high only waits."""
PEAK_SURPRISE: Final = math.log(2.0)
PEAK_LEAST: Final = PEAK_BYTES_PER_PIXEL / 20
PEAK_MOST: Final = PEAK_BYTES_PER_PIXEL * 20

EACH_JOB: Final = "each job"
"""The feature of the fixed part: its cost is for a job and not for a megapixel."""

MOST_FEATURES: Final = 500
MOST_HABITS: Final = 200
MOST_NODES: Final = 1000
ANCHORING: Final = 200
"""Observations after which a node counts fully for the scale."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one finished job took on a node. `peak_bytes` is 0 where it was not measured."""

    node: str
    features: tuple[str, ...]
    megapixels: float
    cpu_seconds: float
    peak_bytes: float = 0.0

    @property
    def usable(self) -> bool:
        """Whether the numbers can be true: positive, finite, from a microsecond to eleven days."""
        return bool(self.features) and all(1e-6 <= number <= 1e6 for number in (self.megapixels, self.cpu_seconds))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A learned factor: the logarithm of its ratio to its prior, the variance of that, and how many jobs taught it."""

    log: float
    variance: float
    count: int = 0

    def moved(self, share: float, surprise: float, spread: float) -> Estimate:
        gain = share * self.variance / spread
        variance = self.variance * (1.0 - gain * share) + share * share * FORGETTING
        return Estimate(_sane(self.log + gain * surprise), min(variance, UNSURE), self.count + 1)

    def shifted(self, by: float) -> Estimate:
        return replace(self, log=_sane(self.log + by))


@dataclass(frozen=True)
class CostModel:
    """`prior(feature)` gives CPU seconds per megapixel, `fixed` is seconds for each job; both on a core of speed 1.

    To be treated as immutable: `learn` and `with_calibrated` return another model.
    """

    prior: Callable[[str], float]
    fixed: float
    features: dict[str, Estimate] = field(default_factory=dict)
    habits: dict[str, Estimate] = field(default_factory=dict)
    nodes: dict[str, Estimate] = field(default_factory=dict)
    calibrated: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)  # bytes per pixel by list of features

    # -- asking --------------------------------------------------------------------------------------------------

    def predict(self, features: Iterable[str], megapixels: float) -> float:
        """CPU seconds on a core of speed 1; divide by `speed(node)`."""
        features = tuple(features)
        habit = self.habits.get(_joined(features))
        return sum(self._parts(features, megapixels).values()) * math.exp(habit.log if habit else 0.0)

    def peak(self, features: Iterable[str], megapixels: float) -> float:
        """Bytes of memory at the highest point, above those of an idle process."""
        return max(0.0, megapixels) * 1e6 * self.peaks.get(_joined(features), PEAK_BYTES_PER_PIXEL)

    def speed(self, node: str) -> float:
        """Of one of the node's cores; 1.0 where nothing is known."""
        estimate = self.nodes.get(node)
        speed = self.calibrated.get(node, 1.0) * math.exp(estimate.log if estimate else 0.0)
        return min(max(speed, 0.05), 20.0)

    def cost(self, feature: str) -> float:
        """CPU seconds per megapixel on a core of speed 1; of `EACH_JOB`, seconds."""
        estimate = self.features.get(feature)
        return self._prior(feature) * math.exp(estimate.log if estimate else 0.0)

    def _prior(self, feature: str) -> float:
        return self.fixed if feature == EACH_JOB else self.prior(feature)

    def _parts(self, features: Iterable[str], megapixels: float) -> dict[str, float]:
        """Predicted seconds by feature, the habit aside."""
        parts = {EACH_JOB: self.cost(EACH_JOB)}
        for feature in features:
            parts[feature] = parts.get(feature, 0.0) + max(0.0, megapixels) * self.cost(feature)
        return parts

    # -- learning ------------------------------------------------------------------------------------------------

    def learn(self, *observations: Observation) -> CostModel:
        """The model after these observations, in their order; those that make no sense are left out."""
        usable = [observation for observation in observations if observation.usable]
        if not usable:
            return self
        features, habits, nodes, peaks = dict(self.features), dict(self.habits), dict(self.nodes), dict(self.peaks)
        learned = replace(self, features=features, habits=habits, nodes=nodes, peaks=peaks)
        for observation in usable:
            learned._step(observation)  # noqa: SLF001 - a copy of our own
        learned._anchor()  # noqa: SLF001
        return learned

    def _step(self, seen: Observation) -> None:
        """One step of the filter, in place."""
        parts = self._parts(seen.features, seen.megapixels)
        total = sum(parts.values())
        key = _joined(seen.features)
        unsure = Estimate(0.0, UNSURE)
        known = {feature: self.features.get(feature, unsure) for feature in parts}
        habit = self.habits.get(key) or Estimate(0.0, HABITUAL)
        node = self.nodes.get(seen.node) or Estimate(0.0, UNCALIBRATED)
        shares = {feature: seconds / total for feature, seconds in parts.items()}
        spread = NOISE + habit.variance + node.variance
        spread += sum(shares[feature] ** 2 * estimate.variance for feature, estimate in known.items())
        surprise = (
            math.log(seen.cpu_seconds / total) - habit.log + node.log + math.log(self.calibrated.get(seen.node, 1.0))
        )
        surprise = _clipped(surprise, HUBER * math.sqrt(spread))
        for feature, estimate in known.items():
            _put(self.features, feature, estimate.moved(shares[feature], surprise, spread), MOST_FEATURES)
        _put(self.habits, key, habit.moved(1.0, surprise, spread), MOST_HABITS)
        # A faster node takes less: its factor is in the denominator.
        _put(self.nodes, seen.node, node.moved(-1.0, surprise, spread), MOST_NODES)
        if 1.0 <= seen.peak_bytes <= 1e15:
            self._take_peak(key, seen.peak_bytes / (1e6 * seen.megapixels))

    def _take_peak(self, key: str, bytes_per_pixel: float) -> None:
        """Up quickly and down slowly: asymmetric least squares (Newey and Powell, 1987) on the logarithm."""
        before = self.peaks.get(key, PEAK_BYTES_PER_PIXEL)
        surprise = min(max(math.log(bytes_per_pixel / before), -PEAK_SURPRISE), PEAK_SURPRISE)
        after = before * math.exp(surprise * (PEAK_RISE if surprise > 0 else PEAK_FALL))
        _put(self.peaks, key, min(max(after, PEAK_LEAST), PEAK_MOST), MOST_HABITS)

    def _anchor(self) -> None:
        """Puts the scale back, in place; no prediction changes."""
        weights = {name: min(estimate.count, ANCHORING) for name, estimate in self.nodes.items() if estimate.count}
        # A node that never measured itself says nothing about the scale, unless there is no other.
        trusted = {name: weight for name, weight in weights.items() if name in self.calibrated} or weights
        drift = sum(weight * self.nodes[name].log for name, weight in trusted.items()) / max(1, sum(trusted.values()))
        for name in weights:
            self.nodes[name] = self.nodes[name].shifted(-drift)
        # Those without observations stand at their prior, which is in the right scale.
        for name, estimate in self.features.items():
            self.features[name] = estimate.shifted(-drift)

    def with_calibrated(self, speeds: Mapping[str, float]) -> CostModel:
        """The model that knows what these nodes measured of themselves; `self` if that is no news.

        It is the prior of a node's speed. A node that has done work keeps its speed, but is learned anew: its name may
        have moved to another PC.
        """
        news = {node: speed for node, speed in speeds.items() if _speed(speed) and self.calibrated.get(node) != speed}
        if not news:
            return self
        nodes, calibrated = dict(self.nodes), dict(self.calibrated)
        for node, speed in news.items():
            before = nodes.get(node)
            after = Estimate(0.0, CALIBRATED)
            if before and before.count:
                after = Estimate(_sane(math.log(self.speed(node) / speed)), UNCALIBRATED, before.count)
            _put(nodes, node, after, MOST_NODES)
            calibrated[node] = speed
        return replace(self, nodes=nodes, calibrated={node: calibrated[node] for node in nodes if node in calibrated})

    # -- keeping -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """JSON data that people can read: costs and speeds themselves, not their logarithms."""
        return {
            "version": VERSION,
            "features": {
                name: _row(estimate, "ms" if name == EACH_JOB else "ms_per_mp", 1000 * self._prior(name))
                for name, estimate in self.features.items()
            },
            "habits": {name: _row(estimate, "factor", 1.0) for name, estimate in self.habits.items()},
            "nodes": {
                name: {
                    **_row(estimate, "speed", self.calibrated.get(name, 1.0)),
                    "calibrated": self.calibrated.get(name),
                }
                for name, estimate in self.nodes.items()
            },
            "peak_bytes_per_pixel": {name: _short(peak) for name, peak in self.peaks.items()},
        }

    @classmethod
    def from_json(cls, data: object, prior: Callable[[str], float], fixed: float) -> CostModel:
        """What `to_json` wrote, or as much of it as makes sense: the rest starts from its prior. Never raises."""
        model = cls(prior, fixed)
        document = _object(data)
        if document.get("version") != VERSION:
            return model
        for name, row in _object(document.get("features")).items():
            unit = "ms" if name == EACH_JOB else "ms_per_mp"
            if estimate := _estimate(row, unit, 1000 * model._prior(name)):
                _put(model.features, name, estimate, MOST_FEATURES)
        for name, row in _object(document.get("habits")).items():
            if estimate := _estimate(row, "factor", 1.0):
                _put(model.habits, name, estimate, MOST_HABITS)
        for name, row in _object(document.get("nodes")).items():
            calibrated = _speed(_object(row).get("calibrated"))
            if estimate := _estimate(row, "speed", calibrated or 1.0):
                _put(model.nodes, name, estimate, MOST_NODES)
                if calibrated:
                    model.calibrated[name] = calibrated
        for name, value in _object(document.get("peak_bytes_per_pixel")).items():
            if peak := _between(value, PEAK_LEAST, PEAK_MOST):
                _put(model.peaks, name, peak, MOST_HABITS)
        return model


V = TypeVar("V")


def _put(latest: dict[str, V], name: str, value: V, most: int) -> None:
    """The entry becomes the newest; the oldest goes where there are too many."""
    latest.pop(name, None)
    latest[name] = value
    if len(latest) > most:
        del latest[next(iter(latest))]


def _joined(features: Iterable[str]) -> str:
    return ",".join(sorted(features))


def _sane(log: float) -> float:
    return min(max(log, -SANE), SANE)


def _clipped(surprise: float, limit: float) -> float:
    size = max(abs(surprise), 1e-12)
    return surprise * min(1.0, limit / size, WILD * (limit / size) ** 2)


def _row(estimate: Estimate, unit: str, prior: float) -> dict[str, Any]:
    value = _short(prior * math.exp(estimate.log))
    return {unit: value, "variance": _short(estimate.variance), "jobs": estimate.count}


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _object(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _between(value: object, low: float, high: float) -> float | None:
    """The number, if it is one and that large; NaN is not."""
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    return None


def _speed(value: object) -> float | None:
    return _between(value, 0.05, 20.0)


def _estimate(data: object, unit: str, prior: float) -> Estimate | None:
    row = _object(data)
    value = _between(row.get(unit), 1e-12, 1e12)
    variance = _between(row.get("variance"), 1e-9, UNSURE)
    count = _between(row.get("jobs"), 0, 1e15)
    if value is None or variance is None or count is None:
        return None
    return Estimate(_sane(math.log(value / prior)), variance, int(count))
