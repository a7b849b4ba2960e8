"""What `serve` is told: by flags, the environment and a file, every problem at once, each with its source."""

import argparse
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from collector_mesh.app.cli import serve
from collector_mesh.app.cli.config import ServeConfig, default_id
from collector_mesh.app.cli.configuration.showing import shown
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.sources import Sourced, read_config, variable_of
from collector_mesh.app.settings import Settings


def read(*flags: str, environment: Mapping[str, str] | None = None) -> Sourced:
    verbs = argparse.ArgumentParser().add_subparsers()
    serve.add_parser(verbs)
    return read_config(verbs.choices["serve"].parse_args(flags), environment or {})


def problems(*flags: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(CommandError) as raised:
        read(*flags, environment=environment)
    return re.sub(r"^\d+ problems: ", "", str(raised.value)).split("; ")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collector.toml"


def test_flags_win_over_the_environment_that_over_the_file_and_that_over_defaults(file: Path) -> None:
    file.write_text('id = "file"\nweight = 2\nlog_level = "error"\n[settings]\nmax_running = 7\n')
    environment = {
        "COLLECTOR_MESH_ID": "environment",
        "COLLECTOR_MESH_WEIGHT": "3",
        "COLLECTOR_MESH_SETTINGS__MAX_RUNNING": "8",
    }

    sourced = read("--config", str(file), "--id", "flag", environment=environment)

    config = sourced.config
    assert (config.id, config.weight, config.log_level, config.listen) == ("flag", 3, "error", "127.0.0.1:0")
    assert config.settings == Settings(max_running=8)
    assert sourced.given() == {
        "id": "--id",
        "weight": "env COLLECTOR_MESH_WEIGHT",
        "log_level": f"--config {file}: log_level",
        "settings.max_running": "env COLLECTOR_MESH_SETTINGS__MAX_RUNNING",
    }
    assert sourced.source("listen") == "default"


def test_the_file_may_be_named_by_the_environment(file: Path) -> None:
    file.write_text("weight = 0\n")

    assert problems(environment={"COLLECTOR_MESH_CONFIG": str(file)}) == [
        f"env COLLECTOR_MESH_CONFIG {file}: weight must be a whole number from 1 to 10000, got 0"
    ]


@pytest.mark.parametrize(
    "name", [field.name for field in attrs.fields(ServeConfig) if field.name != "settings"]
)
def test_every_flag_has_its_variable(name: str) -> None:
    texts = {"weight": "5", "log_format": "json", "log_level": "debug", "label": "a=b", "balancer": "a=b:c"}
    texts |= {
        "service": "a:b",
        "middleware": "a:b",
        "validator": "a:b",
        "authorizer": "a:b",
        "id": "a",
        "namespace": "a",
        "mount": "a:b",
        "registry": "a.db",
        "registry_level": "wire",
    }
    texts |= {"workers": "4", "wait_for_peers": "2", "wait_for_peers_timeout": "1.5", "access_log": "0.5"}
    kind = attrs.fields_dict(ServeConfig)[name].type
    text = texts.get(name, "yes" if kind is bool else "a:1")

    sourced = read(environment={variable_of((name,)): text})

    assert sourced.source(name) == f"env {variable_of((name,))}"


def test_the_page_of_serve_has_every_flag_and_every_setting() -> None:
    page = (Path(__file__).parents[3] / "docs" / "serve.md").read_text(encoding="utf-8")
    flags = [
        f"--{each.name.replace('_', '-')}" for each in attrs.fields(ServeConfig) if each.name != "settings"
    ]
    settings = [each.name for each in attrs.fields(Settings)]

    missing = [name for name in (*flags, *settings) if not re.search(rf"`{name}[ `]", page)]

    assert missing == []


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_its_variable(field: "attrs.Attribute[object]") -> None:
    texts = {
        "overrides": '{"a": {"max_running": 5}}',
        "balancing": "zone",
        "trust_domain": "mesh.test",
        "dns_servers": "10.0.0.2:53,10.0.0.3",
    }
    texts |= {"forward_metadata": "trace-id", "dns_servers": "10.0.0.2:53,10.0.0.3"}
    default = field.default if isinstance(field.default, int | float) else True
    text = texts.get(field.name, str(default))

    sourced = read(environment={variable_of(("settings", field.name)): text})

    assert sourced.source("settings", field.name) == f"env COLLECTOR_MESH_SETTINGS__{field.name.upper()}"


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a:1", ("a:1",)),
        ("a:1,b:2", ("a:1", "b:2")),
        (" a:1 , b:2,, ", ("a:1", "b:2")),
        ("a:1\nb:2\n", ("a:1", "b:2")),
        ("  ", ()),
    ],
)
def test_a_list_in_the_environment_has_commas_or_lines(text: str, items: tuple[str, ...]) -> None:
    assert read(environment={"COLLECTOR_MESH_PEER": text}).config.peer == items


