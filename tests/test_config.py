"""Settings: what is allowed, what is refused, and in which words."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from duologue.config import VARIABLES, ConfigError, describe, load_settings

SECRET = "a" * 32
OTHER = "b" * 32
PRODUCTION = {
    "ENVIRONMENT": "production",
    "JWT_SECRET": SECRET,
    "JWT_REFRESH_SECRET": OTHER,
    "SMTP_HOST": "mail.example.com",
}


def load(tmp_path: Path, dotenv: str | None = None, **environ: str):
    """Settings with their data in a temporary folder."""
    file = tmp_path / ".env"
    if dotenv is not None:
        file.write_text(dotenv)
    return load_settings({"DATA_DIR": str(tmp_path / "data"), **environ}, file)


def test_nothing_set_is_development_on_the_loopback(tmp_path):
    settings = load(tmp_path)
    assert (settings.environment, settings.host, settings.port) == ("development", "127.0.0.1", 4000)
    assert (settings.database_url, settings.nats_url, settings.smtp_host) == (None, None, None)
    assert (settings.client_url, settings.trusted_proxies, settings.rate_limits) == ((), (), 1.0)
    assert (settings.refresh_grace, settings.cookie_mode, settings.directory) == (30, "same-site", "open")
    assert settings.warnings == ()


def test_values_are_read_in_their_types(tmp_path):
    settings = load(
        tmp_path,
        PORT="0",
        CLIENT_URL="https://Chat.example.com:443/, http://localhost:5173",
        TRUSTED_PROXIES="10.0.0.0/8, ::1",
        RATE_LIMITS="2.5",
        SMTP_HOST="mail",
        SMTP_SECURE="true",
        DATABASE_URL="postgres://u:p@db:5432/chat?schema=public&sslmode=require",
    )
    assert settings.port == 0
    assert settings.client_url == ("https://chat.example.com", "http://localhost:5173")
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings.rate_limits == 2.5
    assert (settings.smtp_secure, settings.smtp_port) == (True, 465)
    assert settings.database_url == "postgres://u:p@db:5432/chat?sslmode=require"


def test_the_environment_goes_before_the_file_and_empty_means_absent(tmp_path):
    settings = load(tmp_path, "PORT=5000\nHOST='0.0.0.0'  # all\nexport RATE_LIMITS=off\nCLIENT_URL=\n", PORT="6000")
    assert (settings.port, settings.host, settings.rate_limits, settings.client_url) == (6000, "0.0.0.0", 0.0, ())
    assert (settings.sources["PORT"], settings.sources["HOST"]) == ("environment", ".env")
    assert load(tmp_path, "PORT=5000\n", PORT="").port == 4000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("HOST", "two words"),
        ("ENVIRONMENT", "prod"),
        ("CLIENT_URL", "localhost:3000"),
        ("CLIENT_URL", "https://a.example/path"),
        ("CLIENT_URL", "*"),
        ("DATABASE_URL", "mysql://u:p@db/chat"),
        ("DATABASE_URL", "postgresql://u:p@db"),
        ("DATABASE_URL", "postgresql://u:p@db/chat?schema=other"),
        ("NATS_URL", "localhost"),
        ("SMTP_PORT", "0"),
        ("SMTP_SECURE", "maybe"),
        ("EMAIL_FROM", "nobody"),
        ("EMAIL_FROM", "a@b\nBcc: c@d"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("RATE_LIMITS", "0"),
        ("RATE_LIMITS", "nan"),
        ("REFRESH_GRACE", "-1"),
        ("COOKIE_MODE", "lax"),
        ("DIRECTORY", "closed"),
        ("MAX_SOCKETS", "0"),
        ("MAX_MEMORY", "63"),
        ("CONNECT_RATE", "many"),
        ("DRAIN_NOTICE", "11"),
        ("METRICS", "short"),
        ("DATA_DIR", "~no-such-user/x"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_what_is_allowed(tmp_path, name, value):
    with pytest.raises(ConfigError, match=rf"^{name}=[^\n]* is not usable: [^\n]+ allowed[^\n]*\.$"):
        load(tmp_path, **{name: value})


def test_production_leaves_slowly_and_shows_no_figures_unless_told(tmp_path):
    settings = load(tmp_path)
    assert (settings.drain_notice, settings.metrics, settings.metrics_token) == (0, "on", None)
    settings = load(tmp_path, **PRODUCTION)
    assert (settings.drain_notice, settings.metrics, settings.metrics_token) == (5, "off", None)
    token = "t" * 16
    settings = load(tmp_path, **PRODUCTION, DRAIN_NOTICE="0", METRICS=token)
    assert (settings.drain_notice, settings.metrics_token) == (0, token)
    assert ("METRICS", "********", "environment") in describe(settings)


def test_passwords_never_show(tmp_path):
    for broken in ("postgresql://u:hunter2@db:x/", "mysql://u:hunter2@db/x", "postgresql://u:hunter2/hunter2#@db"):
        with pytest.raises(ConfigError, match=r"u:\*{8}@") as caught:
            load(tmp_path, DATABASE_URL=broken)
        assert "hunter2" not in str(caught.value)
    settings = load(
        tmp_path,
        DATABASE_URL="postgresql://u:hunter2@db/chat",
        NATS_URL="nats://n:hunter2@nats:4222",
        JWT_SECRET="hunter2" * 5,
        JWT_SECRET_PREVIOUS="hunter2" * 6,
        SMTP_HOST="mail",
        SMTP_USER="me",
        SMTP_PASS="hunter2",
    )
    rows = describe(settings)
    assert [row[0] for row in rows] == [variable.name for variable in VARIABLES]
    assert "hunter2" not in str(rows)
    assert ("DATABASE_URL", "postgresql://u:********@db/chat", "environment") in rows


def test_a_broken_line_of_the_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"\.env, line 2: this is not NAME=value\.$"):
        load(tmp_path, "PORT=1\nwhat is this\n")


def test_development_secrets_are_made_once_and_kept_private(tmp_path):
    first, second = load(tmp_path), load(tmp_path)
    assert first.jwt_secret == second.jwt_secret
    assert first.jwt_secret != first.jwt_refresh_secret
    assert len(first.jwt_secret) >= 32
    kept = tmp_path / "data/secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["jwt_secret"] == first.jwt_secret


def test_printing_the_settings_makes_nothing(tmp_path):
    settings = load_settings({"DATA_DIR": str(tmp_path / "data")}, make_secrets=False)
    assert settings.jwt_secret == ""
    assert not (tmp_path / "data").exists()


def test_damaged_secrets_are_told_with_the_way_out(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/secrets.json").write_text("{")
    with pytest.raises(ConfigError, match="is damaged: delete it"):
        load(tmp_path)


def test_production_starts_with_secrets_and_a_mail_server(tmp_path):
    settings = load(tmp_path, **PRODUCTION)
    assert settings.production
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET is missing: production needs"),
        ({"JWT_REFRESH_SECRET": ""}, "JWT_REFRESH_SECRET is missing: production needs"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET=******** is too short"),
        ({"JWT_SECRET_PREVIOUS": "short"}, "JWT_SECRET_PREVIOUS=******** is too short"),
        ({"JWT_REFRESH_SECRET": SECRET}, "JWT_REFRESH_SECRET=******** equals JWT_SECRET"),
        ({"SMTP_HOST": ""}, "SMTP_HOST is missing: production needs a mail server"),
        ({"SMTP_USER": "me"}, "SMTP_USER and SMTP_PASS belong together"),
        ({"SMTP_PASSWORD": "x"}, "SMTP_PASSWORD is no variable of Duologue: did you mean SMTP_PASS?"),
        ({"JWT_SECRT": "x"}, "JWT_SECRT is no variable of Duologue: did you mean JWT_SECRET?"),
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM is no variable of Duologue"),
        ({"DATABASE_URI": "x"}, "DATABASE_URI is no variable of Duologue: did you mean DATABASE_URL?"),
        ({"database_url": "x"}, "database_url is no variable of Duologue: did you mean DATABASE_URL?"),
        ({"RATE_LIMIT": "x"}, "RATE_LIMIT is no variable of Duologue: did you mean RATE_LIMITS?"),
    ],
)
def test_production_refuses_what_development_only_mentions(tmp_path, change, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        load(tmp_path, **PRODUCTION | change)
    load(tmp_path, **PRODUCTION | change | {"ENVIRONMENT": "development"})


def test_development_mentions_a_misspelt_name_and_goes_on(tmp_path):
    settings = load(tmp_path, "ANYTHING=1\nPROT=4001\n", SMTP_PASWORD="x", HOSTNAME="box", PATH="/bin")
    assert settings.warnings == (
        "ANYTHING in .env is no variable of Duologue; see .env.example for those there are.",
        "PROT in .env is no variable of Duologue: did you mean PORT?",
        "SMTP_PASWORD is no variable of Duologue: did you mean SMTP_PASS?",
    )


def test_production_takes_no_offence_at_what_a_cluster_tells_its_containers(tmp_path):
    told = {
        "SMTP_SERVICE_HOST": "10.0.0.1",
        "SMTP_PORT_25_TCP_ADDR": "10.0.0.1",
        "HOSTNAME": "box",
        "NATS_SERVICE_PORT": "1",
    }
    assert load(tmp_path, **PRODUCTION | told).warnings == ()


def test_the_example_file_shows_every_variable_and_sets_none():
    text = (Path(__file__).parents[1] / ".env.example").read_text()
    shown = re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(shown) == sorted(variable.name for variable in VARIABLES)
    assert not re.findall(r"^[^#\n]", text, re.MULTILINE)
