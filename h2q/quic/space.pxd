cimport cython
from libc.stdint cimport int64_t

from .._aead cimport PacketKey
from .acks cimport AckTracker
from .crypto_stream cimport CryptoStream
from .sent cimport SentFrame

@cython.final
cdef class PacketSpace:
    cdef readonly int64_t index
    cdef public int64_t next_pn, probes, silent_since
    cdef readonly AckTracker acks
    cdef readonly CryptoStream crypto
    cdef public PacketKey rx_key, tx_key
    cdef readonly bint discarded
    cdef SentFrame first, last
    cdef readonly int64_t queued

    cdef push(self, SentFrame frame)
    cdef push_front(self, SentFrame frame)
    @cython.locals(frame=SentFrame)
    cdef SentFrame pop(self)
    cpdef discard(self)