def test_where_lines_are_broken_commas_belong_to_the_items() -> None:
    sourced = read(environment={"COLLECTOR_MESH_LABEL": "zones=a,b\nrole=c"})

    assert sourced.config.label == ("zones=a,b", "role=c")


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "on"])
def test_true_has_several_spellings_in_the_environment(text: str) -> None:
    assert read(environment={"COLLECTOR_MESH_INSECURE": text}).config.insecure


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
def test_the_environment_takes_back_what_the_file_allows(text: str, file: Path) -> None:
    file.write_text("insecure = true\n")

    assert not read("--config", str(file), environment={"COLLECTOR_MESH_INSECURE": text}).config.insecure


def test_a_variable_that_is_set_to_nothing_is_not_set(file: Path) -> None:
    file.write_text('id = "file"\n')

    assert read("--config", str(file), environment={"COLLECTOR_MESH_ID": ""}).config.id == "file"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("WEIGHT", "heavy", "must be a whole number from 1 to 10000, got 'heavy'"),
        ("WEIGHT", "1.5", "must be a whole number from 1 to 10000, got '1.5'"),
        ("WEIGHT", "9" * 5000, "must be a whole number from 1 to 10000, got '999"),
        ("WEIGHT", "٣", "must be a whole number from 1 to 10000, got '٣'"),
        ("INSECURE", "maybe", "insecure must be true or false, got 'maybe'"),
        ("LOG_LEVEL", "loud", "must be one of debug, info, warning, error, got 'loud'"),
        ("LISTEN", "nowhere", "must be HOST:PORT with a port from 0 to 65535, got 'nowhere'"),
        ("SERVICE", "things", "must be MODULE:OBJECT, got 'things'"),
        ("LABEL", "zone", "must be NAME=VALUE, got 'zone'"),
        ("ID", "a\x1b[2Jb", "must match"),
        ("SETTINGS__MAX_RUNNING", "many", "must be a whole number of calls from 1 to 1048576, got 'many'"),
        ("SETTINGS__DRAIN_TIMEOUT", "nan", "must be a number of seconds from 0 to 3600, got 'nan'"),
        ("SETTINGS__DRAIN_TIMEOUT", "1e999", "must be a number of seconds from 0 to 3600, got inf"),
        ("SETTINGS__BREAKER", "2", "must be true or false, got '2'"),
        ("SETTINGS__TRUST_DOMAIN", "no/domain", "must be a domain name"),
        ("SETTINGS__OVERRIDES", "[1]", "must be a JSON object, got '[1]'"),
        ("SETTINGS__OVERRIDES", "[" * 100_000, "must be a JSON object, got '[["),
        ("SETTINGS__OVERRIDES", '{"a": {"max_running": 0}}', ".'a': max_running must be a whole number"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, text: str, said: str) -> None:
    found = problems(environment={f"COLLECTOR_MESH_{name}": text})

    assert len(found) == 1
    assert found[0].startswith(f"env COLLECTOR_MESH_{name}")
    assert said.removeprefix(f"{name.lower()} ") in found[0]
    assert len(found[0]) < 400


def test_everything_that_is_wrong_is_told_at_once(file: Path) -> None:
    file.write_text(
        'log_format = 7\nservice = "a:b"\ncolour = 1\n[settings]\nmax_threads = 0\nbreaker = "no"\nmax_run = 3\n'
        '[settings.overrides."a b"]\n[settings.overrides.a]\ncolour = 1\nrelay = 7\n'
    )
    environment = {"COLLECTOR_MESH_WEIGHT": "0", "COLLECTOR_MESH_SETTINGS__MAX_RUNING": "5"}

    found = problems("--config", str(file), "--peer", "x", "--peer", "y", environment=environment)

    told = "\n".join(found)
    at = f"--config {file}: "
    for part in (
        "env COLLECTOR_MESH_SETTINGS__MAX_RUNING is unknown, did you mean COLLECTOR_MESH_SETTINGS__MAX_RUNNING?",
        f"{at}unknown key 'colour', allowed are ",
        f"{at}unknown setting 'max_run', did you mean ",
        f"{at}log_format must be one of pretty, json, got 7",
        f"{at}service must be a list of texts, got 'a:b'",
        "--peer must be HOST:PORT with a port from 0 to 65535, got 'x'",
        "--peer must be HOST:PORT with a port from 0 to 65535, got 'y'",
        "env COLLECTOR_MESH_WEIGHT must be a whole number from 1 to 10000, got 0",
        f"{at}settings.max_threads must be a whole number of threads from 1 to 1024, got 0",
        f"{at}settings.breaker must be true or false, got 'no'",
        f"{at}settings.overrides.'a b': namespace must match",
        f"{at}settings.overrides.'a': 'colour' cannot be set here",
        f"{at}settings.overrides.'a': relay must be true or false, got 7",
    ):
        assert part in told
    assert len(found) == 13


