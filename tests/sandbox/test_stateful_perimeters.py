"""Any sequence of calls on perimeters: what is kept, refused and written down is what a small model of the rules says.

Rules: discovery accesscontextmanager v1 (ServicePerimeter, ServicePerimeterConfig, patch, commit);
cloud.google.com/vpc-service-controls/docs/{overview, dry-run-mode, service-perimeters}.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox import stateful
from tests.sandbox.documents import check, check_error
from tests.sandbox.google import PROJECT_NUMBER, Google
from tests.sandbox.test_perimeters import AIPLATFORM, VIOLATIONS, inside
from tests.sandbox.vertex import Json

INVALID, MISSING = (400, "INVALID_ARGUMENT"), (404, "NOT_FOUND")
TAKEN, STALE = (409, "ALREADY_EXISTS"), (409, "ABORTED")
Refusals = set[tuple[int, str]]
PROJECT = f"projects/{PROJECT_NUMBER}"
FENCE: Json = {"resources": [PROJECT], "restrictedServices": [AIPLATFORM]}
ELSEWHERE: Json = {"resources": [PROJECT], "restrictedServices": ["storage.googleapis.com"]}
EMPTY: Json = {"restrictedServices": [AIPLATFORM]}
UNKNOWN: Json = {"resources": ["projects/999"], "restrictedServices": [AIPLATFORM]}
configs = st.sampled_from([None, FENCE, FENCE, FENCE, ELSEWHERE, EMPTY, UNKNOWN])
names = st.sampled_from(["fence_a", "fence_a", "fence_b", "fence_b", "not-a-name"])
titles = st.sampled_from(["first", "second", "third", ""])
masks = st.lists(
    st.sampled_from(
        ["title", "status", "spec", "useExplicitDryRunSpec", "status.restrictedServices", "spec.resources", "colour"]
    ),
    max_size=4,
    unique=True,
)


def kept(value: Json) -> Json:
    """A perimeter without what says nothing."""
    return {k: v for k, v in value.items() if v not in (None, "", False, {})}


class Perimeters(RuleBasedStateMachine):
    """The sandbox on one side, the perimeters by their ids on the other."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        super().__init__()
        sandbox.reset()
        sandbox.enable("aiplatform")
        self.sandbox = sandbox
        self.access, self.logging = Google(sandbox, "accesscontextmanager"), Google(sandbox, "logging", "v2")
        body = {"parent": "organizations/987654321098", "title": "policy"}
        self.policy = self.access("POST", "accessPolicies", body)["response"]["name"]
        self.model: dict[str, Json] = {}
        self.written: Counter[tuple[str, bool]] = Counter()

    def name(self, short: str) -> str:
        return f"{self.policy}/servicePerimeters/{short}"

    def send(self, verb: str, path: str, refusals: Refusals, body: Any = None, **query: Any) -> Json | None:
        """The operation's response; None where the call was refused, with one of the refusals."""
        response = requests.request(
            verb, f"{self.access.base}/{path}", json=body, params=query, headers=self.access.headers, timeout=30
        )
        answer = stateful.held(response, refusals, f"{verb} {path} {body} {query}")
        if answer is None:
            return None
        check(answer, "accesscontextmanager", "v1", "Operation")
        assert answer["done"]
        found: Json = answer["response"]
        return found

    def broken(self, short: str, value: Json) -> Refusals:
        """What Google refuses in the perimeter as it would be."""
        others = [each for other, each in self.model.items() if other != short]
        wrong = not value.get("title") or "-" in short or any(each["title"] == value["title"] for each in others)
        wrong |= bool(value.get("spec")) and not value.get("useExplicitDryRunSpec")
        for side in ("status", "spec"):
            resources = value.get(side, {}).get("resources", [])
            wrong |= "projects/999" in resources
            wrong |= any(set(resources) & set(each.get(side, {}).get("resources", [])) for each in others)
        return {INVALID} if wrong else set()

    @rule(short=names, title=titles, status=configs, spec=configs, explicit=st.booleans())
    def create(self, short: str, title: str, status: Json | None, spec: Json | None, explicit: bool) -> None:
        value = kept({"title": title, "status": status, "spec": spec, "useExplicitDryRunSpec": explicit})
        refusals = self.broken(short, value) | ({TAKEN} if short in self.model else set())
        body = {"name": self.name(short), **value}
        if self.send("POST", f"{self.policy}/servicePerimeters", refusals, body) is not None:
            self.model[short] = value

    @rule(
        short=names,
        mask=masks,
        title=titles,
        status=configs,
        spec=configs,
        explicit=st.booleans(),
        etag=st.sampled_from(["none", "none", "current", "old"]),
    )
    def patch(self, short: str, mask: list[str], title: str, status: Any, spec: Any, explicit: bool, etag: str) -> None:
        """What the mask names becomes as the body has it; a missing perimeter is made."""
        body = kept({"title": title, "status": status, "spec": spec, "useExplicitDryRunSpec": explicit})
        value = copy.deepcopy(self.model.get(short, {}))
        for path in mask:
            field, _, inner = path.partition(".")
            if inner:
                given = (body.get(field) or {}).get(inner)
                value[field] = kept({**(value.get(field) or {}), inner: given})
            else:
                value[field] = copy.deepcopy(body.get(field))
        value = kept(value)
        refusals = self.broken(short, value) | ({INVALID} if not mask or "colour" in mask else set())
        if etag == "current" and short in self.model:
            body["etag"] = self.access("GET", self.name(short))["etag"]
        if etag == "old":
            body["etag"] = "0000000000000000"
            refusals.add(STALE)
        answer = self.send("PATCH", self.name(short), refusals, body, updateMask=",".join(mask))
        if answer is not None:
            self.model[short] = value

    @rule(short=names, spec=st.sampled_from([FENCE, ELSEWHERE]))
    def dry_run(self, short: str, spec: Json) -> None:
        """As `perimeters dry-run create` does it: the dry run beside what is enforced."""
        title = self.model.get(short, {}).get("title", short)
        self.patch(short, ["title", "spec", "useExplicitDryRunSpec"], title, None, spec, True, "none")

    @rule()
    def commit(self) -> None:
        """Every dry run of the policy is enforced, and none is left."""
        self.send("POST", f"{self.policy}/servicePerimeters:commit", set(), {})
        for short, value in self.model.items():
            if value.get("useExplicitDryRunSpec"):
                self.model[short] = kept({"title": value["title"], "status": value.get("spec")})

    @rule(short=names)
    def delete(self, short: str) -> None:
        if self.send("DELETE", self.name(short), set() if short in self.model else {MISSING}) is not None:
            del self.model[short]

    @rule()
    def call_from_outside(self) -> None:
        """The deployer's, from no network: refused by what is enforced, written down by a dry run alone."""
        enforced = False
        for short, value in self.model.items():
            if value.get("status") == FENCE:
                enforced = True
                self.written[short, False] += 1
            elif value.get("spec") == FENCE:
                self.written[short, True] += 1
        answer = self.endpoints(self.sandbox.headers)
        if enforced:
            assert answer.status_code == 403
            check_error(answer.json(), 403)
            assert "Request is prohibited by organization's policy." in answer.json()["error"]["message"]
        else:
            assert answer.status_code == 200, answer.text

    @rule()
    def call_from_inside(self) -> None:
        """A machine's of the project's network: what restricts its project holds it inside, and it is."""
        assert self.endpoints(inside(self.sandbox)).status_code == 200

    @rule()
    def call_another_service(self) -> None:
        """Of the same project from outside, which no perimeter here restricts."""
        assert Google(self.sandbox, "cloudresourcemanager")("GET", "projects/sandbox-project")

    def endpoints(self, headers: dict[str, str]) -> requests.Response:
        path = "v1/projects/sandbox-project/locations/us-central1/endpoints"
        return requests.get(self.sandbox.api("aiplatform", path), headers=headers, timeout=30)

    @invariant()
    def perimeters_are_the_models(self) -> None:
        listed = self.access("GET", f"{self.policy}/servicePerimeters")
        check(listed, "accesscontextmanager", "v1", "ListServicePerimetersResponse")
        found = {each.pop("name").rpartition("/")[2]: each for each in listed.get("servicePerimeters", [])}
        for each in found.values():
            assert each.pop("etag")
            assert each.pop("perimeterType") == "PERIMETER_TYPE_REGULAR"
        assert {short: kept(each) for short, each in found.items()} == self.model

    @invariant()
    def violations_are_in_the_audit_log(self) -> None:
        body = {"resourceNames": [PROJECT], "filter": VIOLATIONS, "pageSize": 1000}
        found: Counter[tuple[str, bool]] = Counter()
        for entry in self.logging("POST", "entries:list", body).get("entries", []):
            metadata = entry["protoPayload"]["metadata"]
            name = metadata["securityPolicyInfo"]["servicePerimeterName"]
            found[name.rpartition("/")[2], metadata.get("dryRun", False)] += 1
        assert found == self.written


@pytest.fixture(scope="module")
def instant() -> Iterator[SandboxHandle]:
    with running_sandbox() as running:
        yield running


def test_any_sequence_of_calls_keeps_perimeters_in_step(instant: SandboxHandle) -> None:
    stateful.run(lambda: Perimeters(instant))
