"""What a stack costs, idle and under full load, from its settings and a dated list of prices."""

from pricing.catalogue import VERTEX_AI_SERVICE, with_catalogue
from pricing.estimate import HOURS_PER_MONTH, Cost, ModelCost, estimate
from pricing.table import PriceTable, TokenPrice
from pricing.words import cells, change, told

__all__ = [
    "HOURS_PER_MONTH",
    "VERTEX_AI_SERVICE",
    "Cost",
    "ModelCost",
    "PriceTable",
    "TokenPrice",
    "cells",
    "change",
    "estimate",
    "told",
    "with_catalogue",
]
