"""google-genai, unchanged, against the sandbox: endpoints, Gemini itself and API keys; sync, async and streaming."""

import json
import subprocess
import sys

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from sandbox.identity import DEPLOYER, token_for
from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Vertex

QUESTION = "What is 2 + 2? Reply with just the number."
CREDENTIALS = Credentials(token_for(DEPLOYER))


def client(sandbox: SandboxHandle, base: str = "aiplatform") -> genai.Client:
    """google-genai, told where to go as GOOGLE_VERTEX_BASE_URL tells it."""
    return genai.Client(
        vertexai=True,
        project=sandbox.project,
        location="us-central1",
        credentials=CREDENTIALS,
        http_options=types.HttpOptions(base_url=f"{sandbox.url}/{base}/"),
    )


def test_google_genai_asks_a_deployed_model(vertex: Vertex) -> None:
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    asked = client(vertex.sandbox)
    answer = asked.models.generate_content(
        model=name, contents=QUESTION, config=types.GenerateContentConfig(temperature=0.2, top_p=0.95)
    )
    assert answer.text == "4"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count == 1


def test_google_genai_streams_from_a_private_address(vertex: Vertex) -> None:
    name, address = vertex.deploy_privately()
    asked = client(vertex.sandbox, f"hosts/{address}")
    stream = asked.models.generate_content_stream(model=name, contents="Explain.")
    chunks = [chunk.text or "" for chunk in stream]
    assert len(chunks) > 3
    assert "model-1" in "".join(chunks)


async def test_google_genai_asks_gemini_itself_asynchronously(vertex: Vertex) -> None:
    asked = client(vertex.sandbox)
    models = asked.aio.models
    answer = await models.generate_content(model="gemini-3.5-flash", contents=QUESTION)
    assert answer.text == "4"
    stream = await models.generate_content_stream(model="gemini-3.5-flash", contents=QUESTION)
    assert "".join([chunk.text or "" async for chunk in stream]) == "4"
    counted = await models.count_tokens(model="gemini-3.5-flash", contents=QUESTION)
    assert counted.total_tokens


def test_google_genai_understands_a_refusal(vertex: Vertex) -> None:
    asked = client(vertex.sandbox)
    with pytest.raises(errors.ClientError) as refused:
        asked.models.generate_content(model="gemini-2.0-flash-001", contents=QUESTION)
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def by_key(sandbox: SandboxHandle, key: str = "", *, vertexai: bool = False) -> genai.Client:
    """google-genai with an API key, the sandbox's own unless another is given, where GOOGLE_…_BASE_URL leads it."""
    base = sandbox.env["GOOGLE_VERTEX_BASE_URL" if vertexai else "GOOGLE_GEMINI_BASE_URL"]
    options = types.HttpOptions(base_url=base)
    return genai.Client(vertexai=vertexai, api_key=key or sandbox.env["GEMINI_API_KEY"], http_options=options)


@pytest.mark.parametrize("vertexai", [False, True], ids=["the Gemini Developer API", "Vertex AI in express mode"])
def test_google_genai_asks_with_an_api_key(sandbox: SandboxHandle, vertexai: bool) -> None:
    sandbox.enable("generativelanguage", "aiplatform")
    asked = by_key(sandbox, vertexai=vertexai)
    models = asked.models
    config = types.GenerateContentConfig(temperature=0.2, top_p=0.95, max_output_tokens=2048, system_instruction="Add.")
    assert models.generate_content(model="gemini-3.5-flash", contents=QUESTION, config=config).text == "4"
    stream = models.generate_content_stream(model="gemini-3.5-flash", contents="Explain.")
    assert len([chunk.text for chunk in stream]) > 3
    assert models.count_tokens(model="gemini-3.5-flash", contents=QUESTION).total_tokens


async def test_google_genai_asks_with_an_api_key_asynchronously(sandbox: SandboxHandle) -> None:
    sandbox.enable("generativelanguage")
    asked = by_key(sandbox)
    models = asked.aio.models
    answer = await models.generate_content(model="gemini-3.5-flash", contents=QUESTION)
    assert answer.text == "4"
    stream = await models.generate_content_stream(model="gemini-3.5-flash", contents=QUESTION)
    assert "".join([chunk.text or "" async for chunk in stream]) == "4"


def test_google_genai_understands_that_a_key_is_wrong(sandbox: SandboxHandle) -> None:
    asked = by_key(sandbox, "AIzaSyNotOurs")
    with pytest.raises(errors.ClientError, match="API key not valid") as refused:
        asked.models.generate_content(model="gemini-3.5-flash", contents=QUESTION)
    assert refused.value.code == 400


async def test_google_genai_asks_and_streams_from_an_endpoint_asynchronously(vertex: Vertex) -> None:
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    asked = client(vertex.sandbox)
    models = asked.aio.models
    answer = await models.generate_content(model=name, contents=QUESTION)
    assert answer.text == "4"
    stream = await models.generate_content_stream(model=name, contents=QUESTION)
    assert "".join([chunk.text or "" async for chunk in stream]) == "4"


def test_the_environment_alone_leads_google_genai_there(vertex: Vertex) -> None:
    """What `sandbox run` sets is enough. A Vertex AI client that is given another address wants its project said."""
    vertex.sandbox.enable("generativelanguage")
    script = (
        "import json, os\n"
        "from google import genai\n"
        "project, location = os.environ['GOOGLE_CLOUD_PROJECT'], os.environ['GOOGLE_CLOUD_LOCATION']\n"
        "asked = [genai.Client(vertexai=True, project=project, location=location), genai.Client()]\n"
        "answers = [c.models.generate_content(model='gemini-3.5-flash', contents='2 + 2').text for c in asked]\n"
        "print(json.dumps(answers))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=vertex.sandbox.environ(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["4", "4"]
