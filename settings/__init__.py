"""A stack's settings: `load_stack()` in a Pulumi program, `load()` anywhere else."""

from settings.apis import needed_apis
from settings.load import SettingsError, load
from settings.values import (
    AutoscalingMetricSettings,
    DeploymentSettings,
    EndpointSettings,
    KubernetesSettings,
    PerimeterSettings,
    Settings,
    WorkloadIdentitySettings,
)

__all__ = [
    "AutoscalingMetricSettings",
    "DeploymentSettings",
    "EndpointSettings",
    "KubernetesSettings",
    "PerimeterSettings",
    "Settings",
    "SettingsError",
    "WorkloadIdentitySettings",
    "load",
    "load_stack",
    "needed_apis",
]


def load_stack() -> Settings:
    """The settings of the stack that Pulumi runs.

    Raises pulumi.RunError with every mistake: both Python language hosts show its text alone, without a traceback.
    """
    import datetime as dt
    import os

    import pulumi
    from pulumi.runtime.config import CONFIG, get_config_env

    config = CONFIG.get() or get_config_env()
    try:
        settings = load(config, pulumi.get_stack(), os.environ, dt.datetime.now(dt.UTC).date())
    except SettingsError as mistakes:
        raise pulumi.RunError(str(mistakes)) from None
    for warning in settings.warnings:
        pulumi.log.warn(warning)
    return settings
