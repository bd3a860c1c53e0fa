"""Provider: the provider with settings of its own, for programs that need two of them."""

from __future__ import annotations

from typing import Any, cast

import pulumi


@pulumi.input_type
class ProviderArgs:
    """The provider's settings. Without an explicit provider they come from the stack's configuration.

    Attributes:
        allow_base_gemini: Whether base Gemini models may be deployed, which Google refuses. Default false; also
            `vertex-serving:allowBaseGemini` and VERTEX_SERVING_ALLOW_BASE_GEMINI.
        custom_endpoint: Address of the API, ending in its version. Default https://REGION-aiplatform.googleapis.com/v1/;
            also `vertex-serving:customEndpoint` and GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT.
    """

    allow_base_gemini: pulumi.Input[bool] | None = pulumi.property("allowBaseGemini", default=None)
    custom_endpoint: pulumi.Input[str] | None = pulumi.property("customEndpoint", default=None)

    def __init__(
        self,
        *,
        allow_base_gemini: pulumi.Input[bool] | None = None,
        custom_endpoint: pulumi.Input[str] | None = None,
    ) -> None:
        if allow_base_gemini is not None:
            # Pulumi sends a provider's settings as text.
            pulumi.set(self, "allow_base_gemini", pulumi.Output.from_input(allow_base_gemini).apply(_as_text))
        if custom_endpoint is not None:
            pulumi.set(self, "custom_endpoint", custom_endpoint)


class Provider(pulumi.ProviderResource):
    """The provider of vertex-serving, to be given to resources with `opts=ResourceOptions(provider=…)`.

    Args:
        resource_name: Name in the program.
        args: The settings. Default: none, so the environment's.
        opts: Pulumi's options.
    """

    def __init__(
        self,
        resource_name: str,
        args: ProviderArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("vertex-serving", resource_name, cast("Any", args or ProviderArgs()), opts)


def _as_text(value: bool) -> str:
    return "true" if value else "false"
