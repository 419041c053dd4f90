"""The Kubernetes manifests follow the published schemas and open nothing that they need not."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deployment import KUBERNETES, Pod, manifests, pods, ray_specs

SCHEMAS = Path(__file__).parent / "schemas"
PODS = list(pods())
BY_NAME = {(document["kind"], document["metadata"].get("name")): document for _, document in manifests()}


def kustomization() -> dict[str, Any]:
    return dict(yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text()))


def kuberay_schema(kind: str) -> dict[str, Any]:
    """KubeRay's schema of a kind, refusing unknown fields, which the API server would silently drop."""
    text = lzma.decompress((SCHEMAS / f"ray.io_{kind.lower()}s.yaml.xz").read_bytes())
    versions = yaml.load(text, yaml.CSafeLoader)["spec"]["versions"]
    (found,) = [one["schema"]["openAPIV3Schema"] for one in versions if one["name"] == "v1"]
    # The API server has its own schema for this part of every object.
    found["properties"]["metadata"] = {}
    return dict(_closed(found))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.mark.parametrize(
    ("file", "document"), manifests(), ids=lambda one: one if isinstance(one, str) else one["kind"]
)
def test_a_manifest_follows_its_schema(file: str, document: dict[str, Any]) -> None:
    if document["apiVersion"].startswith("ray.io/"):
        jsonschema.Draft7Validator(kuberay_schema(document["kind"])).validate(document)
    else:
        kubernetes_validate.validate(document, "1.33", strict=True)


def test_a_wrong_manifest_does_not() -> None:
    cluster = dict(BY_NAME["RayCluster", "evomerge"])
    cluster["spec"] = {**cluster["spec"], "authOption": {}}
    with pytest.raises(jsonschema.ValidationError, match="authOption"):
        jsonschema.Draft7Validator(kuberay_schema("RayCluster")).validate(cluster)
    service = {**BY_NAME["Service", "evomerge-api"], "spec": {"port": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, "1.33", strict=True)


def test_the_kustomization_applies_all_but_what_is_done_by_hand() -> None:
    files = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert files - {"kustomization.yaml", "rayjob.yaml", "secret.example.yaml"} == set(kustomization()["resources"])
    named = {one["name"]: f"{one['newName']}:{one['newTag']}" for one in kustomization()["images"]}
    used = {container["image"] for pod in PODS for container in _containers(pod) if "rayjob" not in pod.where}
    assert used == set(named)
    by_hand = {container["image"] for pod in PODS for container in _containers(pod) if "rayjob" in pod.where}
    assert by_hand == set(named.values())


def test_no_manifest_names_a_namespace() -> None:
    assert not any("namespace" in document["metadata"] for _, document in manifests())
    assert "namespace" not in kustomization()


def test_the_example_secret_holds_none() -> None:
    assert set(BY_NAME["Secret", "evomerge"]["stringData"].values()) == {""}


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.where)
def test_a_pod_can_do_no_more_than_it_must(pod: Pod) -> None:
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
    for container in _containers(pod):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "requests" in container["resources"] and "memory" in container["resources"]["limits"]
        assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.where)
def test_only_the_autoscaler_may_ask_the_cluster(pod: Pod) -> None:
    # KubeRay gives the head's pod an account of its own where it scales.
    autoscaled = pod.where == "raycluster.yaml: RayCluster"
    assert pod.spec.get("automountServiceAccountToken", True) is autoscaled


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.where)
def test_a_pod_mounts_models_and_tasks_to_read(pod: Pod) -> None:
    container = pod.spec["containers"][0]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts["/models"] and mounts["/tasks"] and not mounts["/tmp"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod.spec["volumes"]}
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod.spec["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert all(("PersistentVolumeClaim", claim) in BY_NAME for claim in claims)


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.where)
def test_secrets_come_from_the_secret(pod: Pod) -> None:
    keys = set(BY_NAME["Secret", "evomerge"]["stringData"])
    for container in _containers(pod):
        for one in container.get("env", []):
            if one["name"] in ("EVOMERGE_STORE", "RAY_AUTH_TOKEN"):
                assert one["valueFrom"]["secretKeyRef"]["name"] == "evomerge"
                assert one["valueFrom"]["secretKeyRef"]["key"] in keys


@pytest.mark.parametrize(("file", "spec"), ray_specs())
def test_ray_asks_for_the_token(file: str, spec: dict[str, Any]) -> None:
    # With it KubeRay sets RAY_AUTH_MODE and RAY_AUTH_TOKEN in every container that talks to Ray.
    assert spec["authOptions"] == {"mode": "token", "secretName": "evomerge"}


def test_the_api_uses_the_token_of_the_cluster() -> None:
    (api,) = BY_NAME["Deployment", "evomerge-api"]["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one for one in api["env"]}
    assert environment["RAY_AUTH_MODE"]["value"] == "token"
    assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "evomerge", "key": "auth_token"}
    # KubeRay's name for the service of a cluster's head.
    cluster = BY_NAME["RayCluster", "evomerge"]["metadata"]["name"]
    assert environment["EVOMERGE_RAY_JOBS_ADDRESS"]["value"] == f"http://{cluster}-head-svc:8265"


@pytest.mark.parametrize(("file", "spec"), ray_specs())
def test_the_head_is_for_drivers_and_groups_have_bounds(file: str, spec: dict[str, Any]) -> None:
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in spec["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


@pytest.mark.parametrize(("file", "spec"), ray_specs())
def test_kuberay_is_told_the_version_that_the_image_has(file: str, spec: dict[str, Any]) -> None:
    pinned = (KUBERNETES.parent / "requirements-cpu.txt").read_text().splitlines()
    assert f"ray=={spec['rayVersion']}" in pinned


def test_workers_cannot_reach_the_store() -> None:
    for pod in PODS:
        if pod.labels["app.kubernetes.io/component"] == "ray-worker":
            assert "EVOMERGE_STORE" not in {one["name"] for one in pod.spec["containers"][0].get("env", [])}
    worker = BY_NAME["NetworkPolicy", "evomerge-ray-worker"]["spec"]
    assert all("to" in rule and "ports" not in rule for rule in worker["egress"])


def test_nothing_is_open_that_no_policy_opens() -> None:
    deny = BY_NAME["NetworkPolicy", "evomerge-deny"]["spec"]
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"} and "ingress" not in deny and "egress" not in deny
    assert all(deny["podSelector"]["matchLabels"].items() <= pod.labels.items() for pod in PODS)
    for (kind, name), document in BY_NAME.items():
        if kind == "NetworkPolicy":
            selected = document["spec"]["podSelector"]["matchLabels"].items()
            assert any(selected <= pod.labels.items() for pod in PODS), f"{name} selects no pod"
            assert all(rule.get("from") for rule in document["spec"].get("ingress", [])), f"{name} lets anybody in"


def test_the_api_is_asked_whether_it_lives_and_whether_it_is_ready() -> None:
    deployment = BY_NAME["Deployment", "evomerge-api"]["spec"]
    (api,) = deployment["template"]["spec"]["containers"]
    probes = {name: api[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == BY_NAME["Service", "evomerge-api"]["spec"]["selector"]
    budget = BY_NAME["PodDisruptionBudget", "evomerge-api"]["spec"]
    assert budget["selector"]["matchLabels"] == labels and budget["maxUnavailable"] == 1
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def _containers(pod: Pod) -> list[dict[str, Any]]:
    return [*pod.spec.get("initContainers", []), *pod.spec["containers"]]
