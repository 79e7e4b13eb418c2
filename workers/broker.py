"""What must be known of the broker: whether its URL makes sense, whether it answers, how to talk to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from migrator.errors import BrokerUnreachable, Invalid

PING_S = 5.0

VISIBILITY_S = 900
"""After this long Redis gives an unacknowledged message to another worker. Fifteen times the default time slice, so it
happens to dead workers only; and if it does not, the lease makes the second delivery end at once."""


def transport_options(broker_url: str) -> dict[str, object]:
    """Return what the broker's transport must know beyond its URL."""
    if broker_url.startswith("memory:"):
        return {"polling_interval": 0.02}  # its default is to look once a second
    return {
        "visibility_timeout": VISIBILITY_S,
        # Look for dead workers' messages each 5 s. By default that is each tenth time of each 10 s: 100 s late.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # Without these a half-open connection is waited on for ever.
        "socket_timeout": 30,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # Publishing through a broken connection gives up soon instead of holding up a tick.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
        # So that the keys can be told from anybody else's. Sharing a broker with other Celery apps is a bad idea all
        # the same: the shortest visibility timeout of all wins.
        "global_keyprefix": "migrator:",
    }


def check_url(url: str) -> None:
    """Raise Invalid unless this is a URL of a broker that workers can use."""
    hint = "set MIGRATOR_BROKER_URL to redis://host:6379/0 (rediss:// for TLS), or use: migrator up"
    if not url:
        raise Invalid("there is no broker for workers: MIGRATOR_BROKER_URL is not set", hint=hint)
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("redis", "rediss", "memory") and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise Invalid("MIGRATOR_BROKER_URL is not a Redis URL", hint=hint)


def ping(url: str) -> None:
    """Ask the broker for an answer. Raises Invalid, and BrokerUnreachable within seconds."""
    check_url(url)
    if url.startswith("memory:"):
        return
    with Redis.from_url(url, socket_timeout=PING_S, socket_connect_timeout=PING_S) as client:
        try:
            client.ping()
        except RedisError as exc:
            raise BrokerUnreachable(f"the broker does not answer: {exc}") from exc
