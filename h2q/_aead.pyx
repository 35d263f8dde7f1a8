"""The keys of QUIC's packet protection (RFC 9001 section 5): AEAD and header protection of one direction.

``h2q.quic.protection`` makes them; ``_quic`` seals and ``_packets`` opens with them. ``_aead.py`` is the twin.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .errors import InvalidArgument, InvalidState

cdef extern from *:
    """
    #define h2q_made_in_python(o) PyType_HasFeature(Py_TYPE(o), Py_TPFLAGS_HEAPTYPE)
    """
    bint h2q_made_in_python(object o)


TAG = 16

cdef enum:
    TAG_LENGTH = 16
    IV_LENGTH = 12
    SAMPLE = 16
    MASK = 5
    BATCH = 64      # samples in one call of the block cipher
    AES_128_GCM = 0x1301
    AES_256_GCM = 0x1302
    CHACHA20_POLY1305 = 0x1303

cdef int64_t MAX_PN = (<int64_t>1 << 62) - 1
cdef const uint8_t* NOTHING = b"\0\0\0\0\0"


# no_gc: refers to nothing.
@cython.final
@cython.no_gc
cdef class _Window:
    # A buffer exporter over memory that changes with each call: `cryptography` reads and writes where the kernel
    # does, and no memoryview is made. It never leaves this module but for the time of one call.

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, self.readonly, flags)


cdef _Window _window(bint readonly):
    cdef _Window window = _Window.__new__(_Window)
    window.readonly = readonly
    window.show(NOTHING, 0)
    return window


@cython.final
cdef class _HeaderKey:
    # Header protection (RFC 9001 section 5.4); survives key updates, and then two keys share it.

    def __cinit__(self, int64_t suite, bytes hp):
        self._sample = _window(True)
        self._mask = _window(False)
        if suite == CHACHA20_POLY1305:
            # RFC 9001 section 5.4.4: the sample is counter and nonce, the mask is the key stream.
            context = Cipher(algorithms.ChaCha20(hp, bytes(SAMPLE)), None).encryptor()
            self._reset = context.reset_nonce
            self._zeros = _window(True)
            self._zeros.show(NOTHING, MASK)
        else:
            # RFC 9001 section 5.4.3
            context = Cipher(algorithms.AES(hp), modes.ECB()).encryptor()
        self._update = context.update_into

    cdef int masks(self, const uint8_t* samples, Py_ssize_t count, uint8_t* out) except -1:
        # Masks of `count` samples, 1 to BATCH of them, at `out`, 16 bytes apart; 5 bytes only behind the last.
        cdef Py_ssize_t i
        if self._busy:
            raise InvalidState("the key is in use")
        self._busy = True
        try:
            if self._reset is None:
                self._sample.show(samples, count * SAMPLE)
                self._mask.show(self._masks, count * SAMPLE + SAMPLE - 1)
                self._update(self._sample, self._mask)
            else:
                for i in range(count):
                    self._sample.show(samples + i * SAMPLE, SAMPLE)
                    self._mask.show(self._masks + i * SAMPLE, MASK)
                    self._reset(self._sample)
                    self._update(self._zeros, self._mask)
            memcpy(out, self._masks, (count - 1) * SAMPLE + MASK)
        finally:
            self._sample.show(NOTHING, 0)
            self._mask.show(NOTHING, 0)
            self._busy = False
        return 0


cdef class PacketKey:
    """One direction of one epoch: an AEAD with its IV, and the header protection beside it.

    ``suite``: TLS_AES_128_GCM_SHA256 (0x1301), TLS_AES_256_GCM_SHA384 (0x1302) or TLS_CHACHA20_POLY1305_SHA256
    (0x1303). ``confidentiality_limit``: packets that may be sealed; ``integrity_limit``: packets that may fail
    to open (RFC 9001 section 6.6).
    """

    def __cinit__(self, *_, **__):
        # What protects packets is decided here and nowhere else: no class written in Python takes part.
        if type(self) is not PacketKey and h2q_made_in_python(self):
            raise TypeError("PacketKey is not an acceptable base type")

    def __init__(self, int64_t suite, bytes key not None, bytes iv not None, bytes hp not None):
        """InvalidArgument where the suite is none of the three, or a length is not the suite's."""
        cdef _HeaderKey header
        _key_length(suite, "key", key)
        _key_length(suite, "hp", hp)
        _iv_length(iv)
        if self._busy:
            raise InvalidState("the key is in use")
        header = _HeaderKey(suite, hp)
        self._set_key(suite, key, iv)
        self._header = header

    def __reduce__(self):
        raise TypeError("a PacketKey cannot be pickled")

    cdef int _set_key(self, int64_t suite, bytes key, bytes iv) except -1:
        aead = ChaCha20Poly1305(key) if suite == CHACHA20_POLY1305 else AESGCM(key)
        self._nonce = _window(True)
        self._ad = _window(True)
        self._from = _window(True)
        self._to = _window(False)
        self._encrypt = aead.encrypt_into
        self._decrypt = aead.decrypt_into
        memcpy(self._iv, PyBytes_AS_STRING(iv), IV_LENGTH)
        self._nonce.show(self._nonce_bytes, IV_LENGTH)
        self.suite = suite
        if suite == CHACHA20_POLY1305:
            self.confidentiality_limit = <int64_t>1 << 62
            self.integrity_limit = <int64_t>1 << 36
        else:
            self.confidentiality_limit = <int64_t>1 << 23
            self.integrity_limit = <int64_t>1 << 52
        return 0

    cpdef PacketKey updated(self, bytes key, bytes iv):
        """The next key of a key update (RFC 9001 section 6): the same suite and header protection."""
        cdef PacketKey fresh
        if key is None or iv is None:
            raise TypeError("bytes are required")
        _key_length(self.suite, "key", key)
        _iv_length(iv)
        fresh = type(self).__new__(type(self))
        fresh._set_key(self.suite, key, iv)
        fresh._header = self._header
        return fresh

    cdef int _enter(self, int64_t pn) except -1:
        # RFC 9001 section 5.3: the nonce is the IV xor the packet number.
        cdef int i
        if pn < 0 or pn > MAX_PN:
            raise InvalidArgument(f"packet number {pn} is not in 0..{MAX_PN}")
        if self._busy:
            raise InvalidState("the key is in use")
        if self._nonce is None:
            raise InvalidState("the key was not initialized")
        self._busy = True
        memcpy(self._nonce_bytes, self._iv, 4)
        for i in range(8):
            self._nonce_bytes[4 + i] = self._iv[4 + i] ^ <uint8_t>(pn >> (56 - 8 * i))
        return 0

    cdef void _leave(self) noexcept:
        self._ad.show(NOTHING, 0)
        self._from.show(NOTHING, 0)
        self._to.show(NOTHING, 0)
        self._busy = False

    cdef int seal_into(
            self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n,
            uint8_t* dst) except -1:
        self._enter(pn)
        try:
            self._ad.show(ad, adlen)
            self._from.show(src, n)
            self._to.show(dst, n + TAG_LENGTH)
            self._encrypt(self._nonce, self._from, self._ad, self._to)
        finally:
            self._leave()
        return 0

    cdef int open_into(
            self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n,
            uint8_t* dst) except -1:
        if n < TAG_LENGTH:
            return 1
        self._enter(pn)
        try:
            self._ad.show(ad, adlen)
            self._from.show(src, n)
            self._to.show(dst, n - TAG_LENGTH)
            self._decrypt(self._nonce, self._from, self._ad, self._to)
        except InvalidTag:
            return 1
        finally:
            self._leave()
        return 0

    cdef int header_mask(self, const uint8_t* sample, uint8_t* mask) except -1:
        self._header.masks(sample, 1, mask)
        return 0

    cdef int header_masks(self, const uint8_t* samples, Py_ssize_t count, uint8_t* masks) except -1:
        cdef Py_ssize_t n
        while count > 0:
            n = min(count, BATCH)
            self._header.masks(samples, n, masks)
            samples += n * SAMPLE
            masks += n * SAMPLE
            count -= n
        return 0

    cpdef bytes seal(self, int64_t pn, bytes header, object payload):
        """Ciphertext and tag of ``payload``, ``header`` being authenticated with it."""
        cdef Py_buffer view
        cdef bytes out
        if header is None:
            raise TypeError("the header must be bytes")
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            out = PyBytes_FromStringAndSize(NULL, view.len + TAG_LENGTH)
            self.seal_into(
                pn, <const uint8_t*>PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header),
                <const uint8_t*>view.buf if view.len else NOTHING, view.len, <uint8_t*>PyBytes_AS_STRING(out))
        finally:
            PyBuffer_Release(&view)
        return out

    cpdef object open(self, int64_t pn, bytes header, object ciphertext):
        """The payload of ``ciphertext``, tag included; None where the tag is wrong."""
        cdef Py_buffer view
        cdef bytes out
        cdef int failed
        if header is None:
            raise TypeError("the header must be bytes")
        PyObject_GetBuffer(ciphertext, &view, PyBUF_SIMPLE)
        try:
            out = PyBytes_FromStringAndSize(NULL, max(0, view.len - TAG_LENGTH))
            failed = self.open_into(
                pn, <const uint8_t*>PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header),
                <const uint8_t*>view.buf, view.len, <uint8_t*>PyBytes_AS_STRING(out))
        finally:
            PyBuffer_Release(&view)
        return None if failed else out

    cpdef bytes mask(self, bytes sample):
        """The 5 bytes that hide a header, of the 16 bytes of ``sample`` (RFC 9001 section 5.4.1)."""
        cdef uint8_t[MASK] out
        if sample is None:
            raise TypeError("the sample must be bytes")
        if PyBytes_GET_SIZE(sample) != SAMPLE:
            raise InvalidArgument(f"a sample has {SAMPLE} bytes, not {PyBytes_GET_SIZE(sample)}")
        self.header_mask(<const uint8_t*>PyBytes_AS_STRING(sample), out)
        return PyBytes_FromStringAndSize(<char*>out, MASK)


cdef int _key_length(int64_t suite, str what, bytes key) except -1:
    cdef Py_ssize_t wanted = 32
    if suite == AES_128_GCM:
        wanted = 16
    elif suite != AES_256_GCM and suite != CHACHA20_POLY1305:
        raise InvalidArgument(f"cipher suite {suite:#06x} is none of 0x1301, 0x1302, 0x1303")
    if PyBytes_GET_SIZE(key) != wanted:
        raise InvalidArgument(f"{what} has {PyBytes_GET_SIZE(key)} bytes, the suite's have {wanted}")
    return 0


cdef int _iv_length(bytes iv) except -1:
    if PyBytes_GET_SIZE(iv) != IV_LENGTH:
        raise InvalidArgument(f"iv has {PyBytes_GET_SIZE(iv)} bytes instead of {IV_LENGTH}")
    return 0
