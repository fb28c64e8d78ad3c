"""The best accuracy for its size that a set of models offers, and which other models lie below it.

A curve is the lower convex hull of points (bits per weight, mean KL): a `budget` step mixes the formats of two recipes in
any proportion, and the costs of matrices nearly add up, so that the straight line between two recipes is what a
recipe of a size between them can be expected to reach. Left of the first point the curve has that point's KL: a model with
fewer bits and a smaller KL is better, one with a larger KL cannot be judged. Right of the last it has that one's.
"""

from dataclasses import dataclass
from math import hypot


@dataclass(frozen=True)
class Point:
    name: str
    bits: float
    divergence: float  # mean KL
    error: float  # its standard error


def corners(points: list[Point]) -> list[Point]:
    """The lower convex hull from left to right, as far as it falls."""
    hull: list[Point] = []
    for point in sorted(points, key=lambda point: (point.bits, point.divergence)):
        if hull and point.divergence >= hull[-1].divergence:
            continue
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_down(a: Point, b: Point, c: Point) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b.divergence - a.divergence) * (c.bits - a.bits) >= (c.divergence - a.divergence) * (b.bits - a.bits)


def divergence_at(bits: float, hull: list[Point]) -> float:
    """The curve's mean KL."""
    if bits <= hull[0].bits:
        return hull[0].divergence
    for left, right in zip(hull, hull[1:]):
        if bits <= right.bits:
            share = (bits - left.bits) / (right.bits - left.bits)
            return left.divergence + share * (right.divergence - left.divergence)
    return hull[-1].divergence


@dataclass(frozen=True)
class Verdict:
    """A model of another tool that is better than ours."""

    point: Point
    ours: float  # the curve's KL at as many bits
    is_certain: bool  # by more than two standard errors


def below(points: list[Point], hull: list[Point]) -> list[Verdict]:
    """The points under the curve."""
    found = []
    for point in points:
        ours = divergence_at(point.bits, hull)
        if point.divergence < ours:
            nearest = min(hull, key=lambda corner: abs(corner.bits - point.bits))
            found.append(Verdict(point, ours, ours - point.divergence > 2 * hypot(point.error, nearest.error)))
    return found


def unmatched(points: list[Point], ours: list[Point]) -> list[Point]:
    """The points, each the best of its size among them, for which no single model of ours has both no more bits and no
    larger mean KL."""
    best = [
        point
        for point in points
        if not any(other.bits <= point.bits and other.divergence < point.divergence for other in points)
    ]
    return [p for p in best if not any(own.bits <= p.bits and own.divergence <= p.divergence for own in ours)]
