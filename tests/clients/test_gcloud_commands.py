"""Every GA command of the groups that the sandbox is for: it works, or docs/sandbox.md names it as refused.

The commands are those of gcloud 528.0.0 (`gcloud meta list-commands`): `ai endpoints`, `iam service-accounts`,
`iam roles`, `projects`, `services`, `access-context-manager`, and `organizations`, which the others send users to. What
the other files of this folder run is not run again here.
"""

import json
import re
from pathlib import Path

import pytest

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool
from tests.sandbox.google import ORGANIZATION, Google
from tests.sandbox.vertex import Vertex

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
WHERE = "--region=us-central1"
ACM = "access-context-manager"
ACCOUNT = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
MEMBER = f"--member=serviceAccount:{ACCOUNT} --role=roles/accesscontextmanager.policyReader"
CONDITIONS = "- ipSubnetworks: [192.0.2.0/24]\n"
TENSORS = json.dumps({"inputs": [{"dtype": "STRING", "shape": ["1"], "stringVal": ["2 + 2"]}]})

# POLICY and FOLDER stand for the access policy's number and a folder with these files.
FILES = {
    "tensors.json": TENSORS,
    "conditions.yaml": CONDITIONS,
    "policy.json": "{}",
    "levels.yaml": (
        "- name: accessPolicies/POLICY/accessLevels/two\n  title: Two\n"
        "  basic: {conditions: [{ipSubnetworks: [192.0.2.0/24]}]}\n"
    ),
    "perimeters.yaml": "- name: accessPolicies/POLICY/servicePerimeters/two\n  title: Two\n  status: {}\n",
}
# In one test each, in this order; the second of a pair is in what the last command prints.
WORK: list[tuple[list[str], str]] = [
    ([f"ai endpoints list {WHERE} --list-model-garden-endpoints-only --format=json"], "[]"),
    ([f"ai endpoints direct-predict 2001 {WHERE} --json-request=FOLDER/tensors.json --format=json"], '"4"'),
    (["organizations list --format=value(name)"], ORGANIZATION),
    (["organizations describe sandbox.example"], f"organizations/{ORGANIZATION}"),
    (["projects list --filter=name:sandbox* --format=value(projectId)"], "sandbox-project"),
    (["projects update sandbox-project --name='My Sandbox'", "projects describe sandbox-project"], "My Sandbox"),
    (["projects get-ancestors-iam-policy sandbox-project"], "roles/owner"),
    (
        [
            "iam roles copy --source=roles/aiplatform.user --destination=myUser --dest-project=sandbox-project",
            "iam roles describe myUser --project=sandbox-project",
        ],
        "aiplatform.endpoints.predict",
    ),
    (
        [
            f"{ACM} levels create one --policy=POLICY --title=One --basic-level-spec=FOLDER/conditions.yaml",
            f"{ACM} levels update one --policy=POLICY --title=Uno",
            f"{ACM} levels describe one --policy=POLICY",
        ],
        "Uno",
    ),
    (
        [
            f"{ACM} levels replace-all POLICY --source-file=FOLDER/levels.yaml",
            f"{ACM} levels list --policy=POLICY --format=value(title)",
        ],
        "Two",
    ),
    (
        [
            f"{ACM} levels create one --policy=POLICY --title=One --basic-level-spec=FOLDER/conditions.yaml",
            f"{ACM} levels delete one --policy=POLICY",
            f"{ACM} levels list --policy=POLICY --format=json",
        ],
        "[]",
    ),
    (
        [
            f"{ACM} perimeters replace-all POLICY --source-file=FOLDER/perimeters.yaml",
            f"{ACM} perimeters list --policy=POLICY --format=value(title)",
        ],
        "Two",
    ),
    (
        [
            f"{ACM} policies add-iam-policy-binding POLICY {MEMBER}",
            f"{ACM} policies get-iam-policy POLICY",
        ],
        ACCOUNT,
    ),
    ([f"{ACM} policies set-iam-policy POLICY FOLDER/policy.json"], "etag"),
    ([f"{ACM} supported-services list --format=value(name)"], "aiplatform.googleapis.com"),
    ([f"{ACM} supported-services describe aiplatform.googleapis.com"], "serviceSupportStage: GA"),
]
# Refused with 501. What gcloud says of it stands in the page, by the command's words.
REFUSED = [
    "projects create other-project",
    "projects delete sandbox-project",
    "projects undelete sandbox-project",
    f"iam service-accounts keys delete 1 --iam-account={ACCOUNT}",
    f"iam service-accounts keys disable 1 --iam-account={ACCOUNT}",
    f"iam service-accounts keys enable 1 --iam-account={ACCOUNT}",
    f"iam service-accounts keys upload FOLDER/policy.json --iam-account={ACCOUNT}",
    f"iam service-accounts sign-blob --iam-account={ACCOUNT} FOLDER/policy.json FOLDER/signed",
    f"iam service-accounts sign-jwt --iam-account={ACCOUNT} FOLDER/policy.json FOLDER/signed",
    f"{ACM} authorized-orgs list --policy=POLICY",
    f"{ACM} cloud-bindings list --organization={ORGANIZATION}",
]


@pytest.fixture
def gcloud(sandbox: SandboxHandle) -> Tool:
    """gcloud where an endpoint 2001 serves and a service account is."""
    tool = Tool("gcloud", sandbox)
    sandbox.enable("aiplatform")
    iam = Google(sandbox, "iam")
    iam("POST", f"{iam.project}/serviceAccounts", {"accountId": ACCOUNT.partition("@")[0]})
    vertex = Vertex(sandbox)
    vertex.deploy(vertex.create("2001"), "1", {"0": 100})
    return tool


@pytest.fixture
def given(gcloud: Tool, tmp_path: Path) -> dict[str, str]:
    """What the names in the commands stand for."""
    access = Google(gcloud.sandbox, "accesscontextmanager")
    made = access("POST", "accessPolicies", {"parent": f"organizations/{ORGANIZATION}", "title": "prod"})
    policy: str = made["response"]["name"].rpartition("/")[2]
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("POLICY", policy))
    return {"POLICY": policy, "FOLDER": str(tmp_path)}


def filled(line: str, given: dict[str, str]) -> str:
    return re.sub("POLICY|FOLDER", lambda found: given[found.group()], line)


@pytest.mark.parametrize(("lines", "printed"), WORK, ids=[lines[0].partition(" -")[0] for lines, _ in WORK])
def test_a_command_works(gcloud: Tool, given: dict[str, str], lines: list[str], printed: str) -> None:
    for line in lines:
        said = gcloud(filled(line, given))
    assert printed in said


@pytest.mark.parametrize("line", REFUSED, ids=[line.partition(" -")[0] for line in REFUSED])
def test_a_command_is_refused_and_named_as_refused(gcloud: Tool, given: dict[str, str], line: str) -> None:
    assert "The sandbox does not imitate" in gcloud.refused(filled(line, given))
    group = next(
        group for group in (f"{ACM} ", "iam service-accounts ", "projects ", "services ") if line.startswith(group)
    )
    words = re.match(r"(?:keys )?[a-z-]+", line.removeprefix(group))
    assert words
    assert f"`{group}{words.group()}" in PAGE.replace("\n", " ")