def test_a_wrong_value_is_told_also_where_another_one_wins(file: Path) -> None:
    file.write_text("weight = 0\n")

    found = problems("--config", str(file), "--weight", "5", environment={"COLLECTOR_MESH_WEIGHT": "x"})

    assert len(found) == 2


def test_of_very_many_problems_the_first_are_told(file: Path) -> None:
    file.write_text("".join(f"zzzz{number} = 1\n" for number in range(500)))

    found = problems("--config", str(file))

    assert len(found) == 21
    assert found[-1] == "and 480 more"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"settings = 3", "settings must be a table, got 3"),
        (b"[settings]\noverrides = 3", "settings.overrides must be a table, got 3"),
        (b"[settings.overrides]\na = 3", "settings.overrides.'a' must be a table, got 3"),
        (b"weight = true", "weight must be a whole number from 1 to 10000, got True"),
        (b"[settings]\nmax_running = 1.0", "must be a whole number of calls from 1 to 1048576, got 1.0"),
        (b"a = " + b"[" * 100_000, "cannot be read: is nested too deeply"),
        (b"#" * (1 << 24), "has more than 8 MiB"),
    ],
)
def test_a_file_of_another_form_is_one_clear_problem(written: bytes, said: str, file: Path) -> None:
    file.write_bytes(written)

    found = problems("--config", str(file))

    assert len(found) == 1
    assert found[0].startswith(f"--config {file}: ")
    assert said in found[0]


def test_a_file_may_begin_with_the_mark_that_some_editors_write(file: Path) -> None:
    file.write_bytes(b'\xef\xbb\xbfid = "marked"\r\n')

    assert read("--config", str(file)).config.id == "marked"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problems("--config", str(tmp_path)) == [f"--config {tmp_path}: cannot be read: Is a directory"]


def test_a_device_without_an_end_is_no_configuration() -> None:
    assert "has more than 8 MiB" in problems("--config", "/dev/zero")[0]


def test_what_kubernetes_adds_for_a_service_of_our_name_is_passed_over() -> None:
    environment = {
        "COLLECTOR_MESH_SERVICE_HOST": "10.0.0.1",
        "COLLECTOR_MESH_SERVICE_PORT": "50051",
        "COLLECTOR_MESH_SERVICE_PORT_GRPC": "50051",
        "COLLECTOR_MESH_PORT": "tcp://10.0.0.1:50051",
        "COLLECTOR_MESH_PORT_50051_TCP": "tcp://10.0.0.1:50051",
        "COLLECTOR_MESH_PORT_50051_TCP_ADDR": "10.0.0.1",
        "COLLECTOR_MESH_ORDERS_SERVICE_HOST": "10.0.0.2",
    }

    assert set(read(environment=environment).given()) == {"id"}


def test_a_port_that_is_meant_for_us_is_no_addition_of_kubernetes() -> None:
    assert problems(environment={"COLLECTOR_MESH_PORT": "50051"})[0].startswith(
        "env COLLECTOR_MESH_PORT is unknown, "
    )


def test_the_value_of_an_unknown_variable_is_not_told() -> None:
    assert "hunter2" not in problems(environment={"COLLECTOR_MESH_PASSWORD": "hunter2"})[0]


def test_the_credentials_of_an_address_are_not_told() -> None:
    found = problems("--peer", "grpc://user:hunter2@host:1")[0]

    assert "hunter2" not in found
    assert "grpc://***@host:1" in found


@pytest.mark.parametrize(
    ("host", "collector_id"),
    [
        ("web-1.example.org", "web-1.example.org-abc"),
        ("Zoë's Mac", "Zo-s-Mac-abc"),
        ("", "collector-abc"),
        ("...", "collector-abc"),
        ("h" * 300, "h" * 100 + "-abc"),
    ],
)
def test_an_id_that_nobody_gives_is_the_name_of_the_host_as_an_id_may_have_it(
    host: str, collector_id: str
) -> None:
    assert default_id(host, "abc") == collector_id


def test_ids_that_nobody_gives_differ() -> None:
    assert read().config.id != read().config.id


def test_what_is_shown_can_be_read_again(file: Path) -> None:
    environment = {
        "COLLECTOR_MESH_LABEL": 'note=say "hi" \\',
        "COLLECTOR_MESH_SETTINGS__OVERRIDES": '{"a/B.C": {"max_attempts": 2}, "d": {"relay": true}}',
        "COLLECTOR_MESH_SETTINGS__DEFAULT_TIMEOUT": "inf",
    }
    sourced = read("--id", "c-1", "--peer", "a:1", "--peer", "b:2", environment=environment)
    text = "\n".join(shown(sourced))
    file.write_text(text)

    again = read("--config", str(file))

    assert tomllib.loads(text)["peer"] == ["a:1", "b:2"]
    assert again.config == sourced.config
    assert 'peer = ["a:1", "b:2"]  # --peer' in text
    assert "weight = 1  # default" in text
