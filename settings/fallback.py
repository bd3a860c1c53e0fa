"""Reads `gemini-vertex:fallback`: the Gemini Developer API, where the application goes when every route is down."""

import datetime as dt
from collections.abc import Collection
from typing import Final, cast

from model_catalogue import gemini_id
from settings.lifecycle import check_lifecycle
from settings.section import Rule, Section
from settings.values import Environment, FallbackBoundsSettings, FallbackSettings, KeyPlaceSettings, KeyStore

KEY: Final = "gemini-vertex:fallback"
_KEYS: Final = ("model", "apiKey", "store", "secretName", "requestsPerMinute", "concurrency")
SET_KEY: Final = f"pulumi config set --secret --path {KEY}.apiKey"
# A Secret Manager secret's id is 1 to 255 letters, digits, hyphens, underscores; a Kubernetes name is a DNS-1123
# subdomain. What both take:
_NAME = Rule(
    r"[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?", "1 to 253 lower-case letters, digits or hyphens, no hyphen at either end"
)


def read_fallback(
    config: Section,
    environment: Environment,
    secrets: Collection[str],
    has_cluster: bool,
    today: dt.date,
    warnings: list[str],
) -> FallbackSettings | None:
    """The fallback, or None where the configuration has none. `secrets` are the config keys that hold a secret.

    No problem shows a value of this section, since one of them is the key.
    """
    if not config.given("fallback"):
        return None
    entry = config.section("fallback", _KEYS, hidden=True)
    if not isinstance(entry.raw, dict):
        return None
    entry.required("model", "gemini-3.8-flash")
    model = gemini_id(entry.text("model")) or ""
    if entry.given("model") and entry.sound("model"):
        if model:
            check_lifecycle(entry, model, environment, today, warnings)
        else:
            entry.wrong("model", "must be the id of a Gemini model, such as gemini-3.8-flash")
    _check_key(entry, secrets)
    store = cast(KeyStore, entry.choice("store", ("kubernetes", "secret-manager"), "secret-manager"))
    if store == "kubernetes" and not has_cluster:
        entry.wrong(
            "store",
            "needs a cluster, because the key is never written to a file: set gemini-vertex:kubernetes.context, or "
            "store: secret-manager",
        )
    name = entry.text("secretName", "gemini-developer-api-key", _NAME)
    rate = entry.integer("requestsPerMinute", 0, 1, 1_000_000) if entry.given("requestsPerMinute") else None
    calls = entry.integer("concurrency", 0, 1, 10_000) if entry.given("concurrency") else None
    return FallbackSettings(model, KeyPlaceSettings(store, name), FallbackBoundsSettings(rate, calls))


def _check_key(entry: Section, secrets: Collection[str]) -> None:
    value = entry.values.get("apiKey")
    if not entry.given("apiKey"):
        if entry.sound("apiKey"):
            entry.wrong("apiKey", f"is missing; say `{SET_KEY}` and give a key of the Gemini Developer API")
    elif KEY not in secrets:
        entry.wrong(
            "apiKey",
            f"stands in the stack's file as plain text; revoke that key, make another, and say `{SET_KEY}`, which "
            "asks for it and encrypts it",
        )
    elif not isinstance(value, str) or not value.strip() or value != value.strip():
        entry.wrong("apiKey", f"is no key: it must be text without blanks around it; say `{SET_KEY}`")
