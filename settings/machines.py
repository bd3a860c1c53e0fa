"""Machine types, accelerators and autoscaling metrics that Vertex AI prediction knows.

Sources, read 2026-11-23. Machines: cloud.google.com/vertex-ai/docs/predictions/configure-compute (E2 and N1 checked
against stored copies of the page; the sizes of the other families are Compute Engine's, not verified line by line).
Accelerator types and metric names: aiplatform v1 discovery document, revision 20261106, `MachineSpec.acceleratorType`
and `AutoscalingMetricSpec.metricName`; a test compares both.
"""

from dataclasses import dataclass
from typing import Final

from settings.section import listed, meant

_UP_TO_32 = ("2", "4", "8", "16", "32")
_N2 = (*_UP_TO_32, "48", "64", "80", "96", "128")
_N2D = (*_UP_TO_32, "48", "64", "80", "96", "128", "224")
_C2D = (*_UP_TO_32, "56", "112")
_C3 = ("4", "8", "22", "44", "88", "176")

# series-class: sizes
MACHINE_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "e2-standard": _UP_TO_32,
    "e2-highmem": _UP_TO_32[:4],
    "e2-highcpu": _UP_TO_32,
    "n1-standard": _UP_TO_32,
    "n1-highmem": _UP_TO_32,
    "n1-highcpu": _UP_TO_32,
    "n2-standard": _N2,
    "n2-highmem": _N2,
    "n2-highcpu": _N2[:-1],
    "n2d-standard": _N2D,
    "n2d-highmem": _N2D[:-2],
    "n2d-highcpu": _N2D,
    "c2-standard": ("4", "8", "16", "30", "60"),
    "c2d-standard": _C2D,
    "c2d-highmem": _C2D,
    "c2d-highcpu": _C2D,
    "c3-standard": _C3,
    "c3-highmem": _C3,
    "c3-highcpu": _C3,
    "g2-standard": ("4", "8", "12", "16", "24", "32", "48", "96"),
    "g4-standard": ("48", "96", "192", "384"),
    "a2-highgpu": ("1g", "2g", "4g", "8g"),
    "a2-megagpu": ("16g",),
    "a2-ultragpu": ("1g", "2g", "4g", "8g"),
    "a3-highgpu": ("1g", "2g", "4g", "8g"),
    "a3-edgegpu": ("8g",),
    "a3-megagpu": ("8g",),
    "a3-ultragpu": ("8g",),
    "a4-highgpu": ("8g",),
    "a4x-highgpu": ("4g",),
    "ct5lp-hightpu": ("1t", "4t", "8t"),
    "ct6e-standard": ("1t", "4t", "8t"),
}

# Machines that come with their accelerators; the type is the API's AcceleratorType.
BUILT_IN: Final[dict[str, str]] = {
    "g2-standard": "NVIDIA_L4",
    "g4-standard": "NVIDIA_RTX_PRO_6000",
    "a2-highgpu": "NVIDIA_TESLA_A100",
    "a2-megagpu": "NVIDIA_TESLA_A100",
    "a2-ultragpu": "NVIDIA_A100_80GB",
    "a3-highgpu": "NVIDIA_H100_80GB",
    "a3-edgegpu": "NVIDIA_H100_80GB",
    "a3-megagpu": "NVIDIA_H100_MEGA_80GB",
    "a3-ultragpu": "NVIDIA_H200_141GB",
    "a4-highgpu": "NVIDIA_B200",
    "a4x-highgpu": "NVIDIA_GB200",
}
_G2_COUNTS = {"24": 2, "48": 4, "96": 8}
_G4_COUNTS = {"48": 1, "96": 2, "192": 4, "384": 8}

# Accelerators that can be attached to N1 machines, with the counts that Compute Engine allows.
ATTACHABLE: Final[dict[str, tuple[int, ...]]] = {
    "NVIDIA_TESLA_T4": (1, 2, 4),
    "NVIDIA_TESLA_P4": (1, 2, 4),
    "NVIDIA_TESLA_P100": (1, 2, 4),
    "NVIDIA_TESLA_V100": (1, 2, 4, 8),
}
ACCELERATOR_TYPES: Final = tuple(sorted({*ATTACHABLE, *BUILT_IN.values()}))

