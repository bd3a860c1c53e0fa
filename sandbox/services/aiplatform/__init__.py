"""aiplatform.googleapis.com v1 and v1beta1: endpoints, deployed models, models, predictions, operations.

Resources are kept in their v1 shape under names with the project's number, as Google returns them.
"""

from sandbox import registry

registry.needs_enabling("aiplatform")
