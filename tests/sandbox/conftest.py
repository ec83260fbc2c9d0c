"""The HipChat of this folder's tests, a server for its webhooks, and the sandbox's commands."""
import argparse
import json

import pytest
from support.servers import Hipchat
from support.waiting import wait_until
from support.web_server import HttpServer


@pytest.fixture(scope="session")
def credentials():
    """The ID and the secret of an integration."""
    return "an-addon", "its-secret-of-thirty-two-letters"


@pytest.fixture(scope="session")
def hipchat(credentials):
    """One HipChat for the tests of this folder; a test that sets faults must end them."""
    with Hipchat("--token", "READER:view_room,view_group", "--oauth", ":".join(credentials),
                 "--room", "Factor", "--room", "Ops", "--room", "Big Room") as hipchat:
        yield hipchat


@pytest.fixture
def receiver():
    """A server that gets deliveries."""
    with HttpServer() as receiver:
        yield receiver


@pytest.fixture
def hook(hipchat, room, receiver):
    """Make a webhook of the room that delivers to the receiver: hook(event) -> its ID."""
    return lambda event, **more: hipchat.make_webhook(room, receiver.url + "/hook", event, **more)


@pytest.fixture
def bodies(receiver):
    """Wait for so many deliveries: bodies(count) -> the body of each."""
    def bodies(count):
        wait_until(lambda: len(receiver.requests) >= count)
        return [json.loads(request.body) for request in receiver.requests]

    return bodies


@pytest.fixture
def addon_token(hipchat, credentials):
    """A token of the integration, for all scopes."""
    return hipchat.oauth_token(*credentials)


@pytest.fixture
def run_command(capsys):
    """Run a command in this process: run_command(module, *options) -> (status, all output)."""
    def run_command(module, *options):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        status = module.main(parser.parse_args(list(map(str, options))))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run_command
