"""Ports for servers that restart: no other server gets them in between."""
import random
import socket

from sandbox.both_servers import free_port


def test_a_port_is_given_once_though_it_stays_free(monkeypatch):
    first = free_port()
    draws = iter([first, first, first + 1 if first < 32767 else 10000])
    monkeypatch.setattr(random, "randrange", lambda *_: next(draws))
    assert free_port() != first


def test_a_server_can_listen_there_again_and_again():
    port = free_port()
    for _ in range(3):
        with socket.create_server(("127.0.0.1", port)) as server:
            with socket.create_connection(("127.0.0.1", port)) as client:
                server.accept()[0].close()
                assert client.recv(1) == b""
