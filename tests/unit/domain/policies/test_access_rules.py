"""Access rules: which one decides, found by an index as by going through all of them."""

from collections.abc import Callable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.errors import (
    ForbiddenError,
    InvalidCallError,
    MeshError,
    UnauthenticatedError,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.access_index import MAX_DECISIONS, MAX_OF_CALLER, AccessIndex, Decision
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.access_rules import AccessRule, AccessRules, Effect
from collector_mesh.domain.policies.access_tokens import Tokens
from collector_mesh.domain.policies.access_who import Who, proved_names
from collector_mesh.domain.policies.strangers import StrangerRule
from collector_mesh.domain.policies.trust import TrustDomain

TRUST = TrustDomain("example.org")
ORDERS = Identity(uris=("spiffe://example.org/collector/orders-1",))
TEAM = Identity(uris=("spiffe://example.org/team/blue",))
CI = Identity(token="ci")
GET = MethodKey("orders", "acme.Orders", "Get")


def rule(name: str, *who: str, effect: Effect = "allow", **about: tuple[str, ...] | bool) -> AccessRule:
    return AccessRule(name, tuple(map(Who.parse, who)), effect, **about)  # type: ignore[arg-type]


def policy(*rules: AccessRule, trust: TrustDomain | None = TRUST, **more: object) -> AccessPolicy:
    return AccessPolicy(trust=trust, rules=AccessRules(rules, **more))  # type: ignore[arg-type]


# ---- the index is the scan ---------------------------------------------------------------------------

names = st.sampled_from(["a", "ab", "abc", "b", "b-1"])
starred = st.one_of(names, names.map(lambda name: f"{name}*"), st.just("*"))
whos = st.one_of(
    st.just("anyone"),
    starred.map(lambda name: f"id:{name}"),
    starred.map(lambda name: f"token:{name}"),
    starred.map(lambda name: f"uri:spiffe://X.org/{name}"),
    st.tuples(st.sampled_from(["", "*."]), names).map(lambda pair: f"dns:{pair[0]}{pair[1]}.net"),
)
services = st.sampled_from(["S", "S.T", "ST"])
methods = st.sampled_from(["M", "T.M", "N"])
uses = st.one_of(
    starred,
    st.tuples(names, services, st.sampled_from(["", ".M", "*", ".*", ".T.M"])).map(
        lambda parts: f"{parts[0]}/{parts[1]}{parts[2]}"
    ),
)
some = st.sampled_from
rules_of = st.lists(
    st.builds(
        lambda who, effect, peer, serve, use, inspect: AccessRule(
            "r", tuple(map(Who.parse, who)), effect, tuple(peer), tuple(serve), tuple(use), inspect
        ),
        st.lists(whos, min_size=1, max_size=3),
        some(["allow", "deny"]),
        st.lists(starred, max_size=2),
        st.lists(starred, max_size=2),
        st.lists(uses, max_size=3),
        st.booleans(),
    ),
    max_size=12,
)
identities = st.one_of(
    st.none(),
    st.builds(
        Identity,
        dns_names=st.lists(
            some(["a.net", "x.a.net", "A.NET", "*.a.net", "x.y.a.net", "b.example.org"]), max_size=2
        ).map(tuple),
        uris=st.lists(
            some(["spiffe://x.org/a", "SPIFFE://X.org/abc", "spiffe://example.org/collector/ab"]), max_size=2
        ).map(tuple),
        token=st.one_of(st.just(""), names),
    ),
)


def scanned(
    rules: list[AccessRule], identity: Identity | None, is_about: object, default: Effect
) -> tuple[bool, AccessRule | None]:
    for one in rules:
        if any(who.fits(proved_names(identity, TRUST)) for who in one.who) and is_about(one):  # type: ignore[operator]
            return one.allows, one
    return default == "allow", None


def means(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def calls(pattern: str, key: MethodKey) -> bool:
    full = f"{key.namespace}/{key.service}.{key.method}"
    if "/" not in pattern:
        return means(pattern, key.namespace)
    if pattern.endswith("*"):
        return full.startswith(pattern[:-1])
    return pattern in {full, f"{key.namespace}/{key.service}"}


@given(rules_of, identities, names, services, methods, some(["allow", "deny"]))
def test_the_rule_that_the_index_finds_is_the_first_that_fits(
    rules: list[AccessRule],
    identity: Identity | None,
    name: str,
    service: str,
    method: str,
    default: Effect,
) -> None:
    index = AccessIndex(AccessRules(tuple(rules), default), TRUST)
    key = MethodKey(name, service, method)

    def same(decision: Decision, is_about: object) -> None:
        allows, decided = scanned(rules, identity, is_about, default)
        assert decision.allows == allows
        assert decision.rule is decided

    for _ in range(2):  # the second time it is remembered
        same(index.use(identity, key), lambda one: any(calls(pattern, key) for pattern in one.use))
    same(index.peer(identity, name), lambda one: any(means(pattern, name) for pattern in one.peer))
    same(index.serve(identity, name, name), lambda one: any(means(pattern, name) for pattern in one.serve))
    same(index.inspect(identity), lambda one: one.inspect)
    if index.use(identity, key).allows:
        # Whoever may call a method is shown its namespace and its service.
        assert index.use_some(identity, name).allows
        assert index.use_some(identity, name, service).allows


def test_what_is_remembered_is_bounded_and_a_caller_does_not_push_out_others() -> None:
    index = AccessIndex(AccessRules((rule("all", "anyone", use=("*",)),)), TRUST)
    index.use(CI, GET)
    for number in range(MAX_OF_CALLER + 10):
        index.use(None, MethodKey("n", "S", f"m{number}"))
    assert sum(len(caller.decisions) for caller in index._callers.values()) <= MAX_OF_CALLER + 1
    assert CI in index._callers
    for number in range(MAX_DECISIONS):
        index.use(Identity(token=f"t{number % 900}"), MethodKey("n", "S", f"m{number}"))
    assert sum(len(caller.decisions) for caller in index._callers.values()) <= MAX_DECISIONS


# ---- whom a word means -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "orders", "id:", "id:a b", "id:a*b", "ip:10.0.0.1", "uri:example.org", "uri:spiffe://example.org*",
        "dns:*", "dns:a.*.org", "dns:a*", "token:", "anyone:x", "id:" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_word_that_means_nobody_is_refused(text: str) -> None:
    with pytest.raises(InvalidCallError, match="must"):
        Who.parse(text)


@pytest.mark.parametrize(
    ("who", "identity", "fits"),
    [
        ("id:orders-*", ORDERS, True),
        ("id:orders-2", ORDERS, False),
        # A certificate that names two collectors proves neither.
        ("id:*", attrs.evolve(ORDERS, dns_names=("orders-2.example.org",)), False),
        ("id:*", Identity(uris=("spiffe://evil.org/collector/orders-1",)), False),
        ("uri:spiffe://EXAMPLE.org/team/*", TEAM, True),
        ("uri:spiffe://example.org/Team/*", TEAM, False),
        ("uri:spiffe://example.org/*", Identity(uris=("spiffe://example.org.evil.org/x",)), False),
        ("dns:*.ci.example.org", Identity(dns_names=("A.CI.example.org",)), True),
        ("dns:*.ci.example.org", Identity(dns_names=("a.b.ci.example.org",)), False),
        ("dns:*.ci.example.org", Identity(dns_names=("ci.example.org",)), False),
        # A wildcard is a name of many hosts, and proves none of them.
        ("dns:*.ci.example.org", Identity(dns_names=("*.ci.example.org",)), False),
        ("token:ci", CI, True),
        ("token:c*", CI, True),
        ("token:cd", CI, False),
        ("anyone", None, True),
        ("token:ci", None, False),
    ],
)  # fmt: skip
def test_a_word_means_names_that_are_proved(who: str, identity: Identity | None, fits: bool) -> None:
    assert Who.parse(who).fits(proved_names(identity, TRUST)) is fits
    index = AccessIndex(AccessRules((rule("one", who, inspect=True),)), TRUST)
    assert index.inspect(identity).allows is fits


# ---- what the policy says ----------------------------------------------------------------------------


def test_a_refusal_names_the_rule_and_what_was_asked() -> None:
    access = policy(
        rule("no deletes", "token:ci", effect="deny", use=("orders/acme.Orders.Delete",)),
        rule("orders", "token:ci", use=("orders",)),
    )
    access.check_call(CI, GET)
    with pytest.raises(ForbiddenError) as caught:
        access.check_call(CI, GET._replace(method="Delete"))
    assert str(caught.value) == (
        "'token:ci' may not call 'acme.Orders.Delete' in namespace 'orders': rule 'no deletes' denies it"
    )
    with pytest.raises(ForbiddenError, match=r"no rule is about it"):
        access.check_call(TEAM, GET)
    assert access.may_use(CI, "orders")
    assert not access.may_use(CI, "users")
    assert access.explain_call(CI, GET) == "'token:ci' may call it: rule 'orders' allows it"
    assert access.explain_call(None, GET).startswith("401: credentials are required")


def test_without_credentials_it_is_401_and_with_wrong_ones_too() -> None:
    access = policy(rule("ci", "token:ci", use=("*",)), tokens=Tokens.of({"ci": "s" * 20}, b"k" * 32))
    with pytest.raises(UnauthenticatedError, match=r"^credentials are required to call"):
        access.check_call(None, GET)
    identity, headers = access.identify(None, (("authorization", "Bearer wrong-" + "w" * 20), ("x-a", "1")))
    assert headers == (("x-a", "1"),)
    asked: tuple[Callable[[], None], ...] = (
        lambda: access.check_call(identity, GET),
        lambda: access.check_use(identity, "orders"),
        lambda: access.check_inspection(identity, ("orders",), is_local=True),
        lambda: access.check_stranger(identity, "a"),
        lambda: access.check_register(identity, "", "orders"),
        lambda: access.check_credentials(identity),
    )
    for ask in asked:
        with pytest.raises(UnauthenticatedError) as caught:
            ask()
        assert "wrong-" not in str(caught.value)


def test_where_no_rule_asks_for_credentials_a_refusal_is_403() -> None:
    access = policy(rule("public", "anyone", use=("public",)))
    access.check_call(None, GET._replace(namespace="public"))
    with pytest.raises(ForbiddenError, match="an unknown caller may not call"):
        access.check_call(None, GET)


def test_a_token_is_taken_out_of_the_headers_and_other_credentials_are_left() -> None:
    key = b"k" * 32
    access = policy(
        rule("ci", "token:*", use=("*",)), tokens=Tokens.of({"ci": "s" * 20, "cd": "t" * 20}, key)
    )
    basic = ("authorization", "Basic abc")
    identity, headers = access.identify(TEAM, (basic, ("authorization", f"bearer {'t' * 20}"), ("x", b"1")))
    assert identity is not None
    assert identity.token == "cd"
    assert identity.uris == TEAM.uris
    assert headers == (basic, ("x", b"1"))
    assert access.identify(None, (basic,)) == (None, (basic,))
    assert "t" * 20 not in repr(access.rules)
    assert "t" * 20 not in repr(identity)
    access.check_call(identity, GET)
    # A token that has another secret now, or is no longer there, proves nothing on links that it has opened.
    for later in ({"cd": "u" * 20}, {"other": "v" * 20}):
        access.replace(AccessRules((rule("ci", "token:*", use=("*",)),), tokens=Tokens.of(later, key)))
        with pytest.raises(MeshError):
            access.check_call(identity, GET)
    access.replace(None)
    access.check_call(None, GET)
    assert not access.asks


def test_ids_of_peers_follow_from_certificates_or_from_a_rule_that_names_them() -> None:
    access = policy(
        rule("collectors", "id:*", peer=("*",)),
        rule("blue", "uri:spiffe://example.org/team/blue", peer=("blue-*",)),
        rule("tokens", "token:ci", peer=("ci-1",)),
        rule("everybody", "anyone", peer=("public-*",)),
    )
    access.check_peer(ORDERS, "orders-1", was_dialed=False)
    access.check_peer(TEAM, "blue-1", was_dialed=False)
    access.check_peer(CI, "ci-1", was_dialed=False)
    # Of whom this side has dialed nothing may be proved: its word counts.
    access.check_peer(None, "orders-2", was_dialed=True)
    for identity, peer_id in ((ORDERS, "orders-2"), (TEAM, "orders-1"), (CI, "public-1"), (None, "public-1")):
        with pytest.raises(MeshError):
            access.check_peer(identity, peer_id, was_dialed=False)
    assert access.holds_id(ORDERS, "orders-1", None)
    assert not access.holds_id(TEAM, "blue-1", CI)


def test_a_peer_that_a_rule_names_is_taken_where_strangers_are_not() -> None:
    nobody = StrangerRule(only_local=False, allowed=False, is_local=lambda _: False)
    rules = AccessRules((rule("ci", "token:ci", peer=("*",)), rule("rest", "anyone", peer=("*",))))
    access = AccessPolicy(strangers=lambda: nobody, rules=rules)
    access.check_stranger(CI, "a", "10.0.0.1:1")
    with pytest.raises(ForbiddenError, match="peers are not accepted"):
        access.check_stranger(None, "a")


def test_a_user_s_authorizer_and_the_rules_both_have_to_allow() -> None:
    class OnlyOrders:
        decides_serving = True

        def may_use(self, _identity: Identity | None, namespace: str, /) -> bool:
            return namespace == "orders"

        def may_serve(self, _identity: Identity | None, _id: str, namespace: str, /) -> bool:
            return namespace == "orders"

    rules = AccessRules((rule("ci", "token:ci", use=("*",), serve=("*",), inspect=True),))
    access = AccessPolicy(OnlyOrders(), rules=rules)
    access.check_call(CI, GET)
    assert access.may_serve(CI, "a", "orders", was_dialed=False)
    access.check_inspection(CI, ("orders",), is_local=False)
    for identity, namespace in ((CI, "users"), (TEAM, "orders")):
        assert not access.may_call(identity, GET._replace(namespace=namespace))
        assert not access.may_serve(identity, "a", namespace, was_dialed=False)
        with pytest.raises(ForbiddenError):
            access.check_inspection(identity, (namespace,), is_local=False)


def test_rules_say_who_looks_inside_also_on_this_machine_but_not_over_the_own_socket() -> None:
    access = policy(rule("ci", "token:ci", inspect=True))
    access.check_inspection(CI, ("orders",), is_local=False)
    access.check_inspection(None, ("orders",), is_local=True, is_own=True)
    with pytest.raises(UnauthenticatedError, match="credentials are required to look inside"):
        access.check_inspection(None, ("orders",), is_local=True)
