"""No credential is shown, however it is spelled."""

from __future__ import annotations

import io
from urllib.parse import quote

import pytest

from orchestrator.common import redaction
from orchestrator.common.redaction import guarded, hidden, masked, remember, without_credentials

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalr/XUtn+EMI?K7#MD@ENG"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_remembered", set())


@pytest.mark.parametrize(
    "text",
    [
        f"s3://{KEY}:{SECRET}@bucket/p",
        f"S3://{KEY}:{quote(SECRET, safe='')}@bucket/p",
        f"--output=s3://{KEY}:{SECRET}@bucket/p",
        f"tracking.uri='https://{KEY}:{SECRET}@host:5000/x'",
        f"postgresql+psycopg2://{KEY}:{SECRET}@db/mlflow",
        f"s3://bucket/p?access_key={KEY}&secret_key={quote(SECRET, safe='')}&region=eu",
        f"s3://bucket/p?endpoint_override=http://h:9&SECRET_KEY={quote(SECRET, safe='')}",
        f"https://{KEY}@host/x#token={quote(SECRET, safe='')}",
        f"s3://a:b@c,s3://{KEY}:{SECRET}@d",
        f"error: can't reach <s3://{KEY}:{SECRET}@bucket>: no",
    ],
)
def test_a_uris_secrets_are_masked(text: str) -> None:
    for shown in (masked(text), hidden(text)):
        for secret in (KEY, SECRET, quote(SECRET, safe="")):
            assert secret not in shown
        assert "***" in shown
    if text.startswith("s3://") and "," not in text:
        assert without_credentials(text) == "s3://bucket/p"


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/a@b/c",
        "http://127.0.0.1:9000/a@b",
        "sqlite:////tmp/it's 5:3@home/mlflow.db",
        "sqlite:///file:%2Fa%253Fb?uri=true",
        "s3://bucket/p?region=eu&scheme=http&endpoint_override=127.0.0.1:9",
        "C:/x@y",
        "a/b?c=d",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == hidden(text) == text


@pytest.mark.parametrize(
    "uri", [f"s3://{KEY}:{quote(SECRET, safe='')}@b", f"s3://{KEY}:{SECRET}@b"]
)
def test_a_secret_is_hidden_where_it_stands_alone(uri: str) -> None:
    remember(f"--output={uri}")
    told = hidden(f"Access denied for {KEY} with {SECRET!r} ({quote(SECRET, safe='')})")
    assert told == "Access denied for *** with '***' (***)"


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("AWS_SESSION_TOKEN", True),
        ("MLFLOW_TRACKING_PASSWORD", True),
        ("MLFLOW_TRACKING_TOKEN", True),
        ("AZURE_STORAGE_ACCESS_KEY", True),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", False),
        ("HOME", False),
    ],
)
def test_secrets_of_the_environment_are_hidden(
    name: str, is_secret: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "vErYsEcReT42")
    assert ("vErYsEcReT42" in hidden("it is vErYsEcReT42.")) != is_secret


def test_a_guarded_stream_shows_no_secret() -> None:
    stream = io.StringIO()
    print("--output", f"s3://{KEY}:{SECRET}@b", file=guarded(stream))
    assert stream.getvalue() == "--output s3://***@b\n"
    assert guarded(guarded(stream)).getvalue() == stream.getvalue()  # type: ignore[attr-defined]
