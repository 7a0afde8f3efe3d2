/*
 * Status lines and headers, and what an error looks like. Which headers a status must have comes
 * from here, so that no caller can forget one.
 */
#include "wsnode/http_answer.h"

#include <string.h>

/* A second is enough for a node that restarts; clients add their own back-off. */
#define RETRY_AFTER_S 1

struct status_text {
    int status;
    const char *reason;
    const char *headers; /* complete lines */
};

/* RFC 9110 15.5.22 wants Upgrade with 426, RFC 6455 4.4 the version that would be taken. */
static const struct status_text statuses[] = {
    {200, "OK", ""},
    {202, "Accepted", ""},
    {400, "Bad Request", ""},
    {401, "Unauthorized", "WWW-Authenticate: Bearer\r\n"},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", ""},
    {408, "Request Timeout", ""},
    {409, "Conflict", ""},
    {410, "Gone", ""},
    {411, "Length Required", ""},
    {413, "Content Too Large", ""},
    {414, "URI Too Long", ""},
    {415, "Unsupported Media Type", ""},
    {422, "Unprocessable Content", ""},
    {426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {429, "Too Many Requests", ""},
    {500, "Internal Server Error", ""},
    {502, "Bad Gateway", ""},
    {503, "Service Unavailable", ""},
};

static const struct status_text *find_status(int status)
{
    static const struct status_text unknown = {0, "Unknown", ""};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status) {
            return &statuses[i];
        }
    }
    return &unknown;
}

static void add_connection(const struct http_answer *a, struct buf *out)
{
    if (a->status == 426) {
        buf_add_str(out, "Connection: upgrade, close\r\n");
    } else if (a->closes) {
        buf_add_str(out, "Connection: close\r\n");
    }
}

void http_answer_encode(const struct http_answer *a, struct buf *out)
{
    const struct status_text *status = find_status(a->status);

    buf_addf(out, "HTTP/1.1 %d %s\r\n", a->status, status->reason);
    buf_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
        a->content_type ? a->content_type : "application/json", a->body.len);
    buf_add_str(out, status->headers);
    if (a->allow) {
        buf_addf(out, "Allow: %s\r\n", a->allow);
    }
    if (a->status == 429 || a->status == 503) {
        buf_addf(
            out, "Retry-After: %d\r\n", a->retry_after_s > 0 ? a->retry_after_s : RETRY_AFTER_S);
    }
    add_connection(a, out);
    buf_add_str(out, "\r\n");
    buf_add(out, a->body.at, a->body.len);
}

void http_answer_problem_body(const struct problem *p, struct buf *out)
{
    buf_addf(out, "{\"code\":%d,\"msg\":", err_code(p->err));
    buf_add_json_string(out, p->msg, strlen(p->msg));
    buf_add_str(out, ",\"data\":{");
    if (*p->field) {
        buf_add_str(out, "\"field\":");
        buf_add_json_string(out, p->field, strlen(p->field));
    }
    buf_add_str(out, "}}");
}
