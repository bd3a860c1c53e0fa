"""Pulumi mocks that remember every resource registered, and answer as the providers would."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs
from pulumi.runtime.settings import _get_rpc_manager

PROJECT_NUMBER = "123456789012"
ORGANIZATION = "987654321098"
DNS = "123456789.us-central1-42.prediction.vertexai.goog"
ADDRESS = "10.0.0.7"
ATTACHMENT = "projects/123-tp/regions/us-central1/serviceAttachments/gkedpm-7"


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """What a program registered; in a preview, outputs that only a provider knows stay unknown."""

    preview: bool = False
    organization: str = ORGANIZATION
    last_outputs: dict[str, Any] = field(default_factory=dict)
    resources: list[MockResourceArgs] = field(default_factory=list)
    calls: list[MockCallArgs] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Remember the resource; its outputs are its inputs and what Google adds."""
        self.resources.append(args)
        if self.preview:
            return "", dict(args.inputs)
        return f"{args.name}-id", {**args.inputs, **_added_by_google(args)}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer `getProject`, the only function that the components call, and what the stack's last outputs were."""
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"name": args.args["name"], "outputs": self.last_outputs}, []
        self.calls.append(args)
        assert args.token == "gcp:organizations/getProject:getProject"
        project = args.args["projectId"]
        return {"projectId": project, "number": PROJECT_NUMBER, "orgId": self.organization, "id": project}, []

    def of(self, token: str) -> list[MockResourceArgs]:
        """The resources whose type ends in `token`, in the order of their registration."""
        return [resource for resource in self.resources if resource.typ.endswith(token)]

    def one(self, token: str) -> MockResourceArgs:
        """The only resource of that type."""
        found = self.of(token)
        assert len(found) == 1, f"{len(found)} resources of {token}"
        return found[0]


def _added_by_google(args: MockResourceArgs) -> dict[str, Any]:
    inputs: Mapping[str, Any] = args.inputs
    if args.typ.endswith(":AiEndpoint"):
        return {"dedicatedEndpointDns": DNS if inputs.get("dedicatedEndpointEnabled") else ""}
    if args.typ.endswith(":Account"):
        email = f"{inputs['accountId']}@{inputs['project']}.iam.gserviceaccount.com"
        return {"email": email, "name": f"projects/{inputs['project']}/serviceAccounts/{email}"}
    if args.typ.endswith(":IAMCustomRole"):
        owner = f"organizations/{inputs['orgId']}" if "orgId" in inputs else f"projects/{inputs['project']}"
        return {"name": f"{owner}/roles/{inputs['roleId']}"}
    if args.typ.endswith("/address:Address"):
        return {"address": ADDRESS}
    if args.typ.endswith(":AccessPolicy"):
        return {"name": "555"}
    if args.typ == "vertex-serving:index:DeployedModel":
        number = str(10**9 + sum(map(ord, inputs["displayName"])))
        return {
            "deployedModelId": number,
            "privateServiceConnectAddress": ADDRESS,
            "predictHttpUri": "",
            "serviceAttachment": ATTACHMENT,
        }
    if args.typ == "vertex-serving:index:TrafficSplit":
        targets = inputs["targets"].values()
        return {"trafficSplit": {target["deployedModelId"]: target["percent"] for target in targets}}
    return {}


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def record(program: Callable[[], Any], preview: bool = False, stack: str = "prod", **answers: Any) -> Recorder:
    """Run `program` under mocks to its end.

    It may return a mapping of outputs: their values come back in `outputs`, `pulumi.Unknown` where not known. So do
    those that it exports.
    """
    recorder = Recorder(preview, **answers)
    # Pulumi takes the thread's event loop, which a test that ran asyncio of its own has taken away.
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
    logger = logging.Logger("program")
    logger.addHandler(_Lines(recorder.log))
    pulumi.runtime.set_mocks(recorder, project="gemini-vertex", stack=stack, preview=preview, logger=logger)
    root: Any = pulumi.runtime.get_root_resource()
    root.outputs = {}

    @pulumi.runtime.test
    def run() -> Any:
        returned = program() or {}
        for name, value in {**root.outputs, **returned}.items():
            _keep(recorder.outputs, name, value)

    run()
    return recorder


def _keep(outputs: dict[str, Any], name: str, value: Any) -> None:
    async def keep() -> None:
        outputs[name] = await pulumi.Output.from_input(value).future(with_unknowns=True)

    _get_rpc_manager().rpcs.append(asyncio.ensure_future(keep()))
