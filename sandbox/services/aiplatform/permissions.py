"""The permission that each method of Vertex AI needs, and the name that audit logs give it.

Source: cloud.google.com/vertex-ai/docs/general/iam-permissions and /access-control; service names from the gRPC API,
google.cloud.aiplatform.v1. Google documents no permission for looking at or ending a single operation: here they need
that of listing operations, and that of changing an endpoint. Nor one for fetching a publisher model's configuration:
here that of looking at an endpoint; the one for setting it is in "Log requests and responses".
"""

_PREDICT, _CHANGE = "aiplatform.endpoints.predict", "aiplatform.endpoints.update"
_LOOK, _CONFIGURE = "aiplatform.endpoints.get", "aiplatform.endpoints.setPublisherModelConfig"
_OPERATIONS = "aiplatform.operations.list"
_ENDPOINTS, _MODELS, _PREDICTIONS = "EndpointService", "ModelService", "PredictionService"
_LONG_RUNNING = "google.longrunning.Operations"

METHODS: dict[str, tuple[str, str]] = {
    "endpoints.create": ("aiplatform.endpoints.create", f"{_ENDPOINTS}.CreateEndpoint"),
    "endpoints.delete": ("aiplatform.endpoints.delete", f"{_ENDPOINTS}.DeleteEndpoint"),
    "endpoints.deployModel": ("aiplatform.endpoints.deploy", f"{_ENDPOINTS}.DeployModel"),
    "endpoints.get": (_LOOK, f"{_ENDPOINTS}.GetEndpoint"),
    "endpoints.list": ("aiplatform.endpoints.list", f"{_ENDPOINTS}.ListEndpoints"),
    "endpoints.mutateDeployedModel": ("aiplatform.endpoints.deploy", f"{_ENDPOINTS}.MutateDeployedModel"),
    "endpoints.patch": (_CHANGE, f"{_ENDPOINTS}.UpdateEndpoint"),
    "endpoints.undeployModel": ("aiplatform.endpoints.undeploy", f"{_ENDPOINTS}.UndeployModel"),
    "endpoints.getIamPolicy": ("aiplatform.endpoints.getIamPolicy", "google.iam.v1.IAMPolicy.GetIamPolicy"),
    "endpoints.setIamPolicy": ("aiplatform.endpoints.setIamPolicy", "google.iam.v1.IAMPolicy.SetIamPolicy"),
    "endpoints.update": (_CHANGE, f"{_ENDPOINTS}.UpdateEndpointLongRunning"),
    "endpoints.explain": ("aiplatform.endpoints.explain", f"{_PREDICTIONS}.Explain"),
    "endpoints.predict": (_PREDICT, f"{_PREDICTIONS}.Predict"),
    "endpoints.rawPredict": (_PREDICT, f"{_PREDICTIONS}.RawPredict"),
    "endpoints.streamRawPredict": (_PREDICT, f"{_PREDICTIONS}.StreamRawPredict"),
    "endpoints.directPredict": (_PREDICT, f"{_PREDICTIONS}.DirectPredict"),
    "endpoints.directRawPredict": (_PREDICT, f"{_PREDICTIONS}.DirectRawPredict"),
    "endpoints.serverStreamingPredict": (_PREDICT, f"{_PREDICTIONS}.ServerStreamingPredict"),
    "endpoints.generateContent": (_PREDICT, f"{_PREDICTIONS}.GenerateContent"),
    "endpoints.streamGenerateContent": (_PREDICT, f"{_PREDICTIONS}.StreamGenerateContent"),
    "endpoints.countTokens": (_PREDICT, f"{_PREDICTIONS}.CountTokens"),
    "endpoints.computeTokens": (_PREDICT, "LlmUtilityService.ComputeTokens"),
    "endpoints.chat.completions": (_PREDICT, f"{_PREDICTIONS}.ChatCompletions"),
    "endpoints.openapi.completions": (_PREDICT, f"{_PREDICTIONS}.ChatCompletions"),
    "publishers.models.generateContent": (_PREDICT, f"{_PREDICTIONS}.GenerateContent"),
    "publishers.models.streamGenerateContent": (_PREDICT, f"{_PREDICTIONS}.StreamGenerateContent"),
    "publishers.models.countTokens": (_PREDICT, f"{_PREDICTIONS}.CountTokens"),
    "publishers.models.computeTokens": (_PREDICT, "LlmUtilityService.ComputeTokens"),
    "publishers.models.predict": (_PREDICT, f"{_PREDICTIONS}.Predict"),
    "publishers.models.rawPredict": (_PREDICT, f"{_PREDICTIONS}.RawPredict"),
    "publishers.models.streamRawPredict": (_PREDICT, f"{_PREDICTIONS}.StreamRawPredict"),
    "publishers.models.fetchPublisherModelConfig": (_LOOK, f"{_ENDPOINTS}.FetchPublisherModelConfig"),
    "publishers.models.setPublisherModelConfig": (_CONFIGURE, f"{_ENDPOINTS}.SetPublisherModelConfig"),
    "models.delete": ("aiplatform.models.delete", f"{_MODELS}.DeleteModel"),
    "models.deleteVersion": ("aiplatform.models.delete", f"{_MODELS}.DeleteModelVersion"),
    "models.get": ("aiplatform.models.get", f"{_MODELS}.GetModel"),
    "models.list": ("aiplatform.models.list", f"{_MODELS}.ListModels"),
    "models.listVersions": ("aiplatform.models.list", f"{_MODELS}.ListModelVersions"),
    "models.mergeVersionAliases": ("aiplatform.models.update", f"{_MODELS}.MergeVersionAliases"),
    "models.patch": ("aiplatform.models.update", f"{_MODELS}.UpdateModel"),
    "models.copy": ("aiplatform.models.upload", f"{_MODELS}.CopyModel"),
    "models.upload": ("aiplatform.models.upload", f"{_MODELS}.UploadModel"),
    "get": ("aiplatform.locations.get", "google.cloud.location.Locations.GetLocation"),
    "list": ("aiplatform.locations.list", "google.cloud.location.Locations.ListLocations"),
}
_ON_OPERATIONS = {
    "get": (_OPERATIONS, "GetOperation"),
    "list": (_OPERATIONS, "ListOperations"),
    "wait": (_OPERATIONS, "WaitOperation"),
    "cancel": (_CHANGE, "CancelOperation"),
    "delete": (_CHANGE, "DeleteOperation"),
}
_PREFIX = "aiplatform.projects.locations."


