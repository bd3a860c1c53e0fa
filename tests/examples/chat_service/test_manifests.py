"""The image and the manifests: held to hadolint, to Kubernetes' own schemas, and to what they must say."""

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.client_routes import MOUNTED_AT
from scripts.tool_environment import tool_environment
from scripts.workspace import ROOT

SERVICE = ROOT / "examples/chat-service"
DOCKERFILE = (SERVICE / "Dockerfile").read_text()
# The sandbox's cluster, and a new one.
VERSIONS = ("1.29", "1.36")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def tools() -> Path:
    """Where hadolint and kubernetes-validate are."""
    return tool_environment(SERVICE / "checks/requirements.txt")


@pytest.fixture(scope="module")
def rendered() -> str:
    """What `kubectl apply -k` would send."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", str(SERVICE / "k8s")], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def manifest(name: str) -> Json:
    """One of the files."""
    found: Json = yaml.safe_load((SERVICE / "k8s" / name).read_text())
    return found


@pytest.fixture
def pod() -> Json:
    """The Deployment's pod."""
    found: Json = manifest("deployment.yaml")["spec"]["template"]["spec"]
    return found


@pytest.fixture
def container(pod: Json) -> Json:
    """Its one container."""
    (found,) = pod["containers"]
    return dict(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_manifests(tools: Path, rendered: str, tmp_path: Path, version: str) -> None:
    """By the schemas of that version, with no unknown field; a manifest with one is refused, so the check can fail."""
    command = [str(tools / "kubernetes-validate"), "--strict", "--kubernetes-version", version]
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(rendered)
    bad.write_text(rendered.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    done = subprocess.run([*command, str(good)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == 5
    assert subprocess.run([*command, str(bad)], capture_output=True, check=False, timeout=120).returncode != 0


def test_hadolint_finds_nothing_in_the_dockerfile(tools: Path, tmp_path: Path) -> None:
    """And finds something in one that is worse."""
    command = [str(tools / "hadolint"), "--no-color"]
    done = subprocess.run(
        [*command, str(SERVICE / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.replace("ARG PYTHON=3.11-slim-bookworm\n", "").replace("${PYTHON}", "latest"))
    assert subprocess.run([*command, str(worse)], capture_output=True, check=False, timeout=60).returncode != 0


def test_all_of_it_is_in_the_application_s_namespace(rendered: str) -> None:
    """That which the stack makes, beside the objects that the stack makes."""
    objects = list(yaml.safe_load_all(rendered))
    assert {each["metadata"]["namespace"] for each in objects} == {"production"}
    assert {each["kind"] for each in objects} == {
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    }
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert re.fullmatch(r"[a-z0-9-]+-docker\.pkg\.dev/YOUR_PROJECT_ID/apps/chat-service:v1", image)


def test_the_pod_runs_as_nobody_and_may_change_nothing(pod: Json, container: Json) -> None:
    """Not root, a read-only file system, no capability, no token of the Kubernetes API."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "USER 10001:10001" in DOCKERFILE
    assert DOCKERFILE.rindex("USER ") > DOCKERFILE.rindex("COPY ")


def test_the_pod_is_bounded_and_probed(container: Json) -> None:
    """Requests and limits; three probes, of which only readiness looks beyond the process."""
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert {container[f"{name}Probe"]["httpGet"]["port"] for name in probes} == {"http"}


def test_its_end_has_the_time_that_it_needs(pod: Json, container: Json) -> None:
    """preStop and CHAT_STOP_SECONDS end before Kubernetes kills."""
    (stop,) = [each["value"] for each in container["env"] if each["name"] == "CHAT_STOP_SECONDS"]
    _, sleep = container["lifecycle"]["preStop"]["exec"]["command"]
    assert int(sleep) + int(stop) + 5 <= pod["terminationGracePeriodSeconds"]


def test_identity_and_routes_are_those_that_the_stack_makes(pod: Json, container: Json) -> None:
    """gemini-app, and the ConfigMap gemini-routes as a whole folder, since a subPath would never change."""
    managed = yaml.safe_load((ROOT / "Pulumi.managed.yaml").read_text())["config"]["gemini-vertex:workloadIdentity"]
    assert pod["serviceAccountName"] == managed["kubernetesServiceAccount"]
    assert manifest("kustomization.yaml")["namespace"] == managed["namespace"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert volumes[mounts[MOUNTED_AT]["name"]]["configMap"] == {"name": "gemini-routes"}
    assert {"name": "GEMINI_ROUTES_FILE", "value": f"{MOUNTED_AT}/routes.json"} in container["env"]
    assert not any("subPath" in mount for mount in mounts.values())
    assert all(mount["readOnly"] for mount in mounts.values())


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("8.8.8.8", 443, True),  # Google's APIs, which have no fixed address
        ("10.128.0.7", 80, True),  # a private endpoint, as the routes of a prod stack say by default
        ("172.20.0.7", 80, True),
        ("192.168.4.7", 443, True),
        ("8.8.8.8", 80, False),
        ("10.128.0.7", 22, False),
        ("169.254.169.254", 80, True),  # the metadata server
    ],
)
def test_the_pod_may_call_what_its_routes_lead_to(address: str, port: int, allowed: bool) -> None:
    """By the NetworkPolicy's egress: a rule without `to` is for every address."""
    rules = manifest("network-policy.yaml")["spec"]["egress"]
    matching = [
        rule
        for rule in rules
        if port in [each["port"] for each in rule["ports"]]
        and any(
            ipaddress.ip_address(address) in ipaddress.ip_network(to["ipBlock"]["cidr"])
            for to in rule.get("to", [{"ipBlock": {"cidr": "0.0.0.0/0"}}])
        )
    ]
    assert bool(matching) is allowed


def test_no_key_is_anywhere(container: Json) -> None:
    """The key's place is named, never a value; the image takes nothing from outside but packages and code."""
    named = {each["name"]: each for each in container["env"]}
    assert "GEMINI_API_KEY" not in named
    files = [file for file in SERVICE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    text = "".join(file.read_text() for file in files if file.name != "requirements.txt")
    assert not re.search(r"AIza[0-9A-Za-z_-]{10,}|BEGIN [A-Z ]*PRIVATE KEY", text)
    assert not re.search(r"^(ENV|ARG) .*(KEY|TOKEN|SECRET|PASSWORD)", DOCKERFILE, re.MULTILINE)


def test_only_the_container_listens_on_every_address() -> None:
    """0.0.0.0 is the image's and the pod's setting, and nobody's default."""
    files = [file for file in SERVICE.rglob("*") if file.is_file() and file.suffix in (".py", ".yaml", "")]
    assert {file.name for file in files if re.search(r"(?<!\d)0\.0\.0\.0", file.read_text())} == {
        "Dockerfile",
        "deployment.yaml",
    }


def test_the_image_has_what_the_service_imports_in_the_versions_that_are_tested() -> None:
    """Its lock is a part of the project's; an environment of it alone imports the service."""
    pins = {file: set(re.findall(r"^\S+==\S+", file.read_text(), re.MULTILINE)) for file in locks()}
    image, project = pins.values()
    assert image <= project
    python = tool_environment(SERVICE / "requirements.txt") / "python"
    path = f"{ROOT}:{SERVICE}"
    subprocess.run([str(python), "-c", "import chat_service.app"], env={"PYTHONPATH": path}, check=True, timeout=120)


def locks() -> list[Path]:
    """The image's lock, and the project's."""
    return [SERVICE / "requirements.txt", ROOT / "requirements.txt"]


def test_the_build_sees_nothing_but_what_it_copies() -> None:
    """The ignore file leaves out all but the sources of COPY, so that no stray key can get in."""
    ignored = (SERVICE / "Dockerfile.dockerignore").read_text().split()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert "*" in ignored
    assert kept == copied
