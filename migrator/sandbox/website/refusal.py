"""The one error of the website configuration."""

from __future__ import annotations

INVALID_EC = "0019-00000002"
"""What the service answers for any wrong parameter value of PutBucketWebsite, per its page on this code."""


class Refused(Exception):
    """The website document is not accepted; the fields are those of OSS's error answer."""

    def __init__(
        self, status: int, code: str, message: str, *, ec: str = "", argument_name: str = "", argument_value: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.argument_name = argument_name
        self.argument_value = argument_value


def invalid(name: str, value: str, message: str = "") -> Refused:
    """Make 400 InvalidArgument about one element.

    The wording `<name> is Invalid` and the EC are documented; which mistakes get this answer is partly inferred.
    """
    return Refused(
        400,
        "InvalidArgument",
        message or f"{name} is Invalid",
        ec=INVALID_EC,
        argument_name=name,
        argument_value=value[:1024],
    )
