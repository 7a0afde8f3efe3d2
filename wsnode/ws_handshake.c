/*
 * Reads the opening handshake: request line, headers, then what they mean; and answers it. Strict
 * where being lenient would let two readers of the same bytes (a proxy, this) see different
 * requests: folded lines, bare line feeds, doubled headers, bodies.
 */
#include "wsnode/ws_handshake.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "shared/http_text.h"
#include "shared/parse.h"

/* Browsers behind a few proxies send less than half of it. */
#define HEADERS_MAX 100
#define SUBPROTOCOLS_BYTES_MAX 1024
#define QUERY_VALUE_BYTES_MAX 1024
#define ACCEPT_SALT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define ACCEPT_BYTES 29 /* 20 bytes in base64, and a NUL */

struct request {
    struct slice method;
    struct slice path;
    struct slice query;
    struct slice version;
    struct handshake_source source;
    struct slice upgrade;
    struct slice key;
    struct slice ws_version;
    struct slice content_length;
    struct slice authorization;
    struct slice cookies;
    char subprotocols[SUBPROTOCOLS_BYTES_MAX + 1]; /* all headers of that name, joined (11.3.4) */
    bool connection_upgrade;
    bool has_transfer_encoding;
};

static enum err malformed(struct problem *p, const char *field, const char *what)
{
    return problem_set(p, ERR_BAD_UPGRADE, field, "the handshake is malformed: %s", what);
}

static enum err read_request_line(struct slice line, struct request *r, struct problem *p)
{
    r->method = http_text_until(&line, " ");
    struct slice target = http_text_until(&line, " ");
    r->version = line;
    if (!http_text_is_token(r->method) || target.len == 0 || r->version.len != strlen("HTTP/1.1") ||
        strncmp(r->version.at, "HTTP/1.", 7) != 0) {
        return malformed(p, "", "the first line is not METHOD /path HTTP/1.1");
    }
    if (http_text_has_control(target) || memchr(target.at, '#', target.len)) {
        return problem_set(p, ERR_BAD_PATH, "", "the path has a character that must be escaped");
    }
    r->source.url_bytes = target.len;
    r->path = http_text_until(&target, "?");
    r->query = target;
    return ERR_OK;
}

/* For headers that may stand only once. */
static enum err set_once(
    struct slice *place, struct slice value, const char *name, struct problem *p)
{
    if (place->at) {
        return malformed(p, name, "a header stands twice");
    }
    *place = value;
    return ERR_OK;
}

static enum err add_subprotocols(struct request *r, struct slice value, struct problem *p)
{
    size_t len = strlen(r->subprotocols);
    int added = snprintf(r->subprotocols + len, sizeof(r->subprotocols) - len, "%s%.*s",
        len > 0 ? ", " : "", (int)value.len, value.at);

    if (added < 0 || (size_t)added >= sizeof(r->subprotocols) - len) {
        return malformed(p, "Sec-WebSocket-Protocol", "the list of subprotocols is too long");
    }
    return ERR_OK;
}

/* The last ones are those that the nearest proxies wrote. */
static void add_forwarded_for(struct handshake_source *s, struct slice value)
{
    if (s->forwarded_count == HANDSHAKE_FORWARDED_MAX) {
        s->forwarded_count--;
        memmove(s->forwarded_for, s->forwarded_for + 1,
            s->forwarded_count * sizeof(s->forwarded_for[0]));
    }
    s->forwarded_for[s->forwarded_count++] = value;
}

static enum err read_header(struct slice line, struct request *r, struct problem *p)
{
    struct slice value = line;
    struct slice name = http_text_until(&value, ":");

