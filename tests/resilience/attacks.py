"""URLs and DNS answers that try to lead a request to where it must not go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PUBLIC, ANOTHER, PUBLIC_6 = "93.184.215.14", "151.101.1.69", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
NAME = "hooks.example.org"


@dataclass(frozen=True, slots=True)
class Attack:
    """A URL, what DNS says of names, and the only addresses to which a connection may be tried."""

    url: str
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    may_reach: frozenset[str] = frozenset()

    def __str__(self) -> str:
        answers = " ".join(address for found in self.answers.values() for address in found)
        return f"{self.url[:80]} {answers}".strip().encode("unicode_escape").decode()


# A name that resolves to one of these, or a URL that names it, must lead nowhere.
PRIVATE = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.254",
    "127.0.0.1", "127.1.2.3", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
PRIVATE_6 = (
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1",
)  # fmt: skip

# Host parts that some program reads as an address, or as another host than we would.
HOSTS = (
    "127.1", "127.0.1", "0", "0x7f.1", "0x7f000001", "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "2130706433",
    "4294967295", "1.1", "256.256.256.256", "1.2.3.4.5", "127.0.0.1.", "127.0.0.1..", "010.0.0.1", "127.00.0.1",
    "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "1.1.1.1", "93.184.215.14", "8.8.8.8",
    "localhost", "LOCALHOST", "localhost.", "api.localhost", "localhost.localdomain", "printer.local",
    "metadata.google.internal", "metadata", "kubernetes", "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local", "redis.svc.cluster.local", "router.home.arpa", "nas.lan", "wiki.corp",
    "intranet", "hidden.onion", "a.test", "1.0.0.127.in-addr.arpa", "hooks_.example.org-", "-hooks.example.org",
    "hooks..example.org", ".example.org", "x" * 64 + ".example.org", ".".join(["abcdefghi"] * 26), "", ".", "..", "*",
    "*.example.org", "hooks.example.org%00.evil.org", "hooks.example.org%2e", "%6c%6f%63alhost", "%31%32%37.0.0.1",
    "hooks%2eexample%2eorg", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127\u30020\u30020\u30021", "loc\xadalhost",
    "\u212aubernetes.example.org", "b\xfccher.example.org", "hooks.example.org\u200b", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1%25lo]", "[fe80::1%25eth0]",
    "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]", "[::1", "::1]", "::1", "[127.0.0.1]", "[hooks.example.org]", "[]",
    "[v1.a]",
)  # fmt: skip

# Whole URLs that are read in two ways, or that ask for something else than a POST over https.
WHOLE = (
    "", " ", "/", "//hooks.example.org/", "hooks.example.org", "https:", "https:/hooks.example.org", "https:///x",
    "https:hooks.example.org/", "http://hooks.example.org/", "HTTP://hooks.example.org/", "ftp://hooks.example.org/",
    "file:///etc/passwd", "gopher://hooks.example.org:6379/_FLUSHALL", "dict://hooks.example.org/",
    "ws://hooks.example.org/", "javascript:alert(1)", "data:text/plain,x", "unix:///var/run/docker.sock",
    "jar:https://hooks.example.org!/", "https://user@hooks.example.org/", "https://user:pw@hooks.example.org/",
    "https://@hooks.example.org/", "https://127.0.0.1@hooks.example.org/", "https://hooks.example.org@127.0.0.1/",
    "https://hooks.example.org:@127.0.0.1/", "https://hooks.example.org\\@127.0.0.1/",
    "https://127.0.0.1\\@hooks.example.org/", "https:\\\\127.0.0.1/", "https://hooks.example.org#@127.0.0.1/",
    "https://hooks.example.org/#x", "https://hooks.example.org/a#", "https://hooks.example.org:22/",
    "https://hooks.example.org:80/", "https://hooks.example.org:6379/", "https://hooks.example.org:0/",
    "https://hooks.example.org:65536/", "https://hooks.example.org:-1/", "https://hooks.example.org:/",
    "https://hooks.example.org:443:443/", "https://hooks.example.org:0443/", "https://hooks.example.org:4 43/",
    "https://hooks.example.org:\u0664\u0664\u0663/", "https://hooks.example.org:443x/",
    "https://hooks.example.org/a b", "https://hooks.example.org/\r\nX: y", "https://hooks.example.org/\tx",
    "https://hooks.exa\tmple.org/", "https://hooks.example.org/%0d%0aX:%20y", "https://hooks.example.org/%00",
    "https://hooks.example.org/%zz", "https://hooks.example.org/%", "https://hooks.example.org/\x00",
    "https://hooks.example.org/\x7f", "\x01https://hooks.example.org/", " https://hooks.example.org/",
    "https://hooks.example.org/\xfc", "https://hooks.example.org/<x>", "https://hooks.example.org/{x}",
    "https://hooks.example.org/`id`", "https://hooks.example.org/a|b", "https://hooks.example.org/a^b",
    'https://hooks.example.org/"', "https://hooks.example.org/" + "a" * 2048,
)  # fmt: skip

# What DNS says of an innocent name: one bad answer rules out the good ones beside it.
MIXED: tuple[list[str], ...] = (
    [PUBLIC, "127.0.0.1"],
    ["10.0.0.1", PUBLIC],
    [PUBLIC, PUBLIC_6, "::1"],
    [PUBLIC, "::ffff:169.254.169.254"],
    [PUBLIC_6, "64:ff9b::a00:1"],
    [],
    ["not an address"],
    ["127.0.0.1\n"],
)


def all_attacks() -> list[Attack]:
    """More than two hundred, none of which may reach anything."""
    everywhere = {NAME: [PUBLIC], "localhost": ["127.0.0.1"]}
    return [
        *(Attack(f"https://{NAME}/x", {NAME: [address]}) for address in (*PRIVATE, *PRIVATE_6)),
        *(Attack(f"https://{address}/x") for address in PRIVATE),
        *(Attack(f"https://[{address}]/x") for address in PRIVATE_6),
        *(Attack(f"https://{host}/x", {host.lower(): [PUBLIC], **everywhere}) for host in HOSTS),
        *(Attack(url, everywhere) for url in WHOLE),
        *(Attack(f"https://{NAME}/x", {NAME: answers}) for answers in MIXED),
    ]


# What is allowed, and where it must lead: a guard that refuses everything would pass the rest.
ALLOWED = (
    Attack(f"https://{NAME}/x", {NAME: [PUBLIC]}, frozenset({PUBLIC})),
    Attack(f"https://{NAME}", {NAME: [PUBLIC]}, frozenset({PUBLIC})),
    Attack(f"https://{NAME}:443/", {NAME: [PUBLIC]}, frozenset({PUBLIC})),
    Attack(f"https://{NAME}:8443/?q=1&r=%20", {NAME: [PUBLIC]}, frozenset({PUBLIC})),
    Attack(f"HTTPS://{NAME.upper()}./x", {NAME: [PUBLIC]}, frozenset({PUBLIC})),
    Attack(f"https://{NAME}/x", {NAME: [PUBLIC, ANOTHER]}, frozenset({PUBLIC, ANOTHER})),
    Attack(f"https://{NAME}/x", {NAME: [PUBLIC_6]}, frozenset({PUBLIC_6})),
    Attack(f"https://{NAME}/x", {NAME: [f"::ffff:{PUBLIC}"]}, frozenset({PUBLIC})),
    Attack("https://xn--bcher-kva.example.org/", {"xn--bcher-kva.example.org": [PUBLIC]}, frozenset({PUBLIC})),
    Attack("https://1.2.3.4.example.org/", {"1.2.3.4.example.org": [PUBLIC]}, frozenset({PUBLIC})),
)
