"""The Gemini Developer API, by API key; sources are named in sandbox/services/generativelanguage.py."""

import json
from typing import Any

import pytest
import requests

from sandbox.api_keys import key_for
from sandbox.testing import SandboxHandle

QUESTION = {"contents": [{"role": "user", "parts": [{"text": "What is 2 + 2? Reply with just the number."}]}]}


def ask(sandbox: SandboxHandle, key: str, body: Any = QUESTION, what: str = "gemini-3.5-flash:generateContent") -> Any:
    """The response of one call; an empty key is left out."""
    headers = {"x-goog-api-key": key} if key else {}
    url = sandbox.api("generativelanguage", f"v1beta/models/{what}")
    return requests.post(url, json=body, headers=headers, timeout=30)


@pytest.fixture
def key(sandbox: SandboxHandle) -> str:
    """A key of a project with the API enabled."""
    sandbox.enable("generativelanguage")
    return key_for(sandbox.project)


def test_a_key_is_enough_for_an_answer(sandbox: SandboxHandle, key: str) -> None:
    answer = ask(sandbox, key).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "4"}]
    assert answer["modelVersion"] == "gemini-3.5-flash"
    assert "trafficType" not in answer["usageMetadata"], "only Vertex AI says that"
    last = sandbox.calls()[-1]
    assert (last["method"], last["mutating"]) == ("generativelanguage.models.generateContent", False)


def test_the_key_may_stand_in_the_query(sandbox: SandboxHandle, key: str) -> None:
    assert ask(sandbox, "", what=f"gemini-3.5-flash:generateContent?key={key}").status_code == 200


def test_a_stream_comes_as_events(sandbox: SandboxHandle, key: str) -> None:
    answer = ask(sandbox, key, what="gemini-3.5-flash:streamGenerateContent?alt=sse")
    chunks = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    assert "".join(part["text"] for c in chunks for part in c["candidates"][0]["content"]["parts"]) == "4"
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_tokens_are_counted_of_contents_and_of_a_whole_request(sandbox: SandboxHandle, key: str) -> None:
    plain = ask(sandbox, key, what="gemini-3.5-flash:countTokens").json()
    whole = {"generateContentRequest": {"model": "models/gemini-3.5-flash", **QUESTION}}
    assert plain == ask(sandbox, key, whole, "gemini-3.5-flash:countTokens").json()
    assert plain["totalTokens"] > 0


def test_without_a_key_no_one_calls(sandbox: SandboxHandle) -> None:
    """Words as users report them: github.com/googleapis/js-genai/issues/898."""
    error = ask(sandbox, "").json()["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["message"].startswith("Method doesn't allow unregistered callers")


def test_a_wrong_key_is_a_bad_request(sandbox: SandboxHandle) -> None:
    """ai.google.dev/gemini-api/docs/troubleshooting: 400 with the reason API_KEY_INVALID."""
    error = ask(sandbox, "AIzaSyNotOurs").json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"] == "API key not valid. Please pass a valid API key."
    assert error["details"][0]["reason"] == "API_KEY_INVALID"


def test_the_api_must_be_enabled_in_the_keys_project(sandbox: SandboxHandle) -> None:
    error = ask(sandbox, key_for(sandbox.project)).json()["error"]
    assert (error["code"], error["details"][0]["reason"]) == (403, "SERVICE_DISABLED")
    assert error["message"].startswith("Generative Language API has not been used in project 123456789012")


def test_a_retired_model_is_not_found(sandbox: SandboxHandle, key: str) -> None:
    answer = ask(sandbox, key, what="gemini-2.0-flash-001:generateContent")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("models/gemini-2.0-flash-001 is not found for API version")


def test_unknown_fields_are_refused(sandbox: SandboxHandle, key: str) -> None:
    answer = ask(sandbox, key, {**QUESTION, "instances": []})
    assert 'Unknown name "instances"' in answer.json()["error"]["message"]


def test_what_is_not_imitated_says_so(sandbox: SandboxHandle, key: str) -> None:
    listed = requests.get(
        sandbox.api("generativelanguage", "v1beta/models"), headers={"x-goog-api-key": key}, timeout=30
    )
    by_token = requests.post(
        sandbox.api("generativelanguage", "v1beta/models/gemini-3.5-flash:generateContent"),
        json=QUESTION,
        headers=sandbox.headers,
        timeout=30,
    )
    assert (listed.status_code, by_token.status_code) == (501, 501)


def test_vertex_ai_in_express_mode_takes_a_key_in_the_place_of_a_project(sandbox: SandboxHandle) -> None:
    """cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview."""
    sandbox.enable("aiplatform")
    url = sandbox.api("aiplatform", "v1beta1/publishers/google/models/gemini-3.5-flash:generateContent")
    headers = {"x-goog-api-key": key_for(sandbox.project)}
    answer = requests.post(url, json=QUESTION, headers=headers, timeout=30).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "4"}]
    elsewhere = sandbox.api("aiplatform", f"v1/projects/{sandbox.project}/locations/us-central1/endpoints")
    assert requests.get(elsewhere, headers=headers, timeout=30).status_code == 401
