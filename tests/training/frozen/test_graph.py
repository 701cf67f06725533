"""Beliefs on a graph of neighbours."""

import numpy as np

from training.frozen.graph import NeighbourGraph, nearest


def two_moons(n: int) -> tuple[np.ndarray, np.ndarray]:
    """2n points on two arcs far apart on a sphere, of length 1, and the arc of each."""
    angle = np.linspace(0, 2.5, n)
    upper = np.stack([np.cos(angle), np.sin(angle), np.full(n, 1.5)], axis=1)
    lower = np.stack([np.cos(angle), np.sin(angle), np.full(n, -1.5)], axis=1)
    points = np.concatenate([upper, lower]).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True), np.repeat([0, 1], n)


def test_one_label_an_arc_tells_the_whole_arc() -> None:
    points, arc = two_moons(100)
    graph = NeighbourGraph.of(points)
    beliefs = graph.spread(np.array([0, 199]), np.array([0, 1]), np.ones(2), 2, far=0.99)
    assert (beliefs.argmax(axis=1) == arc).all()
    np.testing.assert_allclose(beliefs.sum(axis=1), 1, atol=1e-5)


def test_a_class_with_more_labels_does_not_crowd_the_other_out() -> None:
    points, arc = two_moons(100)
    rows = np.array([*range(0, 100, 5), 199])
    beliefs = NeighbourGraph.of(points).spread(rows, arc[rows], np.ones(len(rows)), 2, far=0.8)
    assert (beliefs.argmax(axis=1) == arc).mean() > 0.99


def test_where_no_belief_arrives_all_classes_are_alike() -> None:
    points = np.eye(3, dtype=np.float32)
    graph = NeighbourGraph(NeighbourGraph.of(points).weights * 0)
    beliefs = graph.spread(np.array([0]), np.array([1]), np.ones(1), 2, far=0.5)
    np.testing.assert_allclose(beliefs, [[0, 1], [0.5, 0.5], [0.5, 0.5]])


def test_trust_decides_between_two_labels_of_one_place() -> None:
    points = np.ones((3, 2), dtype=np.float32) / np.sqrt(2)
    graph = NeighbourGraph.of(points)
    beliefs = graph.spread(np.array([0, 1]), np.array([0, 0]), np.array([1.0, 1.0]), 2, far=0.5)
    assert beliefs[2].argmax() == 0


def test_the_nearest_are_the_nearest_in_chunks_too(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 4)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    whole = np.sort(nearest(points, points, 5, without_self=True)[0], axis=1)
    monkeypatch.setattr("training.frozen.graph.PRODUCTS_AT_ONCE", 150)
    np.testing.assert_array_equal(np.sort(nearest(points, points, 5, without_self=True)[0], axis=1), whole)
    assert not (whole == np.arange(50)[:, None]).any()


def test_a_single_record_has_no_neighbour() -> None:
    assert NeighbourGraph.of(np.ones((1, 3), dtype=np.float32)).weights.nnz == 0
