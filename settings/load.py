"""Turns a stack's configuration into `Settings`, or into every mistake in it at once."""

import datetime as dt
import difflib
import json
import re
from collections.abc import Collection, Mapping
from typing import Final, cast

from settings.fallback import read_fallback
from settings.models import NAME
from settings.observability import read_observability
from settings.private import ENDPOINT_KEYS, Choices, Network, read_choices, read_network, read_private
from settings.regions import REGIONS
from settings.section import Problem, Rule, Section, listed, meant, shown
from settings.serving import APIS, Calling, model_entries, read_models
from settings.values import (
    Connectivity,
    EndpointSettings,
    Environment,
    Grant,
    KubernetesSettings,
    PerimeterMode,
    PerimeterSettings,
    PredictRole,
    RouteApi,
    RouteScheme,
    Settings,
    WorkloadIdentitySettings,
)

PROGRAM: Final = "gemini-vertex"
PROVIDER: Final = "vertex-serving"
# Where pulumi-gcp itself looks when gcp:project or gcp:region is not set.
PROJECT_VARIABLES: Final = ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
REGION_VARIABLES: Final = ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION")
DEFAULT_REGION: Final = "us-central1"
_MOST_REQUESTS: Final = 10**9

_KEYS = (
    *("environment", "endpoint", "models", "serving", "fallback"),
    *("workloadIdentity", "kubernetes", "perimeter", "protect", "labels", "observability", "network", "privateApis"),
    "expectedRequestsPerMinute",
)
_TEXT_KEYS = ("environment", "serving")
_PROVIDER_KEYS = ("allowBaseGemini", "customEndpoint")
_CONNECTIVITIES = ("public", "private-service-connect", "peered-network")

_PROJECT = Rule(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project id: 6 to 30 lower-case letters, digits or hyphens, a letter first"
)
_ACCOUNT = Rule(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "a service account id: 6 to 30 lower-case letters, digits or hyphens, a letter first (not the e-mail address)",
)
_DNS_1123 = Rule(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    "a DNS-1123 label: 1 to 63 lower-case letters, digits or hyphens, no hyphen at either end",
)
# Kubernetes names a ServiceAccount by a DNS-1123 subdomain, a Namespace by a label.
_KSA = Rule(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    "a DNS-1123 subdomain: at most 253 lower-case letters, digits, hyphens or dots, a letter or digit at either end",
)
_PERIMETER = Rule(r"[A-Za-z][A-Za-z0-9_]{0,49}", "a letter, then letters, digits or underscores, 50 at most")
_ORGANIZATION = Rule(r"(organizations/)?[0-9]+", "an organization's number, as `gcloud organizations list` shows it")
_POLICY = Rule(
    r"(accessPolicies/)?[0-9]+",
    "an access policy's number, as `gcloud access-context-manager policies list --organization=NUMBER` shows it",
)
_LEVEL = Rule(r"accessPolicies/[0-9]+/accessLevels/[A-Za-z][A-Za-z0-9_]*", "accessPolicies/NUMBER/accessLevels/NAME")
_ANY = Rule(r"(?s)(?=.*\S).{1,200}", "text of 1 to 200 characters")


