from pathlib import Path

import pytest

from collector_mesh import AllowList, AllowListError, Collector, LoopbackNetwork, Service


@pytest.mark.asyncio
async def test_a_list_from_a_file_decides_what_may_be_called(tmp_path: Path) -> None:
    file = tmp_path / "allowed.toml"
    file.write_text('# what may be called\nallow = [\n  "users/UserService.Get",\n]\n')
    service = Service("users", "UserService")
    for name in ("Get", "Delete"):
        service.add(name, lambda: None)

    async with Collector(
        "a", transport=LoopbackNetwork(), services=[service], validator=AllowList.from_toml(file)
    ) as collector:
        allowed = await collector.dispatch("users", "UserService", "Get")
        refused = await collector.dispatch("users", "UserService", "Delete")

    assert allowed.status.code == 200
    assert refused.status.message == (
        "service not registered in registry: users/UserService.Delete is not on the list of what may be called"
        " (collector 'a')"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('# ok\nallow = [\n  "a/B.c",\n  "oops",\n]\n', "line 4: 'oops' is not NAMESPACE/SERVICE.METHOD"),
        ('# "oops"\nallow = ["oops"]\n', "line 2: 'oops' is not"),
        ('allow = ["a/B.c"\n', "line "),
        ("\nallow = 7\n", "line 2: 'allow' must be a list of texts"),
        ("", "line 1: 'allow' must be a list of texts"),
        ('allow = [\n"a/B.c",\n7]', "line 3: 7 is not a text"),
        ("allow = []\n\nforbid = []\n", "line 3: unknown key 'forbid', the only one is 'allow'"),
        ('allow = [ "a/B.c" "d/E.f" ]', "line 1: "),
    ],
)
def test_a_bad_file_is_named_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "allowed.toml"
    file.write_text(text)

    with pytest.raises(AllowListError) as raised:
        AllowList.from_toml(file)

    assert str(raised.value).startswith(f"{file}, {said}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"allow = []\n# \xff\n")

    with pytest.raises(AllowListError, match=r"missing\.toml: cannot be read: No such file"):
        AllowList.from_toml(tmp_path / "missing.toml")
    with pytest.raises(AllowListError, match=r"binary\.toml, line 2: is not UTF-8"):
        AllowList.from_toml(binary)
