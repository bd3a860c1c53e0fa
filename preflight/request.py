"""Files quota increases (cloudquotas v1 `quotaPreferences.create` and `patch`): the one thing here that writes."""

from dataclasses import dataclass

from preflight.google import Google, Json, RefusedError
from preflight.quota import SERVICE, Shortage

_HOST = "cloudquotas.googleapis.com"


@dataclass(frozen=True)
class Increase:
    """One request: for which quota, in which region, from what limit to what."""

    quota_id: str
    region: str
    limit: int
    preferred: int

    def __str__(self) -> str:
        return f"{self.quota_id} in {self.region}: {self.limit} -> {self.preferred}"


def planned(google: Google, project: str, shortages: list[Shortage]) -> tuple[list[Increase], list[str]]:
    """The requests that would cover the shortages, and a sentence for each quota that cannot be asked for.

    Raises RefusedError.
    """
    infos = google.get(_HOST, f"v1/{_parent(project)}/services/{SERVICE}/quotaInfos", pageSize="1000")
    by_metric: dict[str, Json] = {}
    for info in infos.get("quotaInfos", []):
        if "region" in info.get("dimensions", []):
            by_metric.setdefault(info["metric"], info)
    increases, impossible = [], []
    for shortage in shortages:
        info = by_metric.get(shortage.metric)
        if info is None:
            impossible.append(f"{shortage.metric}: Cloud Quotas knows no such quota by region")
            continue
        eligible = info.get("quotaIncreaseEligibility", {})
        if info.get("isFixed") or eligible.get("isEligible") is False:
            reason = eligible.get("ineligibilityReason", "it is fixed")
            impossible.append(f"{info['quotaId']}: an increase cannot be asked for ({reason})")
            continue
        increases.append(Increase(info["quotaId"], shortage.region, shortage.limit, shortage.needed))
    return increases, impossible


def file(google: Google, project: str, increase: Increase, contact: str, why: str) -> str:
    """Asks for one increase, or changes the request that is there already; returns how it stands, in words.

    `contact` is an e-mail address that Google may write to. Raises RefusedError.
    """
    body: Json = {
        "service": SERVICE,
        "quotaId": increase.quota_id,
        "dimensions": {"region": increase.region},
        "quotaConfig": {"preferredValue": str(increase.preferred)},
        "contactEmail": contact,
        "justification": why,
    }
    path = f"v1/{_parent(project)}/quotaPreferences"
    name = f"gemini-vertex-{increase.quota_id.lower()}-{increase.region}"[:63].rstrip("-")
    try:
        answer = google.change("POST", _HOST, path, body, quotaPreferenceId=name)
    except RefusedError as error:
        if error.status != 409:
            raise
        there = _same(google, path, body)
        answer = google.change("PATCH", _HOST, f"v1/{there['name']}", {**body, "etag": there.get("etag", "")})
    granted = answer.get("quotaConfig", {}).get("grantedValue")
    if answer.get("reconciling") or granted != str(increase.preferred):
        return f"filed as {answer['name']}; granted so far: {granted}, Google is looking at it"
    return f"granted: {granted}"


def _same(google: Google, path: str, body: Json) -> Json:
    listed: list[Json] = google.get(_HOST, path, pageSize="1000").get("quotaPreferences", [])
    for preference in listed:
        if all(preference.get(key) == body[key] for key in ("service", "quotaId", "dimensions")):
            return preference
    raise RefusedError(409, f"a request for {body['quotaId']} is there already, yet not listed; try again")


def _parent(project: str) -> str:
    return f"projects/{project}/locations/global"
