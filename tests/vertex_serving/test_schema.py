"""The schema, the resource classes and the server describe the same package."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

import vertex_serving
from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    PROJECT,
    PUBLISHER_MODEL_CONFIG,
    TRAFFIC_SPLIT,
    Failed,
    World,
    config_inputs,
    model_inputs,
)
from vertex_serving.provider import deployed_model_inputs as inputs_of
from vertex_serving.provider.servicer import SCHEMA

schema: dict[str, Any] = json.loads(SCHEMA.read_text())

CLASSES = {
    DEPLOYED_MODEL: (vertex_serving.DeployedModel, vertex_serving.DeployedModelArgs),
    TRAFFIC_SPLIT: (vertex_serving.TrafficSplit, vertex_serving.TrafficSplitArgs),
    PUBLISHER_MODEL_CONFIG: (vertex_serving.PublisherModelConfig, vertex_serving.PublisherModelConfigArgs),
}
TYPES: dict[str, tuple[type, type]] = {
    "vertex-serving:index:AutoscalingMetricSpec": (
        vertex_serving.AutoscalingMetricSpec,
        vertex_serving.AutoscalingMetricSpecArgs,
    ),
    "vertex-serving:index:TrafficTarget": (vertex_serving.TrafficTarget, vertex_serving.TrafficTargetArgs),
    "vertex-serving:index:RequestLogging": (vertex_serving.RequestLogging, vertex_serving.RequestLoggingArgs),
}
KINDS = {"string": str, "integer": int, "boolean": bool}


def names(cls: type) -> dict[str, str]:
    """Return the Pulumi names of a class's properties, by its own names."""
    from pulumi import _types

    if _types.is_input_type(cls):
        return _types.input_type_py_to_pulumi_names(cls)
    return {one: other for other, one in _types.resource_pulumi_to_py_names(cls).items()}


def test_the_schema_has_exactly_the_resources_of_the_server() -> None:
    """No resource is served that is not described, and none described that is not served."""
    assert set(schema["resources"]) == set(CLASSES)


@pytest.mark.parametrize("token", CLASSES)
def test_a_resource_class_has_exactly_the_schema_s_properties(token: str) -> None:
    """Inputs and outputs have the same names in both."""
    resource, args = CLASSES[token]
    described = schema["resources"][token]
    assert set(names(args).values()) == set(described["inputProperties"])
    assert set(names(resource).values()) == set(described["properties"])


@pytest.mark.parametrize("token", TYPES)
def test_a_nested_type_has_exactly_the_schema_s_properties(token: str) -> None:
    """Nested objects, too, as inputs and as outputs."""
    output, args = TYPES[token]
    described = set(schema["types"][token]["properties"])
    assert set(names(args).values()) == described
    assert {"_".join(snake(one)) for one in described} == {name for name in vars(output) if not name.startswith("_")}


def snake(name: str) -> list[str]:
    """Split a camelCase name into its words."""
    words = [""]
    for letter in name:
        if letter.isupper():
            words.append("")
        words[-1] += letter.lower()
    return words


def test_the_server_knows_exactly_the_schema_s_inputs() -> None:
    """The keys that Check takes, the outputs it gives, and what replaces are what the schema says."""
    described = schema["resources"][DEPLOYED_MODEL]
    assert set(inputs_of.KEYS) == set(described["inputProperties"])
    replacing = {key for key, one in described["inputProperties"].items() if one.get("willReplaceOnChanges")}
    assert set(inputs_of.REPLACING) == replacing
    outputs = {"deployedModelId", *inputs_of.OUTPUTS}
    assert outputs == set(described["properties"]) - set(described["inputProperties"])


def test_required_inputs_are_those_that_check_misses(here: World) -> None:
    """Check complains of exactly the inputs that the schema requires."""
    engine = here.engine()
    for token in CLASSES:
        _, failures = engine.check(token, "x", {})
        assert set(failures) == set(schema["resources"][token]["requiredInputs"])


def test_outputs_have_the_schema_s_types(here: World) -> None:
    """What Create returns is what the schema promises, each value of its type, none missing."""
    engine = here.engine()
    spec = {"metricName": inputs_of.METRICS[0], "target": 40}
    _, model = engine.create(DEPLOYED_MODEL, "flash", model_inputs(autoscalingMetricSpecs=[spec]))
    targets = {"flash": {"deployedModelId": model["deployedModelId"], "percent": 100}}
    _, split = engine.create(TRAFFIC_SPLIT, "traffic", {"endpoint": ENDPOINT, "targets": targets})
    _, config = engine.create(PUBLISHER_MODEL_CONFIG, "log", config_inputs(bigqueryDestination=f"bq://{PROJECT}"))
    for token, outputs in ((DEPLOYED_MODEL, model), (TRAFFIC_SPLIT, split), (PUBLISHER_MODEL_CONFIG, config)):
        described = schema["resources"][token]
        assert set(described["required"]) <= set(outputs) <= set(described["properties"])
        for key, value in outputs.items():
            kind = described["properties"][key].get("type", "object")
            assert isinstance(value, KINDS.get(kind, list | dict)), key


def test_the_schema_is_served(here: World) -> None:
    """GetSchema answers with the file, and with a sentence for a format that is not there."""
    engine = here.engine()
    assert json.loads(engine.call("GetSchema", provider_pb2.GetSchemaRequest()).schema) == schema
    with pytest.raises(Failed, match="no version 7"):
        engine.call("GetSchema", provider_pb2.GetSchemaRequest(version=7))
    assert engine.call("GetPluginInfo", empty_pb2.Empty()).version == schema["version"]


def test_the_provider_s_configuration_is_described(here: World) -> None:
    """The provider class, the schema and CheckConfig have the same settings; none of them replaces anything."""
    settings = set(schema["config"]["variables"])
    assert set(names(vertex_serving.ProviderArgs).values()) == settings == set(schema["provider"]["inputProperties"])
    from vertex_serving.provider import wire

    news = {"allowBaseGemini": "true", "customEndpoint": "http://127.0.0.1:1/v1/"}
    request = provider_pb2.CheckRequest(urn="urn", news=wire.write(news))
    answer = here.engine().call("CheckConfig", request)
    assert not answer.failures
    assert wire.read(answer.inputs) == news
    diff = provider_pb2.DiffRequest(urn="urn", olds=wire.write({}), news=wire.write(news))
    changed = here.engine().call("DiffConfig", diff)
    assert set(changed.detailedDiff) == set(news)
    assert not changed.replaces
