"""Machine and accelerator types of online prediction.

Sources: the enum `AcceleratorType` of the aiplatform v1 discovery document (revision 20261106), and "Configure compute
resources for inference" of Vertex AI's documentation for which accelerator goes with which machine. A family that is
not in the table is let through: Google adds some every year, and says itself when it does not know one.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

ACCELERATOR_TYPES: Final = (
    "NVIDIA_TESLA_K80",
    "NVIDIA_TESLA_P100",
    "NVIDIA_TESLA_V100",
    "NVIDIA_TESLA_P4",
    "NVIDIA_TESLA_T4",
    "NVIDIA_TESLA_A100",
    "NVIDIA_A100_80GB",
    "NVIDIA_L4",
    "NVIDIA_H100_80GB",
    "NVIDIA_H100_MEGA_80GB",
    "NVIDIA_H200_141GB",
    "NVIDIA_B200",
    "NVIDIA_GB200",
    "NVIDIA_RTX_PRO_6000",
    "TPU_V2",
    "TPU_V3",
    "TPU_V4_POD",
    "TPU_V5_LITEPOD",
)

_OLD_GPUS: Final = ("NVIDIA_TESLA_K80", "NVIDIA_TESLA_P100", "NVIDIA_TESLA_V100", "NVIDIA_TESLA_P4", "NVIDIA_TESLA_T4")

_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "n1-standard": _OLD_GPUS,
    "n1-highmem": _OLD_GPUS,
    "n1-highcpu": _OLD_GPUS,
    **{f"{series}-{size}": () for series in ("e2", "n2", "n2d") for size in ("standard", "highmem", "highcpu")},
    "c2-standard": (),
    **{f"{series}-{size}": () for series in ("c2d", "c3") for size in ("standard", "highmem", "highcpu")},
    "g2-standard": ("NVIDIA_L4",),
    "a2-highgpu": ("NVIDIA_TESLA_A100",),
    "a2-megagpu": ("NVIDIA_TESLA_A100",),
    "a2-ultragpu": ("NVIDIA_A100_80GB",),
    "a3-highgpu": ("NVIDIA_H100_80GB",),
    "a3-edgegpu": ("NVIDIA_H100_80GB",),
    "a3-megagpu": ("NVIDIA_H100_MEGA_80GB",),
    "a3-ultragpu": ("NVIDIA_H200_141GB",),
    "a4-highgpu": ("NVIDIA_B200",),
}

SHAPE: Final = r"[a-z][a-z0-9]*-[a-z]+[0-9]*-[0-9]+[a-z]?"


def wrong_machine(machine_type: str) -> str:
    """Return what is wrong with the shape of a machine type, or ""."""
    form = "the form is FAMILY-CLASS-SIZE, like n1-standard-4 or g2-standard-12"
    if not re.fullmatch(SHAPE, machine_type):
        return f"is {machine_type!r}; {form}"
    family, _, size = machine_type.rpartition("-")
    series = family.partition("-")[0]
    known = [one for one in _FAMILIES if one.startswith(series + "-")]
    if known and family not in _FAMILIES:
        close = difflib.get_close_matches(family, known, n=1, cutoff=0.5)
        meant = f"did you mean {close[0]}-{size}? " if close else ""
        return f"is {machine_type!r}; {meant}allowed in {series}: {', '.join(known)}"
    if not size.rstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0"):
        return f"is {machine_type!r}; a machine has at least one processor, {form}"
    return ""


def wrong_accelerator(machine_type: str, accelerator_type: str) -> str:
    """Return why a machine type cannot have an accelerator type, or "" where it can or nothing is known."""
    fitting = _FAMILIES.get(machine_type.rpartition("-")[0])
    if fitting is None or accelerator_type in fitting:
        return ""
    if fitting:
        return f"is {accelerator_type!r}, which {machine_type} cannot have; allowed: {', '.join(fitting)}"
    return (
        f"is {accelerator_type!r}, and {machine_type} takes no accelerator; use an n1, g2, a2, a3 or a4 machine, or "
        "leave acceleratorType out"
    )
