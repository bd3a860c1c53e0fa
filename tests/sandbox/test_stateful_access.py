"""Any sequence of calls on service accounts and the project's policy: the state is that of a small model of the rules.

Rules: discovery iam v1, projects.serviceAccounts (create, delete, undelete, disable); discovery cloudresourcemanager
v1, Policy (etag, version, conditions) and Binding.members (deleted accounts).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox import stateful
from tests.sandbox.documents import check
from tests.sandbox.google import Google
from tests.sandbox.vertex import Json

DAY = 24 * 3600
KEPT = 30 * DAY
CONDITION = {"title": "hours", "expression": "request.time.getHours() < 18"}
Refusals = set[tuple[int, str]]
INVALID, MISSING = (400, "INVALID_ARGUMENT"), (404, "NOT_FOUND")
TAKEN, STALE = (409, "ALREADY_EXISTS"), (409, "ABORTED")
accounts = st.sampled_from(["account-a", "account-b"])
roles = st.sampled_from(["roles/aiplatform.user", "roles/viewer", "projects/sandbox-project/roles/missing"])


@dataclass
class Model:
    """Who is there, who was deleted when, and who has which role under which condition."""

    now: float = 0.0
    alive: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    deleted: dict[str, tuple[str, float]] = field(default_factory=dict)
    grants: set[tuple[str, bool, str]] = field(default_factory=set)

    def rename(self, old: str, new: str) -> None:
        """Puts one member in another's place."""
        self.grants = {(role, condition, new if m == old else m) for role, condition, m in self.grants}


