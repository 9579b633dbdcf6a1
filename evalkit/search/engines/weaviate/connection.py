"""How a Weaviate server is reached: one client for each thread, and what it says of itself and of its collections."""

import logging
import os
import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search.engines.database import Clients, address_of, is_orphan, name_for
from evalkit.search.engines.server_errors import Server, has_host
from evalkit.web.addresses import is_sent_in_clear, shown

KEY_VARIABLE = "WEAVIATE_API_KEY"
GRPC_PORT = 50051
CLOUD = ".weaviate.cloud"  # whose gRPC is at grpc-<host>:443
TLS_PORT, PORT = 443, 80
MOST_PORTS = 65_535


def address(index: IndexConfig) -> str:
    """Raises UserError where there is none, or one that no Weaviate has."""
    given = address_of(index)
    if not given:
        raise UserError(
            "Weaviate does not come with evalkit.", "Say where it runs: index.<name>.url=http://<host>:8080."
        )
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not has_host(parts) or parts.path not in ("", "/"):
        raise UserError(f"{shown(given)} is no address of a Weaviate server.", "It is like http://<host>:8080.")
    return given


def check_port(index: IndexConfig) -> None:
    """Raises UserError for a gRPC port that can't be, or is REST's own."""
    port, parts = index.options.get("grpc_port", GRPC_PORT), urlsplit(address(index))
    is_port = isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= MOST_PORTS
    if not is_port or (port == parts.port and "grpc_host" not in index.options):
        raise UserError(f"options.grpc_port={port} is no port of gRPC.", f"Give a port; it is {GRPC_PORT} as a rule.")


class Connection:
    """To the server that ``index`` names. Closing it closes every client."""

    def __init__(self, index: IndexConfig) -> None:
        variable = index.key_variable or KEY_VARIABLE
        self.index = index
        self.server = Server("Weaviate", address(index), variable, os.environ.get(variable))
        if self.server.key and is_sent_in_clear(self.server.address):
            raise UserError(f"{self.server} would be sent the key in {variable} unencrypted.", "Give https://….")
        self.clients: Clients[Any] = Clients(self.connect, lambda client: client.close())

    def connect(self) -> Any:
        import weaviate
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout
        from weaviate.connect import ConnectionParams

        logging.getLogger("weaviate-client").addHandler(logging.NullHandler())  # it logs whole objects
        parts, options = urlsplit(self.server.address), self.index.options
        secure, host = parts.scheme == "https", str(parts.hostname)
        is_cloud = secure and host.endswith(CLOUD)
        seconds = self.index.timeout_seconds
        key = self.server.key
        client = weaviate.WeaviateClient(
            ConnectionParams.from_params(
                http_host=host,
                http_port=parts.port or (TLS_PORT if secure else PORT),
                http_secure=secure,
                grpc_host=str(options.get("grpc_host", f"grpc-{host}" if is_cloud else host)),
                grpc_port=int(options.get("grpc_port", TLS_PORT if is_cloud else GRPC_PORT)),
                grpc_secure=secure,
            ),
            auth_client_secret=Auth.api_key(key) if key else None,
            additional_config=AdditionalConfig(timeout=Timeout(init=seconds, query=seconds, insert=seconds)),
            skip_init_checks=True,  # they ask a package index for the newest client
        )
        with self.server.told("connecting"):
            try:
                client.connect()
            except Exception:
                client.close()
                raise
        return client

    @property
    def client(self) -> Any:
        """This thread's."""
        return self.clients.get()

    def version(self) -> str:
        with self.server.told("asking for its version"):
            return str(self.client.get_meta()["version"])

    def check_version(self, least: tuple[int, int], what: str) -> None:
        """Raises UserError where the server is older than ``least``, the first that has ``what``."""
        version = self.version()
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
        if numbers < least:
            needed = ".".join(map(str, least))
            raise UserError(f"{self.server} is {version}, too old for {what}.", f"It takes {needed} or newer.")

    def shards(self, collection: str | None = None) -> list[Any]:
        """Of ``collection``, or of all."""
        with self.server.told("asking for its nodes"):
            nodes = self.client.cluster.nodes(collection, output="verbose")
        return [shard for node in nodes for shard in node.shards]

    def remove(self, collection: str) -> None:
        with self.server.told("removing a collection"):
            self.client.collections.delete(collection)

    def remove_orphans(self) -> None:
        """What killed runs of this machine left there. A key that may not see all collections removes none."""
        with suppress(UserError):
            for collection in sorted({shard.collection for shard in self.shards()}):
                if is_orphan(own(collection)):
                    self.remove(collection)

    def close(self) -> None:
        self.clients.close()


def new_name(index: IndexConfig) -> str:
    """As ``name_for``, with the capital letter that names of collections begin with."""
    name = name_for(index)
    return name[0].upper() + name[1:]


def own(collection: str) -> str:
    """The ``own_name`` of a collection that ``new_name`` named."""
    return collection[:1].lower() + collection[1:]
