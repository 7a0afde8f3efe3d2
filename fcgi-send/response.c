/*
 * Every answer in one frame: {"code","msg","data"}, and the headers that belong to its status.
 */
#include "fcgi-send/response.h"

#include <string.h>

/* What the headers and the frame around the data may take. */
#define FRAME_BYTES_MAX 2048

static const struct {
    int status;
    const char *reason;
} reasons[] = {{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"}, {411, "Length Required"},
    {413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"}, {429, "Too Many Requests"}, {500, "Internal Server Error"},
    {502, "Bad Gateway"}, {503, "Service Unavailable"}};

void response_init(struct response *r)
{
    *r = (struct response){.problem.err = ERR_OK};
    buf_init(&r->data, RESPONSE_BYTES_MAX - FRAME_BYTES_MAX);
}

void response_finish(struct response *r)
{
    buf_finish(&r->data);
}

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Error";
}

static void encode_headers(const struct response *r, enum err err, struct buf *out)
{
    int status = err_http_status(err);
    bool is_plain = r->content_type && !err;

    buf_addf(out, "Status: %d %s\r\n", status, reason_of(status));
    buf_addf(out, "Content-Type: %s\r\n",
        is_plain ? r->content_type : "application/json; charset=utf-8");
    buf_add_str(out, "Cache-Control: no-store\r\n");
    if (r->replayed && !err) {
        buf_add_str(out, "Idempotent-Replayed: true\r\n");
    }
    if (status == 405 && r->allow) {
        buf_addf(out, "Allow: %s\r\n", r->allow);
    }
    if (status == 401) {
        buf_add_str(out, "WWW-Authenticate: Bearer realm=\"socketsend\"\r\n");
    }
    if (status == 429 || status == 503) {
        buf_add_str(out, "Retry-After: 1\r\n");
    }
}

void response_encode_problem(const struct problem *p, struct buf *out)
{
    buf_addf(out, "{\"code\":%d,\"msg\":", err_code(p->err));
    buf_add_json_string(out, p->msg, strlen(p->msg));
    buf_add_str(out, ",\"data\":{\"field\":");
    buf_add_json_string(out, p->field, strlen(p->field));
    buf_add_str(out, "}}");
}

static void encode_body(const struct response *r, struct buf *out)
{
    if (!r->content_type) {
        buf_add_str(out, RESPONSE_OK);
    }
    buf_add(out, r->data.bytes, r->data.len);
    if (!r->content_type) {
        buf_add_char(out, '}');
    }
}

void response_encode(const struct response *r, struct buf *out)
{
    struct problem problem = r->problem;
    struct buf body;

    if (!problem.err && buf_err(&r->data)) {
        problem_set(&problem, ERR_NO_MEMORY, "", NULL);
    }
    buf_init(&body, RESPONSE_BYTES_MAX);
    if (problem.err) {
        response_encode_problem(&problem, &body);
    } else {
        encode_body(r, &body);
    }
    encode_headers(r, problem.err, out);
    buf_addf(out, "Content-Length: %zu\r\n\r\n", body.len);
    buf_add(out, body.bytes, body.len);
    buf_finish(&body);
}
