"""What the commands share: which bucket is meant, and the fields of the console's panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrator.domain.rules import HeaderCondition
from migrator.domain.rules.panel import Panel
from migrator.errors import Invalid

if TYPE_CHECKING:
    from migrator.app.context import Runtime
    from migrator.app.place import Place
    from migrator.spec import DestinationSpec

Command = TypeVar("Command", bound=Callable[..., Any])

_TESTS = {"equals": "equals", "starts": "starts_with", "starts-with": "starts_with"}
_TESTS |= {"ends": "ends_with", "ends-with": "ends_with"}
_ANY = "any"


@dataclass(frozen=True, slots=True)
class Address:
    """How a bucket was named on the command line."""

    job: str = ""
    bucket: str = ""
    endpoint: str = ""
    region: str = ""

    @property
    def is_given(self) -> bool:
        """Say whether anything was named."""
        return bool(self.job or self.bucket)

    def place(self, rt: Runtime) -> Place:
        """Find the bucket; without a name, the only one that jobs go into. Raises Invalid, NotFound."""
        from migrator.app.place import of_bucket, of_job, only  # noqa: PLC0415 - commands about files do without

        if self.job and self.bucket:
            raise Invalid("a job and --bucket are both named", hint="name one of them")
        if self.job:
            return of_job(rt, self.job)
        return of_bucket(rt, self._destination()) if self.bucket else only(rt)

    def _destination(self) -> DestinationSpec:
        from pydantic import ValidationError  # noqa: PLC0415 - as above

        from migrator.spec import DestinationSpec  # noqa: PLC0415

        url = self.bucket if "://" in self.bucket else f"oss://{self.bucket}"
        fields = {"url": url.rstrip("/"), "endpoint": self.endpoint}
        try:
            return DestinationSpec.model_validate(fields | ({"region": self.region} if self.region else {}))
        except ValidationError as error:
            names = {"url": "bucket"}
            lines = {f"--{names.get(str(each['loc'][0]), each['loc'][0])}: {each['msg']}" for each in error.errors()}
            hint = "write: --bucket oss://NAME --endpoint https://oss-cn-hangzhou.aliyuncs.com --region cn-hangzhou"
            raise Invalid("\n".join(sorted(lines)), hint=hint) from error


def addressed(command: Command) -> Command:
    """Let a command be told which bucket it is about; it is called with `address`."""

    @click.option("--job", default="", help="The job whose bucket is meant.")
    @click.option("--bucket", default="", help="A bucket by itself: oss://NAME, with --endpoint and --region.")
    @click.option("--endpoint", default="", help="With --bucket: where OSS listens.")
    @click.option("--region", default="", help="With --bucket: such as cn-hangzhou; default: OSS_REGION.")
    @wraps(command)
    def with_address(*args: Any, job: str, bucket: str, endpoint: str, region: str, **kwargs: Any) -> Any:
        return command(*args, address=Address(job, bucket, endpoint, region), **kwargs)

    return with_address  # type: ignore[return-value]


def words(form: str) -> Callable[[Command], Command]:
    """Take the plain words of a command as a tuple; `form` is what help shows."""
    return click.argument("words", nargs=-1, metavar=form)


def split(given: Sequence[str], address: Address, *operands: str) -> tuple[Address, list[str]]:
    """Tell a leading JOB from the operands that must follow. Raises Invalid naming what is missing or too much."""
    extra = len(given) - len(operands)
    if extra == 1 and not address.is_given:
        return replace(address, job=given[0]), list(given[1:])
    if extra == 0:
        return address, list(given)
    wanted = " ".join(operands) or "nothing more"
    raise Invalid(
        f"{len(given)} words are given: {' '.join(given)!r:.80}; expected [JOB] {wanted}",
        hint="quote keys with spaces; see --help",
    )


def number(text: str) -> int:
    """Read the number of a rule or a revision."""
    if not text.isdecimal() or len(text) > 10:
        raise Invalid(f"{text!r} is no number", hint="see the numbers: migrator rules show; migrator rules history")
    return int(text)


# -- the panel -------------------------------------------------------------------------------------------------------
def panel(command: Command) -> Command:
    """Let a command take the fields of the console's panel; it is called with `filled_in`."""

    @click.option("--status", help="HTTP status code that OSS would answer, 400 to 599; any: no condition.")
    @click.option("--prefix", help="File Name Prefix.")
    @click.option("--suffix", help="File Name Suffix.")
    @click.option(
        "--header", "headers", multiple=True, help="'NAME: equals=VALUE' (or starts=, ends=); again for more."
    )
    @click.option("--scheme", type=click.Choice(["http", "https"]), help="Origin URL: scheme; default https.")
    @click.option("--host", help="Origin URL: host, with a port if need be.")
    @click.option("--first-column", help="Add Prefix or Suffix: what stands before the key.")
    @click.option("--last-column", help="Add Prefix or Suffix: what stands behind the key.")
    @click.option("--replace-prefix", help="Replace File Prefix: what stands instead of the file name prefix.")
    @click.option("--delete-prefix", is_flag=True, help="Delete File Prefix.")
    @click.option("--replace-key", help="One page for every key; ${key} stands for the key.")
    @click.option("--transfer-query-string/--no-transfer-query-string", default=None, help="Transfer queryString.")
    @click.option(
        "--redirect-code", type=int, help="Redirection Code: 301, 302 or 307; default 302, not the console's 301."
    )
    @click.option("--source-from-cdn/--no-source-from-cdn", default=None, help="Source from Alibaba Cloud CDN.")
    @click.option("--allow-private", is_flag=True, help="Allow hosts only a private network knows (laboratories).")
    @wraps(command)
    def with_panel(*args: Any, status: str | None, headers: tuple[str, ...], **kwargs: Any) -> Any:
        fields = {name: kwargs.pop(name) for name in _PLAIN}
        given = Panel(
            status=_status(status),
            any_status=status == _ANY,
            headers=header_conditions(headers) if headers else None,
            **fields,
        )
        return command(*args, filled_in=given, **kwargs)

    return with_panel  # type: ignore[return-value]


_PLAIN = (
    "prefix",
    "suffix",
    "scheme",
    "host",
    "first_column",
    "last_column",
    "replace_prefix",
    "delete_prefix",
    "replace_key",
    "transfer_query_string",
    "redirect_code",
    "source_from_cdn",
)


def header_conditions(texts: Sequence[str]) -> tuple[HeaderCondition, ...]:
    """Read `NAME: equals=VALUE`; tests of different kinds on one name make one condition. A lone '' means none."""
    found: list[HeaderCondition] = []
    for text in texts:
        if not text:
            continue
        name, colon, test = text.partition(":")
        kind, equals, value = test.strip().partition("=")
        field = _TESTS.get(kind.strip().lower().replace("_", "-"), "")
        if not colon or not equals or not field or not name.strip() or not value:
            raise Invalid(
                f"--header: {text!r} is not understood",
                hint="write --header 'host: equals=cn.example.com', or starts= or ends= in the place of equals=",
            )
        last = next((at for at, each in enumerate(found) if each.name.lower() == name.strip().lower()), None)
        if last is not None and not getattr(found[last], field):
            found[last] = replace(found[last], **{field: value})
        else:
            found.append(replace(HeaderCondition(name.strip()), **{field: value}))
    return tuple(found)


def _status(text: str | None) -> int | None:
    if text is None or text == _ANY:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Invalid(f"--status: {text!r} is no status", hint="give a number from 400 to 599, or any")
    return int(text)
