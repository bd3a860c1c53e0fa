"""The cluster that a kubernetes provider's configuration, or a kubeconfig, leads to."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox.standin.credentials import access_token
from sandbox.standin.rest import Json, Rest, RestError, http_client
from sandbox.standin.values import Props


class Cluster:
    """One configured provider instance.

    Attributes:
        namespace: where namespaced objects go that name none: the provider's, the context's, else "default".
        mutable: the kinds of ConfigMap and Secret whose data the provider changes in place instead of replacing them.

    Raises:
        RestError: the kubeconfig cannot be read, lacks the context, or leads out of the sandbox.
    """

    def __init__(self, sandbox_url: str, config: Props, environ: Mapping[str, str], cancelled: threading.Event) -> None:
        kubeconfig = read_kubeconfig(config.get("kubeconfig") or environ.get("KUBECONFIG")) or _own(sandbox_url)
        context_name, context = _context(kubeconfig, config.get("context"))
        cluster = _named(kubeconfig, "cluster", config.get("cluster") or context.get("cluster"))
        server = str(cluster.get("server", ""))
        if not server.startswith(sandbox_url + "/") and server.rstrip("/") != _own_port(sandbox_url):
            raise RestError(
                f"The kubeconfig's context {context_name!r} leads to {server!r}, not to the sandbox at {sandbox_url}. "
                "In a sandbox use its own KUBECONFIG and the context 'sandbox'."
            )
        user = _named(kubeconfig, "user", context["user"]) if context.get("user") else {}
        token = str(user.get("token") or access_token(environ))
        authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        self.rest = Rest(server, token, cancelled, authority)
        flags = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
        self.mutable = {kind for kind, flag in flags.items() if str(config.get(flag)).lower() == "true"}
        self.namespace = str(config.get("namespace") or context.get("namespace") or "default")


def read_kubeconfig(value: Any) -> Json | None:
    """A kubeconfig given as its path or its content, parsed; None where there is none.

    Raises:
        RestError: it is neither a readable file nor a kubeconfig.
    """
    if not value:
        return None
    text = str(value)
    if "\n" not in text and "{" not in text:
        try:
            text = Path(text).expanduser().read_text()
        except OSError as error:
            raise RestError(f"The kubeconfig {value} cannot be read: {error.strerror}.") from error
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RestError(f"The kubeconfig is no YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise RestError("The kubeconfig is no mapping with clusters, users and contexts.")
    return parsed


def replaced_by(old: Props, new: Props) -> list[str]:
    """The provider keys whose change leads to another cluster, so that everything in the old one must be made anew."""
    keys = [k for k in ("kubeconfig", "context", "cluster") if old.get(k) != new.get(k)]
    return keys if keys and _active(old) != _active(new) else []


def _active(config: Props) -> Json | None:
    try:
        kubeconfig = read_kubeconfig(config.get("kubeconfig"))
        if kubeconfig is None:
            return None
        _, context = _context(kubeconfig, config.get("context"))
        return _named(kubeconfig, "cluster", config.get("cluster") or context.get("cluster"))
    except RestError:
        return None


def _own_port(sandbox_url: str) -> str:
    """The address of the cluster's port with TLS. Raises RestError when the sandbox does not answer."""
    url = f"{sandbox_url}/_sandbox/health"
    try:
        with http_client({}) as http:
            return str(http.get(url).raise_for_status().json()["kubernetes"])
    except httpx.HTTPError as error:
        raise RestError(f"GET {url} failed: {error}.") from error


def _own(sandbox_url: str) -> Json:
    return {
        "clusters": [{"name": "sandbox", "cluster": {"server": f"{sandbox_url}/kubernetes"}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox"}}],
        "current-context": "sandbox",
    }


def _context(kubeconfig: Json, name: Any) -> tuple[str, Json]:
    name = name or kubeconfig.get("current-context")
    if not name:
        raise RestError("The kubeconfig has no current-context: set kubernetes:context.")
    return str(name), _named(kubeconfig, "context", name)


def _named(kubeconfig: Json, kind: str, name: Any) -> Json:
    entries = kubeconfig.get(f"{kind}s") or []
    for entry in entries:
        if entry.get("name") == name:
            found: Json = entry.get(kind) or {}
            return found
    known = ", ".join(sorted(str(e.get("name")) for e in entries)) or "none"
    raise RestError(f"The kubeconfig has no {kind} {name!r}. It has: {known}.")
