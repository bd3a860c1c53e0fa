"""A VPC Service Controls perimeter around projects: tried in dry-run first, enforced only on purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.project_lookup import look_up

_PERMISSION = {
    "PERMISSION_DENIED|Error 403": (
        "your account may not change access policies: it needs roles/accesscontextmanager.policyAdmin on the "
        "organization: gcloud organizations add-iam-policy-binding NUMBER --member=user:YOUR_ACCOUNT "
        "--role=roles/accesscontextmanager.policyAdmin"
    ),
}
_POLICY_ADVICE = _PERMISSION | {
    "ALREADY_EXISTS|Error 409": (
        "{parent} has an access policy already, and there is room for one: give its number as the access policy "
        "(`gcloud access-context-manager policies list --organization=NUMBER`)"
    ),
}
_PERIMETER_ADVICE = _PERMISSION | {
    "ALREADY_EXISTS|Error 409": (
        "{name} exists already: give another perimeter id, or take it over with `pulumi import "
        "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter NAME {name}`"
    ),
}


@dataclass(frozen=True, kw_only=True)
class ServicePerimeterArgs:
    """What is fenced in, and how (accesscontextmanager v1, `ServicePerimeter`).

    - `perimeter_id`: a letter, then letters, digits or underscores.
    - `title`: for people; unique within the policy.
    - `projects`: ids of the projects inside; the API's numbers for them are looked up.
    - `restricted_services`: APIs that answer inside only; default aiplatform.googleapis.com.
    - `access_levels`: accessPolicies/…/accessLevels/… from where the inside may be called all the same; none by
      default. Whoever deploys from outside, such as a pipeline, needs one once the perimeter is enforced.
    - `mode`: `dry-run` (default) only writes violations to the audit log; `enforced` refuses them.
    - `access_policy`: the number of an existing policy. Default: one is made in `organization`, called `policy_title`;
      an organization has room for one policy without scopes, so name the existing one where there is one. What this
      component made goes with the stack, and with it whatever others put in it.
    - `organization`: the organization's number; default: that of the first project.
    - `dry_run_command`: what to tell someone who enforces without a dry-run before.
    """

    perimeter_id: pulumi.Input[str]
    title: pulumi.Input[str]
    projects: Sequence[pulumi.Input[str]]
    restricted_services: Sequence[pulumi.Input[str]] = ("aiplatform.googleapis.com",)
    access_levels: Sequence[pulumi.Input[str]] = ()
    mode: Literal["dry-run", "enforced"] = "dry-run"
    access_policy: pulumi.Input[str] | None = None
    organization: pulumi.Input[str] | None = None
    policy_title: pulumi.Input[str] = "prod-access-policy"
    dry_run_command: str = 'set mode="dry-run" and run `pulumi up`'


class ServicePerimeter(pulumi.ComponentResource):
    """A regular perimeter; changes take up to 30 minutes at Google.

    `enforced` is refused, at preview already, unless the stack's state holds a dry-run of the same projects and
    services (or the perimeter is enforced for them already). `dry-run` lifts what was enforced: to try more services on
    a perimeter that must stay enforced, make a second one.

    Outputs: `resource_name` (accessPolicies/…/servicePerimeters/…), `mode`.
    """

    def __init__(self, name: str, args: ServicePerimeterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:ServicePerimeter", name, None, opts)
        enforced = args.mode == "enforced"
        guard = _guard(name, args.dry_run_command) if enforced else None
        inside = [look_up(project, self, opts) for project in args.projects]
        policy = pulumi.Output.format("accessPolicies/{0}", self._policy(name, args, inside[0], guard))
        fence: dict[str, Any] = {
            "resources": [pulumi.Output.format("projects/{0}", project.number) for project in inside],
            "restricted_services": args.restricted_services,
            "access_levels": args.access_levels or None,
        }
        self.perimeter = gcp.accesscontextmanager.ServicePerimeter(
            name,
            parent=policy,
            name=pulumi.Output.format("{0}/servicePerimeters/{1}", policy, args.perimeter_id),
            title=args.title,
            perimeter_type="PERIMETER_TYPE_REGULAR",
            status=gcp.accesscontextmanager.ServicePerimeterStatusArgs(**fence) if enforced else None,
            spec=None if enforced else gcp.accesscontextmanager.ServicePerimeterSpecArgs(**fence),
            use_explicit_dry_run_spec=not enforced,
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=pulumi.ResourceHookBinding.merge(
                    advise(f"{name}-perimeter-advice", self, _PERIMETER_ADVICE), guard
                ),
            ),
        )
        self.resource_name = self.perimeter.name
        self.mode = args.mode
        self.register_outputs({"resourceName": self.resource_name, "mode": self.mode})

    def _policy(
        self,
        name: str,
        args: ServicePerimeterArgs,
        project: "pulumi.Output[gcp.organizations.GetProjectResult]",
        guard: pulumi.ResourceHookBinding | None,
    ) -> pulumi.Input[str]:
        if args.access_policy is not None:
            return args.access_policy
        return gcp.accesscontextmanager.AccessPolicy(
            f"{name}-policy",
            parent=pulumi.Output.format("organizations/{0}", args.organization or project.apply(_organization)),
            title=args.policy_title,
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=pulumi.ResourceHookBinding.merge(advise(f"{name}-policy-advice", self, _POLICY_ADVICE), guard),
            ),
        ).name


def _organization(project: "gcp.organizations.GetProjectResult") -> str:
    if not project.org_id:
        raise pulumi.RunError(
            f"project {project.project_id} is not directly in an organization, so the perimeter's access policy has no "
            "place: give the organization's number (`gcloud organizations list`) or an existing access policy's"
        )
    return project.org_id


def _guard(name: str, command: str) -> pulumi.ResourceHookBinding:
    """Hooks that refuse, at preview and at update, to enforce what has not been tried."""

    def refuse_untried(args: pulumi.ResourceHookArgs) -> None:
        missing = untried(args.old_inputs, args.new_inputs or {})
        if args.old_inputs is None or missing:
            what = ", ".join(missing) or "the same projects and services"
            raise ValueError(
                f"perimeter {name} is not enforced: the stack's state holds no dry-run of {what}. "
                f"Try it first: {command}; then read the audit log for violations and set enforced again"
            )

    hook = pulumi.ResourceHook(f"{name}-tried-first", refuse_untried, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])


def untried(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """The projects and services of `new`'s status that neither the dry-run nor the status of `old` holds.

    Both are inputs of the perimeter as the engine knows them; `old` is None where there was none. What a preview does
    not know yet is left to the update.
    """
    tried: set[str] = set()
    for part in ("spec", "status"):
        fence = (old or {}).get(part) or {}
        tried.update(fence.get("resources") or [], fence.get("restrictedServices") or [])
    status = new.get("status") or {}
    wanted = [*(status.get("resources") or []), *(status.get("restrictedServices") or [])]
    return [item for item in wanted if isinstance(item, str) and item not in tried]
