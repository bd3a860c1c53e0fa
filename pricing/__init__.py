"""What a stack costs, idle and under full load, from its settings and a dated list of prices."""

from pricing.catalogue import VERTEX_AI_SERVICE, with_catalogue
from pricing.estimate import HOURS_PER_MONTH, Cost, ModelCost, change, estimate
from pricing.table import PriceTable, TokenPrice

__all__ = [
    "HOURS_PER_MONTH",
    "VERTEX_AI_SERVICE",
    "Cost",
    "ModelCost",
    "PriceTable",
    "TokenPrice",
    "change",
    "estimate",
    "with_catalogue",
]
