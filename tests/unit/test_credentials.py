from __future__ import annotations

import os
import pickle

import pytest

from migrator.adapters.credentials import AccessKey, OssCredentials, S3Credentials
from migrator.errors import CredentialsMissing

SECRET = "canary-secret-0123456789"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("AWS_", "OSS_", "ALIBABA_", "OSSUTIL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_no_secret_is_shown():
    key = AccessKey("LTAI5tExampleAbcd", SECRET, "canary-token")
    for shown in (repr(key), str(key), f"{key}", repr([key])):
        assert "canary" not in shown
        assert "LTAI5tExample" not in shown
    assert key.masked_id == "LTAI****Abcd"
    assert AccessKey("short", "x").masked_id == "****"
    assert pickle.loads(pickle.dumps(key)) == key


# -- S3 --------------------------------------------------------------------------------------------------------------
def test_s3_environment(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE1234")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    for profile in ("", "default"):
        provider = S3Credentials(profile)
        assert provider.get() == AccessKey("AKIDEXAMPLE1234", SECRET, "token")
        assert (provider.describe().source, provider.describe().masked_id) == ("env", "AKID****1234")
        assert provider.describe().temporary


def test_s3_profile(tmp_path, monkeypatch):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        f"[legacy]\naws_access_key_id=AKIDLEGACY12\naws_secret_access_key={SECRET}\n"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert S3Credentials("legacy").get() == AccessKey("AKIDLEGACY12", SECRET)
    assert S3Credentials("legacy").describe().source == "shared-credentials-file"


def test_s3_says_where_it_looked():
    with pytest.raises(CredentialsMissing, match="AWS_ACCESS_KEY_ID") as caught:
        S3Credentials().get()
    assert "anonymous" in caught.value.hint
    with pytest.raises(CredentialsMissing, match="nobody"):
        S3Credentials("nobody").get()


def test_s3_half_a_pair_is_an_error(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE1234")
    with pytest.raises(CredentialsMissing, match="AWS_SECRET_ACCESS_KEY"):
        S3Credentials().get()


# -- OSS -------------------------------------------------------------------------------------------------------------
OSS = {"OSS_ACCESS_KEY_ID": "LTAIenvironment1", "OSS_ACCESS_KEY_SECRET": SECRET}
ALIBABA = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIalibaba12", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "other"}
V1 = "[Credentials]\nlanguage=EN\naccessKeyID=LTAIfile1234\naccessKeySecret=from%file\nstsToken=sts\n"
V2 = (
    "[default]\naccessKeyId = LTAIdefault1\naccessKeySecret = d\nregion = cn-hangzhou\n"
    "[profile dev]\naccess-key-id = LTAIdevelop1\naccess-key-secret = e\nsts-token = t\n[broken]\naccessKeyID=x\n"
)


def test_oss_environment_comes_first_and_is_read_anew():
    environ = OSS | ALIBABA
    provider = OssCredentials(environ=environ)
    assert provider.get() == AccessKey("LTAIenvironment1", SECRET)
    assert provider.describe().source == "environment (OSS_ACCESS_KEY_ID)"
    environ["OSS_SESSION_TOKEN"] = "renewed"
    assert provider.get().token == "renewed"
    del environ["OSS_ACCESS_KEY_ID"]
    assert provider.get().id == "LTAIalibaba12"
    environ["ALIBABA_CLOUD_SECURITY_TOKEN"] = "sts"
    assert provider.get().token == "sts"


def test_oss_file_of_ossutil_1(tmp_path):
    (tmp_path / ".ossutilconfig").write_text(V1)
    provider = OssCredentials(environ={})
    assert provider.get() == AccessKey("LTAIfile1234", "from%file", "sts")
    assert provider.describe().source == f"{tmp_path}/.ossutilconfig [Credentials]"


def test_oss_file_of_ossutil_2(tmp_path):
    file = tmp_path / "elsewhere"
    file.write_text("\ufeff" + V2)
    assert OssCredentials(file=file, environ={}).get().id == "LTAIdefault1"
    assert OssCredentials("default", file=file, environ={}).get().id == "LTAIdefault1"
    assert OssCredentials(environ={"OSSUTIL_CONFIG_FILE": str(file)}).get().id == "LTAIdefault1"
    assert OssCredentials("dev", file=file, environ=OSS).get() == AccessKey("LTAIdevelop1", "e", "t")
    for missing in ("broken", "nobody"):
        with pytest.raises(CredentialsMissing, match=missing):
            OssCredentials(missing, file=file, environ=OSS).get()


def test_oss_says_where_it_looked(tmp_path):
    with pytest.raises(CredentialsMissing) as caught:
        OssCredentials(environ={"OSS_ACCESS_KEY_ID": "LTAIhalf"}).get()
    said = str(caught.value)
    assert "OSS_ACCESS_KEY_SECRET (only one is set)" in said
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in said
    assert f"{tmp_path}/.ossutilconfig" in said
    assert "LTAIhalf" not in said


@pytest.mark.parametrize("text", ["no section\n", "[x\n", "[Credentials]\naccessKeyID=only\n", ""])
def test_oss_a_broken_file_is_no_place(tmp_path, text):
    (tmp_path / ".ossutilconfig").write_text(text)
    with pytest.raises(CredentialsMissing):
        OssCredentials(environ={}).get()