_ONLINE = "aiplatform.googleapis.com/prediction/online"
# Metrics whose target is a utilisation in percent, 1-100.
PERCENT_METRICS: Final = (
    f"{_ONLINE}/cpu/utilization",
    f"{_ONLINE}/accelerator/duty_cycle",
    "prometheus.googleapis.com/vertex_dcgm_fi_dev_gpu_util",
    "prometheus.googleapis.com/vertex_vllm_gpu_cache_usage_perc",
)
# Metrics whose target is a count per replica.
COUNT_METRICS: Final = (
    f"{_ONLINE}/request_count",
    "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "prometheus.googleapis.com/vertex_vllm_num_requests_waiting",
)
METRICS: Final = PERCENT_METRICS + COUNT_METRICS
ACCELERATOR_METRICS: Final = (PERCENT_METRICS[1], PERCENT_METRICS[2], PERCENT_METRICS[3], COUNT_METRICS[2])


@dataclass(frozen=True)
class Machine:
    """A machine type and the accelerators that go with it."""

    family: str
    size: str

    @property
    def built_in(self) -> str | None:
        """The accelerator type that comes with the machine."""
        return BUILT_IN.get(self.family)

    @property
    def built_in_count(self) -> int:
        """How many accelerators come with the machine, 0 where none do."""
        if self.built_in is None:
            return 0
        if self.family == "g2-standard":
            return _G2_COUNTS.get(self.size, 1)
        if self.family == "g4-standard":
            return _G4_COUNTS[self.size]
        return int(self.size.rstrip("g"))

    def accelerator_problem(self, kind: str, count: int) -> tuple[str, str] | None:
        """The key that is wrong and what to do, where this machine does not take `count` of accelerator `kind`.

        An empty `kind` and a `count` of 0 mean: none asked for.
        """
        name = f"{self.family}-{self.size}"
        if self.built_in:
            most = self.built_in_count
            if kind != self.built_in:
                asked = f"is {kind}" if kind else "is missing"
                return "acceleratorType", f"{asked}, but {name} comes with {self.built_in}; set that"
            if not 1 <= count <= most:
                return "acceleratorCount", f"is {count}, but {name} has {most} of {kind}; set a number from 1 to {most}"
            return None
        if not kind:
            return ("acceleratorCount", "is set without an acceleratorType; set both or neither") if count else None
        if not self.family.startswith("n1-"):
            machines = [family for family, built_in in BUILT_IN.items() if built_in == kind] or ["n1"]
            return "acceleratorType", (
                f"is {kind}, but {name} takes no accelerator; remove acceleratorType and acceleratorCount, "
                f"or set a machineType of {listed(machines)}"
            )
        if kind not in ATTACHABLE:
            machines = [family for family, built_in in BUILT_IN.items() if built_in == kind]
            return "acceleratorType", (
                f"is {kind}, but {name} takes {listed(ATTACHABLE)}; for {kind} set a machineType of {listed(machines)}"
            )
        if count not in ATTACHABLE[kind]:
            return "acceleratorCount", f"is {count}; {name} takes {listed(ATTACHABLE[kind])} of {kind}"
        return None


def machine(name: str) -> Machine | str:
    """The machine called `name`, or a sentence that says what is wrong with that name and what is allowed."""
    family, _, size = name.rpartition("-")
    if family in MACHINE_TYPES:
        if size in MACHINE_TYPES[family]:
            return Machine(family, size)
        return f"is not a size of {family}; Vertex AI has {family}-{listed(MACHINE_TYPES[family])}"
    series = sorted({known.split("-")[0] for known in MACHINE_TYPES})
    names = [f"{known}-{size}" for known, sizes in MACHINE_TYPES.items() for size in sizes]
    return f"is not a machine type of Vertex AI prediction; its series are {', '.join(series)}{meant(name, names)}"
