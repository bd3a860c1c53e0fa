"""Google's errors, in sentences that say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import grpc

from vertex_serving.provider.failures import ApiError, Refused
from vertex_serving.provider.vertex import project_of, region_of

_ROLES: Final = {
    "aiplatform.endpoints.setPublisherModelConfig": "roles/aiplatform.admin",
    "iam.serviceAccounts.actAs": "roles/iam.serviceAccountUser, on that service account,",
    "serviceusage.services.use": "roles/serviceusage.serviceUsageConsumer",
}
SHARED: Final = "Google's shared machines"
"""What a deployment without a machineType runs on, in words."""

_DEFAULT_ROLE: Final = "roles/aiplatform.user"

_PERMISSIONS: Final = {
    "endpoints.get": "aiplatform.endpoints.get",
    "endpoints.deployModel": "aiplatform.endpoints.deploy",
    "endpoints.undeployModel": "aiplatform.endpoints.undeploy",
    "endpoints.mutateDeployedModel": "aiplatform.endpoints.deploy",
    "endpoints.patch": "aiplatform.endpoints.update",
    "operations.list": "aiplatform.operations.list",
    "publishers.models.setPublisherModelConfig": "aiplatform.endpoints.setPublisherModelConfig",
}

_CODES: Final = {
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "INVALID_ARGUMENT": grpc.StatusCode.INVALID_ARGUMENT,
    "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "RESOURCE_EXHAUSTED": grpc.StatusCode.RESOURCE_EXHAUSTED,
}

_UNFIT: Final = {
    "'automatic_resources' is not supported": " This model needs machines of its own: set `machineType`.",
    "'dedicated_resources' is not supported": (
        " This model, as a tuned Gemini does, runs on Google's shared machines only: remove `machineType` and what "
        "goes with it, replica counts, accelerators, metrics and spot."
    ),
}


@dataclass(frozen=True)
class Context:
    """What was being done when Google refused.

    Attributes:
        method: Discovery name of the method, without its package: `endpoints.deployModel`.
        endpoint: Full name of the endpoint, or of the publisher's model that is configured.
        model: Full name of the model being deployed or configured, "" where none is.
        machine: What was asked for, in words: `2 to 20 replicas of n1-standard-4`, or SHARED.
    """

    method: str
    endpoint: str
    model: str = ""
    machine: str = ""


def explain(error: ApiError, context: Context) -> Refused:
    """Return the failure to show for an error of Google's."""
    failure = Refused(_sentence(error, context))
    failure.grpc_status = _CODES.get(error.status, grpc.StatusCode.FAILED_PRECONDITION)
    return failure


def _sentence(error: ApiError, context: Context) -> str:
    project, region = project_of(context.endpoint), region_of(context.endpoint)
    words = error.message.strip().rstrip(".")
    reasons = {str(detail.get("reason", "")) for detail in error.details}
    if error.quota_metrics or (error.status == "RESOURCE_EXHAUSTED" and error.http == 0):
        return _quota(error, context, project, region)
    if error.rate_limited:
        return (
            f"Google allows no more requests to {region} in this minute ({words}). Wait a minute and run `pulumi up` "
            f"again; the limit is at {_quota_page(project)}."
        )
    if "SERVICE_DISABLED" in reasons or "has not been used in project" in words:
        return (
            f"The Vertex AI API is not enabled in project {project}. "
            f"Enable it: `gcloud services enable aiplatform.googleapis.com --project={project}`."
        )
    if "vpcServiceControlsUniqueIdentifier" in str(error.details) or "organization's policy" in words:
        return (
            f"A VPC Service Controls perimeter keeps {context.method} out of project {project} ({words}). "
            "Run Pulumi from inside the perimeter, or let it in with an access level or an ingress rule."
        )
    if error.status == "PERMISSION_DENIED" or error.http == 403:
        return _permission(words, context, project)
    if error.status == "UNAUTHENTICATED" or error.http == 401:
        return (
            f"Google does not take the credentials ({words}). Log in with `gcloud auth application-default login`, or "
            "put a fresh token into GOOGLE_OAUTH_ACCESS_TOKEN."
        )
    if error.gone and context.model and context.method == "endpoints.deployModel":
        return _no_model(words, context, project, region)
    if error.gone and context.method.startswith("publishers."):
        return (
            f"Google serves no {context.model.rpartition('/')[2]} to project {project} in {region} ({words}). Correct "
            "`model` or `region`; https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations says what is "
            "where."
        )
    if error.gone:
        return (
            f"Endpoint {context.endpoint} does not exist ({words}). Create it first, or correct `endpoint`: "
            f"`gcloud ai endpoints list --region={region} --project={project}` lists those that do."
        )
    if not error.status:
        return (
            f"{context.method} got an answer that is not Google's: HTTP {error.http}, {words!r}. Check the proxy and, "
            "where one is set, vertex-serving:customEndpoint."
        )
    asked = f" ({context.machine} for {context.model})" if context.machine else ""
    todo = next((advice for unfit, advice in _UNFIT.items() if unfit in words), "")
    return f"Google refused {context.method} on {context.endpoint}{asked}: {words} ({error.status}).{todo}"


def _quota(error: ApiError, context: Context, project: str, region: str) -> str:
    metrics = ", ".join(error.quota_metrics)
    what = f"of {metrics} " if metrics else ""
    asked = f" for {context.machine}" if context.machine else ""
    ways = "or choose another region"
    if context.machine != SHARED:
        ways = "or lower `minReplicaCount` and `maxReplicaCount`, or choose another `machineType` or region"
    return (
        f"The quota {what}in {region} is too small{asked} ({error.message.strip().rstrip('.')}). Raise it at "
        f"{_quota_page(project)} (filter by that name and region {region}), {ways}."
    )


def _quota_page(project: str) -> str:
    return f"https://console.cloud.google.com/iam-admin/quotas?project={project}"


def _permission(words: str, context: Context, project: str) -> str:
    named = re.search(r"[a-zA-Z]+\.[a-zA-Z]+\.[a-zA-Z]+(?='|\"|`| )", words + " ")
    if re.search("act as service.?account", words):
        permission = "iam.serviceAccounts.actAs"
    else:
        permission = named.group() if named else _PERMISSIONS.get(context.method, "")
    role = _ROLES.get(permission, _DEFAULT_ROLE)
    lacking = f" the permission {permission} is missing" if permission else ""
    return (
        f"Google refused {context.method}:{lacking} ({words}). Ask for {role} on project {project}: "
        f"`gcloud projects add-iam-policy-binding {project} --member=user:YOU --role={role.split(',')[0]}`. "
        "A new grant takes some minutes to work."
    )


def _no_model(words: str, context: Context, project: str, region: str) -> str:
    if context.model.startswith("publishers/"):
        listing = "`gcloud ai model-garden models list`"
    else:
        listing = f"`gcloud ai models list --region={region_of(context.model) or region} --project={project}`"
    return (
        f"Model {context.model} was not found for a deployment in {region} ({words}). {listing} lists the models that "
        "there are; correct `model`, or upload the model there."
    )
