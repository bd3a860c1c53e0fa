"""The counters of what breaks off and of what is read anew."""

import json
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tests.gemini_client.harness import STREAM, Json, World, managed, raised


def counted(reader: InMemoryMetricReader, name: str) -> list[tuple[Json, float]]:
    """The points of a counter: their attributes and values."""
    data = reader.get_metrics_data()
    metrics = [
        metric
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    found = [point for metric in metrics if metric.name == f"gemini_client.{name}" for point in metric.data.data_points]
    return [(dict(point.attributes or {}), point.value) for point in found]  # type: ignore[union-attr]


def test_streams_that_break_off_are_counted_by_route(world: World) -> None:
    reader = InMemoryMetricReader()
    client = world.client(meter_provider=MeterProvider([reader]))
    assert counted(reader, "interruptions") == []
    world.order({"method": STREAM, "cutAfter": 2})
    raised(client.stream)
    raised(client.stream)
    ((attributes, value),) = counted(reader, "interruptions")
    assert (attributes["gemini_client.route"], value) == ("flash", 2)


def test_changes_of_the_routes_file_are_counted(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, path = InMemoryMetricReader(), tmp_path / "routes.json"

    def write(text: str) -> None:
        path.write_text(text)
        world.timing.advance(1)

    def file(name: str) -> str:
        return json.dumps({"version": 1, "project": world.sandbox.project, "routes": [managed(name)]})

    write(file("flash"))
    monkeypatch.setenv("GEMINI_ROUTES_FILE", str(path))
    client = world.from_env(meter_provider=MeterProvider([reader]))
    client.ask()
    assert counted(reader, "routes.reloads") == []
    for text in (file("other"), "{", "{", file("third")):
        write(text)
        client.ask()
    assert [value for _, value in counted(reader, "routes.reloads")] == [3]
