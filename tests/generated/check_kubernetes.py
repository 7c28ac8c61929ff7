"""Checks generated files by the schemas that are published for them. The argument is their folder."""

import pathlib
import sys

import compose_spec
import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1

folder = pathlib.Path(sys.argv[1])


def read(part):
    return yaml.safe_load((folder / f"{part}.yml").read_text())


# Of Kubernetes: with `strict`, a key that is not in the schema is refused.
for part in ("deployment", "service"):
    for version in ("1.30", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(read(part), version, strict=True)


def keys_are_known(given, taken, path):
    """Pydantic may drop what it does not know: nothing may be lost."""
    if isinstance(given, dict):
        for key, value in given.items():
            assert key in taken, f"{path}.{key} is not in the schema"
            keys_are_known(value, taken[key], f"{path}.{key}")
    elif isinstance(given, list):
        for at, value in enumerate(given):
            keys_are_known(value, taken[at], f"{path}[{at}]")
    else:
        assert given == taken, f"{path}: {given} became {taken}"


# Of the operator of Prometheus.
for part, model in (("service-monitor", v1.ServiceMonitor), ("pod-monitor", v1.PodMonitor)):
    given = read(part)
    taken = model.model_validate(given).model_dump(by_alias=True, exclude_none=True, mode="json")
    keys_are_known(given, taken, part)

# Of Docker Compose: what is not in its specification is refused.
compose_spec.PyCompose.from_yaml((folder / "compose.yml").read_text()).validate()

# What is wrong is refused: else all of this would prove nothing.
wrong = read("deployment")
wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["prot"] = 8000
try:
    kubernetes_validate.validate(wrong, "1.30", strict=True)
except kubernetes_validate.ValidationError:
    pass
else:
    sys.exit("a misspelt key is taken")
