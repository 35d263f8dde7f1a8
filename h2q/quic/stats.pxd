cimport cython
from libc.stdint cimport int64_t

@cython.final
cdef class Stats:
    cdef public int64_t bytes_received, bytes_sent, datagrams_received, decryption_failures, duplicates, glitches
    cdef public int64_t key_updates, packets_discarded, packets_lost, packets_received, packets_sent
    cdef public int64_t path_challenges_dropped, undecryptable_dropped, undecryptable_kept
