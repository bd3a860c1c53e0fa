"""What the stack will cost, by the Cloud Billing catalogue where it answers, else by pricing/prices.yaml."""

import datetime as dt
from typing import Any

import pricing
from preflight.finding import Finding
from preflight.google import Google, RefusedError
from settings import Settings


def check_cost(
    google: Google, settings: Settings, today: dt.date, before: object
) -> tuple[list[Finding], pricing.Cost]:
    """Idle and full cost (cloudbilling v1 `services.skus.list`), the change against `before`, and what is not known.

    `before` is the output `cost` of the stack's last update, None without one.
    """
    table, why = pricing.PriceTable.load(), ""
    try:
        path = f"v1/{pricing.VERTEX_AI_SERVICE}/skus"
        skus = google.get("cloudbilling.googleapis.com", path, currencyCode="USD", pageSize="5000").get("skus", [])
        table = pricing.with_catalogue(table, skus, settings.region, today)
    except RefusedError as error:
        why = f" (the Cloud Billing catalogue did not answer: {error})"
    cost = pricing.estimate(settings.region, settings.models, settings.managed, day=today, table=table)
    numbers = cost.as_json()
    seen = f"{_told(numbers)}; {cost.origin}{why}"
    last = before if isinstance(before, dict) else None
    # The last output was made by the dated list: only with the same prices is the difference that of the change.
    difference = pricing.change(pricing.estimate(settings.region, settings.models, settings.managed, day=today), last)
    found = [Finding("cost", "ok", f"{seen}; this change: {difference}" if difference else seen)]
    for name, model in numbers["models"].items():
        if model["idlePerHour"] is not None:
            found.append(Finding("cost", "ok", f"{name}: {_told(model)}"))
    return found + [Finding("cost", "warn", f"not in it: {sentence}") for sentence in cost.unknown], cost


def _told(costs: dict[str, Any]) -> str:
    idle, idle_month, full, full_month = pricing.cells(costs)
    return f"idle {idle} USD an hour, {idle_month} a month; at full load {full} an hour, {full_month} a month"
