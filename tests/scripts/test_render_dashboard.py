"""The drawing of a dashboard: structure without a browser, looks in one. Screenshots stay in .work/screenshots."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from components.observability.alerts import Watched
from components.observability.dashboard import dashboard
from components.observability.signals import Model, endpoint_route, managed_route
from sandbox.testing import SandboxHandle, running_sandbox
from scripts import dashboard_data, render_dashboard, serving
from scripts.dashboard_chart import chart
from scripts.dashboard_data import Line
from tests.sandbox.browser import chromium
from tests.sandbox.vertex import Vertex, machine

SCREENSHOTS = Path(__file__).parents[2] / ".work" / "screenshots"
LOW_CONTRAST = (Path(__file__).parents[1] / "sandbox" / "low_contrast.js").read_text()


def board(**changes: Any) -> dict[str, Any]:
    """The dashboard that the component makes of the endpoint 77 with two models, and of a managed model."""
    watched = {
        "project": "sandbox-project",
        "region": "us-central1",
        "routes": (endpoint_route("77"), managed_route(["gemini-3.8-flash"])),
        "models": {"flash": Model("11", 95, 20, True), "pro": Model("12", 5, 5, True)},
        "error_ratio_percent": 5,
        "latency_seconds": 10,
        "perimeter": True,
        **changes,
    }
    return dashboard("Gemini <prod>", Watched(**watched))


class Page(HTMLParser):
    """What is on a page: tags with their attributes, texts, and whether every tag was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A sandbox with a served endpoint, whose environment this process has."""
    with running_sandbox(enabled=("aiplatform",), deploy_seconds=0) as handle:
        for name, value in handle.env.items():
            monkeypatch.setenv(name, value)
        serving.credentials.cache_clear()
        vertex = Vertex(handle)
        name = vertex.create()
        vertex.deploy(name, "11", {"0": 100}, dedicatedResources=machine(2, 20))
        vertex.deploy(name, "12", {"11": 95, "0": 5}, dedicatedResources=machine(1, 5))
        for _ in range(40):
            vertex.ask(name, "2 + 2")
        fault = {"method": "*.endpoints.predict", "status": 503}
        requests.post(f"{handle.url}/_sandbox/faults", json=[fault], timeout=30).raise_for_status()
        for _ in range(8):
            assert vertex.send("POST", f"{name}:predict", {"instances": [1]}).status_code == 503
        yield handle
        serving.credentials.cache_clear()


def draw(folder: Path, *flags: str, of: dict[str, Any] | None = None) -> str:
    """The page that is drawn of a dashboard, with these flags."""
    source, target = folder / "dashboard.json", folder / "dashboard.html"
    source.write_text(json.dumps(of or board()))
    assert render_dashboard.main(["--json", str(source), "-o", str(target), *flags]) == 0
    return target.read_text()


def test_every_tile_has_its_title_queries_and_thresholds(tmp_path: Path) -> None:
    """Without data and without anybody to ask: tiles where Google lays them, nothing loaded, nothing run."""
    page = Page(draw(tmp_path, "--no-data"))
    assert page.open == []
    tiles = board()["mosaicLayout"]["tiles"]
    assert [text for text in page.texts if text in {tile["widget"]["title"] for tile in tiles}] == [
        tile["widget"]["title"] for tile in tiles
    ]
    places = [attrs["style"] for attrs in page.all("article")]
    assert places[0] == "grid-area: 1 / 1 / span 16 / span 24"
    assert places[3] == "grid-area: 17 / 25 / span 16 / span 24"
    text = "\n".join(page.texts)
    for said in ("alert above 5 %", "alert when p95 is above 10 s", "flash: 20 at most", "pro: 5 % configured"):
        assert said in text
    assert 'metric.type="aiplatform.googleapis.com/prediction/online/replicas"' in text
    assert "aiplatform_googleapis_com:prediction_online_prediction_count" in text
    assert "Gemini <prod>" in text, "a name is never read as HTML"
    assert {"script", "img", "link", "iframe"} & {tag for tag, _ in page.tags} == set()
    limits = [attrs for attrs in page.all("g") if attrs.get("class") == "limit"]
    assert len(limits) == 8


def test_the_data_of_the_project_is_in_the_charts(cloud: SandboxHandle, tmp_path: Path) -> None:
    """Lines by the models' names from the sandbox's own timeSeries.list and query_range, and why a tile is empty."""
    flags = ("--project", cloud.project)
    page = Page(draw(tmp_path, *flags))
    labels = [str(attrs["aria-label"]) for attrs in page.all("svg")]
    by_title = {label.partition(": ")[0]: label.partition(": ")[2] for label in labels}
    assert re.search(r"flash [\d.]+", by_title["Requests by model"])
    assert by_title["Errors by code, of all responses"] == "503 16.7"
    assert "replicas flash 2" in by_title["Replicas and their target"]
    assert by_title["Traffic split, live and configured"].startswith("flash 9")
    assert by_title["CPU utilisation"] == "no data"
    assert page.texts.count("Nothing was measured in this time.") == 7
    assert "No entry in this time." in page.texts
    assert "There are none." in page.texts


def test_a_refused_query_is_told_in_its_tile(
    cloud: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is drawn all the same, with Google's reason where the chart would be."""
    broken = board()
    for tile in broken["mosaicLayout"]["tiles"]:
        for data_set in tile["widget"].get("xyChart", {}).get("dataSets", []):
            data_set["timeSeriesQuery"] = {"prometheusQuery": "sum("}
    text = draw(tmp_path, "--project", cloud.project, of=broken)
    assert "unexpected end of input" in text