def permission_of(method_id: str) -> str:
    """The permission that a method needs on the resource that it names.

    What is not in the table needs the one that its id spells: aiplatform.tuningJobs.create for projects.locations.
    tuningJobs.create.
    """
    short, operation = _split(method_id)
    if operation:
        return _ON_OPERATIONS[operation][0]
    if short in METHODS:
        return METHODS[short][0]
    collection, _, verb = short.rpartition(".")
    return f"aiplatform.{collection.rpartition('.')[2]}.{'update' if verb == 'patch' else verb}"


def rpc_of(method_id: str, version: str) -> str:
    """The method's name in audit logs and in perimeters' method selectors."""
    short, operation = _split(method_id)
    if operation:
        return f"{_LONG_RUNNING}.{_ON_OPERATIONS[operation][1]}"
    name = METHODS[short][1] if short in METHODS else ""
    if not name:
        return method_id
    return name if name.startswith("google.") else f"google.cloud.aiplatform.{version}.{name}"


def _split(method_id: str) -> tuple[str, str]:
    """The id below projects.locations, and the verb where it is one on operations."""
    short = method_id.removeprefix(_PREFIX)
    collection, _, verb = short.rpartition(".")
    on_operation = collection.rpartition(".")[2] == "operations" and verb in _ON_OPERATIONS
    return short, verb if on_operation else ""
