/* libngtcp2 behind a flat interface for ctypes: one endpoint, its callbacks as lines of text.

   There is no cryptography: a packet is its plaintext and a checksum of 16 bytes that depends on the key, and header
   protection is a mask of zeros, so whoever looks on can read packets without any key. There is no TLS either: the
   messages are runs of bytes whose lengths the options give, and transport parameters travel beside them. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngtcp2/ngtcp2.h>

#define NEWER (NGTCP2_VERSION_NUM >= 0x010000)

#if NEWER
#define LEVEL ngtcp2_encryption_level
#define LEVEL_INITIAL NGTCP2_ENCRYPTION_LEVEL_INITIAL
#define LEVEL_HANDSHAKE NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE
#define LEVEL_1RTT NGTCP2_ENCRYPTION_LEVEL_1RTT
#else
#define LEVEL ngtcp2_crypto_level
#define LEVEL_INITIAL NGTCP2_CRYPTO_LEVEL_INITIAL
#define LEVEL_HANDSHAKE NGTCP2_CRYPTO_LEVEL_HANDSHAKE
#define LEVEL_1RTT NGTCP2_CRYPTO_LEVEL_APPLICATION
#endif

enum { TAG = 16, IV = 12, KEY_INITIAL = 1, KEY_HANDSHAKE, KEY_EARLY, KEY_1RTT };

struct options {
  int64_t server, now, cidlen, congestion, initial_rtt, max_udp_payload, mtu_discovery, shaping, ack_thresh;
  int64_t handshake_timeout, max_window, max_stream_window, initial_pn, keep_alive;
  int64_t data, stream_data_bidi_local, stream_data_bidi_remote, stream_data_uni, streams_bidi, streams_uni;
  int64_t idle_timeout, udp_payload_param, active_cids, max_ack_delay, datagram_frame_size, ack_delay_exponent;
  int64_t client_hello, server_hello, server_flight, client_finished, tickets, early, key_phase_limit;
};

struct endpoint {
  ngtcp2_conn *conn;
  struct options o;
  char *log;
  size_t log_size, log_room;
  struct endpoint *other;
  uint64_t received[3];
  uint8_t next_cid, started;
  ngtcp2_path_storage path;
};

static void say(struct endpoint *e, const char *format, ...) {
  char line[512];
  va_list args;
  int n;

  va_start(args, format);
  n = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof(line)) {
    abort();
  }
  if (e->log_size + (size_t)n + 2 > e->log_room) {
    e->log_room = (e->log_room + (size_t)n + 2) * 2;
    e->log = realloc(e->log, e->log_room);
    if (e->log == NULL) {
      abort();
    }
  }
  memcpy(e->log + e->log_size, line, (size_t)n);
  e->log_size += (size_t)n;
  e->log[e->log_size++] = '\n';
  e->log[e->log_size] = 0;
}

/* Cryptography that protects nothing. */

static void checksum(uint8_t *tag, int key, const uint8_t *nonce, const uint8_t *head, size_t headlen,
                     const uint8_t *payload, size_t payloadlen) {
  uint64_t a = 0xcbf29ce484222325ULL + (uint64_t)key;
  size_t i;

  for (i = 0; i < IV; ++i) {
    a = (a ^ nonce[i]) * 0x100000001b3ULL;
  }
  for (i = 0; i < headlen; ++i) {
    a = (a ^ head[i]) * 0x100000001b3ULL;
  }
  for (i = 0; i < payloadlen; ++i) {
    a = (a ^ payload[i]) * 0x100000001b3ULL;
  }
  memcpy(tag, &a, 8);
  a = ~a;
  memcpy(tag + 8, &a, 8);
}

static int on_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *key,
                      const uint8_t *plain, size_t size, const uint8_t *nonce, size_t noncelen, const uint8_t *head,
                      size_t headlen) {
  uint8_t tag[TAG];

  (void)aead, (void)noncelen;
  checksum(tag, (int)(intptr_t)key->native_handle, nonce, head, headlen, plain, size);
  memmove(dest, plain, size);
  memcpy(dest + size, tag, TAG);
  return 0;
}

static int on_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *key,
                      const uint8_t *cipher, size_t size, const uint8_t *nonce, size_t noncelen, const uint8_t *head,
                      size_t headlen) {
  uint8_t tag[TAG];

  (void)aead, (void)noncelen;
  if (size < TAG) {
    return NGTCP2_ERR_DECRYPT;
  }
  checksum(tag, (int)(intptr_t)key->native_handle, nonce, head, headlen, cipher, size - TAG);
  if (memcmp(tag, cipher + size - TAG, TAG) != 0) {
    return NGTCP2_ERR_DECRYPT;
  }
  memmove(dest, cipher, size - TAG);
  return 0;
}

