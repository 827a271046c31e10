"""The proxies of `deploy/`, real ones, with their files as they are but for addresses and certificates."""

import asyncio
import contextlib
import os
import ssl
import subprocess
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.clients.tools import program
from tests.harness.node import ROOT, free_port

DEPLOY = ROOT / "deploy"
NODES = ("10.87.0.11:4000", "10.87.0.12:4000")
"""What the files call the two nodes."""
SECONDS = 40.0


def make_certificate(folder: Path) -> Path:
    """A certificate for the loopback with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "chat.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


class Proxy:
    """One of them in front of nodes at these ports."""

    file: ClassVar[str]

    def __init__(self, certificate: Path, folder: Path, ports: tuple[int, int]) -> None:
        self.certificate = certificate
        self.folder = folder / self.file
        self.folder.mkdir()
        self.port = free_port()
        self.plain_port = free_port()
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`https://127.0.0.1:<port>`."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """`wss://127.0.0.1:<port>`."""
        return f"wss://127.0.0.1:{self.port}"

    def tls(self) -> ssl.SSLContext:
        """Believes the test's certificate alone."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def render(self, changes: Mapping[str, str]) -> str:
        """The file with these changes, each of which has to hit something, and the nodes' addresses."""
        text = (DEPLOY / self.file).read_text("utf-8")
        nodes = {name: f"127.0.0.1:{port}" for name, port in zip(NODES, self._ports, strict=True)}
        for old, new in {**changes, **nodes}.items():
            assert old in text, f"{self.file} says nothing of {old!r}"
            text = text.replace(old, new)
        return text

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        log = self.folder / "log"
        environment = os.environ | {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        environment["XDG_CONFIG_HOME"] = str(self.folder)
        with log.open("wb") as output:
            self._process = subprocess.Popen(self.command(), stdout=output, stderr=output, env=environment)
        async with asyncio.timeout(SECONDS):
            while True:
                assert self._process.poll() is None, log.read_text()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(SECONDS)

    @abstractmethod
    def command(self) -> list[str]:
        """Writes what it needs; how it is started, in the foreground."""


class Nginx(Proxy):
    """From `nginx-light`."""

    file = "nginx.conf"

    def command(self) -> list[str]:
        """The file is part of a server's whole configuration."""
        site = self.render(
            {
                "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                "/etc/ssl/private/chat.pem": str(self.certificate),
            }
        )
        (self.folder / "site.conf").write_text(site)
        folders = "".join(
            f"{name}_temp_path {self.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "whole.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''}\nworker_processes 1;\ndaemon off;\npid {self.folder}/pid;\n"
            f"error_log stderr warn;\nevents {{ worker_connections 4096; }}\n"
            f"http {{\naccess_log off;\n{folders}include {self.folder}/site.conf;\n}}\n"
        )
        return [program("nginx"), "-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "whole.conf")]


class HAProxy(Proxy):
    """From `haproxy`."""

    file = "haproxy.cfg"

    def command(self) -> list[str]:
        """It drops root's rights itself, where it has them."""
        changes = {
            "bind :80\n": f"bind 127.0.0.1:{self.plain_port}\n",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "/etc/ssl/private/chat.pem": str(self.certificate),
            "maxconn 120000": "maxconn 1200",  # else it wants more open files than everybody may have
            "maxconn 60000": "maxconn 600",
        }
        if os.geteuid() != 0:
            changes |= {"    user haproxy\n": "", "    group haproxy\n": ""}
        (self.folder / "rendered.cfg").write_text(self.render(changes))
        return [program("haproxy"), "-db", "-f", str(self.folder / "rendered.cfg")]


class Caddy(Proxy):
    """From `caddy`."""

    file = "Caddyfile"

    def command(self) -> list[str]:
        """With the test's certificate instead of one that it fetches."""
        site = self.render(
            {
                "chat.example.com {": f"https://127.0.0.1:{self.port} {{\n\ttls {self.certificate} {self.certificate}\n"
                "\tbind 127.0.0.1"
            }
        )
        options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
        (self.folder / "rendered").write_text(options + site)
        return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(self.folder / "rendered")]


PROXIES = (Nginx, HAProxy, Caddy)