class SettingsError(Exception):
    """The configuration has mistakes; `problems` lists all of them, the text has one line for each."""

    def __init__(self, stack: str, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the configuration of stack {stack} has {count}:\n{lines}")


def load(
    config: Mapping[str, str],
    stack: str,
    environ: Mapping[str, str],
    today: dt.date,
    secrets: Collection[str] = (),
) -> Settings:
    """Read `config` (full key to value as the engine gives it: text, or JSON for mappings and lists) of `stack`.

    `environ` gives the project and region where the configuration does not, `today` decides which models are retired,
    `secrets` are the keys of `config` whose values hold a secret, as the engine tells them.
    Raises SettingsError with every mistake; nothing else, whatever the configuration holds.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    _check_namespaces(config, problems)
    ours = Section(PROGRAM, _decoded(config), _KEYS, problems, separator=":")
    environment = cast(Environment, ours.choice("environment", ("dev", "prod"), "dev" if stack == "dev" else "prod"))
    region = _region(config, environ, problems)
    entries = model_entries(ours)
    choices = Choices(read_network(ours))
    endpoint, how = None, None
    if entries.any_on_endpoint:
        endpoint, how, choices = _read_endpoint(ours, environment, choices.network)
    if endpoint is None and ours.given("endpoint"):
        warnings.append(f"{PROGRAM}:endpoint: is not used, since every model is managed; remove it")
    allow_base_gemini = _allow_base_gemini(config, environ, problems)
    models = read_models(ours, entries, environment, endpoint, how, region, allow_base_gemini, today, warnings)
    kubernetes = _read_kubernetes(ours)
    perimeter = _read_perimeter(ours, endpoint)
    fallback = read_fallback(ours, environment, secrets, kubernetes is not None, today, warnings)
    if fallback and perimeter.mode != "off":
        warnings.append(
            f"{PROGRAM}:fallback: the Gemini Developer API is outside the perimeter: while Vertex AI is down, prompts "
            "leave it"
        )
    connectivity = endpoint.connectivity if endpoint else None
    locations = {*(model.location for model in models.managed), *([region] if endpoint else [])}
    private = read_private(ours, choices, connectivity, locations, warnings)
    settings = Settings(
        project=_project(config, environ, problems),
        region=region,
        environment=environment,
        endpoint=endpoint,
        endpoint_route=models.endpoint_route,
        models=models.on_endpoint,
        managed=models.managed,
        traffic=models.traffic,
        endpoint_split=models.endpoint_split,
        fallback=fallback,
        workload_identity=_read_workload_identity(ours),
        kubernetes=kubernetes,
        perimeter=perimeter,
        private=private,
        protect=ours.flag("protect", environment == "prod"),
        labels=_read_labels(ours),
        expected_requests_per_minute=_read_expected(ours),
        observability=read_observability(ours, connectivity, bool(models.managed), warnings),
        warnings=tuple(warnings),
    )
    if problems:
        raise SettingsError(stack, problems)
    return settings


def _check_namespaces(config: Mapping[str, str], problems: list[Problem]) -> None:
    for key in config:
        namespace, _, name = key.partition(":")
        if namespace == PROVIDER and name not in _PROVIDER_KEYS:
            guess = meant(name, _PROVIDER_KEYS)
            problems.append(Problem(key, f"is not a known key; the keys here are {listed(_PROVIDER_KEYS)}{guess}"))
        elif namespace not in (PROGRAM, PROVIDER) and (ours := _misspelt(namespace)):
            problems.append(Problem(key, f"belongs to no package of this program; did you mean {ours}:{name}?"))


def _misspelt(namespace: str) -> str | None:
    """Which of our own namespaces this one is a slip of; other packages' names are left alone."""
    close = difflib.get_close_matches(namespace, (PROGRAM, PROVIDER), n=1, cutoff=0.8)
    return close[0] if close else None


def _decoded(config: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, text in config.items():
        namespace, _, name = key.partition(":")
        if namespace != PROGRAM:
            continue
        try:
            values[name] = text if name in _TEXT_KEYS else json.loads(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def _allow_base_gemini(config: Mapping[str, str], environ: Mapping[str, str], problems: list[Problem]) -> bool:
    """The provider's own switch, from its configuration or its variable; it decides again when it deploys."""
    key = f"{PROVIDER}:allowBaseGemini"
    value = config.get(key, environ.get("VERTEX_SERVING_ALLOW_BASE_GEMINI") or "false")
    if value.lower() not in ("true", "false", "1", "0"):
        problems.append(Problem(key, f"is {shown(value)}; it must be true or false"))
    return value.lower() in ("true", "1")


def _first(config: Mapping[str, str], key: str, environ: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    """Where the value comes from, and the value, empty where nothing says."""
    if config.get(key):
        return key, config[key]
    for name in names:
        if environ.get(name):
            return f"{key} (from the variable {name})", environ[name]
    return key, ""


def _project(config: Mapping[str, str], environ: Mapping[str, str], problems: list[Problem]) -> str:
    key, value = _first(config, "gcp:project", environ, PROJECT_VARIABLES)
    if not value:
        problems.append(Problem(key, "is missing; say `pulumi config set gcp:project PROJECT_ID`"))
    elif re.fullmatch(r"[0-9]+", value):
        problems.append(Problem(key, f"is {shown(value)}, a project's number; set the project's id"))
    elif not _PROJECT.allows(value):
        problems.append(Problem(key, f"is {shown(value)}; it must be {_PROJECT.says}"))
    return value


def _region(config: Mapping[str, str], environ: Mapping[str, str], problems: list[Problem]) -> str:
    key, value = _first(config, "gcp:region", environ, REGION_VARIABLES)
    value = value or DEFAULT_REGION
    if value not in REGIONS:
        allowed = f"a region of Vertex AI{meant(value, REGIONS)}: {', '.join(REGIONS)}"
        problems.append(Problem(key, f"is {shown(value)}; it must be {allowed}"))
    return value


def _read_endpoint(
    config: Section, environment: Environment, network: Network
) -> tuple[EndpointSettings, Calling, Choices]:
    config.required("endpoint", "{name: gemini-prod-endpoint, connectivity: private-service-connect}")
    entry = config.section(
        "endpoint", ("name", "connectivity", "network", "dedicated", "api", "scheme", *ENDPOINT_KEYS)
    )
    if config.given("endpoint"):
        entry.required("name", "gemini-prod-endpoint")
        entry.required("connectivity", listed(_CONNECTIVITIES))
    connectivity = cast(Connectivity, entry.choice("connectivity", _CONNECTIVITIES, "private-service-connect"))
    if connectivity == "public" and entry.sound("connectivity") and environment == "prod":
        entry.wrong(
            "connectivity",
            'is "public", but a prod stack keeps its traffic off the internet; set "private-service-connect" '
            '("peered-network" for a single model)',
        )
    for name, wanted in (
        ("network", connectivity != "public"),
        ("dedicated", connectivity == "public"),
        ("scheme", connectivity == "private-service-connect"),
    ):
        if entry.given(name) and entry.given("connectivity") and entry.sound("connectivity") and not wanted:
            entry.wrong(name, f"is set, but a {connectivity} endpoint has no such choice; remove it")
    api = cast(RouteApi, entry.choice("api", APIS, APIS[0])) if entry.given("api") else None
    choices = read_choices(entry, connectivity, network)
    endpoint = EndpointSettings(
        display_name=entry.text("name", rule=NAME),
        connectivity=connectivity,
        network=choices.network.name,
        dedicated=entry.flag("dedicated", True),
        address=choices.address,
    )
    # Google's certificate on a private address is self-signed, and optional.
    scheme = cast(
        RouteScheme, entry.choice("scheme", ("http", "https"), "https" if connectivity == "public" else "http")
    )
    return endpoint, Calling(api, scheme), choices


def _read_workload_identity(config: Section) -> WorkloadIdentitySettings:
    config.required("workloadIdentity", "{namespace: production, kubernetesServiceAccount: gemini-app}")
    entry = config.section(
        "workloadIdentity", ("serviceAccount", "namespace", "kubernetesServiceAccount", "role", "grant")
    )
    if config.given("workloadIdentity"):
        entry.required("namespace", "production")
        entry.required("kubernetesServiceAccount", "gemini-app")
    role = entry.choice("role", ("predict-only", "roles/aiplatform.user"), "predict-only")
    grant = cast(Grant, entry.choice("grant", ("impersonation", "direct"), "impersonation"))
    if grant == "direct" and entry.given("serviceAccount"):
        entry.wrong("serviceAccount", "is set, but with grant: direct there is no Google service account; remove it")
    return WorkloadIdentitySettings(
        service_account_id=entry.text("serviceAccount", "gemini-inference-sa", _ACCOUNT),
        namespace=entry.text("namespace", rule=_DNS_1123),
        kubernetes_service_account=entry.text("kubernetesServiceAccount", rule=_KSA),
        role=cast(PredictRole, role),
        grant=grant,
    )


def _read_kubernetes(config: Section) -> KubernetesSettings | None:
    entry = config.section("kubernetes", ("context", "kubeconfig", "createNamespace"))
    if not config.given("kubernetes"):
        return None
    entry.required("context", "a name that `kubectl config get-contexts` shows")
    return KubernetesSettings(
        context=entry.text("context", rule=_ANY),
        kubeconfig=entry.text("kubeconfig") or None,
        create_namespace=entry.flag("createNamespace", False),
    )


def _read_perimeter(config: Section, endpoint: EndpointSettings | None) -> PerimeterSettings:
    entry = config.section(
        "perimeter", ("mode", "name", "title", "organization", "accessPolicy", "policyTitle", "accessLevels")
    )
    mode = cast(PerimeterMode, entry.choice("mode", ("off", "dry-run", "enforced"), "off"))
    if mode != "off" and endpoint and endpoint.connectivity == "public" and endpoint.dedicated:
        entry.wrong(
            "mode",
            f'is "{mode}", but VPC Service Controls do not cover a dedicated public endpoint; set '
            f'{PROGRAM}:endpoint.connectivity to "private-service-connect", or the mode to "off"',
        )
    if entry.given("organization") and entry.given("accessPolicy"):
        entry.wrong("organization", "is set beside accessPolicy; keep accessPolicy to use that policy, else remove it")
    return PerimeterSettings(
        mode=mode,
        perimeter_id=entry.text("name", "gemini_prod_perimeter", _PERIMETER),
        title=entry.text("title", "gemini-prod-perimeter", _ANY),
        organization=entry.text("organization", rule=_ORGANIZATION).removeprefix("organizations/") or None,
        access_policy=entry.text("accessPolicy", rule=_POLICY).removeprefix("accessPolicies/") or None,
        policy_title=entry.text("policyTitle", "prod-access-policy", _ANY),
        access_levels=entry.texts("accessLevels", _LEVEL),
    )


def _read_expected(config: Section) -> int | None:
    expected = config.integer("expectedRequestsPerMinute", 1, 1, _MOST_REQUESTS)
    return expected if config.given("expectedRequestsPerMinute") else None


def _read_labels(config: Section) -> dict[str, str]:
    """Labels as Google takes them: 64 at most, lower-case letters, digits, `_` and `-`, 63 characters each."""
    value = config.values.get("labels", {})
    if not isinstance(value, dict):
        config.wrong("labels", f"is {shown(value)}; it must be a mapping of label to text")
        return {}
    if len(value) > 64:
        config.wrong("labels", f"has {len(value)} labels; Google takes 64 at most")
    entry = config.section("labels", tuple(value))
    labels = {}
    for name in entry.values:
        labels[name] = entry.text(name)
        if entry.sound(name) and not (_is_label(name) and name[:1].isalpha()):
            entry.wrong(name, "is not a label's key: at most 63 lower-case letters, digits, _ or -, a letter first")
        elif entry.sound(name) and not _is_label(labels[name]):
            entry.wrong(name, f"is {shown(labels[name])}; it must be at most 63 lower-case letters, digits, _ or -")
    return labels


def _is_label(text: str) -> bool:
    return len(text) <= 63 and text == text.lower() and all(char.isalnum() or char in "_-" for char in text)