static int on_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *key,
                      const uint8_t *sample) {
  (void)hp, (void)key, (void)sample;
  memset(dest, 0, 5);
  return 0;
}

static const uint8_t no_iv[IV];

static ngtcp2_crypto_aead_ctx key_of(int number) {
  ngtcp2_crypto_aead_ctx key = {(void *)(intptr_t)number};
  return key;
}

static ngtcp2_crypto_ctx suite(void) {
  ngtcp2_crypto_ctx ctx;

  memset(&ctx, 0, sizeof(ctx));
  ctx.aead.max_overhead = TAG;
  ctx.max_encryption = 1ULL << 23;
  ctx.max_decryption_failure = 1ULL << 52;
  return ctx;
}

static void on_delete_aead(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *key, void *user) {
  (void)conn, (void)key, (void)user;
}

static void on_delete_cipher(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *key, void *user) {
  (void)conn, (void)key, (void)user;
}

static int on_update_key(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx_key,
                         uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_key, uint8_t *tx_iv, const uint8_t *rx_now,
                         const uint8_t *tx_now, size_t size, void *user) {
  (void)conn, (void)user;
  memcpy(rx_secret, rx_now, size);
  memcpy(tx_secret, tx_now, size);
  ++rx_secret[0];
  ++tx_secret[0];
  *rx_key = key_of(rx_secret[0]);
  *tx_key = key_of(tx_secret[0]);
  memset(rx_iv, 0, IV);
  memset(tx_iv, 0, IV);
  return 0;
}

/* The handshake: who has got the whole message of the other side goes on. */

static int install_initial(struct endpoint *e) {
  ngtcp2_crypto_aead_ctx rx = key_of(KEY_INITIAL), tx = key_of(KEY_INITIAL);
  ngtcp2_crypto_cipher_ctx hp = {0};
  ngtcp2_crypto_ctx ctx = suite();

  ngtcp2_conn_set_initial_crypto_ctx(e->conn, &ctx);
  ngtcp2_conn_set_crypto_ctx(e->conn, &ctx);
  return ngtcp2_conn_install_initial_key(e->conn, &rx, no_iv, &hp, &tx, no_iv, &hp, IV);
}

static int install_handshake(struct endpoint *e) {
  ngtcp2_crypto_aead_ctx rx = key_of(KEY_HANDSHAKE), tx = key_of(KEY_HANDSHAKE);
  ngtcp2_crypto_cipher_ctx hp = {0};

  return ngtcp2_conn_install_rx_handshake_key(e->conn, &rx, no_iv, IV, &hp) ||
         ngtcp2_conn_install_tx_handshake_key(e->conn, &tx, no_iv, IV, &hp);
}

static int install_early(struct endpoint *e) {
  ngtcp2_crypto_aead_ctx key = key_of(KEY_EARLY);
  ngtcp2_crypto_cipher_ctx hp = {0};
  ngtcp2_crypto_ctx ctx = suite();

#if NEWER
  ngtcp2_conn_set_0rtt_crypto_ctx(e->conn, &ctx);
  return ngtcp2_conn_install_0rtt_key(e->conn, &key, no_iv, IV, &hp);
#else
  ngtcp2_conn_set_early_crypto_ctx(e->conn, &ctx);
  return ngtcp2_conn_install_early_key(e->conn, &key, no_iv, IV, &hp);
#endif
}

static int install_1rtt(struct endpoint *e, int receive) {
  ngtcp2_crypto_aead_ctx key = key_of(KEY_1RTT);
  ngtcp2_crypto_cipher_ctx hp = {0};
  uint8_t secret[32] = {KEY_1RTT};

  if (receive) {
    return ngtcp2_conn_install_rx_key(e->conn, secret, sizeof(secret), &key, no_iv, IV, &hp);
  }
  return ngtcp2_conn_install_tx_key(e->conn, secret, sizeof(secret), &key, no_iv, IV, &hp);
}

static int submit(struct endpoint *e, LEVEL level, int64_t size) {
  static const uint8_t filler[65536];

  return size ? ngtcp2_conn_submit_crypto_data(e->conn, level, filler, (size_t)size) : 0;
}

