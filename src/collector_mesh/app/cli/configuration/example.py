"""`collector-mesh config example`: a configuration file with every key, made of what the program itself knows of them."""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from types import MappingProxyType
from typing import Any

import attrs

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.configuration.showing import toml
from collector_mesh.app.cli.registry import SPELLED
from collector_mesh.app.cli.serve import add_options
from collector_mesh.app.cli.sources import SETTING_FIELDS, TEXT_FIELDS
from collector_mesh.app.settings import Settings

_WIDTH = 100

_VALUES: Mapping[str, object] = MappingProxyType(
    {
        "id": "orders-1",
        "access_log": 0.01,
        "advertise": "orders-1.example.org:50051",
        "namespace": ("audit",),
        "service": ("orders_service:orders",),
        "mount": ("shop=shop_pb2_grpc:add_ShopServicer_to_server=shop:ShopServicer",),
        "validator": "shop_rules:validator",
        "validate_at": "registry.example.org:50050",
        "register_at": "registry.example.org:50050",
        "authorizer": "shop_rules:authorizer",
        "registry": "registry.db",
        "registry_level": "wire_json",
        "keys": "keys.db",
        "peer": ("orders-2.example.org:50051", "dns:orders.example.org:50051"),
        "wait_for_peers": "all",
        "wait_for_peers_timeout": 30.0,
        "label": ("zone=eu-1",),
        "balancer": ("nearest=shop_rules:nearest",),
        "metrics": "127.0.0.1:9464",
        "tls_cert": "orders-1.pem",
        "tls_key": "orders-1.key",
        "tls_ca": "ca.pem",
        "workers": 4,
        "token_file": "token",
        "gateway_namespace": "orders",
        "forward_metadata": ("x-request-id",),
        "expose_routes": True,
        "traces": "traces.example.org:4317",
        "trust_domain": "example.org",
        "dns_servers": ("10.0.0.53",),
    }
)
"""What stands for a value that is left out, or empty, by default."""

_HEAD = (
    "A configuration file of a collector: serve --config FILE reads it, and a reload reads it again.",
    (
        "Every key is commented out. Remove the # in front of a key to set it; what stands behind it is the default, or an"
        " example where there is none. Flags and the environment win over this file."
    ),
    "`config check FILE` tells what is wrong with it, `config show` what is in force.",
)

_OVERRIDES = """
#[settings.overrides."orders"]                          # a namespace
#max_running = 64
#balancing = "zone"

#[settings.overrides."orders/OrderService"]             # a service
#default_timeout = 5.0

#[settings.overrides."orders/OrderService.CreateOrder"] # a method
#max_attempts = 1
"""

_OF_OVERRIDES = (
    "Other values of some settings for a namespace, a service or a method; the narrowest one counts. What is kept for each"
    " peer and namespace (breakers, budgets, latencies), max_running, max_outgoing and relay can be set for a namespace only."
)

_ACCESS = """
#[access]
#tokens = "tokens.toml"       # NAME = "secret" lines; relative to this file
#default = "deny"             # what no rule decides

#[[access.rules]]
#name = "orders team"         # told in errors
#who = ["id:orders-*"]        # proved identities: id:, uri:, dns:, token:, or anyone
#effect = "allow"             # or "deny"; the first rule that fits decides
#peer = ["orders-*"]          # may be a peer under these ids
#serve = ["orders"]           # namespaces that it may serve
#use = ["orders", "billing/Invoices", "users/Users.Get"]
#inspect = true               # may look inside
"""

_OF_ACCESS = "Who may be a peer, serve, call, and look inside. Without this table only certificates decide."


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; gives the exit status."""
    spelled = SPELLED if arguments.of == "registry" else {}
    sys.stdout.write("\n".join(example(spelled)) + "\n")
    return 0


def example(spelled: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """The lines of the file.

    Args:
        spelled: how users spell keys that are not called as they are here.
    """
    yield from _comment(*_HEAD)
    told, fields = _flags(), attrs.fields_dict(ServeConfig)
    for name in TEXT_FIELDS:
        yield ""
        yield from _comment(told.get(name, ""))
        yield _key(spelled.get(name, name), name, fields[name].default)
    yield ""
    yield ""
    yield "[settings]"
    told, fields = _settings(), attrs.fields_dict(Settings)
    for name in SETTING_FIELDS:
        if name != "overrides":
            yield ""
            yield from _comment(told.get(name, ""))
            yield _key(name, name, fields[name].default)
    yield ""
    yield ""
    yield from _comment(_OF_OVERRIDES)
    yield from _OVERRIDES.strip().splitlines()
    yield ""
    yield ""
    yield from _comment(_OF_ACCESS)
    yield from _ACCESS.strip().splitlines()


def _comment(*paragraphs: str) -> Iterator[str]:
    for text in paragraphs:
        for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False):
            yield f"# {line}"


def _key(key: str, name: str, default: Any) -> str:
    value = default
    if name in _VALUES and (default in (None, "", ()) or default is attrs.NOTHING):
        value = _VALUES[name]
    if value is None or value is attrs.NOTHING:
        return f"#{key} ="
    return f"#{key} = {toml(value)}"


def _flags() -> dict[str, str]:
    """What flags mean, by the names of their values."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return {action.dest: action.help or "" for action in parser._actions}  # noqa: SLF001  # there is no other way to them


def _settings() -> dict[str, str]:
    """What settings mean, by their names, as the class says."""
    _, _, listed = cleandoc(Settings.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
