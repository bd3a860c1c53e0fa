"""The console page at `/`, in headless Chromium. Screenshots stay in .work/screenshots."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.sandbox.browser import Page, chromium
from tests.sandbox.vertex import RefusedError, Vertex, machine

SCREENSHOTS = Path(__file__).parents[2] / ".work" / "screenshots"
LIVE = "document.getElementById('state')?.dataset.state === 'live'"
LOW_CONTRAST = Path(__file__).with_name("low_contrast.js").read_text()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser: Page, vertex: Vertex) -> Page:
    """The console of a new sandbox, live, in a window as on a desk."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.look("light", 1280, 900)
    browser.open("about:blank")
    browser.open(f"{vertex.sandbox.url}/")
    browser.until(LIVE)
    return browser


def article(vertex: Vertex) -> str:
    """The article's endpoint: two models that share its traffic 95 to 5."""
    name = vertex.create(displayName="gemini-prod-endpoint")
    vertex.deploy(name, "11", {"0": 100}, displayName="gemini-flash-primary", dedicatedResources=machine(2, 20))
    fallback = {"displayName": "gemini-pro-fallback", "model": vertex.model("gemma-3-12b")}
    vertex.deploy(name, "12", {"11": 95, "0": 5}, **fallback, dedicatedResources=machine(1, 5, "n1-standard-8"))
    return name


