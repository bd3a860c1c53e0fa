"""accesscontextmanager: which services VPC Service Controls supports, as far as this stack touches them.

Source: cloud.google.com/vpc-service-controls/docs/supported-products. What it says of known limitations is left out.
"""

from sandbox import discovery
from sandbox.errors import Json, not_found
from sandbox.registry import Call, method
from sandbox.services.paging import page

_VERSIONS = {
    "aiplatform": "v1",
    "bigquery": "v2",
    "cloudresourcemanager": "v3",
    "compute": "v1",
    "container": "v1",
    "dns": "v1",
    "iam": "v1",
    "logging": "v2",
    "monitoring": "v3",
    "secretmanager": "v1",
    "storage": "v1",
}


@method("accesscontextmanager.services.list")
def list_services(call: Call) -> Json:
    """The services."""
    return page(call, "supportedServices", [_shown(service) for service in _VERSIONS])


@method("accesscontextmanager.services.get")
def get_service(call: Call) -> Json:
    """One service, by its host name."""
    service = call.params["name"].removesuffix(".googleapis.com")
    if service not in _VERSIONS:
        raise not_found(f"Service {call.params['name']} is not supported by VPC Service Controls, or not known here.")
    return _shown(service)


def _shown(service: str) -> Json:
    document = discovery.load(service, _VERSIONS[service])
    return {
        "name": f"{service}.googleapis.com",
        "title": document.title if document else service,
        "supportStage": "GA",
        "serviceSupportStage": "GA",
        "availableOnRestrictedVip": True,
    }
