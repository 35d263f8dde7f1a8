/*
 * The workloads of this suite on libnghttp2, as a peer for the table of benchmarks/__main__.py.
 *
 * Usage: nghttp2_bench              reads lines "KEY UNITS" and answers each with "NANOSECONDS_PER_UNIT",
 *                                   so that the caller can interleave its rounds with those of other engines;
 *        nghttp2_bench KEY UNITS N  runs N rounds of one workload and prints best and median.
 * A round prepares its sessions outside the timed part and checks its result afterwards; what went wrong
 * ends the program with a message and status 1.
 */
#define _GNU_SOURCE
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME 16384
#define PADDED_FRAME 16128
#define SMALL_FRAME 1024
#define STREAMS 100
#define BATCH 100
#define BODY 1024
#define READ_SIZE 65536
#define WINDOW 0x7fffffff
#define SOURCE_SIZE (1 << 20)

static uint8_t source_bytes[SOURCE_SIZE + FRAME];

static void fail(const char *what) {
  fprintf(stderr, "nghttp2_bench: %s\n", what);
  exit(1);
}

static void require(int condition, const char *what) {
  if (!condition)
    fail(what);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- growing byte buffer ---- */

typedef struct {
  uint8_t *bytes;
  size_t size, room;
} buffer;

static void buffer_add(buffer *b, const void *data, size_t n) {
  if (b->size + n > b->room) {
    b->room = (b->size + n) * 2;
    b->bytes = realloc(b->bytes, b->room);
    require(b->bytes != NULL, "out of memory");
  }
  memcpy(b->bytes + b->size, data, n);
  b->size += n;
}

static void buffer_free(buffer *b) {
  free(b->bytes);
  memset(b, 0, sizeof *b);
}

/* ---- what both sides say; benchmarks/common.py holds the same lists ---- */

#define FIELD(name, value)                                                                                   \
  { (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE }

static nghttp2_nv request_fields[] = {
    FIELD(":method", "GET"),
    FIELD(":scheme", "https"),
    FIELD(":authority", "www.example.com"),
    FIELD(":path", ""),
    FIELD("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    FIELD("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    FIELD("accept-language", "en-US,en;q=0.5"),
    FIELD("accept-encoding", "gzip, deflate, br"),
    FIELD("referer", "https://www.example.com/index.html"),
    FIELD("cookie", "session=8c1f3a5e9b7d42f0a6c4e2d8b0f1a3c5"),
    FIELD("cache-control", "no-cache"),
    FIELD("priority", "u=3, i"),
};
#define REQUEST_FIELDS (sizeof request_fields / sizeof *request_fields)
#define PATH_FIELD 3

static const nghttp2_nv response_fields[] = {
    FIELD(":status", "200"),
    FIELD("server", "benchmark"),
    FIELD("date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    FIELD("content-type", "application/octet-stream"),
    FIELD("content-length", "1024"),
    FIELD("cache-control", "max-age=3600"),
    FIELD("etag", "\"5f3e-1a2b3c4d5e6f\""),
    FIELD("vary", "accept-encoding"),
};
#define RESPONSE_FIELDS (sizeof response_fields / sizeof *response_fields)

static char path_bytes[32];

static const nghttp2_nv *make_request(size_t number) {
  int n = snprintf(path_bytes, sizeof path_bytes, "/assets/item-%06zu", number);
  request_fields[PATH_FIELD].value = (uint8_t *)path_bytes;
  request_fields[PATH_FIELD].valuelen = (size_t)n;
  return request_fields;
}

/* ---- frames by hand, for input that is prepared ---- */

static void add_head(buffer *b, size_t length, uint8_t type, uint8_t flags, uint32_t id) {
  uint8_t head[9] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,     type,       flags,
                     (uint8_t)(id >> 24),     (uint8_t)(id >> 16),    (uint8_t)(id >> 8), (uint8_t)id};
  buffer_add(b, head, 9);
}

static void add_u32(buffer *b, uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  buffer_add(b, bytes, 4);
}

/* SETTINGS with the largest INITIAL_WINDOW_SIZE, and a WINDOW_UPDATE that opens the connection as far. */
static void add_settings(buffer *b, int with_magic) {
  static const uint8_t ids[2][2] = {{0, 4}, {0, 3}};
  if (with_magic)
    buffer_add(b, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
  add_head(b, 12, NGHTTP2_SETTINGS, 0, 0);
  buffer_add(b, ids[0], 2);
  add_u32(b, WINDOW);
  buffer_add(b, ids[1], 2);
  add_u32(b, 1000);
  add_head(b, 4, NGHTTP2_WINDOW_UPDATE, 0, 0);
  add_u32(b, WINDOW - 65535);
}

static void add_request(buffer *b, nghttp2_hd_deflater *deflater, size_t number, uint8_t flags) {
  uint8_t block[2048];
  ssize_t n = nghttp2_hd_deflate_hd(deflater, block, sizeof block, make_request(number), REQUEST_FIELDS);
  require(n > 0, "deflate");
  add_head(b, (size_t)n, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, (uint32_t)(2 * number + 1));
  buffer_add(b, block, (size_t)n);
}

/* ---- what a session's callbacks count ---- */

typedef struct {
  size_t frames, bytes, fields, field_bytes, messages, closed;
  size_t left;      /* of the body that W1 sends */
  size_t read_size; /* bytes a read gives, at most */
  int32_t last_stream_id;
  int in_turn; /* W3: no stream sent two frames in a row */
  unsigned pad_seed;
  buffer out;
} counters;

typedef struct {
  size_t left;
} body;

static ssize_t on_send_count(nghttp2_session *s, const uint8_t *data, size_t length, int flags, void *user) {
  counters *c = user;
  (void)s, (void)data, (void)flags;
  c->bytes += length;
  return (ssize_t)length;
}

static ssize_t on_send_gather(nghttp2_session *s, const uint8_t *data, size_t length, int flags, void *user) {
  counters *c = user;
  (void)s, (void)flags;
  buffer_add(&c->out, data, length);
  return (ssize_t)length;
}

static int on_send_data(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *framehd, size_t length,
                        nghttp2_data_source *source, void *user) {
  counters *c = user;
  (void)s, (void)source, (void)framehd;
  c->frames++;
  c->bytes += 9 + length + frame->data.padlen;
  if (c->last_stream_id == frame->hd.stream_id)
    c->in_turn = 0;
  c->last_stream_id = frame->hd.stream_id;
  return 0;
}

static ssize_t read_no_copy(nghttp2_session *s, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                            nghttp2_data_source *source, void *user) {
  body *b = source->ptr;
  counters *c = user;
  size_t n = length < c->read_size ? length : c->read_size;
  (void)s, (void)id, (void)buf;
  if (n > b->left)
    n = b->left;
  b->left -= n;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (b->left == 0)
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static ssize_t read_copy(nghttp2_session *s, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  body *b = source->ptr;
  size_t n = length < b->left ? length : b->left;
  (void)s, (void)id, (void)user;
  memcpy(buf, source_bytes + b->left % SOURCE_SIZE, n);
  b->left -= n;
  if (b->left == 0)
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static ssize_t read_body(nghttp2_session *s, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  (void)s, (void)id, (void)user;
  require(length >= BODY, "window");
  memcpy(buf, source->ptr, BODY);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  return BODY;
}

static ssize_t on_select_padding(nghttp2_session *s, const nghttp2_frame *frame, size_t max, void *user) {
  counters *c = user;
  size_t total;
  (void)s;
  c->pad_seed = c->pad_seed * 1103515245u + 12345u;
  total = frame->hd.length + 1 + (c->pad_seed >> 16) % 255;
  return (ssize_t)(total < max ? total : max);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t namelen,
                     const uint8_t *value, size_t valuelen, uint8_t flags, void *user) {
  counters *c = user;
  (void)s, (void)frame, (void)name, (void)value, (void)flags;
  c->fields++;
  c->field_bytes += namelen + valuelen;
  return 0;
}

static int on_data_chunk(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                         void *user) {
  counters *c = user;
  (void)s, (void)flags, (void)id, (void)data;
  c->bytes += length;
  return 0;
}

static int on_frame_recv_count(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
  counters *c = user;
  (void)s;
  if (frame->hd.type == NGHTTP2_HEADERS)
    c->messages++;
  return 0;
}

static int on_frame_recv_answer(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
  counters *c = user;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    nghttp2_data_provider provider = {{.ptr = source_bytes}, read_body};
    c->messages++;
    require(nghttp2_submit_response(s, frame->hd.stream_id, response_fields, RESPONSE_FIELDS, &provider) == 0,
            "submit_response");
  }
  return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *user) {
  counters *c = user;
  (void)s, (void)id;
  require(code == 0, "stream closed with an error");
  c->closed++;
  return 0;
}

/* ---- sessions ---- */

enum { COUNT_SEND = 1, PADDING = 2, ANSWER = 4, CLIENT_SIDE = 8 };

static nghttp2_session *make_session(counters *c, int kind) {
  nghttp2_session_callbacks *cb;
  nghttp2_session *s;
  nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
                                      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000},
                                      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  require(nghttp2_session_callbacks_new(&cb) == 0, "out of memory");
  nghttp2_session_callbacks_set_send_callback(cb, kind & COUNT_SEND ? on_send_count : on_send_gather);
  nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
  nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
  nghttp2_session_callbacks_set_on_frame_recv_callback(cb, kind & ANSWER ? on_frame_recv_answer
                                                                         : on_frame_recv_count);
  if (kind & PADDING)
    nghttp2_session_callbacks_set_select_padding_callback(cb, on_select_padding);
  require((kind & CLIENT_SIDE ? nghttp2_session_client_new(&s, cb, c) : nghttp2_session_server_new(&s, cb, c)) == 0,
          "session");
  nghttp2_session_callbacks_del(cb);
  require(nghttp2_submit_settings(s, 0, entries, kind & CLIENT_SIDE ? 2 : 3) == 0, "settings");
  require(nghttp2_session_set_local_window_size(s, 0, 0, WINDOW) == 0, "window");
  return s;
}

static void receive(nghttp2_session *s, const uint8_t *data, size_t n) {
  require(nghttp2_session_mem_recv(s, data, n) == (ssize_t)n, "mem_recv");
}

static void receive_buffer(nghttp2_session *s, buffer *b) {
  receive(s, b->bytes, b->size);
  b->size = 0;
}

static void send_all(nghttp2_session *s) { require(nghttp2_session_send(s) == 0, "send"); }

/* A server that has exchanged settings and received `requests` requests, none answered. */
static nghttp2_session *opened_server(counters *c, int kind, size_t requests) {
  nghttp2_session *s = make_session(c, kind);
  nghttp2_hd_deflater *deflater;
  buffer in = {0};
  size_t i;
  require(nghttp2_hd_deflate_new(&deflater, 4096) == 0, "deflater");
  add_settings(&in, 1);
  add_head(&in, 0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0);
  send_all(s);
  for (i = 0; i < requests; i++)
    add_request(&in, deflater, i, NGHTTP2_FLAG_END_STREAM);
  receive_buffer(s, &in);
  send_all(s);
  buffer_free(&in);
  nghttp2_hd_deflate_del(deflater);
  return s;
}

/* ---- the workloads: each returns the nanoseconds that `units` took ---- */

static uint64_t run_data(size_t units, int kind, size_t frame, nghttp2_data_source_read_callback read) {
  counters c = {.read_size = frame};
  body b = {units * frame};
  nghttp2_data_provider provider = {{.ptr = &b}, read};
  nghttp2_session *s = opened_server(&c, kind | COUNT_SEND, 1);
  uint64_t start, end;
  require(nghttp2_submit_response(s, 1, response_fields, 4, &provider) == 0, "submit_response");
  c.bytes = 0;
  start = now_ns();
  send_all(s);
  end = now_ns();
  require(b.left == 0 && c.closed == 1 && c.bytes > units * (9 + frame), "body");
  require(read == read_copy || c.frames == units, "frames");
  nghttp2_session_del(s);
  return end - start;
}

static uint64_t run_w1(size_t units) { return run_data(units, 0, FRAME, read_no_copy); }
static uint64_t run_w1p(size_t units) { return run_data(units, PADDING, PADDED_FRAME, read_no_copy); }
static uint64_t run_w1c(size_t units) { return run_data(units, 0, FRAME, read_copy); }

static uint64_t run_w2(size_t units) {
  counters cc = {0}, sc = {0};
  nghttp2_session *client = make_session(&cc, CLIENT_SIDE), *server = make_session(&sc, ANSWER);
  uint64_t start, end;
  size_t number = 0, i;
  int turn;
  for (turn = 0; turn < 2; turn++) {
    send_all(client);
    receive_buffer(server, &cc.out);
    send_all(server);
    receive_buffer(client, &sc.out);
  }
  start = now_ns();
  while (number < units) {
    for (i = 0; i < BATCH && number < units; i++, number++)
      require(nghttp2_submit_request(client, NULL, make_request(number), REQUEST_FIELDS, NULL, NULL) > 0,
              "submit_request");
    send_all(client);
    receive_buffer(server, &cc.out);
    send_all(server);
    receive_buffer(client, &sc.out);
  }
  end = now_ns();
  require(cc.closed == units && sc.closed == units && sc.fields == units * REQUEST_FIELDS, "requests");
  require(cc.bytes == units * BODY && cc.fields == units * RESPONSE_FIELDS, "responses");
  nghttp2_session_del(client);
  nghttp2_session_del(server);
  buffer_free(&cc.out);
  buffer_free(&sc.out);
  return end - start;
}

static uint64_t run_w2s(size_t units) {
  counters c = {0};
  nghttp2_session *s = opened_server(&c, ANSWER, 0);
  nghttp2_hd_deflater *deflater;
  size_t batches = (units + BATCH - 1) / BATCH, i;
  buffer *in = calloc(batches, sizeof *in);
  uint64_t start, end;
  require(in != NULL && nghttp2_hd_deflate_new(&deflater, 4096) == 0, "out of memory");
  for (i = 0; i < units; i++)
    add_request(&in[i / BATCH], deflater, i, NGHTTP2_FLAG_END_STREAM);
  c.out.size = 0;
  start = now_ns();
  for (i = 0; i < batches; i++) {
    receive(s, in[i].bytes, in[i].size);
    send_all(s);
    c.bytes += c.out.size;
    c.out.size = 0;
  }
  end = now_ns();
  require(c.closed == units && c.fields == units * REQUEST_FIELDS && c.bytes > units * BODY, "requests");
  for (i = 0; i < batches; i++)
    buffer_free(&in[i]);
  free(in);
  nghttp2_hd_deflate_del(deflater);
  nghttp2_session_del(s);
  buffer_free(&c.out);
  return end - start;
}

static uint64_t run_w3(size_t units) {
  counters c = {.read_size = SMALL_FRAME, .in_turn = 1};
  nghttp2_session *s = opened_server(&c, COUNT_SEND, STREAMS);
  body bodies[STREAMS];
  uint64_t start, end;
  int i;
  for (i = 0; i < STREAMS; i++) {
    nghttp2_data_provider provider = {{.ptr = &bodies[i]}, read_no_copy};
    bodies[i].left = units / STREAMS * SMALL_FRAME;
    require(nghttp2_submit_response(s, 2 * i + 1, response_fields, 4, &provider) == 0, "submit_response");
  }
  start = now_ns();
  send_all(s);
  end = now_ns();
  require(c.frames == units / STREAMS * STREAMS && c.closed == STREAMS, "frames");
  require(c.in_turn, "the streams did not take turns");
  nghttp2_session_del(s);
  return end - start;
}

static uint64_t run_w4d(size_t units) {
  counters c = {0};
  nghttp2_session *s = opened_server(&c, COUNT_SEND, 0);
  nghttp2_hd_deflater *deflater;
  buffer in = {0};
  uint64_t start, end;
  size_t i, n, body_start;
  require(nghttp2_hd_deflate_new(&deflater, 4096) == 0, "deflater");
  add_request(&in, deflater, 0, 0);
  receive_buffer(s, &in);
  body_start = c.bytes;
  for (i = 0; i < units; i++) {
    add_head(&in, FRAME, NGHTTP2_DATA, i + 1 == units ? NGHTTP2_FLAG_END_STREAM : 0, 1);
    buffer_add(&in, source_bytes + i * 64 % SOURCE_SIZE, FRAME);
  }
  start = now_ns();
  for (i = 0; i < in.size; i += n) {
    n = in.size - i < READ_SIZE ? in.size - i : READ_SIZE;
    receive(s, in.bytes + i, n);
    if (nghttp2_session_want_write(s))
      send_all(s);
  }
  end = now_ns();
  require(c.bytes >= body_start + units * FRAME && c.bytes < body_start + units * FRAME + 26 * units, "bytes");
  nghttp2_session_del(s);
  nghttp2_hd_deflate_del(deflater);
  buffer_free(&in);
  return end - start;
}

static uint64_t run_w4h(size_t units) {
  size_t sessions = units / BATCH, i, k;
  counters *c = calloc(sessions, sizeof *c);
  nghttp2_session **s = calloc(sessions, sizeof *s);
  nghttp2_hd_deflater *deflater;
  buffer in = {0};
  uint64_t start, end;
  require(c != NULL && s != NULL && nghttp2_hd_deflate_new(&deflater, 4096) == 0, "out of memory");
  for (k = 0; k < BATCH; k++)
    add_request(&in, deflater, k, NGHTTP2_FLAG_END_STREAM);
  for (i = 0; i < sessions; i++)
    s[i] = opened_server(&c[i], COUNT_SEND, 0);
  start = now_ns();
  for (i = 0; i < sessions; i++)
    receive(s[i], in.bytes, in.size);
  end = now_ns();
  for (i = 0; i < sessions; i++) {
    require(c[i].messages == BATCH && c[i].fields == BATCH * REQUEST_FIELDS, "requests");
    nghttp2_session_del(s[i]);
  }
  free(c);
  free(s);
  nghttp2_hd_deflate_del(deflater);
  buffer_free(&in);
  return end - start;
}

static uint64_t run_w5e(size_t units) {
  nghttp2_hd_deflater *deflater;
  uint8_t block[2048];
  uint64_t start, end;
  size_t i;
  require(nghttp2_hd_deflate_new(&deflater, 4096) == 0, "deflater");
  start = now_ns();
  for (i = 0; i < units; i++)
    require(nghttp2_hd_deflate_hd(deflater, block, sizeof block, make_request(i), REQUEST_FIELDS) > 0, "deflate");
  end = now_ns();
  nghttp2_hd_deflate_del(deflater);
  return end - start;
}

static uint64_t run_w5d(size_t units) {
  nghttp2_hd_deflater *deflater;
  nghttp2_hd_inflater *inflater;
  buffer in = {0};
  size_t *ends = calloc(units, sizeof *ends), i, position = 0, fields = 0;
  uint8_t block[2048];
  uint64_t start, end;
  require(ends != NULL, "out of memory");
  require(nghttp2_hd_deflate_new(&deflater, 4096) == 0 && nghttp2_hd_inflate_new(&inflater) == 0, "hpack");
  for (i = 0; i < units; i++) {
    ssize_t n = nghttp2_hd_deflate_hd(deflater, block, sizeof block, make_request(i), REQUEST_FIELDS);
    require(n > 0, "deflate");
    buffer_add(&in, block, (size_t)n);
    ends[i] = in.size;
  }
  start = now_ns();
  for (i = 0; i < units; i++) {
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, in.bytes + position, ends[i] - position, 1);
      require(n >= 0, "inflate");
      position += (size_t)n;
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        fields++;
      if (flags & NGHTTP2_HD_INFLATE_FINAL) {
        nghttp2_hd_inflate_end_headers(inflater);
        break;
      }
    }
  }
  end = now_ns();
  require(fields == units * REQUEST_FIELDS, "fields");
  nghttp2_hd_deflate_del(deflater);
  nghttp2_hd_inflate_del(inflater);
  buffer_free(&in);
  free(ends);
  return end - start;
}

static const struct {
  const char *key;
  uint64_t (*run)(size_t units);
} workloads[] = {
    {"W1", run_w1},   {"W1p", run_w1p}, {"W1c", run_w1c}, {"W2", run_w2},   {"W2s", run_w2s}, {"W3", run_w3},
    {"W4d", run_w4d}, {"W4h", run_w4h}, {"W5e", run_w5e}, {"W5d", run_w5d},
};

static double run(const char *key, size_t units) {
  size_t i;
  require(units >= BATCH && units % BATCH == 0 && units * FRAME < WINDOW, "units: a multiple of 100, below 131,000");
  for (i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(workloads[i].key, key) == 0)
      return (double)workloads[i].run(units) / (double)units;
  fail("no such workload");
  return 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  char key[16];
  size_t units, rounds, i;
  for (i = 0; i < sizeof source_bytes; i++)
    source_bytes[i] = (uint8_t)(i * 31 + i / 251);
  if (argc == 4) {
    double *ns;
    units = strtoul(argv[2], NULL, 10);
    rounds = strtoul(argv[3], NULL, 10);
    require(rounds > 0 && (ns = calloc(rounds, sizeof *ns)) != NULL, "rounds");
    for (i = 0; i < rounds; i++)
      ns[i] = run(argv[1], units);
    qsort(ns, rounds, sizeof *ns, compare);
    printf("%s best %.1f median %.1f\n", argv[1], ns[0], ns[rounds / 2]);
    free(ns);
    return 0;
  }
  require(argc == 1, "usage: nghttp2_bench [KEY UNITS ROUNDS]");
  while (scanf("%15s %zu", key, &units) == 2) {
    printf("%.3f\n", run(key, units));
    fflush(stdout);
  }
  return 0;
}
