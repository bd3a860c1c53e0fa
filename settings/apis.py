"""Which Google APIs a stack calls."""

from settings.values import Settings

# The first four are the article's.
_ALWAYS = ("aiplatform", "compute", "container", "cloudresourcemanager", "iam", "iamcredentials")


def needed_apis(settings: Settings) -> list[str]:
    """Names such as `aiplatform.googleapis.com`, in the order in which they are enabled."""
    apis = [*_ALWAYS, *(["accesscontextmanager"] if settings.perimeter.mode != "off" else [])]
    return [f"{api}.googleapis.com" for api in apis]
