"""The generation config: the article's defaults under what the caller gives, field by field."""

from google.genai import types

from gemini_client.errors import ConfigurationError
from gemini_client.options import MAX_OUTPUT_TOKENS, TEMPERATURE, TOP_P

Config = types.GenerateContentConfig | types.GenerateContentConfigDict | None


def merged(config: Config) -> types.GenerateContentConfig:
    """The config to send. A field that the caller sets to None is not sent.

    Raises:
        ConfigurationError: the caller's config is none of google-genai's, or asks for retries of google-genai's own.
    """
    defaults = types.GenerateContentConfig(temperature=TEMPERATURE, top_p=TOP_P, max_output_tokens=MAX_OUTPUT_TOKENS)
    if config is None:
        return defaults
    try:
        given = types.GenerateContentConfig.model_validate(config)
    except ValueError as error:
        # pydantic's own message repeats the values, and with them a prompt.
        count = getattr(error, "error_count", lambda: 1)()
        fields = {".".join(map(str, each["loc"])) for each in getattr(error, "errors", list)()}
        raise ConfigurationError(
            f"config: {count} field(s) are not google-genai's GenerateContentConfig: {', '.join(sorted(fields))}."
        ) from None
    if given.http_options and given.http_options.retry_options:
        raise ConfigurationError("config.http_options.retry_options: this client retries itself. Set Options.retry.")
    return defaults.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})
