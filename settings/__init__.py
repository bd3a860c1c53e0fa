"""A stack's settings: `load_stack()` in a Pulumi program, `load()` anywhere else."""

from typing import TYPE_CHECKING

from settings.load import SettingsError, load
from settings.values import (
    AutoscalingMetricSettings,
    DeploymentSettings,
    EndpointRouteSettings,
    EndpointSettings,
    FallbackSettings,
    KubernetesSettings,
    ManagedModelSettings,
    PerimeterSettings,
    PrivateSettings,
    Settings,
    WorkloadIdentitySettings,
)

if TYPE_CHECKING:
    import pulumi

__all__ = [
    "AutoscalingMetricSettings",
    "DeploymentSettings",
    "EndpointRouteSettings",
    "EndpointSettings",
    "FallbackSettings",
    "KubernetesSettings",
    "ManagedModelSettings",
    "PerimeterSettings",
    "PrivateSettings",
    "Settings",
    "SettingsError",
    "WorkloadIdentitySettings",
    "fallback_api_key",
    "load",
    "load_stack",
]


def load_stack() -> Settings:
    """The settings of the stack that Pulumi runs.

    The day is `model_catalogue.today`'s. Raises pulumi.RunError with every mistake: both Python language hosts show its
    text alone, without a traceback.
    """
    import os

    import pulumi
    from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

    from model_catalogue import today

    config = CONFIG.get() or get_config_env()
    secrets = [key for key in config if is_config_secret(key)]
    try:
        settings = load(config, pulumi.get_stack(), os.environ, today(os.environ), secrets)
    except (SettingsError, ValueError) as mistakes:
        raise pulumi.RunError(str(mistakes)) from None
    for warning in settings.warnings:
        pulumi.log.warn(warning)
    return settings


def fallback_api_key() -> "pulumi.Output[str]":
    """The Developer API's key of a stack that has a fallback, as a secret; `Settings` never holds it."""
    import pulumi

    fallback = pulumi.Config("gemini-vertex").require_secret_object("fallback")
    return fallback.apply(lambda section: str(section["apiKey"]))
