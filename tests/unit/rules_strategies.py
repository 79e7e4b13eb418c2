"""Random rules and website documents, with elements that the code has never heard of."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from migrator.domain.rules import Condition, HeaderCondition, Redirect, RedirectBase, Rule, migration_rule, validate

KEY_TEXT = st.text(alphabet="ab/.-_ &<>\"'%+?#\r\n\t\u00e9\u4e2d\U0001f600${}", max_size=8)
PREFIXES = KEY_TEXT.filter(lambda text: not text.startswith("/"))
HOSTS = st.sampled_from(["legacy.example.com", "o.example", "o.example:8443", "127.0.0.1:9000"])
PATHS = st.sampled_from(["", "base/", "a/", "old bucket/\u00e9/", "/", "a/b/", "100%/"])
BASES = st.builds(RedirectBase, st.sampled_from(["http", "https"]), HOSTS, PATHS)

HEADERS = st.builds(
    HeaderCondition,
    st.sampled_from(["host", "Referer", "x-team"]),
    st.sampled_from(["", "red"]),
    st.sampled_from(["", "https://"]),
    st.sampled_from(["", ".example"]),
).filter(lambda header: bool(header.equals or header.starts_with or header.ends_with))

CONDITIONS = st.builds(
    Condition,
    key_prefix=PREFIXES,
    status=st.sampled_from([None, 400, 403, 404, 500, 599]),
    key_suffix=st.sampled_from(["", ".jpg", "x"]),
    headers=st.lists(HEADERS, max_size=3).map(tuple),
)
REDIRECTS = st.builds(
    Redirect,
    kind=st.sampled_from(["External", "AliCDN"]),
    protocol=st.sampled_from(["http", "https"]),
    host=HOSTS,
    code=st.sampled_from([301, 302, 307]),
    pass_query_string=st.booleans(),
    replace_key_with=st.sampled_from(["", "", "p/${key}.s", "page.html"]),
    replace_key_prefix_with=st.sampled_from(["", "", "z/", "<&>"]),
    enable_replace_prefix=st.booleans(),
)
RULES = st.builds(Rule, st.integers(1, 10_000), CONDITIONS, REDIRECTS).filter(lambda rule: not validate(rule))


@st.composite
def own_rules(draw, max_size=8):
    """Rules of a job with distinct prefixes, not numbered."""
    destination = draw(st.sampled_from(["", "a/", "b"]))
    names = draw(st.lists(KEY_TEXT, unique=True, max_size=max_size))
    base = draw(BASES)
    cdn = draw(st.booleans())
    prefixes = {destination + name for name in names if not (destination + name).startswith("/")}
    return [migration_rule(prefix, destination, base, from_cdn=cdn) for prefix in prefixes]


WHITE = st.sampled_from(["", "\n", "\n    ", " \t", "\r\n  "])
TEXTS = st.sampled_from(["", "x", " y ", "a&b<c", "\u4e2d", "true", "404", "***not here"])
STRANGE = st.sampled_from(["FutureFlag", "v:Vendor", "Policy", "Script", "MirrorNewThing", "Condition2"])


@st.composite
def strange(draw, depth=2):
    """An element nobody has heard of."""
    name = draw(STRANGE)
    declared = ' xmlns:v="urn:vendor"' if name.startswith("v:") else ""
    attribute = f" a={quoteattr(draw(TEXTS) + '>')}" if draw(st.booleans()) else ""
    if draw(st.integers(0, 3)) == 0:
        return f"<{name}{declared}{attribute}/>"
    inner = escape(draw(TEXTS))
    if depth and draw(st.booleans()):
        inner = "".join(draw(st.lists(strange(depth=depth - 1), max_size=3)))
    return f"<{name}{declared}{attribute}>{inner}</{name}>"


REMARKS = st.sampled_from(["", "", "<!-- ours, do not touch -->", "<?keep this?>"])
MIRRORS = st.sampled_from(
    [
        "<Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL></Redirect>",
        (
            "<Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL>"
            "<MirrorHeaders><PassAll>True</PassAll><Set><Key>k</Key><Value>v</Value></Set></MirrorHeaders></Redirect>"
        ),
        "<Redirect><Protocol>https</Protocol><HostName>f.example</HostName></Redirect>",
        "<Redirect/><LuaConfig><Script>a &lt; b</Script></LuaConfig>",
    ]
)


@st.composite
def foreign_rule(draw, number):
    prefix = draw(
        st.sampled_from(["", "<KeyPrefixEquals>f/</KeyPrefixEquals>", "<KeySuffixEquals>.x</KeySuffixEquals>"])
    )
    parts = [
        f"<RuleNumber>{number}</RuleNumber>",
        f"<Condition>{draw(WHITE)}{prefix}<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>",
        draw(MIRRORS),
        *draw(st.lists(strange(), max_size=2)),
    ]
    return "<RoutingRule>" + "".join(draw(WHITE) + part for part in draw(st.permutations(parts))) + "</RoutingRule>"


@st.composite
def foreign_documents(draw):
    """What others configured: any mix of pages, rules, comments, namespaces and unknown elements; None for nothing."""
    if draw(st.integers(0, 9)) == 0:
        return None
    numbers = sorted(draw(st.sets(st.integers(1, 400), max_size=6)))
    parts = [
        *draw(st.lists(strange(), max_size=2)),
        draw(st.sampled_from(["", "<IndexDocument><Suffix>i.html</Suffix><Type>0</Type></IndexDocument>"])),
        draw(st.sampled_from(["", "<ErrorDocument><Key>e.html</Key><HttpStatus>200</HttpStatus></ErrorDocument>"])),
        draw(REMARKS),
    ]
    if numbers:
        inner = "".join(draw(WHITE) + draw(foreign_rule(number)) + draw(REMARKS) for number in numbers)
        parts.append(f"<RoutingRules>{inner}{draw(WHITE)}</RoutingRules>")
    if not any(parts):
        parts.append("<IndexDocument><Suffix>i.html</Suffix></IndexDocument>")
    body = "".join(draw(WHITE) + part for part in draw(st.permutations(parts)))
    head = draw(st.sampled_from(["", '<?xml version="1.0"?>\n', '\ufeff<?xml version="1.0" encoding="utf-8"?>']))
    namespace = draw(st.sampled_from(["", ' xmlns="http://doc.oss.example"']))
    return f"{head}<WebsiteConfiguration{namespace}>{body}{draw(WHITE)}</WebsiteConfiguration>\n".encode()
