"""The rules of the pack, in the order of docs/policy.md."""

from typing import Final

from policy import access, serving
from policy.rule import Rule

RULES: Final = (
    Rule(
        "no-service-account-keys",
        "mandatory",
        "A downloaded key works for whoever holds it, from anywhere, until somebody remembers it.",
        of_resource=access.no_service_account_keys,
    ),
    Rule(
        "no-public-members",
        "mandatory",
        "What everybody may call or read, nobody answers for.",
        of_resource=access.no_public_members,
    ),
    Rule(
        "no-authoritative-iam",
        "mandatory",
        "An authoritative policy or binding takes away the grants that others made.",
        of_resource=access.no_authoritative_iam,
    ),
    Rule(
        "no-primitive-roles",
        "mandatory",
        "Owner, editor and viewer reach every service of a project.",
        of_resource=access.no_primitive_roles,
    ),
    Rule(
        "no-public-endpoint-in-prod",
        "mandatory",
        "Production traffic stays off the internet.",
        of_resource=serving.no_public_endpoint_in_prod,
    ),
    Rule(
        "stable-models",
        "mandatory",
        "Experimental models vanish without notice and retired ones do not answer; previews are not for production.",
        of_resource=serving.stable_models,
    ),
    Rule(
        "stable-routes",
        "mandatory",
        "The client fails where a route leads to a model that Google no longer serves.",
        of_stack=serving.stable_routes,
    ),
    Rule(
        "models-that-stay",
        "advisory",
        "A model that retires within 90 days needs its successor tried before that.",
        of_stack=serving.models_that_stay,
    ),
    Rule(
        "two-replicas-of-the-primary-in-prod",
        "mandatory",
        "A model with half of the traffic, or more than any other, must outlive one machine.",
        of_stack=serving.replicas_of_primary_in_prod,
    ),
    Rule(
        "two-replicas-of-the-others-in-prod",
        "advisory",
        "A model on a single machine is gone while that machine is replaced.",
        of_stack=serving.replicas_of_others_in_prod,
    ),
    Rule(
        "perimeter-in-prod",
        "mandatory",
        "Without a perimeter, a stolen credential reads and calls Vertex AI from anywhere.",
        of_stack=serving.perimeter_in_prod,
    ),
    Rule(
        "observed-in-prod",
        "advisory",
        "What nobody is told of, users find first.",
        of_stack=serving.observed_in_prod,
    ),
    Rule(
        "labels",
        "advisory",
        "Bills, quotas and audits are split by label.",
        of_resource=access.labels,
    ),
    Rule(
        "protected-in-prod",
        "advisory",
        "A destroyed endpoint takes its address with it, and a destroyed perimeter its protection.",
        of_resource=serving.protected_in_prod,
    ),
)
