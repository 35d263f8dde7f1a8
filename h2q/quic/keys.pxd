cimport cython
from libc.stdint cimport int64_t

from .._aead cimport PacketKey
from .core cimport Core
from .loss cimport LossSpace
from .space cimport PacketSpace

cdef int64_t AEAD_LIMIT_REACHED, KEY_UPDATE_ERROR

@cython.final
cdef class Keys:
    cdef Core core
    cdef object _on_update
    cdef bint _requested
    cdef bytes _rx_secret, _tx_secret
    cdef readonly int64_t version, suite, rx_phase, previous_until, rx_first_pn, phase_first_pn
    cdef public int64_t failures
    cdef readonly int64_t update_pn
    cdef public int64_t acks_sent, sent
    cdef PacketKey rx_next, rx_previous

    cpdef install_read(self, int64_t suite, bytes secret)
    cpdef install_write(self, int64_t suite, bytes secret)
    cdef _prepare_next(self)
    cpdef request(self)
    cdef bint _may_update(self) except? -1
    @cython.locals(app=PacketSpace, key=PacketKey)
    cdef before_packet(self, int64_t now)
    @cython.locals(app=PacketSpace)
    cdef _update_write(self)
    cdef PacketKey choose(self, int64_t pn, int64_t phase, int64_t now)
    @cython.locals(app=PacketSpace, core=Core)
    cdef opened(self, PacketKey key, int64_t pn, int64_t now)
    cdef _report(self)
    cdef failed(self, PacketKey key)