    /* A token has no space, so this refuses folded lines and "Name : value" too (RFC 9112 5). */
    if (!http_text_is_token(name) || name.len == line.len || http_text_has_control(value)) {
        return malformed(p, "", "a header line is not \"Name: value\"");
    }
    value = http_text_trim(value);
    struct {
        const char *name;
        struct slice *place;
    } once[] = {{"Host", &r->source.host}, {"Origin", &r->source.origin}, {"Upgrade", &r->upgrade},
        {"Sec-WebSocket-Key", &r->key}, {"Sec-WebSocket-Version", &r->ws_version},
        {"Content-Length", &r->content_length}, {"Authorization", &r->authorization},
        {"Cookie", &r->cookies}};
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (http_text_equals(name, once[i].name)) {
            return set_once(once[i].place, value, once[i].name, p);
        }
    }
    if (http_text_equals(name, "Connection")) {
        r->connection_upgrade |= http_text_list_has(value, "upgrade");
    } else if (http_text_equals(name, "Transfer-Encoding")) {
        r->has_transfer_encoding = true;
    } else if (http_text_equals(name, "X-Forwarded-For")) {
        add_forwarded_for(&r->source, value);
    } else if (http_text_equals(name, "Sec-WebSocket-Protocol")) {
        return add_subprotocols(r, value, p);
    }
    return ERR_OK;
}

static enum err read_head(struct slice head, struct request *r, struct problem *p)
{
    enum err err = read_request_line(http_text_until(&head, "\r\n"), r, p);
    if (err) {
        return err;
    }
    for (int count = 0;; count++) {
        struct slice line = http_text_until(&head, "\r\n");
        if (line.len == 0) {
            return ERR_OK;
        }
        if (count == HEADERS_MAX) {
            return malformed(p, "", "too many headers");
        }
        err = read_header(line, r, p);
        if (err) {
            return err;
        }
    }
}

/* 16 bytes in base64: 22 characters and "==". */
static bool is_key(struct slice key)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (key.len != HANDSHAKE_KEY_BYTES - 1 || memcmp(key.at + 22, "==", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (!memchr(base64, key.at[i], sizeof(base64) - 1)) {
            return false;
        }
    }
    return true;
}

/* RFC 6455 4.2.1, after the question whether this is a handshake at all. */
static enum err check_handshake(const struct request *r, struct problem *p)
{
    if (!slice_equal(r->method, "GET")) {
        return problem_set(p, ERR_WRONG_METHOD, "", NULL);
    }
    if (!r->upgrade.at || !http_text_equals(r->upgrade, "websocket")) {
        return problem_set(p, ERR_UPGRADE_REQUIRED, "Upgrade", NULL);
    }
    if (!slice_equal(r->version, "HTTP/1.1")) {
        return malformed(p, "", "it needs HTTP/1.1");
    }
    if (!r->connection_upgrade) {
        return malformed(p, "Connection", "Connection does not say upgrade");
    }
    if (!r->ws_version.at || !slice_equal(r->ws_version, "13")) {
        return problem_set(p, ERR_UPGRADE_REQUIRED, "Sec-WebSocket-Version",
            "this port speaks version 13 of the WebSocket protocol");
    }
    if (!r->source.host.at || r->source.host.len == 0) {
        return malformed(p, "Host", "Host is missing");
    }
    if (!r->key.at || !is_key(r->key)) {
        return malformed(p, "Sec-WebSocket-Key", "the key is not 16 bytes in base64");
    }
    if (r->has_transfer_encoding ||
        (r->content_length.at && !slice_equal(r->content_length, "0"))) {
        return malformed(p, "", "it has a body");
    }
    return ERR_OK;
}

static enum err read_last_id(struct slice value, struct session_handshake *out, struct problem *p)
{
    char text[QUERY_VALUE_BYTES_MAX];
    struct message_id id;

    if (parse_percent(value, text, sizeof(text)) || message_id_parse(slice_of(text), &id)) {
        return problem_set(p, ERR_BAD_QUERY, "lastId", "lastId is not the id of a message");
    }
    if (*out->last_id) {
        return problem_set(p, ERR_BAD_QUERY, "lastId", "lastId stands twice");
    }
    (void)message_id_format(id, out->last_id);
    return ERR_OK;
}

static enum err take_token(struct slice value, struct session_handshake *out, struct problem *p)
{
    struct slice *token = &out->credentials.query_token;

    if (token->at) {
        return problem_set(p, ERR_BAD_QUERY, "token", "token stands twice");
    }
    *token = value;
    return ERR_OK;
}

static enum err read_query(struct slice query, struct session_handshake *out, struct problem *p)
{
    char ignored[QUERY_VALUE_BYTES_MAX];