def test_a_stacks_dashboard_is_read_from_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pulumi stack export`: the dashboard's JSON and project; a stack without one is told what to set."""
    resource = {
        "type": "gcp:monitoring/dashboard:Dashboard",
        "inputs": {"dashboardJson": json.dumps(board())},
        "outputs": {"project": "sandbox-project"},
    }
    answers = {"prod": {"deployment": {"resources": [resource]}}, "dev": {"deployment": {"resources": []}}}
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\ncat " + str(tmp_path) + "/$4.json || { echo no such stack >&2; exit 1; }\n")
    program.chmod(0o755)
    for name, answer in answers.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(answer))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    output = tmp_path / "page.html"
    assert render_dashboard.main(["--stack", "prod", "--no-data", "-o", str(output)]) == 0
    assert "Traffic split, live and configured" in output.read_text()
    assert render_dashboard.main(["--stack", "dev", "--no-data", "-o", str(output)]) == 1
    assert "set gemini-vertex:observability" in capsys.readouterr().err
    assert render_dashboard.main(["--stack", "nowhere", "--no-data", "-o", str(output)]) == 1
    assert "no such stack" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_file_that_is_no_dashboard_is_refused_with_a_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a traceback."""
    file = tmp_path / "x.json"
    file.write_text(content)
    assert render_dashboard.main(["--json", str(file), "--no-data", "-o", str(tmp_path / "x.html")]) == 1
    assert capsys.readouterr().err.startswith("render_dashboard: ")


def test_flags_that_do_not_fit_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """--json alone does not say whose data; minutes have bounds."""
    for flags in (["--json", "x"], ["--stack", "prod", "--minutes", "0"], []):
        with pytest.raises(SystemExit):
            render_dashboard.main(flags)
        assert capsys.readouterr().err


def test_a_line_is_where_its_values_are() -> None:
    """Zero at the bottom, the highest tick at the top, time from left to right."""
    drawn = chart("T", "1/s", [Line("a", [(0, 0), (50, 5), (100, 10)])], [("limit", 5)], (0, 100))
    assert 'd="M48.0 188.0 L300.0 98.0 L552.0 8.0"' in drawn
    assert 'y1="98.0" y2="98.0"' in drawn
    assert 'aria-label="T: a 10"' in drawn


def test_values_of_every_kind_become_points() -> None:
    """int64Value, doubleValue, a distribution's mean; points come newest first from the API."""
    end = [{"interval": {"endTime": f"2026-11-24T10:0{n}:00Z"}, "value": {"int64Value": str(n)}} for n in (2, 1)]
    assert [value for _, value in dashboard_data._points(end)] == [1, 2]
    spread = [{"interval": {"endTime": "2026-11-24T10:00:00Z"}, "value": {"distributionValue": {"mean": 1.5}}}]
    assert dashboard_data._points(spread)[0][1] == 1.5
    series = {"metric": {"labels": {"a": "1"}}, "resource": {"labels": {"b": "2"}}}
    assert dashboard_data._legend("p95 ${metric.labels.a}", series) == "p95 1"
    assert dashboard_data._legend("", series) == "1 2"


def test_the_page_can_be_read_in_light_dark_and_narrow(cloud: SandboxHandle, tmp_path: Path) -> None:
    """In headless Chromium: no text under 4.5:1, no overflow, no complaint, no request; screenshots are kept."""
    draw(tmp_path, "--project", cloud.project)
    with chromium(tmp_path / "chromium") as page:
        page.open((tmp_path / "dashboard.html").as_uri())
        page.until("document.querySelectorAll('article').length === 14")
        for scheme in ("light", "dark"):
            page.look(scheme, 1280, 1600)
            assert page.evaluate(LOW_CONTRAST) == []
            page.screenshot(SCREENSHOTS / f"dashboard-{scheme}.png")
        page.look("light", 390, 844)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.screenshot(SCREENSHOTS / "dashboard-narrow.png")
        assert page.evaluate("document.querySelectorAll('svg path').length") >= 8
        page.evaluate("document.querySelector('summary').focus()")
        page.press("Enter")
        page.until("document.querySelector('details').open")
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith(("file:", "about:"))] == []
    assert {file.name for file in SCREENSHOTS.glob("dashboard-*.png") if file.stat().st_size > 10_000} >= {
        "dashboard-light.png",
        "dashboard-dark.png",
        "dashboard-narrow.png",
    }