static int take_peer_params(struct endpoint *e) {
  uint8_t params[512];
  ngtcp2_ssize n = ngtcp2_conn_encode_local_transport_params(e->other->conn, params, sizeof(params));

  if (n < 0) {
    return (int)n;
  }
#if NEWER
  return ngtcp2_conn_decode_and_set_remote_transport_params(e->conn, params, (size_t)n);
#else
  return ngtcp2_conn_decode_remote_transport_params(e->conn, params, (size_t)n);
#endif
}

static void completed(struct endpoint *e) {
#if NEWER
  ngtcp2_conn_tls_handshake_completed(e->conn);
#else
  ngtcp2_conn_handshake_completed(e->conn);
#endif
}

static int on_client_initial(ngtcp2_conn *conn, void *user) {
  struct endpoint *e = user;

  (void)conn;
  if (e->started++) {
    return 0; /* the first call found no room for a packet */
  }
  if (install_initial(e) || submit(e, LEVEL_INITIAL, e->o.client_hello)) {
    return NGTCP2_ERR_CALLBACK_FAILURE;
  }
  if (e->o.early && install_early(e)) {
    return NGTCP2_ERR_CALLBACK_FAILURE;
  }
  return 0;
}

static int on_recv_client_initial(ngtcp2_conn *conn, const ngtcp2_cid *dcid, void *user) {
  (void)conn, (void)dcid;
  return install_initial(user) ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_recv_crypto_data(ngtcp2_conn *conn, LEVEL level, uint64_t offset, const uint8_t *data, size_t size,
                               void *user) {
  struct endpoint *e = user;
  struct options *o = &e->o;
  int step = level == LEVEL_INITIAL ? 0 : level == LEVEL_HANDSHAKE ? 1 : 2;
  uint64_t before = e->received[step], now = offset + size;
  int failed = 0;

  (void)conn, (void)data;
  e->received[step] = now;
  say(e, "crypto %d %llu %zu", step, (unsigned long long)offset, size);
#define REACHED(n) (before < (uint64_t)(n) && now >= (uint64_t)(n))
  if (o->server && step == 0 && REACHED(o->client_hello)) {
    failed = take_peer_params(e) || (o->early && install_early(e)) || submit(e, LEVEL_INITIAL, o->server_hello) ||
             install_handshake(e) || submit(e, LEVEL_HANDSHAKE, o->server_flight) || install_1rtt(e, 0);
  } else if (o->server && step == 1 && REACHED(o->client_finished)) {
    failed = install_1rtt(e, 1) || submit(e, LEVEL_1RTT, o->tickets);
    completed(e);
  } else if (!o->server && step == 0 && REACHED(o->server_hello)) {
    failed = install_handshake(e);
  } else if (!o->server && step == 1 && REACHED(o->server_flight)) {
    failed = take_peer_params(e) || submit(e, LEVEL_HANDSHAKE, o->client_finished) || install_1rtt(e, 1) ||
             install_1rtt(e, 0);
    completed(e);
  }
  return failed ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

/* Callbacks that only speak. */

#define SAY0(name)                                                                                                    \
  static int on_##name(ngtcp2_conn *conn, void *user) {                                                               \
    (void)conn;                                                                                                       \
    say(user, #name);                                                                                                 \
    return 0;                                                                                                         \
  }
#define SAY1(name)                                                                                                    \
  static int on_##name(ngtcp2_conn *conn, uint64_t value, void *user) {                                               \
    (void)conn;                                                                                                       \
    say(user, #name " %llu", (unsigned long long)value);                                                              \
    return 0;                                                                                                         \
  }

SAY0(handshake_completed)
SAY0(handshake_confirmed)
SAY1(extend_max_local_streams_bidi)
SAY1(extend_max_local_streams_uni)
SAY1(extend_max_remote_streams_bidi)
SAY1(extend_max_remote_streams_uni)
SAY1(ack_datagram)
SAY1(lost_datagram)

static int on_recv_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t id, uint64_t offset, const uint8_t *data,
                               size_t size, void *user, void *stream_user) {
  (void)conn, (void)stream_user, (void)data;
  say(user, "recv_stream_data %lld %llu %zu%s", (long long)id, (unsigned long long)offset, size,
      flags & NGTCP2_STREAM_DATA_FLAG_FIN ? " fin" : "");
  return 0;
}

static int on_acked_stream_data_offset(ngtcp2_conn *conn, int64_t id, uint64_t offset, uint64_t size, void *user,
                                       void *stream_user) {
  (void)conn, (void)stream_user;
  say(user, "acked_stream_data_offset %lld %llu %llu", (long long)id, (unsigned long long)offset,
      (unsigned long long)size);
  return 0;
}

static int on_stream_open(ngtcp2_conn *conn, int64_t id, void *user) {
  (void)conn;
  say(user, "stream_open %lld", (long long)id);
  return 0;
}

static int on_stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t id, uint64_t code, void *user,
                           void *stream_user) {
  (void)conn, (void)stream_user;
  if (flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) {
    say(user, "stream_close %lld %llu", (long long)id, (unsigned long long)code);
  } else {
    say(user, "stream_close %lld", (long long)id);
  }
  return 0;
}