    while (query.len > 0) {
        struct slice value = http_text_until(&query, "&");
        struct slice whole = value;
        struct slice name = http_text_until(&value, "=");
        if (slice_equal(name, "token")) {
            enum err err = take_token(value, out, p);
            if (err) {
                return err;
            }
            continue; /* it is long, and decoded by those who know how long it may be */
        }
        if (slice_equal(name, "lastId")) {
            enum err err = read_last_id(value, out, p);
            if (err) {
                return err;
            }
        }
        /* Unknown arguments are for others, but a malformed one may be ours, misspelt. */
        enum err err = parse_percent(whole, ignored, sizeof(ignored));
        if (err) {
            err = err == ERR_URI_TOO_LONG ? err : ERR_BAD_QUERY;
            return problem_set(p, err, "", NULL);
        }
    }
    return ERR_OK;
}

static enum err choose_format(struct request *r, struct session_handshake *out, struct problem *p)
{
    struct slice names = slice_of(r->subprotocols);
    struct slice rest = names;

    while (rest.len > 0) {
        if (!http_text_is_token(http_text_trim(http_text_until(&rest, ",")))) {
            return malformed(p, "Sec-WebSocket-Protocol", "a subprotocol's name is not a token");
        }
    }
    out->format = format_find(names);
    if (!out->format) {
        return problem_set(p, ERR_UNKNOWN_SUBPROTOCOL, "Sec-WebSocket-Protocol", NULL);
    }
    return ERR_OK;
}

size_t handshake_head_bytes(struct slice bytes)
{
    const char *at = bytes.at;
    const char *end = bytes.at + bytes.len;

    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (end - at >= 1 && at[0] == '\n') {
            return (size_t)(at + 1 - bytes.at);
        }
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
            return (size_t)(at + 2 - bytes.at);
        }
    }
    return 0;
}

enum err handshake_parse(struct slice head, struct session_handshake *out, struct problem *p)
{
    struct request r = {0};
    struct session_handshake h = {0};

    enum err err = read_head(head, &r, p);
    if (err) {
        return err;
    }
    err = check_handshake(&r, p);
    if (err) {
        return err;
    }
    err = address_parse_path(r.path, &h.address, p);
    if (err) {
        return err;
    }
    err = read_query(r.query, &h, p);
    if (err) {
        return err;
    }
    err = choose_format(&r, &h, p);
    if (err) {
        return err;
    }
    h.source = r.source;
    (void)snprintf(h.key, sizeof(h.key), "%.*s", (int)r.key.len, r.key.at);
    h.credentials.authorization = r.authorization;
    h.credentials.cookies = r.cookies;
    *out = h;
    return ERR_OK;
}

bool handshake_next_header(struct slice *head, struct slice *name, struct slice *value)
{
    while (head->len > 0) {
        struct slice line = http_text_until(head, "\r\n");

        *name = http_text_until(&line, ":");
        *value = http_text_trim(line);
        if (http_text_is_token(*name)) {
            return true; /* which the first line's beginning is not: it has spaces */
        }
    }
    return false;
}

/* RFC 6455 4.2.2: base64 of SHA-1 of the key and a constant. */
static void make_accept(const char *key, char out[static ACCEPT_BYTES])
{
    char text[HANDSHAKE_KEY_BYTES + sizeof(ACCEPT_SALT)];
    unsigned char digest[SHA_DIGEST_LENGTH];

    int len = snprintf(text, sizeof(text), "%s%s", key, ACCEPT_SALT);
    assert(len > 0 && (size_t)len < sizeof(text));
    (void)SHA1((const unsigned char *)text, (size_t)len, digest);
    (void)EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}

size_t handshake_answer(const struct session_handshake *h, char out[static HANDSHAKE_ANSWER_BYTES])
{
    const char *subprotocol = h->format->subprotocol;
    char accept[ACCEPT_BYTES];

    make_accept(h->key, accept);
    int len = snprintf(out, HANDSHAKE_ANSWER_BYTES,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
        accept, *subprotocol ? "Sec-WebSocket-Protocol: " : "", subprotocol,
        *subprotocol ? "\r\n" : "");
    assert(len > 0 && len < HANDSHAKE_ANSWER_BYTES);
    return (size_t)len;
}

enum err handshake_refuse_long(struct slice bytes, struct problem *p)
{
    if (!memchr(bytes.at, '\n', bytes.len)) {
        return problem_set(p, ERR_URI_TOO_LONG, "", NULL);
    }
    return malformed(p, "", "the headers are too long");
}