class Access(RuleBasedStateMachine):
    """The sandbox on one side, the model on the other."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        super().__init__()
        sandbox.reset()
        self.url = sandbox.url
        self.iam, self.manager = Google(sandbox, "iam"), Google(sandbox, "cloudresourcemanager")
        self.seeded = {(b["role"], False, m) for b in self.policy()["bindings"] for m in b["members"]}
        self.model = Model()

    def email(self, account: str) -> str:
        return f"{account}@sandbox-project.iam.gserviceaccount.com"

    def name(self, account: str) -> str:
        return f"{self.iam.project}/serviceAccounts/{account}"

    def alive_member(self, account: str) -> str:
        return f"serviceAccount:{self.email(account)}"

    def deleted_member(self, account: str, unique: str) -> str:
        return f"deleted:{self.alive_member(account)}?uid={unique}"

    def send(self, api: Google, verb: str, path: str, refusals: Refusals, body: Any = None) -> Json | None:
        """The answer; None where it was refused, with one of the refusals."""
        response = requests.request(verb, f"{api.base}/{path}", json=body, headers=api.headers, timeout=30)
        return stateful.held(response, refusals, f"{verb} {path} {body}")

    def policy(self) -> Json:
        path = f"{self.manager.project}:getIamPolicy"
        found = self.manager("POST", path, {"options": {"requestedPolicyVersion": 3}})
        check(found, "cloudresourcemanager", "v1", "Policy")
        return found

    @initialize()
    def begin_with_both(self) -> None:
        self.create("account-a")
        self.create("account-b")

    def some(self, data: st.DataObject) -> str:
        """Mostly an account that is there."""
        there = sorted(self.model.alive)
        return str(data.draw(st.one_of(*[st.sampled_from(there)] * (3 * bool(there)), accounts)))

    @rule(account=st.sampled_from(["account-a", "account-b", "account-a", "account-b", "short", "-account"]))
    def create(self, account: str) -> None:
        refusals: Refusals = {TAKEN} if account in self.model.alive else set()
        refusals = refusals if account.startswith("account-") else {INVALID}
        made = self.send(self.iam, "POST", f"{self.iam.project}/serviceAccounts", refusals, {"accountId": account})
        if made is not None:
            check(made, "iam", "v1", "ServiceAccount")
            assert made["uniqueId"] not in {*self.model.deleted, *self.model.alive.values()}
            self.model.alive[account] = made["uniqueId"]

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        account = self.some(data)
        answer = self.send(self.iam, "DELETE", self.name(self.email(account)), self.missing(account))
        if answer is not None:
            unique = self.model.alive.pop(account)
            self.model.deleted[unique] = (account, self.model.now)
            self.model.rename(self.alive_member(account), self.deleted_member(account, unique))

    def missing(self, account: str) -> Refusals:
        return set() if account in self.model.alive else {MISSING}

    @rule(data=st.data(), disabled=st.booleans())
    def switch(self, data: st.DataObject, disabled: bool) -> None:
        account = self.some(data)
        path = f"{self.name(self.email(account))}:{'disable' if disabled else 'enable'}"
        if self.send(self.iam, "POST", path, self.missing(account), {}) is not None:
            unique = self.model.alive[account]
            (self.model.disabled.add if disabled else self.model.disabled.discard)(unique)

    @precondition(lambda self: self.model.deleted)
    @rule(data=st.data())
    def undelete(self, data: st.DataObject) -> None:
        unique = data.draw(st.sampled_from(list(self.model.deleted)))
        account, at = self.model.deleted[unique]
        refusals: Refusals = {TAKEN} if account in self.model.alive else set()
        if self.model.now > at + KEPT:
            refusals = {MISSING}
        if self.send(self.iam, "POST", f"{self.name(unique)}:undelete", refusals, {}) is not None:
            del self.model.deleted[unique]
            self.model.alive[account] = unique
            self.model.rename(self.deleted_member(account, unique), self.alive_member(account))

    @rule(
        data=st.data(),
        role=roles,
        conditional=st.booleans(),
        version=st.sampled_from([1, 2, 3, 3, 3]),
        etag=st.sampled_from(["current", "current", "none", "old"]),
    )
    def grant(self, data: st.DataObject, role: str, conditional: bool, version: int, etag: str) -> None:
        """Reads the policy, adds one binding, writes it back."""
        account = self.some(data)
        member, policy = self.alive_member(account), self.policy()
        binding: Json = {"role": role, "members": [member], **({"condition": CONDITION} if conditional else {})}
        had_conditions = any("condition" in each for each in policy["bindings"])
        policy["bindings"].append(binding)
        refusals: Refusals = {STALE} if etag == "old" else set()
        if version == 2 or (version == 1 and (conditional or had_conditions)):
            refusals.add(INVALID)
        if account not in self.model.alive or role.startswith("projects/"):
            refusals.add(INVALID)
        if conditional and role == "roles/viewer":
            refusals.add(INVALID)
        if self.write(policy, version, etag, refusals):
            self.model.grants.add((role, conditional, member))

    @rule(role=roles)
    def revoke(self, role: str) -> None:
        policy = self.policy()
        policy["bindings"] = [each for each in policy["bindings"] if each["role"] != role]
        if self.write(policy, 3, "current", set()):
            self.model.grants = {grant for grant in self.model.grants if grant[0] != role}

    def write(self, policy: Json, version: int, etag: str, refusals: Refusals) -> bool:
        wanted = {**policy, "version": version}
        if etag != "current":
            del wanted["etag"]
        if etag == "old":
            wanted["etag"] = "BwYAAAAAAAA="
        path = f"{self.manager.project}:setIamPolicy"
        answer = self.send(self.manager, "POST", path, refusals, {"policy": wanted})
        if answer is not None:
            check(answer, "cloudresourcemanager", "v1", "Policy")
        return answer is not None

    @rule(days=st.sampled_from([1, 15, 31]))
    def pass_time(self, days: int) -> None:
        requests.post(f"{self.url}/_sandbox/clock", json={"step": days * DAY}, timeout=30).raise_for_status()
        self.model.now += days * DAY

    @invariant()
    def policies_are_the_models(self) -> None:
        policy = self.policy()
        found = {(b["role"], "condition" in b, m) for b in policy["bindings"] for m in b["members"]}
        assert found == self.seeded | self.model.grants
        conditional = any(condition for _, condition, _ in self.model.grants)
        assert policy["version"] == (3 if conditional else 1)

    @invariant()
    def accounts_are_the_models(self) -> None:
        listed = self.iam("GET", f"{self.iam.project}/serviceAccounts")
        check(listed, "iam", "v1", "ListServiceAccountsResponse")
        own = [each for each in listed["accounts"] if each["email"].startswith("account-")]
        assert {each["email"]: each["uniqueId"] for each in own} == {
            self.email(account): unique for account, unique in self.model.alive.items()
        }
        shown = {each["uniqueId"] for each in own if each.get("disabled")}
        assert shown == self.model.disabled & set(self.model.alive.values())


@pytest.fixture(scope="module")
def stepped() -> Iterator[SandboxHandle]:
    with running_sandbox(clock_rate=0) as running:
        yield running


def test_any_sequence_of_calls_keeps_accounts_and_policies_in_step(stepped: SandboxHandle) -> None:
    stateful.run(lambda: Access(stepped))
