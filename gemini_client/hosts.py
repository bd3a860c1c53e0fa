"""Where Google's services are."""

import os

MULTI_REGIONS = ("us", "eu")
DEVELOPER_HOST = "generativelanguage.googleapis.com"


def host_url(host: str, scheme: str = "https") -> str:
    """The address of a host: itself, or the sandbox's copy of it where SANDBOX_URL says that there is one."""
    sandbox = os.environ.get("SANDBOX_URL")
    return f"{sandbox}/hosts/{host}" if sandbox else f"{scheme}://{host}"


def vertex_host(location: str) -> str:
    """The shared host of Vertex AI for `global`, `us`, `eu` or a region."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
