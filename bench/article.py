"""The article's set-up as gcloud commands, corrected where gcloud or Google no longer takes them.

The models are deployed on a public endpoint: a peered one holds one model, and gcloud has no flag for the automation
of Private Service Connect addresses.
"""

import subprocess

FLASH, PRO = "1001", "1002"
ENDPOINT = "2001"


def commands(project: str, number: str, organization: str, region: str, models: tuple[str, str]) -> list[list[str]]:
    """The article's commands in its order.

    Args:
        project: project id.
        number: project number.
        organization: organization number.
        region: Vertex AI region.
        models: ids of the primary and the second base model.
    """
    account = f"gemini-inference-sa@{project}.iam.gserviceaccount.com"
    ai = ["ai", "endpoints"]
    where = [f"--region={region}", f"--project={project}"]
    return [
        ["services", "enable", *(f"{api}.googleapis.com" for api in ("aiplatform", "compute", "container"))]
        + ["cloudresourcemanager.googleapis.com", "iam.googleapis.com", "accesscontextmanager.googleapis.com"]
        + [f"--project={project}"],
        [*ai, "create", f"--endpoint-id={ENDPOINT}", "--display-name=gemini-prod-endpoint", *where],
        [*ai, "list", *where, "--filter=displayName=gemini-prod-endpoint", "--format=value(name)"],
        _deploy(where, models[0], "gemini-flash-primary", FLASH, "n1-standard-4", (2, 20), "0=100"),
        _deploy(where, models[1], "gemini-pro-fallback", PRO, "n1-standard-8", (1, 5), f"{FLASH}=95,0=5"),
        ["iam", "service-accounts", "create", "gemini-inference-sa", f"--project={project}"]
        + ["--display-name=Gemini Inference Service Account"],
        ["projects", "add-iam-policy-binding", project, f"--member=serviceAccount:{account}"]
        + ["--role=roles/aiplatform.user", "--condition=None"],
        ["iam", "service-accounts", "add-iam-policy-binding", account, f"--project={project}"]
        + ["--role=roles/iam.workloadIdentityUser"]
        + [f"--member=serviceAccount:{project}.svc.id.goog[production/gemini-app]"],
        ["access-context-manager", "policies", "create", f"--organization={organization}"]
        + ["--title=prod-access-policy"],
        ["access-context-manager", "policies", "list", f"--organization={organization}", "--format=value(name)"],
        ["access-context-manager", "perimeters", "dry-run", "create", "gemini_prod_perimeter", "--policy=POLICY"]
        + ["--perimeter-title=Gemini Production Perimeter", "--perimeter-type=regular"]
        + [f"--perimeter-resources=projects/{number}", "--perimeter-restricted-services=aiplatform.googleapis.com"],
        [*ai, "describe", ENDPOINT, *where, "--format=yaml(trafficSplit)"],
    ]


def _deploy(
    where: list[str], model: str, name: str, id_: str, machine: str, replicas: tuple[int, int], split: str
) -> list[str]:
    return [
        *("ai", "endpoints", "deploy-model", ENDPOINT, *where),
        f"--model=publishers/google/models/{model}",
        *(f"--display-name={name}", f"--deployed-model-id={id_}", f"--machine-type={machine}"),
        *(f"--min-replica-count={replicas[0]}", f"--max-replica-count={replicas[1]}", f"--traffic-split={split}"),
    ]


def run(listed: list[list[str]], environment: dict[str, str]) -> None:
    """Run the commands one after another, the policy's number filled in where it is needed.

    Raises:
        subprocess.CalledProcessError: gcloud refused one; its standard error is in the exception.
    """
    policy = ""
    for command in listed:
        done = subprocess.run(
            ["gcloud", *(part.replace("POLICY", policy) for part in command), "--quiet"],
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if command[1:3] == ["policies", "list"]:
            policy = done.stdout.strip().rpartition("/")[2]
