/*
 * Writes the question.
 */
#include "wsnode/hook_question.h"

#include <openssl/evp.h>
#include <string.h>

#include "shared/client_address.h"
#include "shared/http_text.h"
#include "shared/parse.h"
#include "wsnode/ws_handshake.h"

/* All that it says comes from one head. JSON makes six bytes of one at worst. */
#define BODY_BYTES_MAX (512L * 1024)
#define LINES_BYTES_MAX (128L * 1024)

static void add_member(struct buf *b, const char *name, struct slice text)
{
    buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    buf_add_json_string(b, text.at, text.len);
}

static enum err add_token(struct buf *b, struct slice token, struct problem *p)
{
    char text[TOKEN_BYTES_MAX + 1];

    if (!token.at) {
        return ERR_OK;
    }
    if (parse_percent(token, text, sizeof(text))) {
        return problem_set(p, ERR_BAD_QUERY, "token", "the token is malformed or too long");
    }
    add_member(b, "token", slice_of(text));
    return ERR_OK;
}

static enum err write_body(struct buf *b, const struct session_handshake *h, struct problem *p)
{
    char client[CLIENT_TEXT_BYTES];

    buf_add_char(b, '{');
    add_member(b, "serverClient", slice_of(h->address.server_client));
    add_member(b, "page", slice_of(h->address.page));
    add_member(b, "userId", slice_of(h->address.user_id));
    if (h->has_client) {
        add_member(b, "client", slice_of(client_text(h->client, client)));
    }
    if (h->source.origin.at) {
        add_member(b, "origin", h->source.origin);
    }
    enum err err = add_token(b, h->credentials.query_token, p);
    buf_add_char(b, '}');
    return err;
}

static bool is_listed(const char *names, struct slice name)
{
    struct slice rest = slice_of(names);

    while (rest.len > 0) {
        struct slice one = http_text_until(&rest, " ");

        if (one.len == name.len && strncasecmp(one.at, name.at, name.len) == 0) {
            return true;
        }
    }
    return false;
}

static enum err add_header(struct hook_question *q, struct slice name, struct slice value)
{
    if (q->header_count == HOOK_HEADERS_MAX) {
        return ERR_BAD_UPGRADE;
    }
    q->header_count++;
    buf_add(&q->lines, name.at, name.len);
    buf_add_str(&q->lines, ": ");
    buf_add(&q->lines, value.at, value.len);
    buf_add_char(&q->lines, '\0');
    return ERR_OK;
}

static enum err write_headers(
    struct hook_question *q, const struct config *config, struct slice head)
{
    struct slice name;
    struct slice value;
    enum err err = add_header(q, slice_of("Content-Type"), slice_of("application/json"));

    if (*config->hook_secret) {
        err = add_header(q, slice_of("X-Socketsend-Secret"), slice_of(config->hook_secret));
    }
    while (!err && handshake_next_header(&head, &name, &value)) {
        if (value.len > 0 && is_listed(config->hook_headers, name)) {
            err = add_header(q, name, value);
        }
    }
    return err;
}

/* The lines are where they stay only once all are written. */
static void point_to_lines(struct hook_question *q)
{
    const char *line = buf_str(&q->lines);

    for (size_t i = 0; i < q->header_count; i++) {
        q->headers[i] = line;
        line += strlen(line) + 1;
    }
}

static bool make_digest(struct hook_question *q)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, buf_str(&q->body), q->body.len) &&
                EVP_DigestUpdate(context, buf_str(&q->lines), q->lines.len) &&
                EVP_DigestFinal_ex(context, q->digest, NULL);
    EVP_MD_CTX_free(context);
    return done;
}

enum err hook_question_make(struct hook_question *out, const struct config *config,
    const struct session_handshake *h, struct slice head, struct problem *p)
{
    out->header_count = 0;
    buf_init(&out->body, BODY_BYTES_MAX);
    buf_init(&out->lines, LINES_BYTES_MAX);
    enum err err = write_body(&out->body, h, p);
    if (!err && (err = write_headers(out, config, head))) {
        (void)problem_set(p, err, "", "the handshake has too many of the headers of hook.headers");
    }
    if (!err && (buf_err(&out->body) || buf_err(&out->lines) || !make_digest(out))) {
        err = problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    if (err) {
        hook_question_finish(out);
        return err;
    }
    point_to_lines(out);
    return ERR_OK;
}

void hook_question_finish(struct hook_question *q)
{
    buf_finish(&q->body);
    buf_finish(&q->lines);
}
