"""What is in force: read, checked, judged together, and described."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from duologue.config.development import development_secret
from duologue.config.dotenv import read_dotenv
from duologue.config.misspelt import misspelt
from duologue.config.variables import SECRET, SECRET_BYTES, VARIABLES, ConfigError, Network, Variable

__all__ = ["Settings", "describe", "load_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force. Only `cli` and `app` read it; everyone else is given plain values."""

    environment: Literal["development", "production"]
    host: str
    port: int
    """0 picks a free one."""
    client_url: tuple[str, ...]
    """Origins of browser pages, beside the server's own: `https://chat.example.com`, lower case, no path."""
    data_dir: Path
    """Absolute."""
    database_url: str | None
    """None: the embedded PostgreSQL in `data_dir`."""
    nats_url: str | None
    """None: one node."""
    jwt_secret: str
    jwt_refresh_secret: str
    jwt_secret_previous: str | None
    jwt_refresh_secret_previous: str | None
    refresh_grace: int
    """Seconds; 0 is strict RFC 9700."""
    cookie_mode: Literal["same-site", "cross-site"]
    directory: Literal["open", "contacts"]
    smtp_host: str | None
    """None: the mailbox page (development only)."""
    smtp_port: int
    smtp_secure: bool
    """True: TLS from the first byte; False: STARTTLS where the server offers it."""
    smtp_user: str | None
    smtp_pass: str | None
    email_from: str
    trusted_proxies: tuple[Network, ...]
    max_sockets: int
    max_memory: int | None
    """MiB of this process; None: three quarters of what the machine or the container has."""
    connect_rate: int
    """Handshakes a second, and as many at once."""
    metrics: str
    """`on`, `off`, or the token with which `/metrics` is shown; by default off in production."""
    drain_notice: int
    """Seconds between a /readyz that says no and the first socket that is told to go; by default 5 in production."""
    rate_limits: float
    """A multiplier of every limit: 1.0 is `on`, 0.0 is `off`."""
    warnings: tuple[str, ...]
    """What looks wrong and is let pass in development; one line each."""
    sources: Mapping[str, str]
    """Variable → `environment`, `.env`, `default`, or where it was made."""

    @property
    def production(self) -> bool:
        """Whether the strict rules are in force."""
        return self.environment == "production"

    @property
    def metrics_token(self) -> str | None:
        """What `/metrics` wants to see; None: it is open, or not there."""
        return None if self.metrics in ("on", "off") else self.metrics


def load_settings(environ: Mapping[str, str], dotenv: Path | None = None, *, make_secrets: bool = True) -> Settings:
    """Read and check everything; the environment goes before `.env`, and empty means absent.

    In development, missing secrets are made once and kept in DATA_DIR (unless `make_secrets` is off).
    """
    in_file = read_dotenv(dotenv) if dotenv is not None else {}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for variable in VARIABLES:
        source = "environment" if variable.name in environ else ".env" if variable.name in in_file else "default"
        text = environ.get(variable.name, in_file.get(variable.name, "")).strip()
        values[variable.name.lower()] = _parse(variable, text, source) if text else variable.default
        sources[variable.name] = source if text else "default"
    values["data_dir"] = Path(values["data_dir"]).resolve()
    warnings = _judge(values, misspelt(environ, in_file))
    _fill_mail(values)
    if values["drain_notice"] is None:
        values["drain_notice"] = 5 if values["environment"] == "production" else 0
    if values["metrics"] is None:
        values["metrics"] = "off" if values["environment"] == "production" else "on"
    if values["environment"] == "development":
        for name in ("jwt_secret", "jwt_refresh_secret"):
            if values[name] is None:
                values[name] = development_secret(values["data_dir"], name, make=make_secrets)
                sources[name.upper()] = "made once, kept in DATA_DIR"
    return Settings(**values, warnings=tuple(warnings), sources=sources)


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Rows of (variable, value in force with secrets masked, source) for `duologue config`."""
    rows = []
    for variable in VARIABLES:
        value = getattr(settings, variable.name.lower())
        if isinstance(value, tuple):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = str(value).lower()
        elif variable.name == "RATE_LIMITS":
            value = {1.0: "on", 0.0: "off"}.get(value, f"{value:g}")
        rows.append(
            (variable.name, "" if value is None else variable.mask(str(value)), settings.sources[variable.name])
        )
    return rows


def _parse(variable: Variable, text: str, source: str) -> Any:
    try:
        return variable.parse(text)
    except (ValueError, KeyError, OSError, RuntimeError):
        shown = variable.mask(text).encode("unicode_escape").decode()[:200]
        place = " in .env" if source == ".env" else ""
        raise ConfigError(f"{variable.name}={shown}{place} is not usable: {variable.allowed}.") from None


def _judge(values: Mapping[str, Any], misspelt: list[str]) -> list[str]:
    """What values mean together: production refuses the first fault, development is told of all."""
    secret, refresh = values["jwt_secret"], values["jwt_refresh_secret"]
    faults = list(misspelt)
    for variable in VARIABLES:
        value = values[variable.name.lower()]
        if variable.name.startswith("JWT_") and value is not None and len(value.encode()) < SECRET_BYTES:
            faults.append(f"{variable.name}=******** is too short: {SECRET} is needed.")
    if secret is not None and secret == refresh:
        faults.append("JWT_REFRESH_SECRET=******** equals JWT_SECRET: two different secrets are needed.")
    if values["smtp_host"] is None:
        lonely = [
            name for name in ("SMTP_PORT", "SMTP_SECURE", "SMTP_USER", "SMTP_PASS") if values[name.lower()] is not None
        ]
        faults += [f"{name} is set, but SMTP_HOST is not: mails go to the mailbox page." for name in lonely]
    if (values["smtp_user"] is None) != (values["smtp_pass"] is None) and values["smtp_host"] is not None:
        faults.append("SMTP_USER and SMTP_PASS belong together: set both, or neither.")
    if values["environment"] == "production":
        for name in ("JWT_SECRET", "JWT_REFRESH_SECRET"):
            if values[name.lower()] is None:
                raise ConfigError(
                    f"{name} is missing: production needs {SECRET} (`openssl rand -base64 48` makes one)."
                )
        if values["smtp_host"] is None:
            raise ConfigError(
                "SMTP_HOST is missing: production needs a mail server, the mailbox page is for development."
            )
        if faults:
            raise ConfigError(faults[0])
    return faults


def _fill_mail(values: dict[str, Any]) -> None:
    """The mail defaults that follow from each other: 465 is TLS from the first byte, 587 is STARTTLS."""
    if values["smtp_secure"] is None:
        values["smtp_secure"] = values["smtp_port"] == 465
    if values["smtp_port"] is None:
        values["smtp_port"] = 465 if values["smtp_secure"] else 587
    if values["email_from"] is None:
        user = values["smtp_user"] or ""
        values["email_from"] = f"Duologue <{user if '@' in user else 'no-reply@localhost'}>"
