"""What is in deploy/ fits the program: its variables, its health services, its times, its user."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector_mesh import Settings
from collector_mesh.adapters.wire.generated import dispatcher_pb2
from collector_mesh.app.cli import serve
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.sources import read_config

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
MUTUAL_TLS = ROOT / "deploy" / "kubernetes" / "mutual-tls"
POD = {"metadata.name": "orders-0", "metadata.namespace": "shop"}
"""What Kubernetes knows of the pod."""


def objects(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def the(kind: str, file: Path = BASE / "collector.yaml") -> dict[str, Any]:
    (found,) = (each for each in objects(file) if each["kind"] == kind)
    return found


def pod(file: Path = BASE / "collector.yaml") -> dict[str, Any]:
    spec: dict[str, Any] = the("StatefulSet", file)["spec"]["template"]["spec"]
    return spec


def container(file: Path = BASE / "collector.yaml") -> dict[str, Any]:
    (found,) = pod(file)["containers"]
    return dict(found)


def environment(*files: Path) -> dict[str, str]:
    """The variables of a container, as Kubernetes sets them; later files replace those of earlier ones."""
    made: dict[str, str] = {}
    for file in files:
        for variable in container(file)["env"]:
            value = variable.get("value") or POD[variable["valueFrom"]["fieldRef"]["fieldPath"]]
            made[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: made[match[1]], value)
    return made


def config(*files: Path) -> ServeConfig:
    """What `serve` makes of the arguments and the variables of the container."""
    verbs = argparse.ArgumentParser().add_subparsers()
    serve.add_parser(verbs)
    arguments = verbs.choices["serve"].parse_args(container(files[0])["args"][1:])
    return read_config(arguments, environment(*files)).config


def probes(file: Path) -> Iterator[dict[str, Any]]:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield container(file)[name]


def test_the_variables_are_understood() -> None:
    made = config(BASE / "collector.yaml")

    assert (made.id, made.listen) == ("orders-0", "0.0.0.0:50051")
    assert made.advertise == "orders-0.orders.shop.svc.cluster.local:50051"
    assert made.peer == (
        "dns:people.shop.svc.cluster.local:50051",
        "dns:stock.shop.svc.cluster.local:50051",
    )
    assert made.accept_peers
    assert made.insecure


def test_with_mutual_tls_nothing_is_open_without_a_certificate() -> None:
    made = config(BASE / "collector.yaml", MUTUAL_TLS / "certificates.yaml")

    assert not made.accept_peers
    assert not made.insecure
    assert (made.tls_cert, made.tls_key, made.tls_ca) == (
        "/certificates/tls.crt",
        "/certificates/tls.key",
        "/certificates/ca.crt",
    )


def test_the_certificate_names_the_collector_and_where_it_is_dialed() -> None:
    (volume,) = pod(MUTUAL_TLS / "certificates.yaml")["volumes"]
    attributes = volume["csi"]["volumeAttributes"]
    names = attributes["csi.cert-manager.io/dns-names"].replace("${POD_NAME}", "orders-0")
    advertised = config(BASE / "collector.yaml").advertise

    assert attributes["csi.cert-manager.io/uri-names"] == "spiffe://mesh.internal/collector/${POD_NAME}"
    assert advertised == f"{names.split(',')[0].replace('${POD_NAMESPACE}', 'shop')}:50051"


def test_the_service_of_the_container_is_in_the_image() -> None:
    (reference,) = config(BASE / "collector.yaml").service
    module, _, name = reference.partition(":")
    (folder,) = re.findall(r"^ARG SERVICES=(.*)$", dockerfile(), re.MULTILINE)

    assert f"\n{name} = Service(" in (ROOT / folder / f"{module}.py").read_text(encoding="utf-8")


def test_probes_ask_for_health_services_that_there_are() -> None:
    (service,) = dispatcher_pb2.DESCRIPTOR.services_by_name.values()
    asked = [probe["grpc"] for probe in probes(BASE / "collector.yaml")]
    (port,) = container()["ports"]

    assert [each.get("service", "") for each in asked] == ["", service.full_name, ""]
    assert {each["port"] for each in asked} == {port["containerPort"]}


def test_probes_of_a_port_with_tls_do_not_speak_grpc() -> None:
    (port,) = container()["ports"]

    assert all(
        probe["grpc"] is None and probe["tcpSocket"]["port"] == port["name"]
        for probe in probes(MUTUAL_TLS / "certificates.yaml")
    )


def test_every_part_uses_the_port_that_is_listened_on() -> None:
    listen = config(BASE / "collector.yaml").listen
    (service_port,) = the("Service")["spec"]["ports"]
    (port,) = container()["ports"]
    (allowed,) = the("NetworkPolicy")["spec"]["ingress"][0]["ports"]

    assert listen.endswith(f":{port['containerPort']}")
    assert service_port["port"] == port["containerPort"] == allowed["port"]
    assert service_port["targetPort"] == port["name"]
    assert service_port["appProtocol"] == "kubernetes.io/h2c"
    assert re.findall(r"^EXPOSE (\d+)$", dockerfile(), re.MULTILINE) == [str(port["containerPort"])]


def test_peers_find_every_replica_before_it_is_ready() -> None:
    spec = the("Service")["spec"]

    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True
    assert the("StatefulSet")["spec"]["serviceName"] == the("Service")["metadata"]["name"]


def test_everything_selects_the_labels_of_the_pod() -> None:
    labels = the("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the("Service")["spec"]["selector"],
        the("StatefulSet")["spec"]["selector"]["matchLabels"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]

    assert all(selector.items() <= labels.items() for selector in selectors)


def test_there_is_time_to_drain() -> None:
    (_, pause) = container()["lifecycle"]["preStop"]["exec"]["command"]

    assert pod()["terminationGracePeriodSeconds"] >= float(pause) + Settings().drain_timeout + 5


def test_the_program_has_no_rights_that_it_does_not_need() -> None:
    whole, own = pod()["securityContext"], container()["securityContext"]

    assert whole["runAsNonRoot"] is True
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert re.findall(r"^USER (\d+):(\d+)$", dockerfile(), re.MULTILINE) == [
        (str(whole["runAsUser"]), str(whole["runAsGroup"]))
    ]


def test_every_place_that_is_written_to_is_mounted() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    volumes = [volume["name"] for volume in pod()["volumes"]]
    claims = [claim["metadata"]["name"] for claim in the("StatefulSet")["spec"]["volumeClaimTemplates"]]

    assert sorted(mounts) == sorted(volumes + claims)
    assert mounts["data"] == environment(BASE / "collector.yaml")["SHOP_DATA"]
    assert mounts["tmp"] == "/tmp"


@pytest.mark.parametrize("folder", [BASE, MUTUAL_TLS], ids=lambda folder: folder.name)
def test_every_file_of_a_kustomization_is_there(folder: Path) -> None:
    kustomization = the("Kustomization", folder / "kustomization.yaml")
    files = [*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))]

    assert [file for file in files if not (folder / file).exists()] == []


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_starts_the_program_itself_so_that_it_gets_the_signal() -> None:
    assert 'ENTRYPOINT ["collector-mesh"]' in dockerfile()
    assert 'CMD ["serve"]' in dockerfile()


def test_the_image_is_made_of_what_there_is() -> None:
    copied = re.findall(r"^COPY (?!--from)(?!\$)(.*) \S+$", dockerfile(), re.MULTILINE)
    extras = re.findall(r"/src\[([\w,]+)\]", dockerfile())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert [name for names in copied for name in names.split() if not (ROOT / name).exists()] == []
    assert set(extras[0].split(",")) <= set(project["optional-dependencies"])
