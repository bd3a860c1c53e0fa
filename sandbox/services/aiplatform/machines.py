"""Machine types that predictions can run on, and the quota that they count against.

Source: "Machine types" of the prediction documentation (configure-compute); families, not each size, are checked.
"""

import re

from sandbox.errors import Json, invalid_argument

_FAMILIES = {
    "n1": r"n1-(standard|highmem|highcpu)-(2|4|8|16|32)",
    "n2": r"n2-(standard|highmem|highcpu)-(2|4|8|16|32|48|64|80|96|128)",
    "n2d": r"n2d-(standard|highmem|highcpu)-(2|4|8|16|32|48|64|80|96|128|224)",
    "e2": r"e2-(standard|highmem|highcpu)-(2|4|8|16|32)",
    "c2": r"c2-standard-(4|8|16|30|60)",
    "c2d": r"c2d-(standard|highcpu|highmem)-(2|4|8|16|32|56|112)",
    "c3": r"c3-(highcpu|standard|highmem)-(4|8|22|44|88|176)",
    "g2": r"g2-standard-(4|8|12|16|24|32|48|96)",
    "g4": r"g4-standard-(48|96|192|384)",
    "a2": r"a2-(highgpu|ultragpu|megagpu)-(1|2|4|8|16)g",
    "a3": r"a3-(highgpu|megagpu|ultragpu|edgegpu)-(1|2|4|8)g",
    "a4": r"a4-highgpu-8g",
    "a4x": r"a4x-highgpu-4g",
    "ct5lp": r"ct5lp-hightpu-(1|4|8)t",
}
_CORES_PER_GPU = {"a2": 12, "a3": 26, "a4": 28, "a4x": 35}
# gcloud's own table of serving quotas names the H100 without its memory.
_QUOTA_NAMES = {"h100_80gb": "h100"}
_ON_N1 = {"NVIDIA_TESLA_K80", "NVIDIA_TESLA_P100", "NVIDIA_TESLA_V100", "NVIDIA_TESLA_P4", "NVIDIA_TESLA_T4"}
_OWN_MACHINE = {
    "NVIDIA_L4": "g2",
    "NVIDIA_RTX_PRO_6000": "g4",
    "NVIDIA_TESLA_A100": "a2",
    "NVIDIA_A100_80GB": "a2",
    "NVIDIA_H100_80GB": "a3",
    "NVIDIA_H100_MEGA_80GB": "a3",
    "NVIDIA_H200_141GB": "a3",
    "NVIDIA_B200": "a4",
    "NVIDIA_GB200": "a4x",
}


def check(spec: Json) -> None:
    """400 for a machine type that predictions do not run on, or an accelerator that the machine does not take."""
    machine, accelerator = spec["machineType"], spec.get("acceleratorType", "ACCELERATOR_TYPE_UNSPECIFIED")
    family = machine.partition("-")[0]
    if not re.fullmatch(_FAMILIES.get(family, r"(?!)"), machine):
        raise invalid_argument(f'Machine type "{machine}" is not supported.')
    count = spec.get("acceleratorCount", 0)
    if accelerator == "ACCELERATOR_TYPE_UNSPECIFIED":
        if count:
            raise invalid_argument("Accelerator type must be set where accelerator_count is.")
        if family in _OWN_MACHINE.values():
            raise invalid_argument(f'Machine type "{machine}" needs an accelerator type and count.')
        return
    if count < 1:
        raise invalid_argument(f"Accelerator count of {accelerator} must be at least 1.")
    fits = family == "n1" if accelerator in _ON_N1 else family == _OWN_MACHINE.get(accelerator, family)
    if not fits:
        raise invalid_argument(f'Accelerator "{accelerator}" is not supported for machine type "{machine}".')


def cores(machine: str) -> int:
    """Virtual CPUs of a machine type that `check` let through."""
    family, _, size = machine.partition("-")
    if size.endswith("g"):
        return _CORES_PER_GPU[family] * int(size.rpartition("-")[2][:-1])
    if size.endswith("t"):
        return {"1": 24, "4": 112, "8": 224}[size.rpartition("-")[2][:-1]]
    return int(size.rpartition("-")[2])


def quota(spec: Json) -> dict[str, int]:
    """Quota that one replica takes, by metric: {"custom_model_serving_cpus": 4}."""
    machine = spec["machineType"]
    family = machine.partition("-")[0]
    # N1 and E2 share the plain metric, every other family has one of its own.
    used = {
        "custom_model_serving_cpus" if family in ("n1", "e2") else f"custom_model_serving_{family}_cpus": cores(machine)
    }
    accelerator = spec.get("acceleratorType", "ACCELERATOR_TYPE_UNSPECIFIED")
    if accelerator.startswith("NVIDIA_"):
        name = accelerator.removeprefix("NVIDIA_").removeprefix("TESLA_").lower()
        used[f"custom_model_serving_nvidia_{_QUOTA_NAMES.get(name, name)}_gpus"] = int(spec["acceleratorCount"])
    return used
