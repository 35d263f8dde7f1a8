"""The engines that are compared, each with its version of the workloads; runner and tests ask here."""

from __future__ import annotations

from types import ModuleType

from . import (
    aio_quic,
    h2q_compat,
    h2q_engine,
    h2q_null,
    h2q_quic,
    hyper_h2,
    jh2_engine,
    nghttp2,
    qh3_quic,
    zttp_engine,
)

#: In the order of the table; the first one is what every other is compared with.
ENGINES: dict[str, tuple[ModuleType, ...]] = {
    "h2q": (h2q_engine, h2q_quic),
    "h2q.compat": (h2q_compat,),
    "libnghttp2": (nghttp2,),
    "h2": (hyper_h2,),
    "jh2": (jh2_engine,),
    "zttp": (zttp_engine,),
    "h2q null": (h2q_null,),
    "aioquic": (aio_quic,),
    "qh3": (qh3_quic,),
}


def installed() -> list[str]:
    """The names of the engines that can run here, in the order of ENGINES."""
    return [name for name, modules in ENGINES.items() if modules[0].available()]
