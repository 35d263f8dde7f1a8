cimport cython
from libc.stdint cimport int64_t

from .._quic cimport pack_path_challenge, pack_path_response
from .core cimport Core
from .feedback cimport Feedback
from .loss cimport Recovery
from .path cimport Path, PathResponses

cdef int64_t MOST_PATHS, NEVER

@cython.final
cdef class Migration:
    cdef Core core
    cdef Feedback feedback
    cdef readonly PathResponses responses
    cdef readonly object validator
    cdef readonly Path fallback, arrival
    cdef object _fresh, _on_validation
    cdef list _known

    @cython.locals(core=Core, known=Path, wanted=Path)
    cdef Path find(self, Path path)
    @cython.locals(core=Core)
    cdef bint on_arrival(self, Path path, int64_t size) except? -1
    cdef bint _may_move(self, Path path) except? -1
    @cython.locals(core=Core, path=Path)
    cdef on_packet(self, bint probing, bint is_newest, int64_t now)
    @cython.locals(core=Core, before=Path, same_host=bint)
    cdef _follow(self, Path path, int64_t now)
    @cython.locals(recovery=Recovery)
    cdef _start_over(self)
    @cython.locals(core=Core)
    cpdef begin(self, Path path, int64_t now, bint immediate)
    @cython.locals(core=Core)
    cdef _move(self, Path path)
    cdef _forget_fresh(self)
    cpdef bint on_challenge(self, bytes data) except? -1
    @cython.locals(core=Core, path=Path)
    cpdef bint on_response(self, bytes data) except? -1
    @cython.locals(core=Core)
    cdef on_timer(self, int64_t now)
    cdef _report(self, Path path, bint succeeded)
    cdef int64_t expiry(self) except? -1
    cdef bint has_work(self, int64_t now) except? -1
    cdef bytes response_here(self)
    @cython.locals(path=Path)
    cdef tuple next_frame(self, int64_t now)
    cdef bytes _dcid(self, Path path)
