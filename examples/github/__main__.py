"""Workload Identity Federation for one GitHub repository: a reader, and a deployer for approved jobs.

Run once, by a person who may: `pulumi up` here, then put the outputs into the repository's variables
(docs/pull-requests.md). GitHub's token for a job is exchanged for a Google token of an hour; no key exists.
"""

from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import yaml

# Of a stack like Pulumi.prod.yaml; scripts/deployer_role.py prints those of another one (docs/deployer-role.md).
EXAMPLES = Path(__file__).resolve().parent.parent
ROLE, PERIMETER_ROLE = EXAMPLES / "deployer-role.yaml", EXAMPLES / "deployer-organization-role.yaml"
READER_ROLE = EXAMPLES / "reader-role.yaml"

config = pulumi.Config()
project = pulumi.Config("gcp").require("project")
repository = config.require("repository")
repository_id, owner_id = config.require_int("repositoryId"), config.require_int("ownerId")
stacks = config.get_object("stacks") or ["dev", "prod"]
projects = config.get_object("projects") or [project]
organization = config.get("organization")


def own_role(file: str) -> dict[str, Any]:
    """The arguments of a custom role, from a file for `gcloud iam roles create`."""
    role = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    return {"title": role["title"], "description": role["description"], "permissions": role["includedPermissions"]}


# Each account's role on each project.
viewing: dict[str, Any] = {}
deploying: dict[str, Any] = {}
for target in projects:
    for account_id, roles, role_id, file in (
        ("github-reader", viewing, "githubReader", config.get("readerRole") or str(READER_ROLE)),
        ("github-deployer", deploying, "githubDeployer", config.get("role") or str(ROLE)),
    ):
        roles[target] = gcp.projects.IAMCustomRole(
            f"{account_id}-{target}", project=target, role_id=role_id, **own_role(file)
        ).name
fencing: Any = None
if organization:
    role = own_role(config.get("perimeterRole") or str(PERIMETER_ROLE))
    fencing = gcp.organizations.IAMCustomRole(
        "github-perimeters", org_id=organization, role_id="githubPerimeterDeployer", **role
    ).name

pool = gcp.iam.WorkloadIdentityPool(
    "github", project=project, workload_identity_pool_id="github", display_name="GitHub Actions"
)
provider = gcp.iam.WorkloadIdentityPoolProvider(
    "github",
    project=project,
    workload_identity_pool_id=pool.workload_identity_pool_id,
    workload_identity_pool_provider_id="github",
    attribute_mapping={"google.subject": "assertion.sub", "attribute.repository_id": "assertion.repository_id"},
    # GitHub signs the tokens of every repository in the world, and a name that is given up is anybody's to take
    attribute_condition=(
        f"assertion.repository_id == '{repository_id}' && assertion.repository_owner_id == '{owner_id}'"
    ),
    oidc={"issuer_uri": "https://token.actions.githubusercontent.com"},
)
state = gcp.storage.Bucket(
    "state",
    project=project,
    name=f"{project}-pulumi-state",
    location=config.get("location") or "US",
    uniform_bucket_level_access=True,
    public_access_prevention="enforced",
    versioning={"enabled": True},
    opts=pulumi.ResourceOptions(protect=True),
)

# The reader serves every job of the repository. The deployer serves only jobs of an environment, which for prod means
# that somebody approved: GitHub writes the environment into the token's subject.
everywhere = f"attribute.repository_id/{repository_id}"
approved = [f"subject/repo:{repository}:environment:{name}" for name in stacks]
for account_id, roles, perimeter_role, jobs in (
    ("github-reader", viewing, "roles/accesscontextmanager.policyReader", [everywhere]),
    ("github-deployer", deploying, fencing, approved),
):
    account = gcp.serviceaccount.Account(account_id, project=project, account_id=account_id)
    for number, job in enumerate(jobs):
        kind = "principal" if job.startswith("subject/") else "principalSet"
        gcp.serviceaccount.IAMMember(
            f"{account_id}-{number}",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.format("{0}://iam.googleapis.com/{1}/{2}", kind, pool.name, job),
        )
    for target in projects:
        gcp.projects.IAMMember(f"{account_id}-{target}", project=target, role=roles[target], member=account.member)
    if organization:
        gcp.organizations.IAMMember(
            f"{account_id}-perimeters",
            org_id=organization,
            role=perimeter_role,
            member=account.member,
        )
    # any branch's pull request becomes the reader: it sees the state, and writes only the lock that a preview takes
    kept: dict[str, Any] = {"bucket": state.name, "member": account.member}
    if account_id == "github-reader":
        gcp.storage.BucketIAMMember(f"{account_id}-state", role="roles/storage.objectViewer", **kept)
        locks = 'resource.name.startsWith("projects/_/buckets/{0}/objects/.pulumi/locks/")'
        kept["condition"] = {"title": "locks", "expression": pulumi.Output.format(locks, state.name)}
        gcp.storage.BucketIAMMember(f"{account_id}-locks", role="roles/storage.objectUser", **kept)
    else:
        gcp.storage.BucketIAMMember(f"{account_id}-state", role="roles/storage.objectUser", **kept)
    pulumi.export("READER" if account_id == "github-reader" else "DEPLOYER", account.email)

pulumi.export("WORKLOAD_IDENTITY_PROVIDER", provider.name)
pulumi.export("PULUMI_BACKEND_URL", pulumi.Output.format("gs://{0}", state.name))