static int on_stream_reset(ngtcp2_conn *conn, int64_t id, uint64_t size, uint64_t code, void *user,
                           void *stream_user) {
  (void)conn, (void)stream_user;
  say(user, "stream_reset %lld %llu %llu", (long long)id, (unsigned long long)size, (unsigned long long)code);
  return 0;
}

static int on_stream_stop_sending(ngtcp2_conn *conn, int64_t id, uint64_t code, void *user, void *stream_user) {
  (void)conn, (void)stream_user;
  say(user, "stream_stop_sending %lld %llu", (long long)id, (unsigned long long)code);
  return 0;
}

#if NEWER
SAY1(extend_max_data)

static int on_recv_stop_sending(ngtcp2_conn *conn, int64_t id, uint64_t code, void *user, void *stream_user) {
  (void)conn, (void)stream_user;
  say(user, "recv_stop_sending %lld %llu", (long long)id, (unsigned long long)code);
  return 0;
}
#endif

static int on_extend_max_stream_data(ngtcp2_conn *conn, int64_t id, uint64_t maximum, void *user, void *stream_user) {
  (void)conn, (void)stream_user;
  say(user, "extend_max_stream_data %lld %llu", (long long)id, (unsigned long long)maximum);
  return 0;
}

static int on_recv_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t size, void *user) {
  (void)conn, (void)flags, (void)data;
  say(user, "recv_datagram %zu", size);
  return 0;
}

#if NEWER
static int on_recv_new_token(ngtcp2_conn *conn, const uint8_t *token, size_t size, void *user) {
  (void)conn, (void)token;
  say(user, "recv_new_token %zu", size);
  return 0;
}
#else
static int on_recv_new_token(ngtcp2_conn *conn, const ngtcp2_vec *token, void *user) {
  (void)conn;
  say(user, "recv_new_token %zu", token->len);
  return 0;
}
#endif

static void on_rand(uint8_t *dest, size_t size, const ngtcp2_rand_ctx *context) {
  (void)context;
  memset(dest, 0xff, size); /* the longest gap: no packet number is skipped in a scenario */
}

static int on_get_new_connection_id(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t size, void *user) {
  struct endpoint *e = user;
  uint8_t bytes[NGTCP2_MAX_CIDLEN];

  (void)conn;
  memset(bytes, e->o.server ? 0x50 : 0xc0, sizeof(bytes));
  bytes[size - 1] = ++e->next_cid;
  ngtcp2_cid_init(cid, bytes, size);
  memset(token, bytes[size - 1], NGTCP2_STATELESS_RESET_TOKENLEN);
  return 0;
}

static int on_remove_connection_id(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user) {
  (void)conn, (void)cid;
  say(user, "remove_connection_id");
  return 0;
}

static int on_get_path_challenge_data(ngtcp2_conn *conn, uint8_t *data, void *user) {
  (void)conn, (void)user;
  memset(data, 0x77, NGTCP2_PATH_CHALLENGE_DATALEN);
  return 0;
}

