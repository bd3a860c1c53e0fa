"""Which host serves which predictions: the shared one, an endpoint's dedicated one, or its private address."""

import re

from sandbox import registry
from sandbox.core import Sandbox
from sandbox.errors import Json, failed_precondition, invalid_argument, not_found
from sandbox.hosts import Target
from sandbox.operations import KIND as OPERATION
from sandbox.registry import Call
from sandbox.services import private_path
from sandbox.services.aiplatform import connect
from sandbox.services.aiplatform.names import ENDPOINT, SERVICE, wrong_field

_SHARED = re.compile(r"|(?:[a-z0-9-]+-)?aiplatform(?:\.[a-z]+\.rep)?\.googleapis\.com")

_REGIONAL = re.compile(r"([a-z]+-[a-z]+\d+)-aiplatform\.googleapis\.com|aiplatform\.([a-z]+)\.rep\.googleapis\.com")
_MEGABYTE = 1024 * 1024
_SMALL = ("predict", "explain", "rawPredict", "streamRawPredict")
_DIRECT = ("directPredict", "directRawPredict")
_PREDICTION = re.compile(
    r"projects/[^/]+/locations/[^/]+/endpoints/[^/]+"
    r"(?::(?:predict|explain|rawPredict|streamRawPredict|directPredict|directRawPredict|generateContent|streamGenerateContent|countTokens)|/chat/completions)"
)


@registry.gate
def check_location(call: Call) -> None:
    """Refuses a resource of another location than the host's (words: googleapis/python-aiplatform#1684)."""
    found = _REGIONAL.fullmatch(call.host)
    if call.service != SERVICE or not found:
        return
    served = found.group(1) or found.group(2)
    for parameter, value in call.params.items():
        named = re.match(r"projects/[^/]+/locations/([^/]+)", value)
        if named and named.group(1) != served:
            message = f"The provided location ID doesn't match the endpoint. The valid location ID is `{served}`."
            raise wrong_field(parameter, message)


def check_size(call: Call, endpoint: Json) -> None:
    """Refuses a prediction larger than the endpoint takes: 1.5 MB on the shared host, 10 MB on others and directly.

    Source: docs.cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type, and gcloud's help of direct-predict.
    How Google words it here is not verified: so it words it for generateContent.
    """
    own = endpoint.get("dedicatedEndpointEnabled") or endpoint.get("privateServiceConnectConfig")
    small = call.method.name in _SMALL and not own and not endpoint.get("network")
    most = 3 * _MEGABYTE // 2 if small else 10 * _MEGABYTE
    if call.method.name in (*_SMALL, *_DIRECT) and len(call.raw_body) > most:
        raise invalid_argument(f"Request payload size exceeds the limit: {most} bytes.")


def check_prediction(sandbox: Sandbox, host: str, endpoint: Json) -> None:
    """Refuses a prediction on a host that does not serve this endpoint, as Google does.

    Args:
        sandbox: the sandbox.
        host: the host name that was called, "" for the sandbox's own prefix, which stands for the shared host.
        endpoint: the endpoint whose prediction is asked for.

    Raises:
        UnreachableError: a private host to which no network leads.
        GoogleError: 400 where the endpoint has a host of its own, 404 where the host is another endpoint's.
    """
    dedicated = endpoint.get("dedicatedEndpointDns", "")
    private = (endpoint.get("privateServiceConnectConfig") or {}).get("enablePrivateServiceConnect")
    if not _SHARED.fullmatch(host):
        if private_path.is_private(host):
            served = private_path.endpoint_at(sandbox, host)["name"] == endpoint["name"]
        else:
            served = host in {dedicated, peered_host(endpoint)} - {""}
        if not served:
            raise not_found(f"Endpoint {endpoint['name']} is not served by {host}.")
        return
    if dedicated:
        raise failed_precondition(
            f"Dedicated Endpoint {endpoint['name']} cannot be accessed through the shared Vertex AI domain. Please"
            f" access the endpoint using its dedicated dns name '{dedicated}'."
        )
    if private:
        addresses = ", ".join(sorted(connect.addresses_of(sandbox, endpoint)))
        where = f"at {addresses}" if addresses else "through a forwarding rule to its service attachment"
        raise failed_precondition(f"Private Service Connect Endpoint {endpoint['name']} can be accessed only {where}.")
    if endpoint.get("network"):
        raise failed_precondition(
            f"Private Endpoint {endpoint['name']} can be accessed from its peered network only, at the"
            " private_endpoints.predict_http_uri of its DeployedModel."
        )


def peered_host(endpoint: Json) -> str:
    """The host of a peered endpoint's predictHttpUri, or ""."""
    return f"{endpoint['name'].rpartition('/')[2]}.aiplatform.googleapis.com" if endpoint.get("network") else ""


@registry.rewrite("aiplatform")
def rewrite(sandbox: Sandbox, target: Target) -> Target:
    """Maps the addresses that no discovery document lists.

    gcloud asks for a publisher's model below a project's models. A peered endpoint's host has a path a deployed model.
    A host of one endpoint serves that endpoint's predictions only. Google's generated clients look at operations over
    REST under /ui/, without a version (google.cloud.aiplatform_v1.services.endpoint_service.transports.rest): they get
    the version in which the operation was started.
    """
    if target.path.startswith("ui/"):
        rest = target.path.removeprefix("ui/")
        record = sandbox.store.get(OPERATION, rest.partition(":")[0])
        version = record["args"].get("version", "v1") if record else "v1"
        target = Target(target.service, f"{version}/{rest}", target.host)
    version, _, rest = target.path.partition("/")
    publisher = re.fullmatch(r"(projects/[^/]+/locations/[^/]+/models/)(publishers/[^/]+/models/[^/:]+)", rest)
    if publisher:
        escaped = publisher.group(2).replace("/", "%2F")
        return Target(target.service, f"{version}/{publisher.group(1)}{escaped}", target.host)
    if _SHARED.fullmatch(target.host):
        return target
    if private_path.is_private(target.host):
        private_path.endpoint_at(sandbox, target.host)
    own = re.fullmatch(r"models/([0-9]+):predict", rest)
    if own:
        found = [e for e in sandbox.store.list(ENDPOINT).values() if peered_host(e) == target.host]
        if found:
            private_path.check_peering(sandbox, found[0])
        if found and own.group(1) in {model["id"] for model in found[0].get("deployedModels", [])}:
            return Target(target.service, f"{version}/{found[0]['name']}:rawPredict", target.host)
    if not _PREDICTION.fullmatch(rest):
        return Target(target.service, "", target.host)
    return target
