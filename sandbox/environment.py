"""The variables that lead gcloud, Google's libraries, google-genai, Pulumi and kubectl to a sandbox."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.api_keys import key_for
from sandbox.core import Sandbox
from sandbox.identity import DEPLOYER, token_for

REGION = "us-central1"
# A user's own login, which would come before the sandbox's. Empty is not unset: gcloud takes "" for a file's name.
CLEARED = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS")
_CLOUDSDK = (
    "aiplatform",
    "serviceusage",
    "iam",
    "iamcredentials",
    "cloudresourcemanager",
    "accesscontextmanager",
    "cloudbilling",
    "cloudquotas",
    "compute",
    "container",
    "dns",
    "networkconnectivity",
    "logging",
    "monitoring",
    "secretmanager",
)
# Terraform's google provider and the pulumi-gcp plugin read these; each ends in the version.
_CUSTOM_ENDPOINTS = {
    "GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT": "aiplatform/v1/",
    "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT": "serviceusage/v1/",
    "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": "cloudresourcemanager/v1/",
    "GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT": "cloudresourcemanager/v3/",
    "GOOGLE_ACCESS_CONTEXT_MANAGER_CUSTOM_ENDPOINT": "accesscontextmanager/v1/",
    "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT": "iam/v1/",
    "GOOGLE_IAM_CUSTOM_ENDPOINT": "iam/v1/",
    "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": "iamcredentials/v1/",
    "GOOGLE_LOGGING_CUSTOM_ENDPOINT": "logging/v2/",
    "GOOGLE_MONITORING_CUSTOM_ENDPOINT": "monitoring/",
    "GOOGLE_BIG_QUERY_CUSTOM_ENDPOINT": "bigquery/v2/",
    "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "compute/compute/v1/",
    "GOOGLE_DNS_CUSTOM_ENDPOINT": "dns/dns/v1/",
    "GOOGLE_NETWORK_CONNECTIVITY_CUSTOM_ENDPOINT": "networkconnectivity/v1/",
    "GOOGLE_NETWORK_CONNECTIVITYV1_CUSTOM_ENDPOINT": "networkconnectivity/v1/",
    "GOOGLE_SERVICE_NETWORKING_CUSTOM_ENDPOINT": "servicenetworking/v1/",
    "GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT": "secretmanager/v1/",
    "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT": "cloudbilling/v1/",
}


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """What to add to a command's environment. Writes gcloud's and kubectl's files and Pulumi's folders into `folder`.

    Args:
        sandbox: the sandbox, with its url.
        folder: a folder that lives as long as the commands.
    """
    url = sandbox.url
    address = url.removeprefix("http://")
    project = next(iter(sandbox.store.list("project")))
    token = token_for(DEPLOYER)
    folder = folder.absolute()
    gcloud, pulumi = folder / "gcloud", folder / "pulumi"
    backend, token_file, kubeconfig = folder / "pulumi-state", folder / "gcloud" / "token", folder / "kubeconfig"
    for each in (gcloud, pulumi, backend):
        each.mkdir(parents=True, exist_ok=True)
    token_file.write_text(token)
    kubeconfig.write_text(_kubeconfig(sandbox, token))
    found = {
        "SANDBOX_URL": url,
        "GOOGLE_OAUTH_ACCESS_TOKEN": token,
        "NO_GCE_CHECK": "false",
        "GOOGLE_PROJECT": project,
        "GCLOUD_PROJECT": project,
        "GOOGLE_CLOUD_PROJECT": project,
        "GOOGLE_REGION": REGION,
        "GOOGLE_CLOUD_LOCATION": REGION,
        "GCE_METADATA_HOST": address,
        "GCE_METADATA_IP": address,
        "GCE_METADATA_ROOT": address,
        "GOOGLE_VERTEX_BASE_URL": f"{url}/aiplatform/",
        "GEMINI_API_KEY": key_for(project),
        "GOOGLE_GEMINI_BASE_URL": f"{url}/generativelanguage/",
        "CLOUDSDK_CONFIG": str(gcloud),
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token_file),
        "KUBECONFIG": str(kubeconfig),
        "PULUMI_HOME": str(pulumi),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    found |= local_environment()
    found |= {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{s.upper()}": f"{url}/{s}/" for s in _CLOUDSDK}
    found["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"] = f"{url}/compute/compute/v1/"
    found["CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS"] = f"{url}/dns/dns/v1/"
    found |= {name: f"{url}/{path}" for name, path in _CUSTOM_ENDPOINTS.items()}
    return found


def over(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """An environment with the sandbox's variables over it, and without what would come before them."""
    return {**{name: value for name, value in environ.items() if name not in CLEARED}, **variables}


def attach_plugins(variables: dict[str, str]) -> Callable[[], None]:
    """Starts the stand-in Pulumi providers, adds the variable that attaches them, and returns what stops them."""
    # Heavy: it brings gRPC and Pulumi's protocol.
    from sandbox import standin

    ports, stop = standin.serve(variables["SANDBOX_URL"], variables)
    variables["PULUMI_DEBUG_PROVIDERS"] = ",".join(f"{name}:{port}" for name, port in sorted(ports.items()))
    return stop


def local_environment() -> dict[str, str]:
    """What depends on the caller: our own programs first on its PATH, and no proxy between it and loopback."""
    kept = [host for host in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if host]
    direct = ",".join(dict.fromkeys([*kept, "127.0.0.1", "localhost"]))
    programs = [str(Path(sys.executable).parent), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    return {"PATH": os.pathsep.join(dict.fromkeys(programs)), "NO_PROXY": direct, "no_proxy": direct}


def _kubeconfig(sandbox: Sandbox, token: str) -> str:
    """A kubeconfig whose one context is called `sandbox`; JSON is YAML too."""
    cluster = {"server": sandbox.cluster_url, "certificate-authority-data": sandbox.cluster_certificate}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": cluster}],
        "users": [{"name": "sandbox", "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        "current-context": "sandbox",
    }
    return json.dumps(config, indent=2)