#if NEWER
static int on_path_validation(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path, const ngtcp2_path *fallback,
                              ngtcp2_path_validation_result result, void *user) {
  (void)fallback;
#else
static int on_path_validation(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
                              ngtcp2_path_validation_result result, void *user) {
#endif
  (void)conn, (void)flags, (void)path;
  say(user, "path_validation %d", (int)result);
  return 0;
}

static int on_recv_retry(ngtcp2_conn *conn, const ngtcp2_pkt_hd *head, void *user) {
  (void)conn, (void)head;
  return install_initial(user) ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_version_negotiation(ngtcp2_conn *conn, uint32_t version, const ngtcp2_cid *dcid, void *user) {
  (void)conn, (void)version, (void)dcid, (void)user;
  return 0;
}

/* The flat interface. */

static void address(struct sockaddr_in *to, int port) {
  memset(to, 0, sizeof(*to));
  to->sin_family = AF_INET;
  to->sin_port = htons((uint16_t)port);
  to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void make_path(ngtcp2_path_storage *path, int server, int number) {
  struct sockaddr_in client, peer;

  address(&client, 1000 + number);
  address(&peer, 4433);
  ngtcp2_path_storage_init(path, (ngtcp2_sockaddr *)(server ? &peer : &client), sizeof(client),
                           (ngtcp2_sockaddr *)(server ? &client : &peer), sizeof(client), NULL);
}

int64_t oracle_version(void) { return NGTCP2_VERSION_NUM; }

const char *oracle_error(int64_t code) { return ngtcp2_strerror((int)code); }

int64_t oracle_wire_error(int64_t code) { return (int64_t)ngtcp2_err_infer_quic_transport_error_code((int)code); }

void oracle_free(struct endpoint *e) {
  if (e) {
    ngtcp2_conn_del(e->conn);
    free(e->log);
    free(e);
  }
}

struct endpoint *oracle_new(const struct options *options) {
  struct endpoint *e = calloc(1, sizeof(*e));
  const struct options *o = options;
  ngtcp2_callbacks callbacks;
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  ngtcp2_cid dcid, scid;
  uint8_t bytes[NGTCP2_MAX_CIDLEN];
  int failed;

  if (e == NULL) {
    return NULL;
  }
  e->o = *o;
  memset(&callbacks, 0, sizeof(callbacks));
  callbacks.client_initial = on_client_initial;
  callbacks.recv_client_initial = on_recv_client_initial;
  callbacks.recv_crypto_data = on_recv_crypto_data;
  callbacks.handshake_completed = on_handshake_completed;
  callbacks.handshake_confirmed = on_handshake_confirmed;
  callbacks.encrypt = on_encrypt;
  callbacks.decrypt = on_decrypt;
  callbacks.hp_mask = on_hp_mask;
  callbacks.recv_stream_data = on_recv_stream_data;
  callbacks.acked_stream_data_offset = on_acked_stream_data_offset;
  callbacks.stream_open = on_stream_open;
  callbacks.stream_close = on_stream_close;
  callbacks.recv_retry = on_recv_retry;
  callbacks.extend_max_local_streams_bidi = on_extend_max_local_streams_bidi;
  callbacks.extend_max_local_streams_uni = on_extend_max_local_streams_uni;
  callbacks.extend_max_remote_streams_bidi = on_extend_max_remote_streams_bidi;
  callbacks.extend_max_remote_streams_uni = on_extend_max_remote_streams_uni;
  callbacks.extend_max_stream_data = on_extend_max_stream_data;
  callbacks.rand = on_rand;
  callbacks.get_new_connection_id = on_get_new_connection_id;
  callbacks.remove_connection_id = on_remove_connection_id;
  callbacks.update_key = on_update_key;
  callbacks.path_validation = on_path_validation;
  callbacks.stream_reset = on_stream_reset;
  callbacks.recv_new_token = on_recv_new_token;
  callbacks.delete_crypto_aead_ctx = on_delete_aead;
  callbacks.delete_crypto_cipher_ctx = on_delete_cipher;
  callbacks.recv_datagram = on_recv_datagram;
  callbacks.ack_datagram = on_ack_datagram;
  callbacks.lost_datagram = on_lost_datagram;
  callbacks.get_path_challenge_data = on_get_path_challenge_data;
  callbacks.stream_stop_sending = on_stream_stop_sending;
  callbacks.version_negotiation = on_version_negotiation;
#if NEWER
  callbacks.recv_stop_sending = on_recv_stop_sending;
  callbacks.extend_max_data = on_extend_max_data;
#endif

  ngtcp2_settings_default(&settings);
  settings.cc_algo = (ngtcp2_cc_algo)o->congestion;
  settings.initial_ts = (ngtcp2_tstamp)o->now;
  settings.initial_rtt = (ngtcp2_duration)o->initial_rtt;
  settings.max_tx_udp_payload_size = (size_t)o->max_udp_payload;
  settings.no_pmtud = !o->mtu_discovery;
  settings.no_tx_udp_payload_size_shaping = !o->shaping;
  settings.ack_thresh = (size_t)o->ack_thresh;
  settings.handshake_timeout = (ngtcp2_duration)o->handshake_timeout;
  settings.max_window = (uint64_t)o->max_window;
  settings.max_stream_window = (uint64_t)o->max_stream_window;
#if NEWER
  settings.initial_pkt_num = (uint32_t)o->initial_pn;
#endif

  ngtcp2_transport_params_default(&params);
  params.initial_max_data = (uint64_t)o->data;
  params.initial_max_stream_data_bidi_local = (uint64_t)o->stream_data_bidi_local;
  params.initial_max_stream_data_bidi_remote = (uint64_t)o->stream_data_bidi_remote;
  params.initial_max_stream_data_uni = (uint64_t)o->stream_data_uni;
  params.initial_max_streams_bidi = (uint64_t)o->streams_bidi;
  params.initial_max_streams_uni = (uint64_t)o->streams_uni;
  params.max_idle_timeout = (ngtcp2_duration)o->idle_timeout;
  params.max_udp_payload_size = (uint64_t)o->udp_payload_param;
  params.active_connection_id_limit = (uint64_t)o->active_cids;
  params.max_ack_delay = (ngtcp2_duration)o->max_ack_delay;
  params.ack_delay_exponent = (uint64_t)o->ack_delay_exponent;
  params.max_datagram_frame_size = (uint64_t)o->datagram_frame_size;

  /* Connection ids: the client's 0xc0.., the server's 0x50.., the first destination 0xd0.. */
  memset(bytes, o->server ? 0x50 : 0xc0, sizeof(bytes));
  bytes[o->cidlen - 1] = 0;
  ngtcp2_cid_init(&scid, bytes, (size_t)o->cidlen);
  memset(bytes, o->server ? 0xc0 : 0xd0, sizeof(bytes));
  bytes[o->cidlen - 1] = 0;
  ngtcp2_cid_init(&dcid, bytes, (size_t)o->cidlen);
  if (o->server) {
    memset(bytes, 0xd0, sizeof(bytes));
    bytes[o->cidlen - 1] = 0;
    ngtcp2_cid_init(&params.original_dcid, bytes, (size_t)o->cidlen);
#if NEWER
    params.original_dcid_present = 1;
#endif
  }

  make_path(&e->path, (int)o->server, 0);
  failed = o->server ? ngtcp2_conn_server_new(&e->conn, &dcid, &scid, &e->path.path, NGTCP2_PROTO_VER_V1, &callbacks,
                                              &settings, &params, NULL, e)
                     : ngtcp2_conn_client_new(&e->conn, &dcid, &scid, &e->path.path, NGTCP2_PROTO_VER_V1, &callbacks,
                                              &settings, &params, NULL, e);
  if (failed) {
    free(e);
    return NULL;
  }
  if (o->keep_alive) {
    ngtcp2_conn_set_keep_alive_timeout(e->conn, (ngtcp2_duration)o->keep_alive);
  }
  return e;
}

/* Who the other end is, whose transport parameters count. */
void oracle_introduce(struct endpoint *e, struct endpoint *other) { e->other = other; }

/* What a client remembers of a connection for the early data of the next one. */
int64_t oracle_remembered(struct endpoint *e, uint8_t *to, int64_t room) {
#if NEWER
  return ngtcp2_conn_encode_0rtt_transport_params(e->conn, to, (size_t)room);
#else
  if (room < (int64_t)sizeof(ngtcp2_transport_params)) {
    return NGTCP2_ERR_NOBUF;
  }
  memcpy(to, ngtcp2_conn_get_remote_transport_params(e->conn), sizeof(ngtcp2_transport_params));
  return sizeof(ngtcp2_transport_params);
#endif
}

int64_t oracle_remember(struct endpoint *e, const uint8_t *params, int64_t size) {
#if NEWER
  return ngtcp2_conn_decode_and_set_0rtt_transport_params(e->conn, params, (size_t)size);
#else
  ngtcp2_transport_params copy;

  (void)size;
  memcpy(&copy, params, sizeof(copy));
  ngtcp2_conn_set_early_remote_transport_params(e->conn, &copy);
  return 0;
#endif
}

const char *oracle_log(struct endpoint *e) {
  return e->log ? e->log : "";
}

void oracle_log_clear(struct endpoint *e) {
  e->log_size = 0;
  if (e->log) {
    e->log[0] = 0;
  }
}

static const uint8_t *filler(int64_t size) {
  static uint8_t *bytes;
  static int64_t room;

  if (size > room) {
    free(bytes);
    bytes = calloc(1, (size_t)size);
    room = size;
    if (bytes == NULL) {
      abort();
    }
  }
  return bytes;
}

static size_t vector(ngtcp2_vec *vec, const int64_t *sizes, int64_t count) {
  int64_t i, largest = 1;

  for (i = 0; i < count; ++i) {
    if (sizes[i] > largest && sizes[i] < (1LL << 30)) {
      largest = sizes[i];
    }
  }
  for (i = 0; i < count; ++i) {
    vec[i].base = (uint8_t *)filler(largest);
    vec[i].len = (size_t)sizes[i];
  }
  return (size_t)count;
}

int64_t oracle_writev_stream(struct endpoint *e, uint8_t *dest, int64_t destlen, int64_t *pdatalen, int64_t flags,
                             int64_t stream_id, const int64_t *sizes, int64_t count, int64_t now) {
  ngtcp2_vec vec[64];
  ngtcp2_ssize datalen = -2, n;
  ngtcp2_pkt_info info;
  ngtcp2_path_storage path;

  ngtcp2_path_storage_zero(&path);
  n = ngtcp2_conn_writev_stream(e->conn, &path.path, &info, dest, (size_t)destlen, &datalen, (uint32_t)flags,
                                stream_id, vec, vector(vec, sizes, count), (ngtcp2_tstamp)now);
  *pdatalen = datalen;
  return n;
}

int64_t oracle_writev_datagram(struct endpoint *e, uint8_t *dest, int64_t destlen, int64_t *accepted, int64_t flags,
                               int64_t id, const int64_t *sizes, int64_t count, int64_t now) {
  ngtcp2_vec vec[64];
  int taken = -2;
  ngtcp2_ssize n;
  ngtcp2_pkt_info info;
  ngtcp2_path_storage path;

  ngtcp2_path_storage_zero(&path);
  n = ngtcp2_conn_writev_datagram(e->conn, &path.path, &info, dest, (size_t)destlen, &taken, (uint32_t)flags,
                                  (uint64_t)id, vec, vector(vec, sizes, count), (ngtcp2_tstamp)now);
  *accepted = taken;
  return n;
}

int64_t oracle_write_connection_close(struct endpoint *e, uint8_t *dest, int64_t destlen, int64_t application,
                                      int64_t code, const uint8_t *reason, int64_t reasonlen, int64_t now) {
  ngtcp2_pkt_info info;
  ngtcp2_path_storage path;
#if NEWER
  ngtcp2_ccerr error;

  ngtcp2_ccerr_default(&error);
  if (application) {
    ngtcp2_ccerr_set_application_error(&error, (uint64_t)code, reason, (size_t)reasonlen);
  } else {
    ngtcp2_ccerr_set_transport_error(&error, (uint64_t)code, reason, (size_t)reasonlen);
  }
#else
  ngtcp2_connection_close_error error;

  ngtcp2_connection_close_error_default(&error);
  if (application) {
    ngtcp2_connection_close_error_set_application_error(&error, (uint64_t)code, reason, (size_t)reasonlen);
  } else {
    ngtcp2_connection_close_error_set_transport_error(&error, (uint64_t)code, reason, (size_t)reasonlen);
  }
#endif
  ngtcp2_path_storage_zero(&path);
  return ngtcp2_conn_write_connection_close(e->conn, &path.path, &info, dest, (size_t)destlen, &error,
                                            (ngtcp2_tstamp)now);
}

int64_t oracle_read_pkt(struct endpoint *e, const uint8_t *data, int64_t size, int64_t path, int64_t ecn,
                        int64_t now) {
  ngtcp2_path_storage storage;
  ngtcp2_pkt_info info;

  memset(&info, 0, sizeof(info));
  info.ecn = (uint8_t)ecn;
  make_path(&storage, (int)e->o.server, (int)path);
  return ngtcp2_conn_read_pkt(e->conn, &storage.path, &info, data, (size_t)size, (ngtcp2_tstamp)now);
}

void oracle_update_pkt_tx_time(struct endpoint *e, int64_t now) {
  ngtcp2_conn_update_pkt_tx_time(e->conn, (ngtcp2_tstamp)now);
}

int64_t oracle_get_expiry(struct endpoint *e) { return (int64_t)ngtcp2_conn_get_expiry(e->conn); }

int64_t oracle_handle_expiry(struct endpoint *e, int64_t now) {
  return ngtcp2_conn_handle_expiry(e->conn, (ngtcp2_tstamp)now);
}

int64_t oracle_open(struct endpoint *e, int64_t bidi) {
  int64_t id = -1;
  int n = bidi ? ngtcp2_conn_open_bidi_stream(e->conn, &id, NULL) : ngtcp2_conn_open_uni_stream(e->conn, &id, NULL);

  return n ? n : id;
}

int64_t oracle_shutdown_stream(struct endpoint *e, int64_t which, int64_t id, int64_t code) {
#if NEWER
#define WITH_FLAGS(function) function(e->conn, 0, id, (uint64_t)code)
#else
#define WITH_FLAGS(function) function(e->conn, id, (uint64_t)code)
#endif
  switch (which) {
  case 0:
    return WITH_FLAGS(ngtcp2_conn_shutdown_stream);
  case 1:
    return WITH_FLAGS(ngtcp2_conn_shutdown_stream_read);
  default:
    return WITH_FLAGS(ngtcp2_conn_shutdown_stream_write);
  }
}

int64_t oracle_extend_max_stream_offset(struct endpoint *e, int64_t id, int64_t n) {
  return ngtcp2_conn_extend_max_stream_offset(e->conn, id, (uint64_t)n);
}

void oracle_extend_max_offset(struct endpoint *e, int64_t n) { ngtcp2_conn_extend_max_offset(e->conn, (uint64_t)n); }

void oracle_extend_max_streams(struct endpoint *e, int64_t bidi, int64_t n) {
  if (bidi) {
    ngtcp2_conn_extend_max_streams_bidi(e->conn, (size_t)n);
  } else {
    ngtcp2_conn_extend_max_streams_uni(e->conn, (size_t)n);
  }
}

int64_t oracle_submit_new_token(struct endpoint *e, const uint8_t *token, int64_t size) {
  return ngtcp2_conn_submit_new_token(e->conn, token, (size_t)size);
}

int64_t oracle_initiate_key_update(struct endpoint *e, int64_t now) {
  return ngtcp2_conn_initiate_key_update(e->conn, (ngtcp2_tstamp)now);
}

int64_t oracle_early_data_rejected(struct endpoint *e) {
#if NEWER
  return ngtcp2_conn_tls_early_data_rejected(e->conn);
#else
  return ngtcp2_conn_early_data_rejected(e->conn);
#endif
}

/* cwnd, bytes in flight, smoothed rtt, ssthresh, completed, closing, draining, streams left (bidi, uni), data left */
void oracle_info(struct endpoint *e, int64_t *to) {
#if NEWER
  ngtcp2_conn_info info;

  ngtcp2_conn_get_conn_info(e->conn, &info);
  to[5] = ngtcp2_conn_in_closing_period(e->conn);
  to[6] = ngtcp2_conn_in_draining_period(e->conn);
#else
  ngtcp2_conn_stat info;

  ngtcp2_conn_get_conn_stat(e->conn, &info);
  to[5] = ngtcp2_conn_is_in_closing_period(e->conn);
  to[6] = ngtcp2_conn_is_in_draining_period(e->conn);
#endif
  to[0] = (int64_t)info.cwnd;
  to[1] = (int64_t)info.bytes_in_flight;
  to[2] = (int64_t)info.smoothed_rtt;
  to[3] = (int64_t)info.ssthresh;
  to[4] = ngtcp2_conn_get_handshake_completed(e->conn);
  to[7] = (int64_t)ngtcp2_conn_get_streams_bidi_left(e->conn);
  to[8] = (int64_t)ngtcp2_conn_get_streams_uni_left(e->conn);
  to[9] = (int64_t)ngtcp2_conn_get_max_data_left(e->conn);
  to[10] = (int64_t)ngtcp2_conn_get_pto(e->conn);
}

int64_t oracle_max_stream_data_left(struct endpoint *e, int64_t id) {
  return (int64_t)ngtcp2_conn_get_max_stream_data_left(e->conn, id);
}

/* The checksum of a packet that a scripted peer made. */
void oracle_seal(int64_t key, int64_t pn, const uint8_t *head, int64_t headlen, const uint8_t *payload, int64_t size,
                 uint8_t *tag) {
  uint8_t nonce[IV] = {0};
  int i;

  for (i = 0; i < 8; ++i) {
    nonce[IV - 1 - i] = (uint8_t)((uint64_t)pn >> (8 * i));
  }
  checksum(tag, (int)key, nonce, head, (size_t)headlen, payload, (size_t)size);
}
