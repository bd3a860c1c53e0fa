"""projects.alertPolicies. Rules: the discovery document's descriptions of monitoring v3, AlertPolicy.

That policies on the log take roles/logging.configWriter too: cloud.google.com/logging/docs/alerting/log-based-alerts.
"""

from sandbox.errors import Json, invalid_argument, not_found
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.monitoring import conditions, kept

KIND = "alertPolicy"
CHANNEL = "notificationChannel"
_OWN = ("name", "creationRecord", "mutationRecord")
_MOST_DOCUMENTATION = 8192
_AUTO_CLOSE = (1800, 7 * 86400)


@method("monitoring.projects.alertPolicies.create")
def create(call: Call) -> Json:
    """A new policy; it and its conditions get their names here."""
    project = kept.project(call, call.params["name"], "monitoring.alertPolicies.create")["projectId"]
    if call.body.get("name"):
        raise invalid_argument("Field alert_policy.name must not be set when an alert policy is created.")
    name = f"projects/{project}/alertPolicies/{kept.number()}"
    _may_notify_of_logs(call, project, call.body, "create")
    return _put(
        call,
        name,
        {**kept.without(call.body, _OWN), "enabled": kept.enabled(call), "creationRecord": kept.record(call)},
    )


@method("monitoring.projects.alertPolicies.get")
def get(call: Call) -> Json:
    """One policy."""
    return kept.find(call, KIND, "monitoring.alertPolicies.get")[1]


@method("monitoring.projects.alertPolicies.list")
def list_policies(call: Call) -> Json:
    """The policies of a project."""
    return kept.listed(
        call, KIND, "alertPolicies", f"{call.params['name']}/alertPolicies", "monitoring.alertPolicies.list"
    )


@method("monitoring.projects.alertPolicies.patch")
def patch(call: Call) -> Json:
    """Replaces the fields of the mask, or the whole policy."""
    name, policy = kept.find(call, KIND, "monitoring.alertPolicies.update")
    changed = {**kept.changed(call, policy, _OWN), "enabled": kept.enabled(call)}
    _may_notify_of_logs(call, name.split("/")[1], changed, "update")
    return _put(call, name, changed)


@method("monitoring.projects.alertPolicies.delete")
def delete(call: Call) -> Json:
    """Deletes a policy."""
    name, policy = kept.find(call, KIND, "monitoring.alertPolicies.delete")
    _may_notify_of_logs(call, name.split("/")[1], policy, "delete")
    return kept.remove(call, KIND, "monitoring.alertPolicies.delete")


def _put(call: Call, name: str, policy: Json) -> Json:
    _check(call, policy)
    for condition in policy["conditions"]:
        if not condition.get("name", "").startswith(f"{name}/conditions/"):
            condition["name"] = f"{name}/conditions/{kept.number()}"
    whole = {**policy, "name": name, "mutationRecord": kept.record(call)}
    call.sandbox.store.put(KIND, name, whole)
    return whole


def _may_notify_of_logs(call: Call, project: str, policy: Json, verb: str) -> None:
    """A policy that matches the log is a notification rule of Cloud Logging too, made as the caller."""
    if any("conditionMatchedLog" in condition for condition in policy.get("conditions", [])):
        iam_policies.require(call, f"projects/{project}", f"logging.notificationRules.{verb}")


def _check(call: Call, policy: Json) -> None:
    if not policy.get("displayName"):
        raise invalid_argument('Field alert_policy.display_name had an invalid value of "": it must not be empty.')
    if policy.get("combiner", "COMBINE_UNSPECIFIED") == "COMBINE_UNSPECIFIED":
        raise invalid_argument(
            'Field alert_policy.combiner had an invalid value of "COMBINE_UNSPECIFIED": a combiner is required.'
        )
    if len(policy.get("documentation", {}).get("content", "")) > _MOST_DOCUMENTATION:
        raise invalid_argument(
            "Field alert_policy.documentation.content had an invalid value: it may not exceed 8,192 Unicode characters."
        )
    conditions.check_conditions(call.sandbox, policy)
    _check_strategy(policy)
    for name in policy.get("notificationChannels", []):
        parts = name.split("/")
        project = call.sandbox.project(parts[1]) if len(parts) == 4 else None
        known = project and call.sandbox.store.get(CHANNEL, f"projects/{project['projectId']}/{'/'.join(parts[2:])}")
        if not known:
            raise not_found(f"Notification channel {name} was not found.")


def _check_strategy(policy: Json) -> None:
    strategy = policy.get("alertStrategy", {})
    logged = any("conditionMatchedLog" in condition for condition in policy["conditions"])
    if logged and not strategy.get("notificationRateLimit", {}).get("period"):
        raise invalid_argument(
            "Field alert_policy.alert_strategy.notification_rate_limit had an invalid value: log-based alert policies"
            " must specify a notification rate limit"
        )
    if not logged and strategy.get("notificationRateLimit"):
        raise invalid_argument(
            "Field alert_policy.alert_strategy.notification_rate_limit had an invalid value: only log-based alert"
            " policies may specify a notification rate limit"
        )
    least, most = _AUTO_CLOSE
    close = strategy.get("autoClose")
    if close and not least <= float(close.removesuffix("s")) <= most:
        raise invalid_argument(
            f'Field alert_policy.alert_strategy.auto_close had an invalid value of "{close}": it must be between 30'
            " minutes and 7 days."
        )
