cimport cython
from libc.stdint cimport int64_t

from .._packets cimport PacketReader
from .congestion.base cimport Congestion
from .pacing cimport Pacer
from .rtt cimport Rtt
from .sent cimport PacketRing, SentPacket, release

cdef int64_t ECT_0, NOT_ECT, PROTOCOL_VIOLATION, SPACE_APPLICATION, SPACE_HANDSHAKE, SPACE_INITIAL, T_ACK
cdef int64_t PACKET_THRESHOLD, _PERSISTENT, _PROBES, _MOST_SHIFT, _LONGEST, _PASSIVE, _GAPS, _LOST, _ECN_PACKETS
cdef int64_t ECN_TESTING, ECN_UNKNOWN, ECN_FAILED, ECN_CAPABLE

@cython.final
cdef class LossSpace:
    cdef readonly int64_t index, largest_sent, largest_acked, loss_time, last_eliciting_time, eliciting_in_flight
    cdef readonly int64_t ecn_sent, ecn_ect0, ecn_ce
    cdef PacketRing _ring, _passive, _gaps, _lost
    cdef SentPacket _newest
    cdef list _breaks
    cdef int64_t _skipped, _valid_from, _newest_time, _at, _acked_marked, _run_start
    cdef bint _eliciting_acked

    cpdef clear(self)
    @cython.locals(lowest=int64_t, oldest=int64_t)
    cpdef int64_t floor(self) except? -12345
    cpdef list packets(self)

@cython.final
cdef class Recovery:
    cdef readonly Rtt rtt
    cdef readonly Congestion congestion
    cdef readonly Pacer pacer
    cdef readonly tuple spaces
    cdef readonly list acked, late, lost
    cdef readonly int64_t bytes_in_flight, pto_count, timeout_space, ecn_state
    cdef readonly int64_t lost_packets, lost_bytes, spurious_losses, spurious_reductions, congestion_events
    cdef readonly int64_t pto_total, persistent_congestions, ecn_ce_total
    cdef public int64_t max_ack_delay
    cdef public bint is_client, handshake_confirmed, has_handshake_keys, peer_completed_address_validation
    cdef public bint at_amplification_limit
    cdef int64_t _clock, _flight_high, _flight_before, _round_start, _epoch, _epoch_open
    cdef int64_t _ecn_since, _ecn_sent, _ecn_lost
    cdef bint _undo

    @cython.locals(state=LossSpace)
    cpdef LossSpace space(self, int64_t index)
    @cython.locals(room=int64_t)
    cpdef int64_t allowance(self) except? -12345
    @cython.locals(state=LossSpace)
    cpdef skip(self, int64_t space, int64_t pn)
    @cython.locals(state=LossSpace, pn=int64_t)
    cpdef on_sent(self, int64_t space, SentPacket packet, int64_t now)
    cdef _jump(self, LossSpace state, int64_t pn)
    @cython.locals(state=LossSpace, floor=int64_t, count=int64_t, index=int64_t)
    cpdef on_ack(self, int64_t space, PacketReader reader, int64_t ack_delay, int64_t now)
    @cython.locals(state=LossSpace)
    cpdef LossSpace open_ack(self, int64_t space, int64_t largest)
    @cython.locals(ring=PacketRing, slots=list, mask=int64_t, tail=int64_t, index=int64_t, acked=list,
                   packet=SentPacket)
    cpdef ack_range(self, LossSpace state, int64_t low, int64_t high)
    @cython.locals(newest=SentPacket, grown=bint, sample=int64_t)
    cpdef close_ack(self, LossSpace state, int64_t largest, int64_t ack_delay, int64_t ect0, int64_t ect1, int64_t ce,
                    int64_t now)
    @cython.locals(delay=int64_t, sample=int64_t)
    cdef int64_t _take_sample(self, LossSpace state, SentPacket newest, int64_t ack_delay, int64_t now) except? -12345
    @cython.locals(congestion=Congestion, new_round=bint, used=int64_t, limit=int64_t, packet=SentPacket)
    cdef _grow(self, SentPacket newest, int64_t sample, int64_t now)
    @cython.locals(gaps=PacketRing, index=int64_t, gap=SentPacket, guessed=int64_t)
    cdef _check_gaps(self, LossSpace state, int64_t low, int64_t high)
    @cython.locals(ring=PacketRing, index=int64_t, packet=SentPacket)
    cdef _take_passive(self, LossSpace state, int64_t low, int64_t high)
    @cython.locals(ring=PacketRing, index=int64_t, packet=SentPacket)
    cdef _find_late(self, LossSpace state, int64_t low, int64_t high)
    cpdef detect_lost(self, int64_t space, int64_t now)
    @cython.locals(delay=int64_t, ring=PacketRing, passive=PacketRing, slots=list, persistent=bint, packet=SentPacket)
    cdef _detect(self, LossSpace state, int64_t now)
    cdef _remove(self, LossSpace state, SentPacket packet)
    @cython.locals(newest=int64_t, expiry=int64_t, packet=SentPacket)
    cdef _on_lost(self, LossSpace state, bint persistent, int64_t now)
    @cython.locals(other=LossSpace)
    cdef bint _lengthens(self, LossSpace state, SentPacket packet) except -1
    cdef _begin_epoch(self, bint undo)
    cdef _drop_lost(self, SentPacket packet)
    @cython.locals(ring=PacketRing, packet=SentPacket)
    cdef _expire_lost(self, LossSpace state, int64_t now)
    @cython.locals(packet=SentPacket)
    cdef _forget(self)
    cpdef int64_t ecn_mark(self, int64_t now) except? -12345
    cpdef disable_ecn(self)
    cdef _count_mark(self, int64_t now)
    cdef _judge_ecn(self)
    @cython.locals(risen=int64_t, newest=SentPacket)
    cdef _validate_ecn(self, LossSpace state, int64_t ect0, int64_t ect1, int64_t ce, int64_t now)
    @cython.locals(time=int64_t)
    cpdef int64_t deadline(self) except? -12345
    @cython.locals(time=int64_t)
    cpdef int64_t on_timeout(self, int64_t now) except? -12345
    @cython.locals(earliest=int64_t, state=LossSpace)
    cdef int64_t _loss_time(self) except? -12345
    @cython.locals(earliest=int64_t, extra=int64_t, time=int64_t, state=LossSpace)
    cdef int64_t _pto_time(self) except? -12345
    @cython.locals(shift=int64_t)
    cdef int64_t _backed_off(self, int64_t duration) except? -12345
    cdef bint _address_is_validated(self) except -1
    @cython.locals(state=LossSpace, packet=SentPacket)
    cpdef discard_space(self, int64_t space)
    @cython.locals(packet=SentPacket)
    cdef _withdraw(self, LossSpace state)
    @cython.locals(ring=PacketRing, packet=SentPacket)
    cdef _abandon(self, LossSpace state)
    @cython.locals(state=LossSpace)
    cpdef reset_for_retry(self)
    @cython.locals(state=LossSpace, packet=SentPacket)
    cpdef on_new_path(self)
    cdef _start_path(self)
