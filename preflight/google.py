"""Questions to Google's REST APIs. Google's addresses are used unless `python -m sandbox run` points elsewhere."""

import functools
import json
import os
from dataclasses import dataclass, field
from typing import Any, Final

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import requests

from preflight.finding import Finding

Json = dict[str, Any]
_CALL_SECONDS: Final = 60
# In one testIamPermissions (github.com/openshift/cloud-credential-operator/pull/94).
_MOST_PERMISSIONS: Final = 100
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
LOGIN: Final = "gcloud auth application-default login"


@dataclass
class RefusedError(Exception):
    """Google refused, or did not answer (`status` 0); `reason` and `permission` where its error says so."""

    status: int
    message: str
    reason: str = ""
    permission: str = ""
    service: str = ""
    details: list[Json] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.status}: {self.message}" if self.status else self.message


class Google:
    """A session with the credentials of the environment.

    Raises:
        RefusedError: there are no credentials.
    """

    def __init__(self) -> None:
        self._credentials = _credentials()
        self._session = google.auth.transport.requests.AuthorizedSession(self._credentials)

    def get(self, host: str, path: str, **query: str) -> Json:
        """GET, all pages of a list joined. Raises RefusedError."""
        answer = self._call("GET", host, path, params=query)
        following = answer
        while token := following.get("nextPageToken"):
            following = self._call("GET", host, path, params={**query, "pageToken": token})
            for key, value in following.items():
                if isinstance(value, list):
                    answer.setdefault(key, []).extend(value)
        return answer

    @functools.cached_property
    def member(self) -> str:
        """Who calls, as IAM policies name it (user:… or serviceAccount:…); "" where it cannot be found out.

        A service account's credentials say it; of a person's, Google is asked (oauth2 v2 `userinfo.get`), which tells
        it only of tokens with the scope userinfo.email, as those of `gcloud auth application-default login` have.
        """
        email = str(getattr(self._credentials, "service_account_email", None) or "")
        if "@" not in email:
            try:
                email = str(self.get("www.googleapis.com", "oauth2/v2/userinfo").get("email", ""))
            except RefusedError:
                return ""
        kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
        return f"{kind}:{email}" if email else ""

    def held(self, host: str, resource: str, permissions: list[str]) -> set[str]:
        """`testIamPermissions`: those of `permissions` that the caller has on the resource. Raises RefusedError."""
        had: set[str] = set()
        for start in range(0, len(permissions), _MOST_PERMISSIONS):
            asked = {"permissions": permissions[start : start + _MOST_PERMISSIONS]}
            answer = self._call("POST", host, f"{resource}:testIamPermissions", json=asked)
            had |= set(answer.get("permissions", []))
        return had

    def policy(self, host: str, resource: str) -> Json:
        """`getIamPolicy` of a service account, conditions included (policy version 3). Raises RefusedError."""
        return self._call("POST", host, f"{resource}:getIamPolicy", params={"options.requestedPolicyVersion": "3"})

    def change(self, method: str, host: str, path: str, body: Json, **query: str) -> Json:
        """A call that changes something. Raises RefusedError."""
        return self._call(method, host, path, json=body, params=query)

    def _call(self, method: str, host: str, path: str, **how: Any) -> Json:
        sandbox = os.environ.get("SANDBOX_URL")
        base = f"{sandbox}/hosts/{host}" if sandbox else f"https://{host}"
        try:
            response = self._session.request(method, f"{base}/{path}", timeout=_CALL_SECONDS, **how)
        except requests.RequestException as error:
            raise RefusedError(0, f"https://{host} cannot be reached ({type(error).__name__})") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise RefusedError(401, f"the credentials gave no token ({error})") from None
        if response.status_code >= 400:
            raise _refusal(response)
        try:
            answer: Json = response.json()
        except ValueError:
            raise RefusedError(0, f"https://{host} answered something that is not JSON; is a proxy between?") from None
        return answer


def _credentials() -> Any:
    if token := os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return google.oauth2.credentials.Credentials(token=token)
    try:
        return google.auth.default(scopes=[_SCOPE])[0]
    except google.auth.exceptions.DefaultCredentialsError:
        raise RefusedError(401, "no Google credentials are here") from None


def _refusal(response: requests.Response) -> RefusedError:
    try:
        error = json.loads(response.text)
        error = (error[0] if isinstance(error, list) else error)["error"]
        details = error.get("details", [])
        metadata = {key: value for detail in details for key, value in detail.get("metadata", {}).items()}
        reason = next((str(detail["reason"]) for detail in details if "reason" in detail), "")
        return RefusedError(
            response.status_code,
            str(error["message"]).strip(),
            reason,
            str(metadata.get("permission", "")),
            str(metadata.get("service", "")),
            details,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return RefusedError(response.status_code, response.text[:200] or "no explanation")


def unmade(
    check: str, error: RefusedError, project: str, permission: str = "", member: str = "", organization: str = ""
) -> Finding:
    """The finding for a check that Google did not let us make.

    `permission` is the one that its method needs, on the project or, where one is given, on the organization; `member`
    is who asked, "" where that is not known.
    """
    import permissions

    missing = error.permission or permissions.named_in(error.message) or permission
    if error.status == 401:
        return Finding(check, "fail", str(error), LOGIN)
    if error.reason == "SERVICE_DISABLED":
        service = error.service or "the API"
        return Finding(check, "fail", f"cannot be looked at before {service} is enabled", enabling([service], project))
    if error.status == 403 and missing:
        role = permissions.role_with(missing) or "a role that has it"
        fix = granting(role, f"organizations {organization}" if organization else f"projects {project}", member)
        return Finding(check, "fail", f"cannot be looked at without {missing}", fix)
    return Finding(check, "fail", f"cannot be looked at: {error}", _way_out(error, project))


def _way_out(error: RefusedError, project: str) -> str:
    """What to do about a refusal that is neither the credentials' nor a permission's."""
    if error.status == 0:
        return "run it where Google's APIs are in reach, or behind the proxy that HTTPS_PROXY names, and run it again"
    if error.status == 429:
        return f"wait a minute and run it again: the quota of such questions is used up; {quota_page(project)}"
    if error.status >= 500:
        return "run it again in a minute; if Google goes on failing, https://status.cloud.google.com says for how long"
    if error.status == 403:
        return f"ask who administers project {project}: an organization's policy or a perimeter may keep you out"
    return f"Google took no such question about {project}: correct the setting that it names, then run it again"


def quota_page(project: str) -> str:
    """The console's page of a project's quotas."""
    return f"see https://console.cloud.google.com/iam-admin/quotas?project={project}"


def enabling(services: list[str], project: str) -> str:
    """The command that enables APIs."""
    return f"gcloud services enable {' '.join(services)} --project={project}"


def granting(role: str, resource: str, member: str) -> str:
    """The command that grants a role on a resource as gcloud names it, such as `projects my-project`.

    Without a `member` the command has a place for one.
    """
    kind, _, name = resource.rpartition(" ")
    return f"gcloud {kind} add-iam-policy-binding {name} --member={member or 'MEMBER'} --role={role}"
