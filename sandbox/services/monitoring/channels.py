"""projects.notificationChannels of type email. Rules: the discovery document's descriptions of monitoring v3."""

import re

from sandbox.errors import Json, failed_precondition, invalid_argument, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services.monitoring import kept
from sandbox.services.monitoring.policies import CHANNEL as KIND
from sandbox.services.monitoring.policies import KIND as POLICY

_OWN = ("name", "creationRecord", "mutationRecords", "verificationStatus")
_TYPES = ("campfire", "email", "google_chat", "hipchat", "pagerduty", "pubsub", "slack", "sms", "webhook_basicauth")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@method("monitoring.projects.notificationChannels.create")
def create(call: Call) -> Json:
    """A new channel."""
    project = kept.project(call, call.params["name"], "monitoring.notificationChannels.create")["projectId"]
    name = f"projects/{project}/notificationChannels/{kept.number()}"
    made = {**kept.without(call.body, _OWN), "enabled": kept.enabled(call)}
    return _put(call, name, {**made, "creationRecord": kept.record(call), "mutationRecords": [kept.record(call)]})


@method("monitoring.projects.notificationChannels.get")
def get(call: Call) -> Json:
    """One channel."""
    return kept.find(call, KIND, "monitoring.notificationChannels.get")[1]


@method("monitoring.projects.notificationChannels.list")
def list_channels(call: Call) -> Json:
    """The channels of a project."""
    parent = f"{call.params['name']}/notificationChannels"
    return kept.listed(call, KIND, "notificationChannels", parent, "monitoring.notificationChannels.list")


@method("monitoring.projects.notificationChannels.patch")
def patch(call: Call) -> Json:
    """Replaces the fields of the mask, or the whole channel."""
    name, channel = kept.find(call, KIND, "monitoring.notificationChannels.update")
    return _put(call, name, kept.changed(call, channel, _OWN))


@method("monitoring.projects.notificationChannels.delete")
def delete(call: Call) -> Json:
    """Deletes a channel that no policy names, or with `force` takes it out of those that do."""
    name, _ = kept.find(call, KIND, "monitoring.notificationChannels.delete")
    for policy_name, policy in call.sandbox.store.list(POLICY).items():
        channels = policy.get("notificationChannels", [])
        if name not in channels:
            continue
        if call.query.get("force") != "true":
            raise failed_precondition(
                f"The notification channel {name} cannot be deleted, because it is referenced by {policy_name}."
            )
        left = [channel for channel in channels if channel != name]
        call.sandbox.store.put(POLICY, policy_name, {**policy, "notificationChannels": left})
    call.sandbox.store.delete(KIND, name)
    return {}


def _put(call: Call, name: str, channel: Json) -> Json:
    kind = channel.get("type", "")
    if kind not in _TYPES:
        raise not_found(f"Cannot find channel type {kind!r}.")
    if kind != "email":
        raise not_imitated(call, f"channels of type {kind}")
    labels = channel.get("labels", {})
    if set(labels) != {"email_address"} or not _ADDRESS.fullmatch(labels["email_address"]):
        raise invalid_argument(
            'Field notification_channel.labels had an invalid value: a channel of type "email" has the one label'
            ' "email_address", with an address.'
        )
    whole = {**channel, "name": name}
    call.sandbox.store.put(KIND, name, whole)
    return whole
