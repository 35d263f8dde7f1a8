"""HPACK (RFC 7541) on its own: an Encoder and a Decoder, one of each for each direction of a connection.

For users who need header compression without a session; sessions use the same two classes.
"""

from hpack import NeverIndexedHeaderTuple as NeverIndexedHeaderTuple

from .._hpack import RAW as RAW
from .._hpack import REQUEST as REQUEST
from .._hpack import RESPONSE as RESPONSE
from .._hpack import TRAILERS as TRAILERS
from .._hpack import Decoder as Decoder
from .._hpack import Encoder as Encoder
from .._hpack import FieldSection as FieldSection
from .._hpack import normalize as normalize

__all__ = [
    "RAW",
    "REQUEST",
    "RESPONSE",
    "TRAILERS",
    "Decoder",
    "Encoder",
    "FieldSection",
    "NeverIndexedHeaderTuple",
    "normalize",
]
