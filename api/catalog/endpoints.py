"""Which HTTP endpoints black boxes and judges may be at: hosts that the operator lists, and public addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from evomerge.errors import SpecError

_FIX = "ask the server's operator to list it in EVOMERGE_ENDPOINT_HOSTS"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_endpoint(url: str, hosts: Sequence[str], field: str = "blackbox.url") -> None:
    """Let an endpoint pass whose host is listed, and whose addresses are public or listed too.

    Args:
        url: of the endpoint.
        hosts: names of hosts, addresses and networks (``10.0.0.0/8``).
        field: of the spec, for the message.

    Raises:
        SpecError: it is anything else.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SpecError(field, f"it is no address: {error}", "write http://host/path or https://host/path") from error
    if not host or parts.username is not None:
        raise SpecError(field, "it has no host, or a user name", "write http://host/path or https://host/path")
    networks = [network for text in hosts if (network := _network(text)) is not None]
    literal = _address(host)
    if host not in hosts and not (literal and any(literal in network for network in networks)):
        raise SpecError(field, f"the host '{host}' is not one of those that this server calls", _FIX)
    for address in [literal] if literal else _resolve(host, port, field):
        if not address.is_global and not any(address in network for network in networks):
            raise SpecError(field, f"'{host}' is at {address}, which is not public", _FIX)


def _resolve(host: str, port: int | None, field: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SpecError(field, f"the host '{host}' is not known: {error}", "check its name") from error
    return [address for *_, place in found if (address := _address(str(place[0]).partition("%")[0])) is not None]


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None
