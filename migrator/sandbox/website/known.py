"""The elements that the service is known to have, and a document without all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migrator.sandbox.website import xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

KNOWN: Final = frozenset(
    """
    WebsiteConfiguration IndexDocument Suffix SupportSubDir Type ErrorDocument Key HttpStatus RoutingRules RoutingRule
    RuleNumber Condition KeyPrefixEquals KeySuffixEquals HttpErrorCodeReturnedEquals IncludeHeader Equals StartsWith
    EndsWith Redirect RedirectType Protocol HostName HttpRedirectCode PassQueryString ReplaceKeyWith
    ReplaceKeyPrefixWith EnableReplacePrefix LuaConfig Script MirrorURL MirrorURLSlave MirrorURLProbe
    MirrorPassQueryString MirrorFollowRedirect MirrorCheckMd5 MirrorHeaders PassAll Pass Remove Set Value MirrorSNI
    MirrorPassOriginalSlashes MirrorAllowHeadObject MirrorAllowGetImageInfo MirrorAllowVideoSnapshot
    MirrorAsyncStatus MirrorSaveOssMeta MirrorUserLastModified MirrorProxyPass MirrorUsingRole MirrorRole MirrorAuth
    AuthType Region AccessKeyId AccessKeySecret MirrorReturnHeaders ReturnHeader MirrorTaggings Taggings
    MirrorMultiAlternates MirrorMultiAlternate MirrorMultiAlternateNumber MirrorMultiAlternateURL
    MirrorMultiAlternateVpcId MirrorMultiAlternateDstRegion MirrorSwitchAllErrors TransparentMirrorResponseCodes
    MirrorIsExpressTunnel MirrorTunnelId MirrorDstRegion MirrorDstVpcId MirrorDstSlaveVpcId
    """.split()  # noqa: SIM905 - one name per line would be a wall
)


def without_unknown(document: bytes) -> bytes:
    """Return a stored document as a service answers it that keeps only what it knows."""
    root = xml.read(document)
    _prune(root)
    return xml.write(root)


def _prune(element: Element) -> None:
    for child in list(element):
        if child.tag in KNOWN:
            _prune(child)
        else:
            element.remove(child)
