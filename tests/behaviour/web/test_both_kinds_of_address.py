"""`host: "::"`: one socket for IPv6 and IPv4, in demo mode and behind it everything that compares addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from support.running_product import Product, started

from bot.access.origins import local_address
from bot.process.sockets import free_port, listening


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    """Whoever comes from this machine is no proxy here, so that addresses are what they seem."""
    folder = tmp_path_factory.mktemp("both")
    with started(folder, shipped_edition, listen={"host": "::", "trusted_proxies": []}) as running:
        yield running


def port_of(product: Product) -> int:
    return int(product.site.rpartition(":")[2])


@pytest.mark.faults
def test_the_demo_starts_and_prints_addresses_that_open(product: Product) -> None:
    site = f"http://[::1]:{port_of(product)}"
    assert f"{site}/desk" in product.told()
    assert "no address" not in product.told()
    assert httpx.get(f"{site}/login", trust_env=False).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port_of(product)}/login", trust_env=False).status_code == 200


@pytest.mark.faults
def test_the_simulated_phone_reaches_the_webhook(product: Product) -> None:
    verified = httpx.post(f"{product.phone}/api/verify", trust_env=False, timeout=30).json()
    assert verified["ok"]


@pytest.mark.faults
def test_metrics_are_readable_from_this_machine_over_ipv4_and_ipv6(product: Product) -> None:
    for host in ("[::1]", "127.0.0.1", "localhost"):
        assert httpx.get(f"http://{host}:{port_of(product)}/metrics", trust_env=False).status_code == 200
    outside = {"host": "bot.brand.example"}
    for more in (outside, {"x-forwarded-host": "bot.brand.example"}, {"via": "1.1 proxy"}, {"x-forwarded-for": "::1"}):
        answer = httpx.get(f"http://127.0.0.1:{port_of(product)}/metrics", headers=more, trust_env=False)
        assert answer.status_code == 403, more


def test_a_dual_stack_socket_accepts_ipv4_and_ipv6() -> None:
    port = free_port()
    with listening("::", port) as listener:
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
        socket.create_connection(("127.0.0.1", port), 5).close()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::", "[::1]:80"),
        ("0.0.0.0", "127.0.0.1:80"),
        ("2001:db8::1", "[2001:db8::1]:80"),
        ("desk.lan", "desk.lan:80"),
        ("[::1]", "[::1]:80"),
    ],
)
def test_a_listening_host_has_an_address_for_this_machine(host: str, address: str) -> None:
    assert local_address(host, 80) == address
