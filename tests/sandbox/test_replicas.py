"""Replicas follow the request rate between their bounds."""

from sandbox.services.aiplatform.replicas import Load
from tests.sandbox.vertex import Vertex, machine


def test_load_adds_replicas_up_to_the_maximum(vertex: Vertex) -> None:
    vertex.sandbox.set(requestsPerReplica=5)
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 3))

    def replicas() -> int:
        count: int = vertex.get(name)["deployedModels"][0]["status"]["availableReplicaCount"]
        return count

    assert replicas() == 1
    for _ in range(8):
        vertex.ask(name, "1 + 1")
    assert replicas() == 2
    for _ in range(40):
        vertex.ask(name, "1 + 1")
    assert replicas() == 3


def test_the_busiest_recent_minute_counts_until_the_window_has_passed() -> None:
    load = Load()
    for second in range(60):
        load.add(1000.0 + second, keep=300)
    assert load.most_in_a_minute(1059, window=300) == 60
    assert load.most_in_a_minute(1300, window=300) == 60
    assert load.most_in_a_minute(1500, window=300) == 0


def test_a_model_without_load_keeps_its_minimum(vertex: Vertex) -> None:
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(2, 20))
    vertex.deploy(name, "2", dedicatedResources=machine(1, 5))
    vertex.ask(name, "1 + 1")
    counts = [model["status"]["availableReplicaCount"] for model in vertex.get(name)["deployedModels"]]
    assert counts == [2, 1]