def test_the_page_shows_the_article_s_endpoint_live_in_light_dark_and_narrow(page: Page, vertex: Vertex) -> None:
    """What is made while the page is open appears without a reload: endpoint, split, replicas, operations, refusals."""
    page.until("document.body.innerText.includes('No endpoint yet')")
    vertex.sandbox.set(requestsPerReplica=60)
    name = article(vertex)
    for _ in range(150):
        vertex.ask(name, "What is 2 + 2?")
    with pytest.raises(RefusedError):
        vertex.call("POST", f"{name}:deployModel", {"deployedModel": {}})
    with pytest.raises(RefusedError):
        vertex.ask(name, "Hello", host="1.us-central1-2.prediction.vertexai.goog")
    prompt = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    vertex.call("POST", f"{vertex.parent}/publishers/google/models/gemini-3.5-flash:generateContent", prompt)
    vertex.sandbox.set(deploySeconds=600)
    vertex.deploy(name, "13", displayName="next")
    page.until("document.querySelector('#operations progress:not([hidden])')")
    page.until("document.querySelector('#models').innerText.includes('gemini-3.5-flash')")
    rows = page.evaluate("[...document.querySelectorAll('article tbody')[0].rows].map(r => r.innerText)")
    (flash, pro) = (re.split(r"\s*\t\s*", row) for row in rows)
    assert flash[0].split() == ["gemini-flash-primary", "11"]
    assert [flash[3], pro[3], flash[5], pro[5]] == ["95 %", "5 %", "2–20", "1–5"]
    assert int(flash[6]) + int(pro[6]) == 150
    assert int(flash[4]) == min(-(-int(flash[6]) // 60), 20)
    split = page.evaluate("document.querySelector('.split').getAttribute('aria-label')")
    assert split == "Traffic: gemini-flash-primary 95 %, gemini-pro-fallback 5 %"
    requests_chart, replicas_chart = page.evaluate(
        "[...document.querySelectorAll('article svg')].map(s => s.getAttribute('aria-label'))"
    )
    assert requests_chart == f"Requests: gemini-flash-primary {flash[6]}, gemini-pro-fallback {pro[6]}, refused 1"
    assert replicas_chart == f"Replicas: gemini-flash-primary {flash[4]}, gemini-pro-fallback 1"
    assert page.evaluate("document.querySelectorAll('article svg rect.c0').length") >= 1
    assert page.evaluate("document.querySelectorAll('article svg path').length") == 2
    operation = page.evaluate("document.querySelector('#operations tr').innerText")
    assert "aiplatform.endpoints.deployModel" in operation
    assert "Running" in operation
    assert "STARTING_DEPLOYMENT" in operation
    for scheme in ("light", "dark"):
        page.look(scheme, 1280, 900)
        assert page.evaluate(LOW_CONTRAST) == []
        page.screenshot(SCREENSHOTS / f"console-{scheme}.png")
    page.look("light", 390, 844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(SCREENSHOTS / "console-narrow.png")
    assert {file.name for file in SCREENSHOTS.glob("console-*.png") if file.stat().st_size > 10_000} == {
        "console-light.png",
        "console-dark.png",
        "console-narrow.png",
    }
    assert page.complaints == []
    assert all(url.startswith((f"{vertex.sandbox.url}/", "data:", "about:")) for url in page.requests), page.requests


def test_refusals_are_shown_with_google_s_reason_and_can_be_found(page: Page, vertex: Vertex) -> None:
    """The filters leave the refused call alone, with its sentence."""
    with pytest.raises(RefusedError):
        vertex.get(f"{vertex.parent}/endpoints/404")
    page.until("document.querySelector('#calls').innerText.includes('is not found')")
    everything = page.evaluate("document.querySelectorAll('#calls tr').length")
    page.evaluate("document.querySelector('input[value=refusals]').click()")
    rows = page.evaluate("[...document.querySelectorAll('#calls tr')].map(r => r.innerText)")
    assert len(rows) == 1 < everything
    assert "NOT_FOUND: Endpoint" in rows[0]
    page.evaluate("document.getElementById('search').focus()")
    page.type("no such words")
    page.until("!document.getElementById('no-calls').hidden")
    page.evaluate("location.reload()")
    page.until(LIVE)


def test_everything_on_the_page_can_be_reached_and_used_by_keyboard(page: Page, vertex: Vertex) -> None:
    """Tab goes from the skip link through all controls, which work by key and show where the focus is."""
    article(vertex)
    page.until("document.querySelectorAll('article').length === 1")
    page.evaluate("document.activeElement.blur()")
    stops = []
    for _ in range(30):
        page.press("Tab")
        stop = page.evaluate(
            "(e => e === document.body ? '' : (e.id || e.value || e.innerText) + '|'"
            " + getComputedStyle(e).outlineStyle)(document.activeElement)"
        )
        if not stop or stop in stops:
            break
        stops.append(stop)
    names = [stop.partition("|")[0].split("\n")[0] for stop in stops]
    assert names[0] == "Skip to the endpoints"
    assert {"window", "pause", "search", "calls-table", "operations-table", "all"} <= set(names)
    assert "Requests as a table" in names
    assert {stop.rpartition("|")[2] for stop in stops} <= {"solid", "auto"}
    page.evaluate("document.getElementById('pause').focus()")
    page.press(" ")
    assert page.evaluate("document.getElementById('state').innerText") == "Paused"
    vertex.create("78", displayName="unseen")
    page.press(" ")
    page.until("document.querySelectorAll('article').length === 2")
    page.evaluate("document.querySelector('summary').focus()")
    page.press("Enter")
    page.until("document.querySelector('details').open && document.querySelector('details thead th')")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.evaluate("document.querySelector('input[value=all]').focus()")
    page.press("ArrowRight")
    assert page.evaluate("document.querySelector('input[name=kind]:checked').value") == "changes"


def test_a_screen_reader_finds_names_headings_and_what_ended(page: Page, vertex: Vertex) -> None:
    """Every control, table region, chart and heading has a name, and an operation that ended is said."""
    vertex.sandbox.set(deploySeconds=600)
    name = vertex.create()
    operation = vertex.deploy(name, "1", {"0": 100})
    page.until("document.querySelector('#operations progress:not([hidden])')")
    vertex.complete(operation)
    page.until("document.getElementById('announce').innerText === 'aiplatform.endpoints.deployModel done'")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    asked = {"button", "link", "combobox", "radio", "searchbox", "region", "image", "heading", "table", "progressbar"}
    seen = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in asked
    ]
    unnamed = [role for role, label in seen if not label]
    assert unnamed == []
    assert {"button", "link", "combobox", "radio", "searchbox", "region", "image", "heading"} <= {
        role for role, _ in seen
    }
    assert page.evaluate("document.documentElement.lang") == "en"


def test_names_of_resources_are_never_read_as_html(page: Page, vertex: Vertex) -> None:
    """A display name with markup is shown as it is."""
    vertex.create(displayName="<img src=x onerror=alert(1)>")
    page.until("document.querySelector('article h3')?.innerText === '<img src=x onerror=alert(1)>'")
    assert page.evaluate("document.images.length") == 0


def test_a_reset_empties_the_page(page: Page, vertex: Vertex) -> None:
    """What a reset took away is gone from an open page, its calls too."""
    article(vertex)
    page.until("document.querySelectorAll('article').length === 1")
    vertex.sandbox.reset()
    page.until("document.querySelectorAll('article').length === 0")
    page.until("document.querySelectorAll('#calls tr').length === 0")


def test_the_metadata_server_still_answers_at_the_same_address(vertex: Vertex) -> None:
    """google-auth looks for Google's machines at `/` with a header of its own; a browser gets the page."""
    url = f"{vertex.sandbox.url}/"
    ping = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30)
    assert (ping.text, ping.headers["Metadata-Flavor"]) == ("computeMetadata/\n", "Google")
    shown = requests.get(url, headers={"Accept": "text/html"}, timeout=30)
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_looking_at_the_console_is_not_recorded_and_asks_sensibly(vertex: Vertex) -> None:
    """The page's own data needs no token, is no call of Google's, and says what it takes."""
    before = vertex.sandbox.last_call()
    data = requests.get(f"{vertex.sandbox.url}/_sandbox/console?since=0&window=300", timeout=30).json()
    assert [call["method"] for call in data["calls"]] == ["serviceusage.services.batchEnable"]
    assert vertex.sandbox.last_call() == before
    for query in ("since=x", "window=7", "since=-1"):
        assert requests.get(f"{vertex.sandbox.url}/_sandbox/console?{query}", timeout=30).status_code == 400
    assert requests.get(f"{vertex.sandbox.url}/_sandbox/console/index.html", timeout=30).status_code == 404


def test_the_record_has_the_reason_of_every_refusal(vertex: Vertex) -> None:
    """In Google's words, and in Kubernetes' for its API; an accepted call has none."""
    with pytest.raises(RefusedError):
        vertex.get(f"{vertex.parent}/endpoints/404")
    path = f"{vertex.sandbox.url}/kubernetes/api/v1/namespaces/none"
    requests.get(path, headers=vertex.sandbox.headers, timeout=30)
    requests.get(f"{vertex.sandbox.url}/aiplatform/v1/nothing", timeout=30)
    enabled, google, kubernetes, page = vertex.sandbox.calls()
    assert "reason" not in enabled
    assert google["reason"].startswith(
        "NOT_FOUND: Endpoint `projects/123456789012/locations/us-central1/endpoints/404`"
    )
    assert kubernetes["reason"] == 'namespaces "none" not found'
    assert (page["status"], "reason" in page) == (404, False)


def test_history_counts_by_who_answered_and_forgets_after_an_hour(vertex: Vertex) -> None:
    """Sixty bars of a window; replicas are carried on until they change."""
    from sandbox.console.history import History

    history, now = History(), 1_000_000.0
    history.step(now).served["r/1/11"] += 3
    history.step(now).replicas["r/1/11"] = 2
    history.step(now + 100).served["r/1/11"] += 4
    history.step(now + 100).refused["r/1"] += 1
    shown = history.shown(now + 100, 300)
    assert [value for value in shown["served"]["r/1/11"] if value] == [3, 4]
    assert shown["served"]["r/1/11"][-1] == 4
    assert shown["refused"]["r/1"][-1] == 1
    line = shown["replicas"]["r/1/11"]
    assert line[:39] == [None] * 39
    assert line[39:] == [2] * 21
    assert shown["start"] + 59 * shown["step"] == now + 100
    back = history.shown(now, 300)
    assert sum(back["served"]["r/1/11"]) == 3, "a clock that went back shows what was until then"
    history.step(now + 5000)
    assert history.shown(now + 5000, 3600)["served"] == {}
