"""A bucket of the sandbox with others' rules and pages in it, and a probe's surroundings."""

from __future__ import annotations

import itertools
import json
import os

import oss_rig
import pytest

from migrator import jobfile, settings
from migrator.runtime import build
from migrator.sandbox.oss.run import start_oss

FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir><Type>0</Type></IndexDocument>
  <ErrorDocument><Key>error.html</Key></ErrorDocument>
  <RoutingRules><RoutingRule><RuleNumber>3</RuleNumber>
    <Condition><KeyPrefixEquals>old/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>
    <Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://mirror.example.com/</MirrorURL></Redirect>
  </RoutingRule></RoutingRules>
</WebsiteConfiguration>"""
_names = itertools.count(1)


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture
def switched(oss):
    """Change switches for one test."""
    before = json.loads(oss.admin("GET", "switches"))
    yield oss.switch
    oss.switch(**before)


@pytest.fixture
def rt(oss, tmp_path):
    os.environ.update(OSS_ACCESS_KEY_ID=oss.access_key_id, OSS_ACCESS_KEY_SECRET=oss.access_key_secret)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{tmp_path / 'tracking.db'}"
    runtime = build(settings.load(lease_s=1.0))
    yield runtime
    runtime.store.close()


class Place:
    """One bucket, and the job file of a migration into it."""

    def __init__(self, oss, folder, acl="public-read", document=FOREIGN):
        self.oss, self.folder, self.bucket = oss, folder, oss_rig.new_bucket(oss, acl)
        self.client = oss_rig.client(oss, self.bucket)
        if document:
            self.put_website(document)

    def put_website(self, document):
        oss_rig.website(self.oss, self.bucket, document.encode())

    def website(self):
        answer = self.client.ask("GET", query={"website": ""})
        return answer.body if answer.status == 200 else b""

    def keys(self):
        return [each.key for each in oss_rig.destination(self.oss, self.bucket).list_page("").objects]

    def spec(self, **changes):
        document = {
            "name": f"job-{next(_names)}",
            "origin": {"url": f"file://{self.folder}"},
            "destination": {"url": f"oss://{self.bucket}/", "endpoint": self.oss.endpoint, "region": self.oss.region},
            "redirect": {"url": "https://legacy.example.com/files/"},
            "allow_private": True,
            **changes,
        }
        return jobfile.parse(json.dumps(document).encode())


@pytest.fixture
def place(oss, tmp_path):
    found = Place(oss, tmp_path)
    oss_rig.destination(oss, found.bucket).create("error.html", b"sorry", {})
    return found


def answers(learned):
    return {each.question: each.answer for each in learned}
