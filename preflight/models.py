"""Whether each model exists where it is to be served, and how long it will."""

import datetime as dt
import re

from model_catalogue import Catalogue, gemini_id
from preflight.finding import Finding
from preflight.google import Google, RefusedError, unmade
from settings import DeploymentSettings, Settings
from settings.private import vertex_host


def check_models(google: Google, settings: Settings, today: dt.date) -> list[Finding]:
    """Each model of the stack, in its order."""
    found = []
    for model in settings.models:
        gemini = gemini_id(model.model)
        if gemini:
            found.append(check_gemini(google, model.display_name, gemini, settings.region, settings.project, today))
        elif model.model.startswith("publishers/") or "/publishers/" in model.model:
            found.append(_publisher(google, model.display_name, model.model, settings.region, settings.project))
        else:
            found.append(_own(google, model, settings))
    for managed in settings.managed:
        found.append(check_gemini(google, managed.name, managed.model, managed.location, settings.project, today))
    return found


def check_gemini(google: Google, name: str, gemini: str, location: str, project: str, today: dt.date) -> Finding:
    """A Gemini: its dates in models.yaml, and whether Google knows it (aiplatform v1 `publishers.models.get`).

    Google's answer is for all locations: that the model is served in `location` shows only when it is called there.
    """
    known = Catalogue.load().models.get(gemini)
    if known and known.lifecycle_on(today) in ("retired", "experimental"):
        move = f"set {known.successor}" if known.successor else "set a stable id of models.yaml"
        return Finding("model", "fail", f"{name}: {gemini} is {known.lifecycle_on(today)}", move)
    found = _publisher(google, name, f"publishers/google/models/{gemini}", location, project)
    warning = known.warning_on(today) if known else None
    if found.status == "ok" and warning:
        return Finding("model", "warn", f"{name}: {warning}")
    return found


def _publisher(google: Google, name: str, model: str, location: str, project: str) -> Finding:
    short = model[model.index("publishers/") :]
    try:
        answer = google.get(vertex_host(location), f"v1/{short}")
    except RefusedError as error:
        if error.status == 404:
            seen = f"{name}: Google knows no {short}"
            return Finding("model", "fail", seen, "gcloud ai model-garden models list")
        return unmade("model", error, project, member=google.member)
    stage = str(answer.get("launchStage", "")).lower().replace("_", " ") or "of no stated stage"
    return Finding("model", "ok", f"{name}: {short} exists ({stage}), says {vertex_host(location)}")


def _own(google: Google, model: DeploymentSettings, settings: Settings) -> Finding:
    """A model of a project's registry (aiplatform v1 `projects.locations.models.get`), which is of one region."""
    name = model.model
    if "/" not in name:
        name = f"projects/{settings.project}/locations/{settings.region}/models/{name}"
    location = re.sub(r".*/locations/([^/]+)/.*", r"\1", name)
    if location != settings.region:
        seen = f"{model.display_name}: {name} is in {location}, the endpoint in {settings.region}"
        fix = f"gcloud ai models copy --source-model={name.partition('@')[0]} --region={settings.region}"
        return Finding("model", "fail", seen, fix)
    try:
        answer = google.get(vertex_host(location), f"v1/{name}")
    except RefusedError as error:
        if error.status == 404:
            seen = f"{model.display_name}: {name} does not exist"
            fix = f"gcloud ai models list --region={location} --project={settings.project}"
            return Finding("model", "fail", seen, fix)
        return unmade("model", error, settings.project, "aiplatform.models.get", google.member)
    kinds = answer.get("supportedDeploymentResourcesTypes", [])
    if model.machine_type and "DEDICATED_RESOURCES" not in kinds:
        seen = f"{model.display_name}: {name} does not run on machines of its own"
        return Finding("model", "fail", seen, "remove machineType and the replica counts (a tuned Gemini has neither)")
    if not model.machine_type and "DEDICATED_RESOURCES" in kinds:
        seen = f"{model.display_name}: {name} needs machines of its own"
        return Finding("model", "fail", seen, "set machineType, for example n1-standard-4")
    version = f", version {answer['versionId']}" if "versionId" in answer else ""
    return Finding("model", "ok", f"{model.display_name}: {answer.get('displayName', name)} exists{version}")
