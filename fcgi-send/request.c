/*
 * FastCGI and plain CGI behind one face.
 */
#include "fcgi-send/request.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi-send/media_type.h"
#include "shared/parse.h"

#define CHUNK_BYTES (16 * 1024)
/* Longer bodies cost their connection. */
#define DRAIN_BYTES_MAX (16 * 1024 * 1024)

static const char *parameter(const struct request *r, const char *name)
{
    return r->fcgi ? FCGX_GetParam(name, r->fcgi->envp) : getenv(name);
}

static const char *text_parameter(const struct request *r, const char *name)
{
    const char *value = parameter(r, name);

    return value ? value : "";
}

/* Web servers pass "" for a header that is not there. */
static const char *header_parameter(const struct request *r, const char *name)
{
    const char *value = parameter(r, name);

    return value && value[0] ? value : NULL;
}

void request_init(struct request *r, struct FCGX_Request *fcgi, int64_t body_timeout_ms)
{
    *r = (struct request){.fcgi = fcgi, .body_timeout_ms = body_timeout_ms};
    r->method = text_parameter(r, "REQUEST_METHOD");
    r->uri = text_parameter(r, "REQUEST_URI");
    r->script_name = text_parameter(r, "SCRIPT_NAME");
    r->path_info = text_parameter(r, "PATH_INFO");
    r->query = text_parameter(r, "QUERY_STRING");
    r->content_type = header_parameter(r, "CONTENT_TYPE");
    r->content_length = header_parameter(r, "CONTENT_LENGTH");
    r->authorization = header_parameter(r, "HTTP_AUTHORIZATION");
    r->api_key = header_parameter(r, "HTTP_X_API_KEY");
    r->idempotency_key = header_parameter(r, "HTTP_IDEMPOTENCY_KEY");
    buf_init(&r->body, 0);
    if (!r->content_length || parse_u64(slice_of(r->content_length), UINT64_MAX, &r->unread)) {
        r->unread = 0;
    }
}

void request_finish(struct request *r)
{
    buf_finish(&r->body);
}

/* Standard input, no further than the body goes: behind it the pipe may stay open. */
static size_t read_cgi(struct request *r, char *out, size_t len)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t wanted = r->unread < len ? (size_t)r->unread : len;
    ssize_t got = 0;

    if (wanted > 0 && poll(&input, 1, (int)r->body_timeout_ms) > 0) {
        got = read(STDIN_FILENO, out, wanted);
    }
    if (got <= 0) {
        r->body_has_failed = wanted > 0;
        return 0;
    }
    r->unread -= (uint64_t)got;
    return (size_t)got;
}

static size_t read_fcgi(struct request *r, char *out, size_t len)
{
    int got = FCGX_GetStr(out, (int)len, r->fcgi->in);

    r->body_has_failed = FCGX_GetError(r->fcgi->in) != 0;
    return got > 0 ? (size_t)got : 0;
}

/* The next bytes of the body, at most CHUNK_BYTES; 0 at its end or when it stopped coming. */
static size_t read_some(struct request *r, char *out, size_t len)
{
    size_t wanted = len < CHUNK_BYTES ? len : CHUNK_BYTES;

    if (r->body_has_failed) {
        return 0;
    }
    return r->fcgi ? read_fcgi(r, out, wanted) : read_cgi(r, out, wanted);
}

static enum err check_length(
    const struct request *r, int64_t max_bytes, uint64_t *out, struct problem *p)
{
    if (!r->content_length) {
        return problem_set(p, ERR_LENGTH_REQUIRED, "", NULL);
    }
    switch (parse_u64(slice_of(r->content_length), UINT64_MAX, out)) {
    case ERR_OK:
        break;
    case ERR_OUT_OF_RANGE:
        *out = UINT64_MAX;
        break;
    default:
        return problem_set(p, ERR_BAD_LENGTH, "", "Content-Length is not a number");
    }
    if (*out > (uint64_t)max_bytes) {
        return problem_set(p, ERR_BODY_TOO_LARGE, "",
            "the body is larger than send.body_max (%lld)", (long long)max_bytes);
    }
    return ERR_OK;
}

/* The memory grows with what has come, not with what was announced. */
static enum err read_bytes(struct request *r, uint64_t length, struct problem *p)
{
    char chunk[CHUNK_BYTES];

    buf_init(&r->body, length);
    while (r->body.len < length) {
        size_t got = read_some(r, chunk, (size_t)length - r->body.len);
        if (got == 0) {
            return problem_set(p, ERR_BAD_LENGTH, "", "the body ends after %zu of %llu bytes",
                r->body.len, (unsigned long long)length);
        }
        buf_add(&r->body, chunk, got);
    }
    if (read_some(r, chunk, 1) > 0) {
        return problem_set(p, ERR_BAD_LENGTH, "", "the body is longer than its Content-Length");
    }
    return buf_err(&r->body) ? problem_set(p, ERR_NO_MEMORY, "", NULL) : ERR_OK;
}

enum err request_read_body(struct request *r, int64_t max_bytes, struct problem *p)
{
    uint64_t length = 0;

    if (!media_type_is_json(r->content_type)) {
        return problem_set(p, ERR_WRONG_CONTENT_TYPE, "", NULL);
    }
    enum err err = check_length(r, max_bytes, &length, p);
    return err ? err : read_bytes(r, length, p);
}

void request_drain(struct request *r)
{
    char chunk[CHUNK_BYTES];
    size_t drained = 0;
    size_t got;

    while (drained < DRAIN_BYTES_MAX && (got = read_some(r, chunk, sizeof(chunk))) > 0) {
        drained += got;
    }
    if (r->fcgi && drained >= DRAIN_BYTES_MAX) {
        r->fcgi->keepConnection = 0;
    }
}

static void write_cgi(struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes.at, bytes.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return;
        }
        bytes = (struct slice){bytes.at + written, bytes.len - (size_t)written};
    }
}

void request_answer(struct request *r, struct slice response)
{
    if (r->fcgi) {
        FCGX_PutStr(response.at, (int)response.len, r->fcgi->out);
    } else {
        write_cgi(response);
    }
}
